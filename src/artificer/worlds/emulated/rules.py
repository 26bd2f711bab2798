"""Rules of the state that code keeps, whoever plays: what is named must exist, what is recorded must leave its traces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.prompt import record_of, rows_of
from artificer.worlds.emulated.places import plain, referred_table
from artificer.worlds.emulated.plans import Plan, Plans
from artificer.worlds.emulated.rows import Gone, applied, key_text
from artificer.worlds.emulated.spec import Change, Outcome, Row, State

_DEEPEST = 6
_EXCEPTIONS: dict[ErrorKind, tuple[str, ...]] = {
    ErrorKind.not_found: ("notfound", "unknown", "missing"),
    ErrorKind.constraint: ("exists", "conflict", "duplicate"),
    ErrorKind.forbidden: ("permission", "forbidden", "denied", "unauthorized"),
    **dict.fromkeys((ErrorKind.missing_argument, ErrorKind.extra_argument), ("invalidrequest", "invalid", "badrequest")),
    **dict.fromkeys((ErrorKind.mistyped_argument, ErrorKind.invalid_argument), ("invalidrequest", "invalid", "badrequest")),
}


def dangling(plan: Plan, plans: Plans, arguments: Row, state: State, gone: Gone, closed: Set[str]) -> str | None:
    """What the arguments name that does not exist, in words; None when all of it does, or may.

    A deleted row does not exist. A row that nobody has heard of does not exist in a closed table; in an open one, which a
    model peoples as it goes, it may.
    """
    for table, value in _named(plan, plans, arguments):
        key = key_text(value)
        if key not in state.get(table, {}) and (table in closed or (table, key) in gone):
            return f"there is no {plans.resources[table].noun.replace('_', ' ')} {key[:80]!r}"
    return None


def _named(plan: Plan, plans: Plans, arguments: Row) -> Iterator[tuple[str, Json]]:
    """Tables and keys that the arguments name."""
    for name, value in arguments.items():
        if value is None:
            continue
        if name == plan.key:
            if plan.table is not None and plan.op not in ("create", "list"):
                yield plan.table, value
            continue
        if name in plan.refs:
            yield from ((plan.refs[name], one) for one in (rows_of(value) or [value]) if isinstance(one, (str, int)) and not isinstance(one, bool))
        elif isinstance(value, (dict, list)):
            yield from _inside(value, plan, plans, 0)


def _inside(value: Json, plan: Plan, plans: Plans, depth: int) -> Iterator[tuple[str, Json]]:
    if depth > _DEEPEST:
        return
    for part in rows_of(value) or ():
        yield from _inside(part, plan, plans, depth + 1)
    for name, part in (record_of(value) or {}).items():
        table = referred_table(name, plans.names)
        if table is not None and isinstance(part, (str, int)) and not isinstance(part, bool) and not (table == plan.table and plan.op == "create"):
            yield table, part
        else:
            yield from _inside(part, plan, plans, depth + 1)


def shown_rows(plan: Plan, content: Json) -> list[Row]:
    """The rows that a result shows where its tool shows rows."""
    if plan.place is None:
        return []
    for step in plan.place.path:
        content = (record_of(content) or {}).get(step)
    rows = rows_of(content) if plan.place.many else [content]
    return [cast("Row", row) for row in rows or () if isinstance(row, dict)]


def key_shown(plan: Plan, plans: Plans, row: Row) -> Json:
    """The key of a row as a result shows it, or None."""
    if plan.table is None or plans.resources[plan.table].single:
        return None
    resource = plans.resources[plan.table]
    named = {plain(name): value for name, value in row.items()}
    found = next((named[one] for one in (plain(resource.id), plain(f"{resource.noun}_id"), "id") if one in named), None)
    return found if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def facts(plan: Plan, plans: Plans, content: Json, state: State, gone: Gone) -> tuple[Change, ...]:
    """What a result shows of rows that nobody had heard of, wholly or in part: from now on it holds, and always did."""
    if plan.table is None:
        return ()
    found: dict[str, Change] = {}
    resource = plans.resources[plan.table]
    for row in shown_rows(plan, content):
        key = key_shown(plan, plans, row)
        if key is None or (plan.table, key_text(key)) in gone:
            continue
        known = {plain(name) for name in state.get(plan.table, {}).get(key_text(key), {})}
        named = {plain(resource.id), plain(f"{resource.noun}_id"), "id"}
        new = {name: value for name, value in row.items() if plain(name) not in known | named}
        if new or not known:
            found.setdefault(key_text(key), Change(plan.table, key_text(key), {resource.id: key, **new}))
    return tuple(found.values())


def learned(state: State, now: State, found: Iterable[Change]) -> State:
    """A state that `now` came from, or `now` itself, with what was found out about it. Rows that were made since stay away."""
    changes: list[Change] = []
    for change in found:
        held = state.get(change.table, {}).get(change.key)
        if held is not None:
            changes.append(Change(change.table, change.key, {**(change.row or {}), **held}))
        elif change.key not in now.get(change.table, {}):
            changes.append(change)
    return applied(state, changes)


def derived(plan: Plan, plans: Plans, arguments: Row, recorded: Outcome, state: State, gone: Gone) -> Outcome:
    """A recorded result with the changes it implies: the state must agree with what was said."""
    if recorded.error is not None or plan.table is None or plan.op == "answer":
        return recorded
    if plan.reads:
        return Outcome(recorded.content, changes=facts(plan, plans, recorded.content, state, gone))
    resource = plans.resources[plan.table]
    table = state.get(plan.table, {})
    own = arguments.get(plan.key) if plan.key is not None else None
    if plan.op == "delete":
        return Outcome(recorded.content, changes=(Change(plan.table, key_text(own), None),) if key_text(own) in table else ())
    rows = shown_rows(plan, recorded.content)
    row = rows[0] if rows else {}
    key: Json = own if own is not None else key_shown(plan, plans, row)
    if key is None:
        return recorded
    columns = {plain(name): name for name in resource.columns}
    said = {columns[plain(name)]: value for name, value in arguments.items() if plain(name) in columns and name != plan.key}
    held = table.get(key_text(key))
    content: Row = {**(held or {}), **said, **{name: value for name, value in row.items() if name in resource.columns}, resource.id: key}
    changes = (Change(plan.table, key_text(key), content, generated=held is None and own is None),) if content != held else ()
    return Outcome(recorded.content, changes=changes)


def worded(spec: ToolSpec | None, kind: ErrorKind, detail: str) -> str:
    """An error as the tool's documentation calls it, where it does: `NotFoundException: there is no file 'a'`."""
    documented = cast("list[dict[str, Any]]", rows_of(spec.attributes.get("exceptions")) or []) if spec is not None else []
    for word in _EXCEPTIONS.get(kind, ()):
        for exception in documented:
            name = str(exception.get("name", ""))
            if word in plain(name) and not detail.startswith(name):
                return f"{name}: {detail}"[:500]
    return detail[:500]
