"""Discovery: which calls work, and which results feed which parameters, found by making calls.

Read tools first: those that schema constants satisfy, then those that values seen in results satisfy. A parameter that
takes such a value and refuses an invented one is a reference; one that takes an invented one is free. What its schema
calls an id (`x-ref`) is always a reference, to where results show that id. Then each write
tool, in a private session each time it has succeeded. Everything read is read again in a second session from the same
start: what differs there (times, random ids) is never used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.checks.episodes import LIBRARY
from artificer.core.canon import Json, canonical, rng
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import EffectKind, ToolSpec
from artificer.synthesis.dataflow.graph import Answer, DataflowGraph, Param, Source, Use
from artificer.synthesis.dataflow.guide import DataflowGuide
from artificer.synthesis.dataflow.views import Row, machine_like, sayable, tables
from artificer.synthesis.dataflow.words import READS, common_prefix, invent, label_of, noun_for, path_of, phrases_for, resolved, schema_of, words_of
from artificer.worlds.base import Session, World
from artificer.worlds.observe import Probe, Probed
from artificer.worlds.wrappers.base import innermost, innermost_call

_TRIES = 40
_PROBES = 16
_FED = 6
_FORMS = ("words", "slug", "word", "date", "email")
_PATH = re.compile(r"(?<![\w/])/[\w./-]*[\w-]")


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


async def discover(world: World, *, seed: int = 0, budget: int = 400) -> DataflowGuide:
    """The guide of a world without one, and for a world that needs probes, its probes (set on the world).

    Args:
        world: its sessions are private, or else its writes are real: see `problems`.
        seed: of the session that is explored, and of invented values.
        budget: the most calls made; tools not reached within it are named in `graph.unreached`.
    """
    explorer = _Explorer(world, seed, budget)
    try:
        graph = await explorer.explore()
    finally:
        await explorer.close()
    return DataflowGuide.from_graph(graph, world.tools)


class _Explorer:
    def __init__(self, world: World, seed: int, budget: int) -> None:
        self.world = world
        self.start = Start(seed=seed)
        self.rng = rng("dataflow", world.name, seed)
        self.left = budget
        self.budget = budget
        self.specs = {tool.name: tool for tool in world.tools}
        self.prefix = common_prefix(world.tools)
        self.reads: list[Read] = []
        self.uses: dict[str, Use] = {}
        self.refusals: dict[str, str] = {}
        self.volatile: set[tuple[str, str, str]] = set()
        self.constants = tuple(dict.fromkeys(_PATH.findall(world.policy)))
        self.steady: set[bytes] = set()
        self.fixed: dict[str, Json] = {}
        self.compared = 0
        self._session: Session | None = None

    async def close(self) -> None:
        await self.renew()

    async def renew(self) -> None:
        """Drops the session; the next call gets a fresh one."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def session(self) -> Session:
        if self._session is None:
            self._session = await self.world.open(self.start)
        return self._session

    async def explore(self) -> DataflowGraph:
        readers = [tool for tool in self.world.tools if tool.effect == "read" or (tool.effect == "unknown" and self._reads_by_name(tool))]
        for _ in range(2):
            for tool in readers:
                if tool.name not in self.uses:
                    await self._learn(tool)
        await self._compare()
        probes = await self._probe()
        for tool in self.world.tools:
            if tool.name not in self.uses and tool not in readers:
                await self._learn(tool)
        await self._compare()
        await self.renew()
        self._settle()
        return DataflowGraph(
            world=self.world.name,
            toolset=self.world.toolset(),
            uses=tuple(self.uses[tool.name] for tool in self.world.tools if tool.name in self.uses),
            probes=probes,
            unreached={tool.name: self.refusals.get(tool.name, "not tried") for tool in self.world.tools if tool.name not in self.uses},
            calls=self.budget - self.left,
        )

    def _reads_by_name(self, tool: ToolSpec) -> bool:
        return bool(READS.intersection(words_of(tool.name)[self.prefix :][:1]))

    async def call(self, tool: str, arguments: dict[str, Json]) -> tuple[ToolResult, bool]:
        """A call's result and whether it changed the observed state."""
        session = await self.session()
        self.left -= 1
        mark = session.calls
        result = await session.call(ToolCall("d", tool, arguments), actor="discovery")
        if result.error is not None:
            self.refusals[tool] = result.detail or result.error.value
        return result, result.error is None and bool(session.effects(mark))

    # one tool

    async def _learn(self, tool: ToolSpec) -> None:
        """Finds a working call of a tool, and then what each parameter takes."""
        required = [name for name in tool.parameters.get("properties", {}) if name in tool.parameters.get("required", [])]
        options = [self._candidates(tool, name) for name in required]
        if not all(options):
            self.refusals[tool.name] = f"no value known for {', '.join(name for name, found in zip(required, options, strict=True) if not found)}"
            return
        closed = not required or all(option[0].kind in ("fixed", "choice") for option in options)
        for chosen in islice(_ordered(options), _TRIES):
            if self.left <= 0:
                self.refusals.setdefault(tool.name, "the budget was spent")
                return
            arguments = {name: candidate.value for name, candidate in zip(required, chosen, strict=True)}
            result, changed = await self.call(tool.name, arguments)
            good = result.error is None and (changed or (tool.effect != "write" and (closed or bool(tables(result.content)))))
            if result.error is None and not good:
                self.refusals[tool.name] = "it works, but nothing that it changes can be observed" if tool.effect == "write" else "it found nothing"
            if changed:
                await self.renew()
            if good:
                await self._describe(tool, dict(zip(required, chosen, strict=True)), arguments, result, changed)
                return

    async def _describe(self, tool: ToolSpec, chosen: dict[str, Candidate], arguments: dict[str, Json], result: ToolResult, changed: bool) -> None:
        effect: EffectKind = "write" if changed else "read"
        self.fixed |= {name: candidate.value for name, candidate in chosen.items() if candidate.kind == "fixed" and candidate.value in self.constants}
        params: list[Param] = []
        for name, candidate in chosen.items():
            params.append(await self._param(tool, name, candidate, arguments, effect, [param.path for param in params]))
        for name in tool.parameters.get("properties", {}):
            if name not in chosen:
                param = await self._optional(tool, name, arguments, effect, [param.path for param in params])
                params += [param] if param is not None else []
        closed = all(param.kind in ("fixed", "choice") for param in params if param.required)
        if effect == "read":
            self.reads.append(Read(tool.name, arguments, result.content, closed))
            await self._vary(tool, params, arguments)
        group = tool.attributes.get("group", tool.name)
        self.uses[tool.name] = Use(tool.name, effect, tuple(params), (), phrases_for(tool, self.prefix), noun_for(tool, self.prefix), str(group))

    async def _vary(self, tool: ToolSpec, params: Sequence[Param], arguments: dict[str, Json]) -> None:
        """Makes a read call's other variants: the options of a choice, and other things referred to."""
        for param in params:
            values: list[Json] = [option for option in param.options if option != arguments.get(param.name)][:3]
            if param.kind == "reference" and param.required and not param.many:
                values = [one.value for one in self._fed(tool, param.name) if one.value != arguments[param.name]][:_FED]
            for value in values:
                varied = {**arguments, param.name: value}
                if self.left <= 0:
                    return
                result, _ = await self.call(tool.name, varied)
                if result.error is None:
                    self.reads.append(Read(tool.name, varied, result.content, param.kind == "choice"))

    async def _param(
        self,
        tool: ToolSpec,
        name: str,
        chosen: Candidate,
        arguments: dict[str, Json],
        effect: EffectKind,
        taken: Sequence[str],
        *,
        required: bool = True,
    ) -> Param:
        """What a parameter takes, given a call that works with `chosen`."""
        schema = schema_of(tool, name)
        many = schema.get("type") == "array"
        param = Param(name, path_of(name, taken), label_of(name, schema), "fixed", required, many, chosen.value)
        if chosen.kind == "fixed":
            return param
        if chosen.kind == "choice":
            return msgspec.structs.replace(param, kind="choice", options=_options(schema) or await self._accepted(tool, name, schema, arguments))
        least, most = _bounds(schema)
        free = msgspec.structs.replace(param, kind="free", value=None, form=cast("Any", chosen.form), least=least, most=most)
        if chosen.source is None:
            return free
        for form in () if "x-ref" in (schema.get("items", schema) if many else schema) else _forms(schema):
            made = _wrap(self._made(schema, form), many)
            result, changed = await self.call(tool.name, {**arguments, name: made})
            if changed:
                await self.renew()
            if result.error is None and (changed or (effect == "read" and bool(tables(result.content)))):
                return msgspec.structs.replace(free, form=cast("Any", form))
        sources = [chosen.source]
        for other in self._fed(tool, name):
            if len(sources) >= 3 or self.left <= 0:
                break
            assert other.source is not None
            if any(_same_place(other.source, known) for known in sources):
                continue
            result, changed = await self.call(tool.name, {**arguments, name: other.value})
            if changed:
                await self.renew()
            if result.error is None and (changed or (effect == "read" and bool(tables(result.content)))):
                sources.append(other.source)
        return msgspec.structs.replace(param, kind="reference", value=None, sources=tuple(sources))

    async def _accepted(self, tool: ToolSpec, name: str, schema: dict[str, Any], arguments: dict[str, Json]) -> tuple[Json, ...]:
        """Those words that a description puts in quotes which the tool takes."""
        accepted: list[Json] = []
        for word in _named_in(schema):
            result, changed = await self.call(tool.name, {**arguments, name: _wrap(word, schema.get("type") == "array")})
            accepted += [word] if result.error is None else []
            if changed:
                await self.renew()
        return tuple(accepted)

    async def _optional(self, tool: ToolSpec, name: str, arguments: dict[str, Json], effect: EffectKind, taken: Sequence[str]) -> Param | None:
        """An optional parameter is used when it is a choice, or takes values seen elsewhere and refuses others."""
        schema = schema_of(tool, name)
        if _options(schema):
            return Param(name, path_of(name, taken), label_of(name, schema), "choice", False, False, schema.get("default"), _options(schema))
        if schema.get("type") not in ("string", "integer"):
            return None
        for candidate in self._fed(tool, name)[:2]:
            if self.left <= 0 or not _affinity(name, candidate):
                return None
            result, changed = await self.call(tool.name, {**arguments, name: candidate.value})
            if changed:
                await self.renew()
            if result.error is None and (changed or effect == "read"):
                param = await self._param(tool, name, candidate, arguments, effect, taken, required=False)
                return param if param.kind == "reference" else None
        return None

    # values

    def _candidates(self, tool: ToolSpec, name: str) -> list[Candidate]:
        """Values worth trying for a parameter, most promising first."""
        schema = schema_of(tool, name)
        if "const" in schema:
            return [Candidate(schema["const"], "fixed")]
        if name in self.fixed:  # the same name takes the same constant everywhere, e.g. where the files are
            return [Candidate(self.fixed[name], "fixed")]
        if _options(schema):
            return [Candidate(option, "choice") for option in _options(schema)]
        if "default" in schema and schema["default"] is not None:
            return [Candidate(schema["default"], "fixed")]
        item = resolved(schema.get("items", {}), tool) if schema.get("type") == "array" else schema
        many = schema.get("type") == "array"
        if item.get("type") not in ("string", "integer", "number", None):
            return []
        fixed = [Candidate(_wrap(value, many), "fixed") for value in self.constants if item.get("type") != "integer" and item.get("type") != "number"]
        quoted = [Candidate(_wrap(value, many), "choice") for value in _named_in(schema)] if item.get("type") == "string" else []
        fed = self._fed(tool, name)
        made = [Candidate(_wrap(self._made(schema, form), many), "free", None, form) for form in _forms(schema) if "x-ref" not in item]
        near = [one for one in fed if _affinity(name, one)]
        far = [one for one in fed if not _affinity(name, one)]
        is_path = bool({"path", "dir", "directory", "folder", "root", "repo"}.intersection(words_of(name)))
        return [*(fixed if is_path else []), *quoted, *near[:6], *made, *far[:16], *([] if is_path else fixed)]

    def _fed(self, tool: ToolSpec, name: str) -> list[Candidate]:
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
                    source = Source(read.tool, read.arguments, table, column, _describing(rows, column), bool(values) and not machine_like(values[0]))
                    for value in list(dict.fromkeys(values))[:_FED]:
                        candidate = Candidate(_wrap(value, many), "fed", source)
                        place = canonical((read.tool, read.arguments, table, column))
                        if place in places:
                            extra.append(candidate)
                        else:
                            places[place] = candidate
        return sorted([*places.values(), *extra], key=lambda one: -_affinity(name, one))

    def _fields(self, tool: str, ref: str | None) -> frozenset[str | None] | None:
        """The fields of a tool's results that show ids of the kind `ref`; None when any field may be used."""
        shows = None if ref is None else LIBRARY.of(self.specs[tool]).shows
        return None if shows is None else frozenset(path[-1] for path in shows.get(ref or "", ()) if path)

    def _made(self, schema: dict[str, Any], form: str) -> Json:
        if form in ("integer", "number"):
            least, most = _bounds(schema)
            return int(least) if form == "integer" else min(least + 0.5, most)
        return invent(form, self.rng)

    # state

    async def _compare(self) -> None:
        """Reads everything again from the same start and marks what differs."""
        await self.renew()
        fresh = self.reads[self.compared :]
        self.compared = len(self.reads)
        again: list[Read] = []
        for read in fresh:
            result, _ = await self.call(read.tool, read.arguments)
            again.append(msgspec.structs.replace(read, content=result.content))
        for first, second in zip(fresh, again, strict=True):
            left, right = tables(first.content), tables(second.content)
            for table in {*left, *right}:
                columns = {column for row in (*left.get(table, []), *right.get(table, [])) for column in row}
                for column in columns:
                    if [row.get(column) for row in left.get(table, [])] != [row.get(column) for row in right.get(table, [])]:
                        self.volatile.add((first.tool, table, column))
        pairs = zip(fresh, again, strict=True)
        self.steady |= {canonical((read.tool, read.arguments)) for read, other in pairs if read.content == other.content}

    async def _probe(self) -> tuple[Probe, ...]:
        """Gives a world that cannot observe itself the read calls that do: closed ones first."""
        world = innermost(self.world)
        if not isinstance(world, Probed):
            return ()
        if not world.probes:
            ordered = sorted(self.reads, key=lambda read: not read.closed)
            steady = [ToolCall("", read.tool, read.arguments) for read in ordered if canonical((read.tool, read.arguments)) in self.steady]
            calls = [innermost_call(self.world, call) for call in steady[:_PROBES]]
            world.probes = tuple(Probe(call.name, call.arguments) for call in calls)
        await self.renew()
        return world.probes

    def _settle(self) -> None:
        """Once all is known: what reads answer, and sources less what is volatile."""
        for name, use in self.uses.items():
            params = tuple(msgspec.structs.replace(param, sources=self._stable(param.sources)) for param in use.params)
            answers = self._answers(name) if use.effect == "read" else ()
            self.uses[name] = msgspec.structs.replace(use, params=_renamed(params), answers=answers)

    def _stable(self, sources: Sequence[Source]) -> tuple[Source, ...]:
        kept: list[Source] = []
        for source in sources:
            if (source.tool, source.table, source.column) not in self.volatile:
                by = tuple(column for column in source.by if (source.tool, source.table, column) not in self.volatile)
                kept.append(msgspec.structs.replace(source, by=by))
        return tuple(kept)

    def _answers(self, tool: str) -> tuple[Answer, ...]:
        found: dict[str, Answer] = {}
        several: set[str] = set()
        for read in self.reads:
            if read.tool != tool:
                continue
            for table, rows in tables(read.content).items():
                if table in ("quoted", "lines"):
                    continue
                several |= {table} if len(rows) > 1 or table == "*" else set()
                for column in sorted({column for row in rows for column in row}):
                    if (tool, table, column) not in self.volatile and not _is_id(rows, column):
                        by = tuple(name for name in _describing(rows, column) if (tool, table, name) not in self.volatile)
                        answer = Answer(table, column, by)
                        if answer.name not in found or len(by) > len(found[answer.name].by):
                            found[answer.name] = answer
                if table in several:
                    found[f"{table}/#"] = Answer(table)
        alone = [msgspec.structs.replace(answer, by=()) if answer.table not in several else answer for answer in found.values()]
        return tuple(answer for answer in alone if answer.column is None or answer.table not in several or answer.by)


