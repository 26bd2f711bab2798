"""Requests on a discovered graph, proven before they are proposed: a write by making it on a fork, a question by asking it.

What cannot be served is proven too: a described thing is absent from every source, or a description fits two.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tasks import Want
from artificer.synthesis.dataflow.graph import Answer, DataflowGraph, Param, Source, Use
from artificer.synthesis.dataflow.serve import distinct, fact_path, item_path, matching
from artificer.synthesis.dataflow.views import Row, machine_like, sayable, tables
from artificer.synthesis.dataflow.words import NOT_FOUND, SEVERAL, invent, invent_for, label_of, value_phrases, with_article
from artificer.worlds.base import Session
from artificer.worlds.guide import Demand, Dropped, Request, Said, allowed

_WRITES = 0.65
"""Share of proposals that are writes."""


class _Lost(Struct, frozen=True):
    reason: str


class _Filled(Struct):
    """Arguments being chosen, and what the user will know of them."""

    arguments: dict[str, Json]
    said: list[Said]
    entities: list[str]
    lookups: int = 0
    spoiled: bool = False
    """Whether one of them was made impossible on purpose."""


class Proposer:
    """One user's requests in one session."""

    def __init__(self, graph: DataflowGraph, session: Session, rng: Random, demand: Demand) -> None:
        self._session = session
        self._rng = rng
        self._demand = demand
        uses = [use for use in graph.uses if self._wanted(use)]
        self._writes = [use for use in uses if use.effect != "read"]
        self._reads = [(use, answer) for use in uses if use.effect == "read" for answer in use.answers]

    def _wanted(self, use: Use) -> bool:
        names = {use.tool, use.group}
        return (not self._demand.only or bool(names.intersection(self._demand.only))) and not names.intersection(self._demand.without)

    async def requests(self) -> AsyncIterator[Request | Dropped]:
        """Without end; see `Guide.propose`."""
        while True:
            yield await self._one()

    async def _one(self) -> Request | Dropped:
        kind = self._demand.impossible
        if kind == "forbidden":
            return Dropped("the world states no rule that could forbid something")
        writes, reads = self._writes, self._reads
        if kind is not None:  # only what refers to an existing thing can refer to one that is missing, or to two
            writes = [use for use in writes if _refers(use)]
            reads = [(use, answer) for use, answer in reads if _refers(use)]
        if not writes and not reads:
            return Dropped("no tool is known to work" if kind is None else f"no request can be {kind}")
        if writes and (not reads or self._rng.random() < _WRITES):
            return await self._write(self._rng.choice(writes))
        use, answer = self._rng.choice(reads)
        return await self._read(use, answer)

    async def _write(self, use: Use) -> Request | Dropped:
        filled = await self._fill(use)
        if isinstance(filled, _Lost):
            return Dropped(filled.reason)
        said = (Said("", None, use.phrases), *filled.said)
        op = f"call:{use.tool}"
        if self._demand.impossible is not None:
            return self._refused(op, filled, said)
        call = ToolCall("gold", use.tool, filled.arguments)
        trial = await self._session.fork()
        try:
            mark = trial.calls
            result = await trial.call(call, actor="guide")
            changed = result.error is None and bool(trial.effects(mark))
        finally:
            await trial.close()
        if not changed:
            return Dropped(f"{use.tool}: {'it changed nothing' if result.error is None else result.error.value}")
        return Request(Want(op, gold=(call,)), said, tuple(filled.entities), filled.lookups)

    def _refused(self, op: str, filled: _Filled, said: tuple[Said, ...]) -> Request | Dropped:
        if not filled.spoiled:
            return Dropped(f"{op}: nothing in it can be {self._demand.impossible}")
        if self._demand.impossible == "missing":
            want = Want(op, outcome="refused", reason="missing", tell=(NOT_FOUND,))
        else:
            want = Want(op, outcome="unclear", reason="ambiguous", tell=(SEVERAL,))
        return Request(want, said, tuple(filled.entities), filled.lookups)

    async def _read(self, use: Use, answer: Answer) -> Request | Dropped:
        filled = await self._fill(use)
        if isinstance(filled, _Lost):
            return Dropped(filled.reason)
        op = f"ask:{use.tool}:{answer.name}"
        if self._demand.impossible is not None:
            return self._refused(op, filled, (Said("", None, _questions(use, answer)), *filled.said))
        result = await self._session.call(ToolCall("guide", use.tool, filled.arguments), actor="guide")
        if result.error is not None:
            return Dropped(f"{use.tool}: {result.error.value}")
        rows = tables(result.content).get(answer.table, [])
        said = list(filled.said)
        if answer.column is None:
            told: Json = len(rows)
        else:
            chosen = self._row(rows, answer, use, said, filled.entities)
            if isinstance(chosen, _Lost):
                return Dropped(chosen.reason)
            told = chosen
        if any(one.value == told for one in said) or isinstance(told, bool) or not 0 < len(str(told)) <= 60:
            return Dropped(f"{use.tool}: the answer is no news, or too long")
        want = Want(op, outcome="answered", tell=((str(told),),))
        return Request(want, (Said("", None, _questions(use, answer)), *said), tuple(filled.entities), filled.lookups + 1)

    def _row(self, rows: list[Row], answer: Answer, use: Use, said: list[Said], entities: list[str]) -> Json | _Lost:
        """The answer in one row; the row is described when there are several."""
        assert answer.column is not None
        rows = [row for row in rows if answer.column in row]
        if not answer.by:
            return rows[0][answer.column] if len(rows) == 1 else _Lost(f"{use.tool}: {len(rows)} rows answer")
        row = self._rng.choice(rows) if rows else {}
        columns = [column for column in answer.by if sayable(row.get(column)) and len(matching(rows, {column: row[column]})) == 1]
        if not columns:
            return _Lost(f"{use.tool}: no words tell one row from the others")
        column = columns[0]
        entity = f"{use.tool}/{answer.table}:{row[column]}"
        if not allowed(self._demand.part, entity):
            return _Lost("kept for the other part")
        entities.append(entity)
        noun = _entry(use.noun)
        said.append(Said(item_path(column), row[column], value_phrases(noun, row[column], label_of(column, {})), self._reveal()))
        return row[answer.column]

    def _reveal(self) -> Literal["opening", "asked"]:
        return "asked" if self._rng.random() < self._demand.vagueness else "opening"

    async def _fill(self, use: Use) -> _Filled | _Lost:
        filled = _Filled({}, [], [])
        targets = [param for param in use.params if param.kind == "reference" and param.required]
        spoiled = self._rng.choice(targets) if targets and self._demand.impossible is not None else None
        for param in use.params:
            if param.kind == "fixed":
                filled.arguments[param.name] = param.value
                continue
            if not param.required and self._rng.random() < 0.5:
                continue
            if param.kind == "reference":
                lost = await self._refer(param, filled, spoil=param is spoiled, writes=use.effect != "read")
                if lost is not None:
                    return lost
                continue
            value = self._rng.choice(param.options) if param.kind == "choice" else invent_for(param, self._rng)
            filled.arguments[param.name] = [value] if param.many else value
            filled.said.append(Said(param.path, value, value_phrases(param.label, value), self._reveal()))
        return filled

    async def _refer(self, param: Param, filled: _Filled, *, spoil: bool, writes: bool) -> _Lost | None:
        """Chooses an existing thing and how it is described; with `spoil`, a description that fits none, or two.

        Where people can name the thing itself, a change names it: nobody switches to "the branch whose author is Ben".
        """
        usable = [source for source in param.sources if source.by or source.sayable]
        if not usable:
            return _Lost(f"nobody can describe the {param.label}")
        plain = [source for source in usable if source.sayable]
        source = self._rng.choice(plain if plain and writes else usable)
        result = await self._session.call(ToolCall("guide", source.tool, source.arguments), actor="guide")
        if result.error is not None:
            return _Lost(f"{source.tool}: {result.error.value}")
        filled.lookups += 1
        rows = [row for row in tables(result.content).get(source.table, []) if source.column in row]
        if not rows:
            return _Lost(f"there is no {param.label} at present")
        row = self._rng.choice(rows)
        column = self._column(source, row)
        if column is None:
            return _Lost(f"nobody can describe the {param.label}")
        if spoil:
            return await self._spoil(param, source, column, rows, filled)
        value = row[source.column]
        if len(distinct(matching(rows, {column: row[column]}), source.column)) != 1:
            return _Lost(f"the description of the {param.label} fits several")
        entity = f"{param.path}:{value}"
        if not allowed(self._demand.part, entity):
            return _Lost("kept for the other part")
        filled.entities.append(entity)
        filled.arguments[param.name] = [value] if param.many else value
        filled.said.append(self._described(param, source, column, row[column]))
        return None

    def _column(self, source: Source, row: Row) -> str | None:
        """How the row is described: by a column in words, else by the value itself where people can say it."""
        columns = [column for column in source.by if sayable(row.get(column)) and not machine_like(row[column])]
        if columns and machine_like(row[source.column]):
            return columns[0]
        if sayable(row[source.column]) and source.sayable:
            return source.column
        return columns[0] if columns else None

    def _described(self, param: Param, source: Source, column: str, value: Json) -> Said:
        if column == source.column and source.sayable:
            return Said(fact_path(param), value, value_phrases(param.label, value), self._reveal())
        return Said(fact_path(param, column), value, value_phrases(param.label, value, label_of(column, {})), self._reveal())

    async def _spoil(self, param: Param, source: Source, column: str, rows: list[Row], filled: _Filled) -> _Lost | None:
        if self._demand.impossible == "ambiguous":
            doubles = [row for row in rows if sayable(row.get(column)) and len(distinct(matching(rows, {column: row[column]}), source.column)) > 1]
            if not doubles:
                return _Lost(f"every {param.label} is told apart by its {column}")
            value = self._rng.choice(doubles)[column]
        else:
            value = invent("slug" if column == source.column else "words", self._rng)
            if await self._exists(param, value):
                return _Lost("what was invented exists")
        filled.spoiled = True
        filled.arguments[param.name] = None
        filled.said.append(self._described(param, source, column, value))
        return None

    async def _exists(self, param: Param, value: Json) -> bool:
        """Whether any source shows the value in any column."""
        for source in param.sources:
            result = await self._session.call(ToolCall("guide", source.tool, source.arguments), actor="guide")
            if any(matching([row], {column: value}) for row in tables(result.content).get(source.table, []) for column in row):
                return True
        return False


def _refers(use: Use) -> bool:
    return any(param.kind == "reference" and param.required for param in use.params)


def _questions(use: Use, answer: Answer) -> tuple[str, ...]:
    """Infinitives for a question."""
    references = [param.label for param in use.params if param.kind == "reference"]
    if answer.column is None:
        noun = use.noun if use.noun.endswith("s") else f"{use.noun} entries".strip()
        return (f"find out how many {noun} there are", f"know the number of {noun}", f"count the {noun}")
    label = label_of(answer.column, {})
    about = with_article(references[0] if references and not answer.by else _entry(use.noun) if answer.by else use.noun or "entry")
    if label in ("value", ""):
        return use.phrases
    return (f"find out the {label} of {about}", f"know the {label} of {about}", f"look up the {label} of {about}")


def _entry(noun: str) -> str:
    """What one row is called: of `orders` an order, of `log` a log entry."""
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    plural = noun.endswith("s") and not noun.endswith(("ss", "us", "is"))
    return noun[:-1] if plural else f"{noun} entry".strip()
