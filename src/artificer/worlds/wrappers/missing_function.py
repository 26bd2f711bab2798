"""`| missing_function:tools=cancel_order`: tools that are not there, for good or until the user brings them.

As in BFCL's missing functions, an agent that needs such a tool should say so instead of making do. Until it is
brought, a tool is not shown and calls of it are refused like calls of any tool that does not exist. With
`until=asked` the user brings it in reply to the first words of the agent that ask for something; with `until=N` with
their Nth message. The message then ends with a notice.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import msgspec

from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, whole

_NOTICE = "\n\n(These functions are available to you from now on: {}.)"


def wrap(world: World, *, tools: str, until: str = "never") -> World:
    """The world without some of its tools.

    Args:
        world: the world wrapped.
        tools: names or patterns, joined by `+`.
        until: `never`, `asked`, or the number of the user's message that brings them.

    Raises:
        SourceError: no tool is called so, or all are.
    """
    patterns = [word for word in tools.split("+") if word]
    hidden = [tool.name for tool in world.tools if any(fnmatch.fnmatchcase(tool.name, pattern) for pattern in patterns)]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(tool.name, pattern) for tool in world.tools):
            raise SourceError(f"no tool is called {pattern!r}.", where=world.name, remedy="see `artificer tools SOURCE`")
    if not hidden or len(hidden) == len(world.tools):
        raise SourceError("some tools must be missing, and some be left.", where=world.name, remedy="e.g. | missing_function:tools=NAME")
    return MissingFunction(world, frozenset(hidden), awaited(until, "missing_function:until"), {"tools": tools, "until": until})


def awaited(until: str, name: str) -> int | None:
    """The number of the user's message that brings what is missing: 0 for the one that follows a question, None for
    never.
    """
    return None if until == "never" else 0 if until == "asked" else whole(until, name, 1)


class Awaiting(WrappedSession):
    """A session that waits for the message with which the user brings something. `state["brought"]` says whether it
    came.
    """

    def __init__(self, world: Wrapped, inner: Session, start: Start, until: int | None, notice: str) -> None:
        super().__init__(world, inner, start)
        self._until = until
        self._notice = notice
        self.state = {"brought": False, "asked": False, "heard": 0}

    def heard(self, message: Message) -> Message:
        if self.state["brought"] or self._until is None:
            return message
        if message.role == "assistant" and not message.calls:
            self.state["asked"] = self.state["asked"] or "?" in message.text
        if message.role != "user":
            return message
        self.state["heard"] += 1
        self.state["brought"] = self.state["asked"] if self._until == 0 else self.state["heard"] >= self._until
        if not self.state["brought"] or message.text.endswith(self._notice):
            return message
        return msgspec.structs.replace(message, content=message.text + self._notice)


class MissingFunction(Wrapped):
    """See the module docstring. `tools` are all tools, since those that are missing may come."""

    def __init__(self, inner: World, hidden: frozenset[str], until: int | None, options: dict[str, str]) -> None:
        super().__init__(inner, "missing_function", options)
        self.hidden = hidden
        self.until = until
        if until is None:
            self.tools = tuple(tool for tool in inner.tools if tool.name not in hidden)

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)


class _Session(Awaiting):
    def __init__(self, world: MissingFunction, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start, world.until, _NOTICE.format(", ".join(sorted(world.hidden))))
        self._hidden = world.hidden

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        tools = super().shown(tools)
        return tools if self.state["brought"] else [tool for tool in tools if tool.name not in self._hidden]

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        if call.name not in self._hidden or self.state["brought"]:
            return await self.pass_on(call, actor)
        self.note("missing")
        return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name!r}")
