"""`| scramble:seed=3`: tools and parameters under other names and in another order, so that what a model remembers of
them cannot replace reading what they are.

A bijection, drawn from the seed alone, gives every tool and every parameter a made-up name. Descriptions stay and
speak of the new names, and so do results (keys that bear a parameter's name, at any depth), refusals and the policy.
The old names exist no more: a call that uses one is refused like any call of a tool or parameter that does not exist.
`what` tells what is scrambled: `tools`, `parameters`, `order`, and further `descriptions` and `arguments` (drops what
describes tools, or parameters) and `types` (drops the parameters' types from what is shown; the world still insists
on them).

In running text, names with an underscore are replaced wherever they stand, others only in quotes or after a slash:
"status" is a word, 'status' and status_code are names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, cast

import msgspec

from artificer.core.canon import Json, rng
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema, unfit
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import PARTIES, Wrapped, WrappedSession, choices, whole

WHAT = ("tools", "parameters", "order", "descriptions", "arguments", "types")
_WORD = re.compile(r"""(?P<open>[`'"/]?)\b(?P<name>[A-Za-z][A-Za-z0-9_-]*)""")
_DEPTH = 64
_DATA = frozenset({"enum", "const", "default", "examples"})
_TOLD = frozenset({"description", "title", "x-label", "examples"})
_TYPED = frozenset({"type", "format", "pattern"})


def wrap(world: World, *, what: str = "tools+parameters+order", seed: str = "0") -> World:
    """The world in other names.

    Args:
        world: the world wrapped.
        what: joined by `+`; see the module docstring.
        seed: of the names and the order.

    Raises:
        SourceError: an option's value cannot be used.
    """
    chosen = frozenset(choices(what, "scramble:what", WHAT))
    return Scramble(world, chosen, {"what": what, "seed": seed}, whole(seed, "scramble:seed"))


class Scramble(Wrapped):
    """See the module docstring."""

    def __init__(self, inner: World, what: frozenset[str], options: dict[str, str], seed: int) -> None:
        super().__init__(inner, "scramble", options, seed)
        self.what = what
        chance = rng("scramble", seed)
        tools = sorted(tool.name for tool in inner.tools)
        parameters = sorted({name for tool in inner.tools for name in _parameter_names(tool.parameters)})
        taken = {*tools, *parameters, *(name for tool in inner.tools for name in _names_in(tool.returns))}
        self.tool_names = dict(zip(tools, _made_up(len(tools), taken, chance), strict=True)) if "tools" in what else {}
        self.names = dict(zip(parameters, _made_up(len(parameters), taken, chance), strict=True)) if "parameters" in what else {}
        self.old_tools = {new: old for old, new in self.tool_names.items()}
        self.old_names = {new: old for old, new in self.names.items()}
        self.words = self.tool_names | {old: new for old, new in self.names.items() if old not in self.tool_names}
        self.plain = {self.tool_names.get(tool.name, tool.name): tool for tool in inner.tools}
        specs = [self.scrambled(tool) for tool in inner.tools]
        if "order" in what:
            chance.shuffle(specs)
        self.tools = tuple(specs)
        self.policy = self.said(inner.policy)

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)

    # names

    def inward(self, call: ToolCall) -> ToolCall:
        name = self.old_tools.get(call.name, call.name)
        return ToolCall(call.id, name, _rekeyed(call.arguments, self.old_names)) if self.names else ToolCall(call.id, name, call.arguments)

    def outward(self, call: ToolCall) -> ToolCall:
        name = self.tool_names.get(call.name, call.name)
        return ToolCall(call.id, name, _rekeyed(call.arguments, self.names)) if self.names else ToolCall(call.id, name, call.arguments)

    def answered(self, result: ToolResult) -> ToolResult:
        content = _rekeyed(result.content, self.names) if self.names else result.content
        return msgspec.structs.replace(result, content=content, detail=None if result.detail is None else self.said(result.detail))

    def understood(self, result: ToolResult) -> ToolResult:
        return msgspec.structs.replace(result, content=_rekeyed(result.content, self.old_names)) if self.names else result

    def said(self, text: str) -> str:
        """A text that speaks of the new names."""

        def new(found: re.Match[str]) -> str:
            name = found["name"]
            renamed = self.words.get(name) if "_" in name or found["open"] else None
            return found["open"] + (renamed or name)

        return _WORD.sub(new, text) if self.words else text

    # specifications

    def scrambled(self, tool: ToolSpec) -> ToolSpec:
        """A tool as it is shown."""
        name = self.tool_names.get(tool.name, tool.name)
        return ToolSpec(
            name=name,
            description="" if "descriptions" in self.what else self.said(tool.description),
            parameters=self._parameters(tool),
            returns=None if tool.returns is None else cast("dict[str, Json]", self.schema(tool.returns)),
            effect=tool.effect,
            attributes=tool.attributes,
            examples=tuple(cast("dict[str, Json]", _rekeyed(example, self.names)) for example in tool.examples),
        )

    def _parameters(self, tool: ToolSpec) -> dict[str, Json]:
        parameters = cast("dict[str, Json]", self.schema(tool.parameters))
        shown = [(name, self._shown(part)) for name, part in _properties(parameters).items()]
        if "order" in self.what:
            rng("scramble", self.seed, tool.name).shuffle(shown)
            if isinstance(parameters.get("required"), list):
                required = set(cast("list[str]", parameters["required"]))
                parameters["required"] = [name for name, _ in shown if name in required]
        return parameters | {"properties": dict(shown)} if shown else parameters

    def _shown(self, part: Json) -> Json:
        """A parameter's schema without what is not to be shown of it."""
        told, typed = "arguments" not in self.what, "types" not in self.what
        if (told and typed) or not isinstance(part, dict):
            return part
        fields = cast("dict[str, Json]", part)
        return {key: value for key, value in fields.items() if (told or key not in _TOLD) and (typed or key not in _TYPED)}

    def schema(self, schema: Json, depth: int = 0) -> Json:
        """A schema in the new names."""
        if depth > _DEPTH:
            return schema
        if isinstance(schema, list):
            return [self.schema(part, depth + 1) for part in cast("list[Json]", schema)]
        if not isinstance(schema, dict):
            return schema
        out: dict[str, Json] = {}
        for key, part in cast("dict[str, Json]", schema).items():
            if key == "properties" and isinstance(part, dict):
                fields = cast("dict[str, Json]", part)
                out[key] = {self.names.get(name, name): self.schema(inner, depth + 1) for name, inner in fields.items()}
            elif key == "required" and isinstance(part, list):
                out[key] = [self.names.get(name, name) for name in cast("list[str]", part)]
            elif key in _DATA:
                out[key] = part
            elif key in {"description", "title"} and isinstance(part, str):
                out[key] = self.said(part)
            else:
                out[key] = self.schema(part, depth + 1)
        return out


class _Session(WrappedSession):
    def __init__(self, world: Scramble, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self._names = world

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        wrong = self._wrong(call) if actor in PARTIES else None
        if wrong is None:
            return await super().call(call, actor)
        self._noted = {}
        self.note("old name")
        self.index += 1
        return wrong

    def _wrong(self, call: ToolCall) -> ToolResult | None:
        """Refuses what is called by a name that is no more."""
        if call.name in self._names.tool_names:
            return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name!r}")
        gone = next((name for name in _keys(call.arguments) if name in self._names.names), None)
        tool = self._names.plain.get(call.name)
        if gone is None or tool is None:
            return None
        if gone in call.arguments:
            return ToolResult(call.id, None, ErrorKind.extra_argument, f"arguments: {gone!r} was unexpected")
        schema = cast("dict[str, Json]", self._names.schema(tool.parameters))  # deeper down it may also be a key of free data
        return unfit(call, compile_schema(schema, call.name))

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        if self._attending is None:
            return tools
        order = {tool.name: index for index, tool in enumerate(tools)}
        kept = [self._names.scrambled(tool) for tool in self._attending.shown([self._names.plain[tool.name] for tool in tools])]
        return sorted(kept, key=lambda tool: order[tool.name])


def _properties(schema: dict[str, Json]) -> dict[str, Json]:
    found = schema.get("properties")
    return cast("dict[str, Json]", found) if isinstance(found, dict) else {}


def _parameter_names(schema: Json, depth: int = 0) -> set[str]:
    """The names of the parameters, and of the fields within them."""
    if depth > _DEPTH:
        return set()
    if isinstance(schema, list):
        return {name for part in cast("list[Json]", schema) for name in _parameter_names(part, depth + 1)}
    if not isinstance(schema, dict):
        return set()
    fields = _properties(cast("dict[str, Json]", schema))
    parts = [part for key, part in cast("dict[str, Json]", schema).items() if key not in _DATA and part is not fields]
    return set(fields).union(*(_parameter_names(part, depth + 1) for part in (*fields.values(), *parts)))


def _keys(value: Json, depth: int = 0) -> Iterator[str]:
    """Every key in a value."""
    if depth > _DEPTH:
        return
    if isinstance(value, dict):
        fields = cast("dict[str, Json]", value)
        yield from fields
        for part in fields.values():
            yield from _keys(part, depth + 1)
    elif isinstance(value, list):
        for part in cast("list[Json]", value):
            yield from _keys(part, depth + 1)


def _names_in(schema: Json, depth: int = 0) -> set[str]:
    """Every key within a schema: what a made-up name must not be."""
    if depth > _DEPTH:
        return set()
    if isinstance(schema, list):
        return {name for part in cast("list[Json]", schema) for name in _names_in(part, depth + 1)}
    if not isinstance(schema, dict):
        return set()
    parts = cast("dict[str, Json]", schema)
    return set(parts) | {name for part in parts.values() for name in _names_in(part, depth + 1)}


def _made_up(count: int, taken: set[str], chance: Random) -> list[str]:
    """So many distinct pronounceable names of two words that mean nothing; they join those taken."""
    made: list[str] = []
    while len(made) < count:
        words = ["".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(chance.randint(2, 3))) for _ in range(2)]
        name = "_".join(words)
        if name not in taken:
            taken.add(name)
            made.append(name)
    return made


def _rekeyed(value: Json, names: dict[str, str], depth: int = 0) -> Json:
    """A result whose keys bear other names."""
    if depth > _DEPTH:
        return value
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {names.get(key, key): _rekeyed(part, names, depth + 1) for key, part in fields.items()}
    if isinstance(value, list):
        return [_rekeyed(part, names, depth + 1) for part in cast("list[Any]", value)]
    return value
