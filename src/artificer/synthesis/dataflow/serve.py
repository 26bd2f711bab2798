"""How a request is served on a discovered graph: look up what was described, ask for what is missing, confirm, call, tell.

Reads only what the user said and what tools returned. A thing referred to is looked up even when the user named it
exactly, so that what does not exist is said before anything is confirmed.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from artificer.core.canon import Json
from artificer.synthesis.dataflow.graph import Answer, Param, Source, Use
from artificer.synthesis.dataflow.views import Row, tables
from artificer.synthesis.dataflow.words import label_of, path_of, with_article
from artificer.worlds.guide import Ask, Call, Confirm, Desk, Procedure, Step, Tell

Steps = Generator[Step, Any, Any]


class Lost(NamedTuple):
    """Why a request ends early, in words for the user."""

    text: str


def serve(uses: Mapping[str, Use], op: str, desk: Desk) -> Procedure:
    """The procedure of `call:TOOL` or `ask:TOOL:TABLE/COLUMN`."""
    verb, tool, *rest = op.split(":", 2)
    use = uses[tool]
    if verb == "call":
        return _write(use, desk)
    answer = next(answer for answer in use.answers if answer.name == rest[0])
    return _read(use, answer, desk)


def fact_path(param: Param, column: str | None = None) -> str:
    """Where a parameter's description stands among a want's facts: `product.name`; its own value at `product`."""
    return param.path if column is None else f"{param.path}.{path_of(column, ())}"


def item_path(column: str) -> str:
    """Where the description of a row that a question is about stands: `item.name`."""
    return f"item.{path_of(column, ())}"


def _write(use: Use, desk: Desk) -> Procedure:
    found = yield from _arguments(use, desk)
    if isinstance(found, Lost):
        yield Tell(found.text)
        return
    arguments, described = found
    agreed: bool = yield Confirm(f"I am about to {use.phrases[0]}" + (f": {'; '.join(described)}." if described else "."))
    if not agreed:
        yield Tell("All right, I have not changed anything.")
        return
    result = yield Call(use.tool, arguments, _wrong(use, arguments))
    if result.error is None:
        yield Tell(f"That is done: {use.phrases[0]}.")
    else:
        yield Tell(f"That was refused, so nothing was changed: {result.detail}")


def _read(use: Use, answer: Answer, desk: Desk) -> Procedure:
    found = yield from _arguments(use, desk)
    if isinstance(found, Lost):
        yield Tell(found.text)
        return
    result = yield Call(use.tool, found[0], _wrong(use, found[0]))
    if result.error is not None:
        yield Tell(f"I could not find that out: {result.detail}")
        return
    rows = tables(result.content).get(answer.table, [])
    if answer.column is None:
        yield Tell(f"The number is {len(rows)}.")
        return
    if answer.by:
        said = _said_of(answer, desk)
        if not said:
            yield Ask(item_path(answer.by[0]), f"item by its {label_of(answer.by[0], {})}")
            said = _said_of(answer, desk)
        rows = [row for row in rows if said and all(same(row.get(column), value) for column, value in said.items())]
    rows = [row for row in rows if answer.column in row]
    if len(rows) == 1:
        yield Tell(f"The {label_of(answer.column, {})} is {rows[0][answer.column]}.")
    elif rows:
        yield Tell("There are several like that, so I cannot tell which one you mean.")
    else:
        yield Tell("I could not find anything like that.")


def _said_of(answer: Answer, desk: Desk) -> dict[str, Json]:
    """How the user described the row that a question is about, by column."""
    heard = desk.heard("item")
    return {column: heard[item_path(column)] for column in answer.by if item_path(column) in heard}


def _arguments(use: Use, desk: Desk) -> Steps:
    """Arguments and how they were described; or `Lost`."""
    arguments: dict[str, Json] = {}
    described: list[str] = []
    for param in use.params:
        if param.kind == "fixed":
            arguments[param.name] = param.value
            continue
        heard = desk.heard(param.path)
        if not heard and (param.kind != "choice" or param.required):
            if not param.required:
                continue
            yield Ask(param.path, param.label)
            heard = desk.heard(param.path)
        if not heard:
            if param.required:
                return Lost(f"I cannot do that without the {param.label}.")
            continue
        value = heard.get(param.path)
        described.append(f"{param.label} {', '.join(str(part) for part in heard.values())}")
        if param.kind == "reference":
            value = yield from _look_up(param, heard)
            if isinstance(value, Lost):
                return value
        arguments[param.name] = [value] if param.many else value
    return arguments, described


def _look_up(param: Param, heard: Mapping[str, Json]) -> Steps:
    """The value of a reference: the one row of a source that fits what was said; or `Lost`."""
    lost: Lost | None = None
    for source, columns in _sources_for(param, heard):
        result = yield Call(source.tool, source.arguments)
        if result.error is not None:
            lost = lost or Lost(f"I could not look up the {param.label}: {result.detail}")
            continue
        rows = matching(tables(result.content).get(source.table, []), columns)
        values = distinct(rows, source.column)
        if len(values) == 1:
            return values[0]
        if values:
            return Lost(f"There is more than one {param.label} like that, so I cannot tell which one you mean. Nothing was changed.")
        lost = Lost(f"I could not find {with_article(param.label)} like that, so nothing was changed.")
    return lost or Lost(f"I could not find {with_article(param.label)} like that, so nothing was changed.")


def _sources_for(param: Param, heard: Mapping[str, Json]) -> list[tuple[Source, dict[str, Json]]]:
    """Sources whose columns were described, with what was said of each column."""
    found: list[tuple[Source, dict[str, Json]]] = []
    for source in param.sources:
        columns = {column: heard[fact_path(param, column)] for column in source.by if fact_path(param, column) in heard}
        if param.path in heard and source.sayable:
            columns[source.column] = heard[param.path]
        if columns:
            found.append((source, columns))
    return found


def matching(rows: list[Row], columns: Mapping[str, Json]) -> list[Row]:
    """Rows that fit a description."""
    return [row for row in rows if all(same(row.get(column), value) for column, value in columns.items())]


def distinct(rows: list[Row], column: str) -> list[Json]:
    """The different values of a column, in order."""
    values: list[Json] = []
    for row in rows:
        if column in row and row[column] not in values:
            values.append(row[column])
    return values


def same(one: Json, other: Json) -> bool:
    """Equal, whatever the case of letters."""
    return one == other or (isinstance(one, str) and isinstance(other, str) and one.casefold() == other.casefold())


def _wrong(use: Use, arguments: dict[str, Json]) -> dict[str, Json] | None:
    """The same call with a required argument forgotten: the schema refuses it."""
    required = [param.name for param in use.params if param.required and param.name in arguments]
    return {name: value for name, value in arguments.items() if name != required[-1]} if required else None
