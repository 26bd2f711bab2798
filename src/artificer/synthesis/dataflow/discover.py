"""Discovery: which calls work, and which results feed which parameters, found by making calls.

Read tools first: those that schema constants satisfy, then those that values seen in results satisfy. A parameter that
takes such a value and refuses an invented one is a reference; one that takes an invented one is free. What its schema
calls an id (`x-ref`) is always a reference, to where results show that id. Then each write tool, in a private session
each time it has succeeded. Everything read is read again in a second session from the same start: what differs there
(times, random ids) is never used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

import msgspec

from artificer.core.canon import Json, canonical, rng
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import EffectKind, ToolSpec
from artificer.synthesis.dataflow.candidates import (
    FED,
    TRIES,
    Candidate,
    Known,
    Read,
    affinity,
    bounds,
    forms_of,
    named_in,
    options_of,
    ordered,
    same_place,
    wrapped,
)
from artificer.synthesis.dataflow.graph import DataflowGraph, Param, Use
from artificer.synthesis.dataflow.guide import DataflowGuide
from artificer.synthesis.dataflow.settled import settled
from artificer.synthesis.dataflow.views import tables
from artificer.synthesis.dataflow.words import READS, common_prefix, label_of, noun_for, path_of, phrases_for, schema_of, words_of
from artificer.worlds.base import Session, World
from artificer.worlds.observe import Probe, Probed
from artificer.worlds.wrappers.base import innermost, innermost_call

_PROBES = 16
_PATH = re.compile(r"(?<![\w/])/[\w./-]*[\w-]")


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
        self.left = budget
        self.budget = budget
        self.prefix = common_prefix(world.tools)
        self.uses: dict[str, Use] = {}
        self.refusals: dict[str, str] = {}
        self.known = Known(world.tools, tuple(dict.fromkeys(_PATH.findall(world.policy))), rng("dataflow", world.name, seed))
        self.steady: set[bytes] = set()
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
        uses = {name: settled(use, self.known) for name, use in self.uses.items()}
        return DataflowGraph(
            world=self.world.name,
            toolset=self.world.toolset(),
            uses=tuple(uses[tool.name] for tool in self.world.tools if tool.name in uses),
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
        options = [self.known.candidates(tool, name) for name in required]
        if not all(options):
            self.refusals[tool.name] = f"no value known for {', '.join(name for name, found in zip(required, options, strict=True) if not found)}"
            return
        closed = not required or all(option[0].kind in ("fixed", "choice") for option in options)
        for chosen in islice(ordered(options), TRIES):
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
        for name, candidate in chosen.items():
            if candidate.kind == "fixed" and candidate.value in self.known.constants:
                self.known.fixed[name] = candidate.value
        params: list[Param] = []
        for name, candidate in chosen.items():
            params.append(await self._param(tool, name, candidate, arguments, effect, [param.path for param in params]))
        for name in tool.parameters.get("properties", {}):
            if name not in chosen:
                param = await self._optional(tool, name, arguments, effect, [param.path for param in params])
                params += [param] if param is not None else []
        closed = all(param.kind in ("fixed", "choice") for param in params if param.required)
        if effect == "read":
            self.known.reads.append(Read(tool.name, arguments, result.content, closed))
            await self._vary(tool, params, arguments)
        group = tool.attributes.get("group", tool.name)
        self.uses[tool.name] = Use(tool.name, effect, tuple(params), (), phrases_for(tool, self.prefix), noun_for(tool, self.prefix), str(group))

    async def _vary(self, tool: ToolSpec, params: Sequence[Param], arguments: dict[str, Json]) -> None:
        """Makes a read call's other variants: the options of a choice, and other things referred to."""
        for param in params:
            values: list[Json] = [option for option in param.options if option != arguments.get(param.name)][:3]
            if param.kind == "reference" and param.required and not param.many:
                values = [one.value for one in self.known.fed(tool, param.name) if one.value != arguments[param.name]][:FED]
            for value in values:
                varied = {**arguments, param.name: value}
                if self.left <= 0:
                    return
                result, _ = await self.call(tool.name, varied)
                if result.error is None:
                    self.known.reads.append(Read(tool.name, varied, result.content, param.kind == "choice"))

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
            return msgspec.structs.replace(param, kind="choice", options=options_of(schema) or await self._accepted(tool, name, schema, arguments))
        least, most = bounds(schema)
        free = msgspec.structs.replace(param, kind="free", value=None, form=cast("Any", chosen.form), least=least, most=most)
        if chosen.source is None:
            return free
        for form in () if "x-ref" in (schema.get("items", schema) if many else schema) else forms_of(schema):
            made = wrapped(self.known.made(schema, form), many)
            result, changed = await self.call(tool.name, {**arguments, name: made})
            if changed:
                await self.renew()
            if result.error is None and (changed or (effect == "read" and bool(tables(result.content)))):
                return msgspec.structs.replace(free, form=cast("Any", form))
        sources = [chosen.source]
        for other in self.known.fed(tool, name):
            if len(sources) >= 3 or self.left <= 0:
                break
            assert other.source is not None
            if any(same_place(other.source, known) for known in sources):
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
        for word in named_in(schema):
            result, changed = await self.call(tool.name, {**arguments, name: wrapped(word, schema.get("type") == "array")})
            accepted += [word] if result.error is None else []
            if changed:
                await self.renew()
        return tuple(accepted)

    async def _optional(self, tool: ToolSpec, name: str, arguments: dict[str, Json], effect: EffectKind, taken: Sequence[str]) -> Param | None:
        """An optional parameter is used when it is a choice, or takes values seen elsewhere and refuses others."""
        schema = schema_of(tool, name)
        if options_of(schema):
            return Param(name, path_of(name, taken), label_of(name, schema), "choice", False, False, schema.get("default"), options_of(schema))
        if schema.get("type") not in ("string", "integer"):
            return None
        for candidate in self.known.fed(tool, name)[:2]:
            if self.left <= 0 or not affinity(name, candidate):
                return None
            result, changed = await self.call(tool.name, {**arguments, name: candidate.value})
            if changed:
                await self.renew()
            if result.error is None and (changed or effect == "read"):
                param = await self._param(tool, name, candidate, arguments, effect, taken, required=False)
                return param if param.kind == "reference" else None
        return None

    # state

    async def _compare(self) -> None:
        """Reads everything again from the same start and marks what differs."""
        await self.renew()
        fresh = self.known.reads[self.compared :]
        self.compared = len(self.known.reads)
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
                        self.known.volatile.add((first.tool, table, column))
        pairs = zip(fresh, again, strict=True)
        self.steady |= {canonical((read.tool, read.arguments)) for read, other in pairs if read.content == other.content}

    async def _probe(self) -> tuple[Probe, ...]:
        """Gives a world that cannot observe itself the read calls that do: closed ones first."""
        world = innermost(self.world)
        if not isinstance(world, Probed):
            return ()
        if not world.probes:
            ordered = sorted(self.known.reads, key=lambda read: not read.closed)
            steady = [ToolCall("", read.tool, read.arguments) for read in ordered if canonical((read.tool, read.arguments)) in self.steady]
            calls = [innermost_call(self.world, call) for call in steady[:_PROBES]]
            world.probes = tuple(Probe(call.name, call.arguments) for call in calls)
        await self.renew()
        return world.probes
