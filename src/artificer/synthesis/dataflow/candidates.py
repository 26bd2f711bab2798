"""What discovery has seen so far, and which values are therefore worth trying for a parameter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice, product
from random import Random
from typing import Any, cast

from msgspec import Struct

from artificer.checks.episodes import LIBRARY
from artificer.core.canon import Json, canonical
from artificer.core.tools import ToolSpec
from artificer.synthesis.dataflow.graph import Source
from artificer.synthesis.dataflow.views import Row, machine_like, sayable, tables
from artificer.synthesis.dataflow.words import invent, resolved, schema_of, words_of

TRIES = 40
FED = 6
FORMS = ("words", "slug", "word", "date", "email")


class Candidate(Struct, frozen=True):
    """A value for a parameter and where it is from."""

    value: Json
    kind: str
    source: Source | None = None
    form: str = "words"


class Read(Struct, frozen=True):
    """A read call that worked, and its result."""

    tool: str
    arguments: dict[str, Json]
    content: Json
    closed: bool


class Known:
    """Reads that worked, and what they taught.

    Args:
        tools: of the world.
        constants: what the policy names outright, e.g. a path.
        rng: for invented values.
    """

    def __init__(self, tools: Sequence[ToolSpec], constants: tuple[str, ...], rng: Random) -> None:
        self.specs = {tool.name: tool for tool in tools}
        self.constants = constants
        self.rng = rng
        self.reads: list[Read] = []
        self.volatile: set[tuple[str, str, str]] = set()
        """Tool, table and column of what differs between two sessions from the same start."""
        self.fixed: dict[str, Json] = {}
        """Parameters that took one of `constants`, by name."""

    def candidates(self, tool: ToolSpec, name: str) -> list[Candidate]:
        """Values worth trying for a parameter, most promising first."""
        schema = schema_of(tool, name)
        if "const" in schema:
            return [Candidate(schema["const"], "fixed")]
        if name in self.fixed:  # the same name takes the same constant everywhere, e.g. where the files are
            return [Candidate(self.fixed[name], "fixed")]
        if options_of(schema):
            return [Candidate(option, "choice") for option in options_of(schema)]
        if "default" in schema and schema["default"] is not None:
            return [Candidate(schema["default"], "fixed")]
        item = resolved(schema.get("items", {}), tool) if schema.get("type") == "array" else schema
        many = schema.get("type") == "array"
        if item.get("type") not in ("string", "integer", "number", None):
            return []
        fixed = [Candidate(wrapped(value, many), "fixed") for value in self.constants if item.get("type") not in ("integer", "number")]
        quoted = [Candidate(wrapped(value, many), "choice") for value in named_in(schema)] if item.get("type") == "string" else []
        fed = self.fed(tool, name)
        made = [Candidate(wrapped(self.made(schema, form), many), "free", None, form) for form in forms_of(schema) if "x-ref" not in item]
        near = [one for one in fed if affinity(name, one)]
        far = [one for one in fed if not affinity(name, one)]
        is_path = bool({"path", "dir", "directory", "folder", "root", "repo"}.intersection(words_of(name)))
        return [*(fixed if is_path else []), *quoted, *near[:6], *made, *far[:16], *([] if is_path else fixed)]

    def fed(self, tool: ToolSpec, name: str) -> list[Candidate]:
        """One value for each place where closed reads show values of a fitting type; places whose name fits best first."""
        schema = schema_of(tool, name)
        many = schema.get("type") == "array"
        item = resolved(schema.get("items", {}), tool) if many else schema
        places: dict[bytes, Candidate] = {}
        extra: list[Candidate] = []
        for read in self.reads:
            if not read.closed or read.tool == tool.name:
                continue
            fields = self._fields(read.tool, item.get("x-ref"))
            for table, rows in tables(read.content).items():
                for column in sorted({column for row in rows for column in row}):
                    if (read.tool, table, column) in self.volatile or (fields is not None and column.rpartition(".")[2] not in fields):
                        continue
                    values = [row[column] for row in rows if column in row and _fits(row[column], item)]
                    source = Source(read.tool, read.arguments, table, column, describing(rows, column), bool(values) and not machine_like(values[0]))
                    for value in list(dict.fromkeys(values))[:FED]:
                        candidate = Candidate(wrapped(value, many), "fed", source)
                        place = canonical((read.tool, read.arguments, table, column))
                        if place in places:
                            extra.append(candidate)
                        else:
                            places[place] = candidate
        return sorted([*places.values(), *extra], key=lambda one: -affinity(name, one))

    def _fields(self, tool: str, ref: str | None) -> frozenset[str | None] | None:
        """The fields of a tool's results that show ids of the kind `ref`; None when any field may be used."""
        shows = None if ref is None else LIBRARY.of(self.specs[tool]).shows
        return None if shows is None else frozenset(path[-1] for path in shows.get(ref or "", ()) if path)

    def made(self, schema: dict[str, Any], form: str) -> Json:
        if form in ("integer", "number"):
            least, most = bounds(schema)
            return int(least) if form == "integer" else min(least + 0.5, most)
        return invent(form, self.rng)


