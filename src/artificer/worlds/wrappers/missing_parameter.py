"""`| missing_parameter:parameters=get_order.order_id`: parameters that a tool's description does not mention, for good
or until the user brings them.

Until then the parameter is not in the schema that an agent is shown, and a call that passes it is refused as a call
with any parameter that does not exist. A required parameter is still required: a call without it is refused by the
world, whose words name it. So with `until=never` the tool cannot be used, and an agent should say so; with
`until=asked` or `until=N` the user brings it (see `missing_function`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import Wrapped
from artificer.worlds.wrappers.missing_function import Awaiting, awaited

_NOTICE = "\n\n(These parameters are described to you from now on: {}.)"


def wrap(world: World, *, parameters: str, until: str = "never") -> World:
    """The world with tools that are described without some of their parameters.

    Args:
        world: the world wrapped.
        parameters: `TOOL.PARAMETER`, joined by `+`.
        until: `never`, `asked`, or the number of the user's message that brings them.

    Raises:
        SourceError: there is no such tool or parameter.
    """
    known = {tool.name: cast("dict[str, Json]", tool.parameters.get("properties", {})) for tool in world.tools}
    hidden: dict[str, set[str]] = {}
    for word in parameters.split("+"):
        tool, _, name = word.partition(".")
        if name not in known.get(tool, {}):
            raise SourceError(
                f"there is no parameter {word!r}.", where=world.name, remedy="write TOOL.PARAMETER; see `artificer tools SOURCE --full`"
            )
        hidden.setdefault(tool, set()).add(name)
    kept = {tool: frozenset(names) for tool, names in hidden.items()}
    return MissingParameter(world, kept, awaited(until, "missing_parameter:until"), {"parameters": parameters, "until": until})


class MissingParameter(Wrapped):
    """See the module docstring."""

    def __init__(self, inner: World, hidden: dict[str, frozenset[str]], until: int | None, options: dict[str, str]) -> None:
        super().__init__(inner, "missing_parameter", options)
        self.hidden = hidden
        self.until = until
        self.partly = {tool.name: without(tool, hidden[tool.name]) for tool in inner.tools if tool.name in hidden}
        if until is None:
            self.tools = tuple(self.partly.get(tool.name, tool) for tool in inner.tools)

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)


class _Session(Awaiting):
    def __init__(self, world: MissingParameter, inner: Session, start: Start) -> None:
        names = ", ".join(sorted(f"{tool}.{name}" for tool, names in world.hidden.items() for name in names))
        super().__init__(world, inner, start, world.until, _NOTICE.format(names))
        self._hidden = world.hidden
        self._partly = world.partly

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        tools = super().shown(tools)
        return tools if self.state["brought"] else [self._partly.get(tool.name, tool) for tool in tools]

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        passed = sorted(self._hidden.get(call.name, frozenset()) & call.arguments.keys())
        if not passed or self.state["brought"]:
            return await self.pass_on(call, actor)
        self.note("missing")
        return ToolResult(call.id, None, ErrorKind.extra_argument, f"arguments: {passed[0]!r} was unexpected")


def without(tool: ToolSpec, names: frozenset[str]) -> ToolSpec:
    """A tool's specification without some parameters."""
    parameters = dict(tool.parameters)
    parameters["properties"] = {name: part for name, part in cast("dict[str, Any]", parameters["properties"]).items() if name not in names}
    if "required" in parameters:
        parameters["required"] = [name for name in cast("list[str]", parameters["required"]) if name not in names]
    examples = tuple({name: value for name, value in example.items() if name not in names} for example in tool.examples)
    return msgspec.structs.replace(tool, parameters=parameters, examples=examples)
