"""`| faults:rate=0.1`: tools fail as services do: timeouts, 429, 5xx, answers that are no JSON, cut answers, schema
drift.

What fails is drawn for each call from the session's seed, the call's number and the call. A fault is transient (the
same call fails at most `streak` times in a row) or, with the share `permanent`, lasts: the tool fails in this way
from then on. A faulted write never ran, so that trying again is safe; with `after=true` it ran and only the answer is
lost, which no error text gives away. Cut and drifted answers are answers, so without `after` they come from reads
only. What they say is wrong on purpose and stands in the trace as what the agent was shown.
"""

from __future__ import annotations

from random import Random
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, choices, flag, number, whole

KINDS = ("timeout", "rate_limit", "server", "malformed", "truncated", "drift")
_ANSWERED = frozenset({"truncated", "drift"})
"""Kinds that spoil an answer; the others put an error in its place."""
_SERVER = ("500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout")


class Plan(Struct, frozen=True):
    """What fails and how often.

    Args:
        rates: share of calls that fail, by kind.
        permanent: share of faults that last.
        streak: transient faults of one and the same call in a row, at most.
        after: writes fail after they took effect.
        only: names of tools; all when empty.
    """

    rates: dict[str, float]
    permanent: float
    streak: int
    after: bool
    only: frozenset[str]


def wrap(
    world: World,
    *,
    rate: str = "0",
    kinds: str = "timeout+rate_limit+server",
    timeout: str = "",
    rate_limit: str = "",
    server: str = "",
    malformed: str = "",
    truncated: str = "",
    drift: str = "",
    permanent: str = "0",
    streak: str = "1",
    after: str = "false",
    only: str = "",
    seed: str = "0",
) -> World:
    """The world with faults.

    Args:
        world: the world wrapped.
        rate: share of calls that fail, spread evenly over `kinds`.
        kinds: joined by `+`.
        timeout, rate_limit, server, malformed, truncated, drift: the rate of one kind, instead of its part of `rate`.
        permanent: share of faults after which the tool stays broken.
        streak: how often one and the same call fails in a row, at most.
        after: whether writes fail after they took effect (a lost acknowledgement) instead of before.
        only: names of the tools that fail, joined by `+`; all by default.
        seed: of the draws.

    Raises:
        SourceError: an option's value cannot be used.
    """
    spread = choices(kinds, "faults:kinds", KINDS)
    each = number(rate, "faults:rate") / len(spread) if spread else 0.0
    rates = {kind: each if kind in spread else 0.0 for kind in KINDS}
    given = dict(zip(KINDS, (timeout, rate_limit, server, malformed, truncated, drift), strict=True))
    rates |= {kind: number(text, f"faults:{kind}") for kind, text in given.items() if text}
    if sum(rates.values()) > 1 + 1e-9:
        raise SourceError(f"the rates of faults add up to {sum(rates.values()):g}.", where="faults", remedy="keep their sum at 1 or below")
    plan = Plan(
        rates={kind: share for kind, share in rates.items() if share},
        permanent=number(permanent, "faults:permanent"),
        streak=whole(streak, "faults:streak", 1),
        after=flag(after, "faults:after"),
        only=frozenset(choices(only, "faults:only", [tool.name for tool in world.tools])),
    )
    options = {"rate": rate, "kinds": kinds} | {kind: text for kind, text in given.items() if text}
    options |= {"permanent": permanent, "streak": streak, "after": after, "only": only, "seed": seed}
    return Faults(world, plan, options, whole(seed, "faults:seed"))


class Faults(Wrapped):
    """See the module docstring."""

    def __init__(self, inner: World, plan: Plan, options: dict[str, str], seed: int) -> None:
        super().__init__(inner, "faults", options, seed)
        self.plan = plan
        self.reads = {tool.name: tool.effect == "read" for tool in inner.tools if not plan.only or tool.name in plan.only}

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)


