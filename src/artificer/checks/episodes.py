"""Reading an episode: its calls with their results, its texts, what its tools accept and show.

What is derived from a tool's schemas is worked out once a tool and kept (specifications are immutable and shared by
all episodes of a world).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.core.canon import Json
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node

Schema = dict[str, Any]
_DEPTH = 16
"""How deep `returns` schemas are searched for shown ids."""
EACH = None
"""The step of a path that means every element of an array, or every value of an object with free keys."""


Actor = Literal["agent", "user"]


class Made(Struct, frozen=True):
    """One call: where its message and its result stand among the nodes, who made it, and what came of it (result None:
    never answered).
    """

    at: int
    call: ToolCall
    answered: int | None
    result: ToolResult | None
    effects: tuple[Effect, ...]
    actor: Actor = "agent"

    @property
    def accepted(self) -> bool:
        return self.result is not None and self.result.error is None


def made(nodes: Sequence[Node]) -> list[Made]:
    """The calls of a branch in order. A call's result is sought by id among the tool messages directly after the
    message that made it.
    """
    calls: list[Made] = []
    for at, node in enumerate(nodes):
        if not node.message.calls:
            continue
        results: dict[str, deque[int]] = {}
        end = at + 1
        while end < len(nodes) and nodes[end].message.role == "tool":
            result = nodes[end].message.result
            if result is not None:
                results.setdefault(result.call_id, deque()).append(end)
            end += 1
        actor: Actor = "user" if node.message.role == "user" else "agent"
        for call in node.message.calls:
            left = results.get(call.id)
            position = left.popleft() if left else None
            if position is None:
                calls.append(Made(at, call, None, None, (), actor))
            else:
                calls.append(Made(at, call, position, nodes[position].message.result, nodes[position].effects, actor))
    return calls


def last_word(nodes: Sequence[Node]) -> str:
    """What the agent said last; "" when it said nothing."""
    return next((node.message.text for node in reversed(nodes) if node.message.role == "assistant" and node.message.text), "")


def tools_by_name(episode: Episode) -> dict[str, ToolSpec]:
    """The episode's tools by name."""
    return {tool.name: tool for tool in episode.tools}


class Rule:
    """What a schema says of one argument: the id it must be, whether it is the agent's own words (`x-free`), the
    values the schema names itself, and the rules of what it contains.

    Rules are shared by the parts of a schema they come from (`made`), so there are no more of them than parts,
    however deep the data.
    """

    __slots__ = ("_children", "_items", "_made", "_root", "_schemas", "free", "known", "ref")

    def __init__(self, schemas: Sequence[Schema], root: Schema, made: dict[tuple[int, ...], Rule]) -> None:
        self._schemas = tuple(schemas)
        self._root = root
        self._made = made
        self._children: dict[str, Rule] = {}
        self._items: Rule | None = None
        self.ref: str | None = next((s["x-ref"] for s in schemas if isinstance(s.get("x-ref"), str)), None)
        self.free = any(schema.get("x-free") is True for schema in schemas)
        named: list[Json] = []
        for schema in schemas:
            named += [value for key in ("enum", "examples") if isinstance(schema.get(key), list) for value in schema[key]]
            named += [schema[key] for key in ("const", "default") if key in schema]
        self.known: tuple[Json, ...] = tuple(named)

    def child(self, name: str) -> Rule:
        """The rule of a property."""
        found = self._children.get(name)
        if found is None:
            if len(self._children) > 256:  # free keys chosen by a model
                self._children.clear()
            parts: list[Schema] = []
            for schema in self._schemas:
                named = schema.get("properties")
                part = cast("Schema", named).get(name) if isinstance(named, dict) else None
                parts += unfold(part if part is not None else schema.get("additionalProperties"), self._root)
            found = self._children[name] = self._shared(parts)
        return found

    def items(self) -> Rule:
        """The rule of an array's elements."""
        if self._items is None:
            self._items = self._shared([part for schema in self._schemas for part in unfold(schema.get("items"), self._root)])
        return self._items

    def _shared(self, parts: list[Schema]) -> Rule:
        once = {id(part): part for part in parts}  # parts of one specification, which outlives its rules
        name = tuple(once)
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = Rule(tuple(once.values()), self._root, self._made)
        return found