def _ordered(options: Sequence[Sequence[Candidate]]) -> Iterator[tuple[Candidate, ...]]:
    """Combinations by the sum of their ranks: the most promising first."""
    sizes = [range(min(len(option), _TRIES)) for option in options]
    while len(sizes) > 1 and math.prod(map(len, sizes)) > 20_000:
        sizes = [range(max(2, len(size) - 1)) for size in sizes]
        if max(map(len, sizes)) == 2:
            break
    ranks = sorted(islice(product(*sizes), 20_000), key=lambda each: (sum(each), max(each, default=0)))
    for rank in ranks:
        yield tuple(option[at] for option, at in zip(options, rank, strict=True))


def _options(schema: dict[str, Any]) -> tuple[Json, ...]:
    if isinstance(schema.get("enum"), list):
        return tuple(value for value in schema["enum"] if value is not None)
    return (True, False) if schema.get("type") == "boolean" else ()


def _named_in(schema: dict[str, Any]) -> list[str]:
    """Words that a schema gives as examples."""
    examples: object = schema.get("examples")
    return [word for word in cast("list[Json]", examples) if isinstance(word, str)][:6] if isinstance(examples, list) else []


def _forms(schema: dict[str, Any]) -> tuple[str, ...]:
    kind = schema.get("type")
    return (kind,) if kind in ("integer", "number") else _FORMS