class _Session(WrappedSession):
    def __init__(self, world: Faults, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self._plan = world.plan
        self._reads = world.reads
        self.state = {"broken": {}, "row": {}}

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        reads = self._reads.get(call.name)
        if reads is None or not self._plan.rates:
            return await self.pass_on(call, actor)
        kind, lasting = self._drawn(call)
        if kind is None or (kind in _ANSWERED and not reads and not self._plan.after):
            return await self.pass_on(call, actor)
        luck = self.luck(call)
        late = self._plan.after and not reads
        result = ToolResult(call.id)
        if late or kind in _ANSWERED:
            result = await self.pass_on(call, actor)
            if result.error is not None:
                return result
        result = self._spoiled(kind, call, result, luck) if kind in _ANSWERED else _failure(kind, call.id, luck)
        more = {name: True for name, holds in (("permanent", lasting), ("after", late)) if holds}
        self.note({"kind": kind} | more if more else kind)
        return result

    def _drawn(self, call: ToolCall) -> tuple[str | None, bool]:
        """The kind of fault that strikes this call, and whether it lasts."""
        broken, row = cast("dict[str, str]", self.state["broken"]), cast("dict[bytes, int]", self.state["row"])
        if call.name in broken:
            return broken[call.name], True
        key = canonical((call.name, call.arguments)) if row else b""
        kind = _chosen(self._plan.rates, self.draw(call))
        if kind is None or row.get(key, 0) >= self._plan.streak:
            row.pop(key, None)
            return None, False
        if self._plan.permanent and self.chance("lasts", self.index, call.name, call.arguments).random() < self._plan.permanent:
            broken[call.name] = kind
            return kind, True
        key = key or canonical((call.name, call.arguments))
        row[key] = row.get(key, 0) + 1
        return kind, False

    def _spoiled(self, kind: str, call: ToolCall, result: ToolResult, luck: Random) -> ToolResult:
        content = _cut(result.content, luck) if kind == "truncated" else drifted(result.content, self.chance("drift", call.name))
        return msgspec.structs.replace(result, content=content)


def _chosen(rates: dict[str, float], draw: float) -> str | None:
    for kind, share in rates.items():
        if draw < share:
            return kind
        draw -= share
    return None


def _failure(kind: str, call_id: str, luck: Random) -> ToolResult:
    """The error of a kind. It says the same whether the call ran or not."""
    if kind == "timeout":
        return ToolResult(call_id, None, ErrorKind.timeout, f"no answer within {luck.choice((10, 30, 60))} seconds")
    if kind == "rate_limit":
        return ToolResult(call_id, None, ErrorKind.transport, f"429 Too Many Requests: try again in {luck.randint(1, 30)} seconds")
    status = luck.choice(_SERVER)
    if kind == "server":
        return ToolResult(call_id, None, ErrorKind.transport, status)
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1>"
    return ToolResult(call_id, None, ErrorKind.bad_output, f"the answer is not JSON: {page}")


def _cut(content: Json, luck: Random) -> str:
    """The answer's JSON as it arrived, without its end."""
    text = msgspec.json.encode(content).decode()
    return text[: max(1, int(len(text) * luck.uniform(0.2, 0.9)))] if len(text) > 1 else ""


def drifted(content: Json, luck: Random) -> Json:
    """The content as another version of the service would show it; the same drift for the same `luck`."""
    way = luck.choice(("camel", "text", "nested", "renamed"))
    if way == "nested":
        return {"data": content, "meta": {"version": "2"}}
    return _redone(content, way)


def _redone(value: Json, way: str) -> Json:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {_renamed(name, way): _redone(part, way) for name, part in fields.items()}
    if isinstance(value, list):
        return [_redone(part, way) for part in cast("list[Any]", value)]
    if way == "text" and not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return value


def _renamed(name: str, way: str) -> str:
    if way == "renamed":
        return f"{name}_v2"
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest) if way == "camel" else name