def ordered(options: Sequence[Sequence[Candidate]]) -> Iterator[tuple[Candidate, ...]]:
    """Combinations by the sum of their ranks: the most promising first."""
    sizes = [range(min(len(option), TRIES)) for option in options]
    while len(sizes) > 1 and math.prod(map(len, sizes)) > 20_000:
        sizes = [range(max(2, len(size) - 1)) for size in sizes]
        if max(map(len, sizes)) == 2:
            break
    ranks = sorted(islice(product(*sizes), 20_000), key=lambda each: (sum(each), max(each, default=0)))
    for rank in ranks:
        yield tuple(option[at] for option, at in zip(options, rank, strict=True))


def options_of(schema: dict[str, Any]) -> tuple[Json, ...]:
    """The values that a schema lists."""
    if isinstance(schema.get("enum"), list):
        return tuple(value for value in schema["enum"] if value is not None)
    return (True, False) if schema.get("type") == "boolean" else ()


def named_in(schema: dict[str, Any]) -> list[str]:
    """Words that a schema gives as examples."""
    examples: object = schema.get("examples")
    return [word for word in cast("list[Json]", examples) if isinstance(word, str)][:6] if isinstance(examples, list) else []


def forms_of(schema: dict[str, Any]) -> tuple[str, ...]:
    """What shapes new content of a schema may have."""
    kind = schema.get("type")
    return (kind,) if kind in ("integer", "number") else FORMS


def bounds(schema: dict[str, Any]) -> tuple[float, float]:
    """The least and the most of a number."""
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return least, schema.get("maximum", max(least + 2, 3))


def wrapped(value: Json, many: bool) -> Json:
    """A value as the argument of a list parameter, or as it is."""
    return [value] if many else value


def _fits(value: Json, schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if isinstance(value, bool):
        return False
    if kind == "integer":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, (int, float))
    return isinstance(value, str) and 0 < len(value) <= 80


def describing(rows: Sequence[Row], column: str) -> tuple[str, ...]:
    """Columns besides `column` in words that tell most rows apart; names and titles first."""
    found: list[str] = []
    for name in sorted({name for row in rows for name in row if name != column}):
        values = [row[name] for row in rows if name in row]
        plain = [value for value in values if sayable(value) and not machine_like(value)]
        if len(plain) * 2 > len(rows) and len(set(plain)) * 2 > len(plain):
            found.append(name)
    return tuple(sorted(found, key=lambda name: (not {"name", "title"}.intersection(words_of(name)), name)))[:3]


def affinity(name: str, candidate: Candidate) -> float:
    """How well a place's name fits a parameter's."""
    if candidate.source is None:
        return 0.0
    wanted, column = set(words_of(name)), set(words_of(candidate.source.column))
    if wanted == column:
        return 3.0
    shared = (wanted - {"id"}) & (column - {"id"})
    around = (wanted - {"id"}) & {word.rstrip("s") for word in words_of(candidate.source.tool) + words_of(candidate.source.table)}
    return 2.0 * bool(shared) + 1.0 * bool(around)


def same_place(one: Source, other: Source) -> bool:
    """Whether two sources are the same column."""
    return (one.tool, one.table, one.column) == (other.tool, other.table, other.column)
