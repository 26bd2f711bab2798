"""`| clock:start=2026-01-15T12:00:00`: time passes, messages say when they were sent, and what was read grows old.

The clock is the session's own: it moves `message` seconds with each message of the user or the agent, `call` seconds
with each call, and now and then the user stays away, for one of `gaps`. Every message gets the time at which it came
(`Message.at`). Nothing else about a session changes with time, so that two runs which differ in their gaps differ
in nothing but the clock (temporal blindness, arXiv 2510.23853).

What is read stays true for `fresh` seconds. Repeating a read is noted with the age of what was read before and
whether that was still fresh: whether a call was needed is then a matter of record. With `cache=N` a repeated read is
answered from a cache while what it holds is at most N seconds old, whatever was written since: results age.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

from artificer.core.canon import canonical
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, number, whole

_LONGEST = 10 * 366 * 86400.0


def wrap(
    world: World,
    *,
    start: str = "2026-01-15T12:00:00",
    message: str = "20",
    call: str = "2",
    gap: str = "0",
    gaps: str = "150+311040+7171200",
    fresh: str = "",
    cache: str = "0",
    seed: str = "0",
) -> World:
    """The world with a clock.

    Args:
        world: the world wrapped.
        start: when the conversation begins, ISO 8601.
        message, call: seconds that a message or a call takes.
        gap: share of the user's messages, after the first, that come after a gap.
        gaps: lengths of gaps in seconds, joined by `+`; by default the elapsed times of an example of the paper.
        fresh: seconds for which what was read stays true; unknown when empty.
        cache: seconds for which a read is answered from a cache.
        seed: of the gaps.

    Raises:
        SourceError: an option's value cannot be used.
    """
    options = {"start": start, "message": message, "call": call, "gap": gap, "gaps": gaps, "fresh": fresh, "cache": cache, "seed": seed}
    try:
        begin = datetime.fromisoformat(start)
    except ValueError as error:
        raise SourceError(f"clock:start: {error}", where=world.name, remedy="write a time such as 2026-01-15T12:00:00") from error
    return Clock(
        world,
        begin,
        steps=(number(message, "clock:message", 0, _LONGEST), number(call, "clock:call", 0, _LONGEST)),
        gap=number(gap, "clock:gap"),
        gaps=tuple(number(part, "clock:gaps", 0, _LONGEST) for part in gaps.split("+")),
        fresh=number(fresh, "clock:fresh", 0, _LONGEST) if fresh else None,
        cache=number(cache, "clock:cache", 0, _LONGEST),
        options={name: text for name, text in options.items() if text},
        seed=whole(seed, "clock:seed"),
    )


class Clock(Wrapped):
    """See the module docstring."""

    def __init__(
        self,
        inner: World,
        begin: datetime,
        *,
        steps: tuple[float, float],
        gap: float,
        gaps: tuple[float, ...],
        fresh: float | None,
        cache: float,
        options: dict[str, str],
        seed: int,
    ) -> None:
        super().__init__(inner, "clock", options, seed)
        self.begin = begin
        self.longest = (datetime.max.replace(tzinfo=begin.tzinfo) - begin).total_seconds() - 86400
        self.message_step, self.call_step = steps
        self.gap = gap
        self.gaps = gaps
        self.fresh = fresh
        self.cache = cache
        self.reads = frozenset(tool.name for tool in inner.tools if tool.effect == "read")

    def session(self, inner: Session, start: Start) -> ClockSession:
        return ClockSession(self, inner, start)


class ClockSession(WrappedSession):
    """`now()` is what time it is in this session."""

    def __init__(self, world: Clock, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self._clock = world
        self.state = {"passed": 0.0, "users": 0, "heard": 0, "read": {}, "cached": {}}

    def now(self) -> str:
        """ISO 8601, to the second."""
        return (self._clock.begin + timedelta(seconds=min(self.state["passed"], self._clock.longest))).isoformat(timespec="seconds")

    def heard(self, message: Message) -> Message:
        if message.role in {"user", "assistant"}:
            self.state["passed"] += self._gap() if message.role == "user" else 0.0
            self.state["passed"] += self._clock.message_step if self.state["heard"] else 0.0
            self.state["heard"] += 1
        return msgspec.structs.replace(message, at=self.now())

    def _gap(self) -> float:
        self.state["users"] += 1
        chance = self.chance("gap", self.state["users"])
        return chance.choice(self._clock.gaps) if self.state["users"] > 1 and chance.random() < self._clock.gap else 0.0

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        self.state["passed"] += self._clock.call_step
        if call.name not in self._clock.reads or (self._clock.fresh is None and not self._clock.cache):
            return await self.pass_on(call, actor)
        key = canonical((call.name, call.arguments))
        cached = self._cached(call, key)
        if cached is not None:
            return cached
        result = await self.pass_on(call, actor)
        if result.error is None:
            self._aged(key)
            if self._clock.cache:
                self.state["cached"][key] = (self.state["passed"], result)
        return result

    def _cached(self, call: ToolCall, key: bytes) -> ToolResult | None:
        at, result = cast("tuple[float, ToolResult | None]", self.state["cached"].get(key, (0.0, None)))
        age = self.state["passed"] - at
        if result is None or age > self._clock.cache:
            return None
        self.note({"cached": True, "age": age})
        return msgspec.structs.replace(result, call_id=call.id)

    def _aged(self, key: bytes) -> None:
        """Notes how old what was read before is, when it was."""
        read = cast("dict[bytes, float]", self.state["read"])
        fresh: Any = self._clock.fresh
        if fresh is not None and key in read:
            age = self.state["passed"] - read[key]
            self.note({"age": age, "fresh": age <= fresh})
        read[key] = self.state["passed"]