def unfold(schema: object, root: Schema) -> list[Schema]:
    """A schema and all that its `$ref`, `anyOf`, `oneOf` and `allOf` bring in; loops and remote references end."""
    waiting: list[object] = [schema]
    found: list[Schema] = []
    while waiting and len(found) < 64:
        part = waiting.pop()
        if not isinstance(part, dict) or any(part is seen for seen in found):
            continue
        part = cast("Schema", part)
        found.append(part)
        for key in ("allOf", "oneOf", "anyOf"):
            if isinstance(part.get(key), list):
                waiting += reversed(part[key])
        if isinstance(part.get("$ref"), str):
            waiting.append(_resolve(part["$ref"], root))
    return found


def _resolve(reference: str, root: Schema) -> object:
    if not reference.startswith("#"):
        return None
    at: object = root
    for step in reference[1:].split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        at = cast("Any", at).get(step) if isinstance(at, dict) else None
    return at


Path = tuple[str | None, ...]


def shown_ids(returns: Schema) -> dict[str, list[Path]]:
    """For each `x-ref` in a `returns` schema, the paths at which results show such ids."""
    found: dict[str, list[Path]] = {}
    waiting: list[tuple[object, Path]] = [(returns, ())]
    while waiting:
        schema, path = waiting.pop()
        for part in unfold(schema, returns) if len(path) <= _DEPTH else ():
            if isinstance(part.get("x-ref"), str):
                paths = found.setdefault(part["x-ref"], [])
                if path not in paths and len(paths) < 64:
                    paths.append(path)
            named = part.get("properties")
            if isinstance(named, dict):
                waiting += [(child, (*path, name)) for name, child in cast("Schema", named).items()]
            for key in ("items", "additionalProperties"):
                if isinstance(part.get(key), dict):
                    waiting.append((part[key], (*path, EACH)))
            if len(waiting) > 4096:
                return found
    return found


def at_path(content: Json, path: Path) -> list[Json]:
    """The values of a result at a path."""
    values: list[Json] = [content]
    for step in path:
        if step is EACH:
            values = [item for value in values for item in _members(value)]
        else:
            values = [v[step] for v in values if isinstance(v, dict) and step in v]
    return values


def _members(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return cast("dict[str, Json]", value).values()
    return cast("list[Json]", value) if isinstance(value, (list, tuple)) else ()


class Knowledge:
    """What is read from a tool's schemas, made once: `rule` for its arguments, `shows` for the ids in its results,
    `tables` they are of.
    """

    __slots__ = ("rule", "shows", "spec", "tables")

    def __init__(self, spec: ToolSpec) -> None:
        self.spec = spec
        self.rule = Rule(unfold(spec.parameters, spec.parameters), spec.parameters, {})
        self.shows = shown_ids(spec.returns) if spec.returns is not None else None
        self.tables = frozenset(ref.rpartition(".")[0] for ref in self.shows or ())


class Library:
    """Keeps `Knowledge` by specification. Holds at most `size` tools, and keeps each alive so that its identity stays
    its own.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._known: dict[int, Knowledge] = {}

    def of(self, spec: ToolSpec) -> Knowledge:
        found = self._known.get(id(spec))
        if found is None or found.spec is not spec:
            if len(self._known) >= self._size:
                self._known.clear()
            found = self._known[id(spec)] = Knowledge(spec)
        return found


LIBRARY = Library()
"""A cache and nothing else: what it holds is a function of the specification."""


def references(rule: Rule, value: Json) -> Iterator[tuple[str, Json]]:
    """Each surrogate id among a call's arguments, with the reference that its parameter is annotated with."""
    for leaf, scalar, _ in leaves(rule, value):
        if leaf.ref is not None and scalar is not None:
            yield leaf.ref, scalar


def _below(path: str, name: str) -> str:
    """Where a property stands, as evidence names it; not spelled out for ever."""
    return (f"{path}.{name}" if path else name) if len(path) < 200 else path


def leaves(rule: Rule, value: Json, where: str = "") -> Iterator[tuple[Rule, Json, str]]:
    """Every scalar in `value` with the rule that governs it and where it stands. An id's array passes the annotation
    on.
    """
    waiting: list[tuple[Rule, Json, str]] = [(rule, value, where)]
    while waiting:
        at, item, path = waiting.pop()
        if isinstance(item, dict):
            waiting += [(at.child(name), part, _below(path, name)) for name, part in cast("dict[str, Json]", item).items()]
        elif isinstance(item, (list, tuple)):
            inner = at if at.ref is not None else at.items()
            waiting += [(inner, part, path) for part in cast("list[Json]", item)]
        else:
            yield at, item, path
