"""What reads can answer, settled once everything was read twice."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from artificer.synthesis.dataflow.candidates import Known, describing
from artificer.synthesis.dataflow.graph import Answer, Param, Source, Use
from artificer.synthesis.dataflow.views import Row, machine_like, tables
from artificer.synthesis.dataflow.words import path_of, words_of


def settled(use: Use, known: Known) -> Use:
    """A use once all is known: what it answers if it reads, and its sources less what is volatile."""
    params = tuple(msgspec.structs.replace(param, sources=_stable(param.sources, known)) for param in use.params)
    answers = _answers(use.tool, known) if use.effect == "read" else ()
    return msgspec.structs.replace(use, params=_renamed(params), answers=answers)


def _stable(sources: Sequence[Source], known: Known) -> tuple[Source, ...]:
    kept: list[Source] = []
    for source in sources:
        if (source.tool, source.table, source.column) not in known.volatile:
            by = tuple(column for column in source.by if (source.tool, source.table, column) not in known.volatile)
            kept.append(msgspec.structs.replace(source, by=by))
    return tuple(kept)


def _answers(tool: str, known: Known) -> tuple[Answer, ...]:
    found: dict[str, Answer] = {}
    several: set[str] = set()
    for read in known.reads:
        if read.tool != tool:
            continue
        for table, rows in tables(read.content).items():
            if table in ("quoted", "lines"):
                continue
            several |= {table} if len(rows) > 1 or table == "*" else set()
            for column in sorted({column for row in rows for column in row}):
                if (tool, table, column) not in known.volatile and not _is_id(rows, column):
                    by = tuple(name for name in describing(rows, column) if (tool, table, name) not in known.volatile)
                    answer = Answer(table, column, by)
                    if answer.name not in found or len(by) > len(found[answer.name].by):
                        found[answer.name] = answer
            if table in several:
                found[f"{table}/#"] = Answer(table)
    alone = [msgspec.structs.replace(answer, by=()) if answer.table not in several else answer for answer in found.values()]
    return tuple(answer for answer in alone if answer.column is None or answer.table not in several or answer.by)


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
