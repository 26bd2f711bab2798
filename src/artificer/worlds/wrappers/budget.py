"""`| budget:calls=20`: so many calls and no more, in all, of each tool, of writes, or by what they take to read.

A call beyond the budget does not run and is refused with a text that is always the same. Calls that the world refused
were made and count. Tokens are estimated: a quarter of the bytes of the arguments and of what was answered, both as
JSON.
"""

from __future__ import annotations

from typing import Any

import msgspec

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, flag, whole

_BYTES_A_TOKEN = 4


def wrap(world: World, *, calls: str = "", each: str = "", writes: str = "", tokens: str = "", told: str = "true") -> World:
    """The world with a budget.

    Args:
        world: the world wrapped.
        calls: calls in all.
        each: calls of each tool.
        writes: calls of tools that may change something.
        tokens: what arguments and answers may take; the call that passes the limit is the last.
        told: whether the policy says so.

    Raises:
        SourceError: no limit is given, or it is no whole number.
    """
    given = {name: text for name, text in (("calls", calls), ("each", each), ("writes", writes), ("tokens", tokens)) if text}
    if not given:
        raise SourceError("a budget needs a limit.", where=world.name, remedy="e.g. | budget:calls=20")
    limits = {name: whole(text, f"budget:{name}") for name, text in given.items()}
    return Budget(world, limits, given | {"told": told}, flag(told, "budget:told"))


class Budget(Wrapped):
    """See the module docstring."""

    def __init__(self, inner: World, limits: dict[str, int], options: dict[str, str], told: bool) -> None:
        super().__init__(inner, "budget", options)
        self.limits = limits
        self.writes = frozenset(tool.name for tool in inner.tools if tool.effect != "read")
        if told:
            rules = "".join(f"- {_RULES[name].format(limit)}\n" for name, limit in limits.items())
            self.policy = f"{inner.policy}\n\n{rules}" if inner.policy else rules

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)


_RULES = {
    "calls": "You may make at most {} tool calls.",
    "each": "You may call each tool at most {} times.",
    "writes": "You may make at most {} calls that change something.",
    "tokens": "Tool calls and what they answer may take at most {} tokens.",
}


class _Session(WrappedSession):
    def __init__(self, world: Budget, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self._limits = world.limits
        self._writes = world.writes
        self.state: dict[str, Any] = {"calls": 0, "writes": 0, "tokens": 0, "each": {}}

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        spent = self._spent(call)
        if spent is not None:
            self.note({"refused": spent})
            return ToolResult(call.id, None, ErrorKind.forbidden, f"the budget is spent: {spent}")
        state = self.state
        state["calls"] += 1
        state["writes"] += call.name in self._writes
        state["each"][call.name] = state["each"].get(call.name, 0) + 1
        result = await self.pass_on(call, actor)
        if "tokens" in self._limits:
            state["tokens"] += _tokens(call.arguments) + _tokens(result.content if result.error is None else result.detail)
        return result

    def _spent(self, call: ToolCall) -> str | None:
        """Which limit forbids the call."""
        state, limits = self.state, self._limits
        if "calls" in limits and state["calls"] >= limits["calls"]:
            return f"at most {limits['calls']} calls"
        if "each" in limits and state["each"].get(call.name, 0) >= limits["each"]:
            return f"at most {limits['each']} calls of each tool"
        if "writes" in limits and call.name in self._writes and state["writes"] >= limits["writes"]:
            return f"at most {limits['writes']} calls that change something"
        if "tokens" in limits and state["tokens"] >= limits["tokens"]:
            return f"at most {limits['tokens']} tokens"
        return None


def _tokens(value: object) -> int:
    try:
        return -(-len(msgspec.json.encode(value)) // _BYTES_A_TOKEN)
    except (TypeError, ValueError, RecursionError):  # arguments that are no JSON: the world refuses them
        return 0