def _bounds(schema: dict[str, Any]) -> tuple[float, float]:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return least, schema.get("maximum", max(least + 2, 3))


def _wrap(value: Json, many: bool) -> Json:
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


def _describing(rows: Sequence[Row], column: str) -> tuple[str, ...]:
    """Columns besides `column` in words that tell most rows apart; names and titles first."""
    found: list[str] = []
    for name in sorted({name for row in rows for name in row if name != column}):
        values = [row[name] for row in rows if name in row]
        plain = [value for value in values if sayable(value) and not machine_like(value)]
        if len(plain) * 2 > len(rows) and len(set(plain)) * 2 > len(plain):
            found.append(name)
    return tuple(sorted(found, key=lambda name: (not {"name", "title"}.intersection(words_of(name)), name)))[:3]


def _is_id(rows: Sequence[Row], column: str) -> bool:
    """Whether a column holds ids: nobody asks for those."""
    values = [row[column] for row in rows if column in row]
    return bool({"id", "uuid", "key"}.intersection(words_of(column))) or all(isinstance(value, str) and machine_like(value) for value in values)


def _renamed(params: Sequence[Param]) -> tuple[Param, ...]:
    """New content that bears the name of what describes another parameter is called new: the name of a product, and its new name."""
    describing = {path_of(column, ()) for param in params for source in param.sources for column in source.by}
    clash = [param.kind == "free" and param.path in describing for param in params]
    return tuple(
        msgspec.structs.replace(param, path=f"new_{param.path}", label=f"new {param.label}") if new else param
        for param, new in zip(params, clash, strict=True)
    )


def _affinity(name: str, candidate: Candidate) -> float:
    """How well a place's name fits a parameter's."""
    if candidate.source is None:
        return 0.0
    wanted, column = set(words_of(name)), set(words_of(candidate.source.column))
    if wanted == column:
        return 3.0
    shared = (wanted - {"id"}) & (column - {"id"})
    around = (wanted - {"id"}) & {word.rstrip("s") for word in words_of(candidate.source.tool) + words_of(candidate.source.table)}
    return 2.0 * bool(shared) + 1.0 * bool(around)


def _same_place(one: Source, other: Source) -> bool:
    return (one.tool, one.table, one.column) == (other.tool, other.table, other.column)
