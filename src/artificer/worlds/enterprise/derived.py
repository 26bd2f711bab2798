"""A policy for a schema that comes without one: read from the schema where it says something, drawn by a seed where
it does not.

Read: life cycles (arrows in a column's comment, or the order of a status column's choices), the table of people, what
looks sensitive. Drawn: which tables a clerk may write, what new records must say, whose records are whose.
"""

from __future__ import annotations

import re
from collections import Counter
from random import Random

from artificer.core.canon import Json, rng
from artificer.worlds.enterprise.policy import RIGHTS, Actor, Policy, Right, Role
from artificer.worlds.enterprise.states import Machine, chain, read_arrows
from artificer.worlds.sqlite.describe import target_of, tellable
from artificer.worlds.sqlite.schema import Column, Schema, Table
from artificer.worlds.sqlite.session import Connection
from artificer.worlds.sqlite.values import one, quote

_PEOPLE = ("employee", "employees", "staff", "user", "users", "person", "people", "agent", "agents", "member", "members")
_STATUS = re.compile(r"(^|_)(status|state|stage|phase)$", re.IGNORECASE)
_OWNER = re.compile(r"(^|_)(owner|assigned|assignee|agent|rep|handler|organizer|recruiter|author)(_id)?$", re.IGNORECASE)
_SECRET_TABLE = re.compile(r"(^|_)(salar(y|ies)|payroll|compensation|credential|password|secret|audit|medical)", re.IGNORECASE)
_SECRET_COLUMN = re.compile(r"(salary|bonus|budget|discount|credit_limit|tax|iban|bank|birth|hire|unit_price|list_price|quota)", re.IGNORECASE)
_NUMBER = re.compile(r"number|serial|sku|token|tag|code|key", re.IGNORECASE)
_WRITES: tuple[tuple[Right, float], ...] = (("create", 0.75), ("update", 0.85), ("delete", 0.3))
_REQUIRED, _OWNED, _PROTECTED = 0.4, 0.5, 0.35


def derived_policy(schema: Schema, connection: Connection, title: str, seed: int) -> Policy:
    """The policy of a schema and a seed; the same for the same two."""
    tables = [table for table in schema.tables.values() if not table.view]
    random = rng("policy", seed, sorted(schema.tables))
    people = people_of(schema)
    every = frozenset(schema.tables)
    secret = frozenset(table.name for table in tables if _SECRET_TABLE.search(table.name) and table.name != people)
    lookups = frozenset(table.name for table in tables if _lookup(schema, table))
    clerk: dict[Right, frozenset[str]] = {"read": every - secret}
    for right, share in _WRITES:
        chosen = {table.name for table in tables if random.random() < share}
        clerk[right] = frozenset(chosen) - secret - lookups - {people}
    states = machines_of(schema)
    protected = _protected(tables, random)
    roles = {
        "clerk": Role("clerk", clerk, "does the daily work"),
        "supervisor": Role("supervisor", dict.fromkeys(RIGHTS, every), "leads the clerks", any_owner=True),
        "auditor": Role(
            "auditor", {right: every if right == "read" else frozenset[str]() for right in RIGHTS}, "looks at everything, changes nothing"
        ),
    }
    return Policy(
        title=title,
        actors=_actors(schema, connection, people, list(roles), random),
        roles=roles,
        people=people,
        required=_required(schema, tables, {*states, *protected}, random),
        states=states,
        protected=protected,
        own=_owned(schema, tables, people, random),
        lengths={f"{table.name}.{name}": column.max_length for table in tables for name, column in table.columns.items() if column.max_length},
    )


def machines_of(schema: Schema) -> dict[str, Machine]:
    """Life cycles that the schema tells, by `table.column`."""
    out: dict[str, Machine] = {}
    for table in schema.tables.values():
        for column in table.columns.values():
            machine = None if table.view else _machine(column)
            if machine is not None:
                out[f"{table.name}.{column.name}"] = machine
    return out


def _machine(column: Column) -> Machine | None:
    choices = column.choices
    if choices is None or len(choices) < 2 or not all(isinstance(choice, str) for choice in choices):
        return None
    told = read_arrows(_spelled(column.comment))
    if told is not None and set(told.steps) == set(choices):
        return told
    return chain(str(choice) for choice in choices) if _STATUS.search(column.name) else None


def _spelled(comment: str) -> str:
    """`a -> b or c` as the clauses `a -> b; a -> c`."""
    clauses: list[str] = []
    for clause in comment.rstrip(".").split(";"):
        head, arrow, tail = clause.rpartition("->")
        clauses += [f"{head}{arrow}{part}" for part in re.split(r"\s+or\s+", tail)] if arrow else [clause]
    return ";".join(clauses)


def people_of(schema: Schema) -> str:
    """The table whose rows are the people who act: named like one, with an id; the one referred to most. Or ""."""
    refers = Counter(foreign.table for table in schema.tables.values() for foreign in table.foreign)
    named = [
        table for table in schema.tables.values() if table.surrogate and table.name.lower().rpartition("_")[2] in _PEOPLE and _name_columns(table)
    ]
    return max(named, key=lambda table: (refers[table.name], table.name)).name if named else ""


def _name_columns(table: Table) -> list[str]:
    lowered = {name.lower(): name for name in table.columns}
    for wanted in (("first_name", "last_name"), ("firstname", "lastname"), ("name",), ("full_name",), ("username",)):
        if all(name in lowered for name in wanted):
            return [lowered[name] for name in wanted]
    return []


def _lookup(schema: Schema, table: Table) -> bool:
    return not table.foreign and len(table.columns) <= 4 and bool(schema.referrers(table.name))


def _actors(schema: Schema, connection: Connection, people: str, roles: list[str], random: Random) -> dict[str, Actor]:
    """One person for each role, from the table of people where there is one."""
    out: dict[str, Actor] = {}
    table = schema.tables.get(people)
    names = _name_columns(table) if table is not None else []
    mail = next((name for name in table.columns if name.lower() in {"email", "mail"}), None) if table is not None else None
    rows: list[tuple[Json, ...]] = []
    if table is not None:
        shown = ", ".join(map(quote, [table.key[0], *names, *([mail] if mail else [])]))
        count = one(connection, f"SELECT count(*) FROM {quote(people)}")
        sql = f"SELECT {shown} FROM {quote(people)} ORDER BY {quote(table.key[0])} LIMIT 1 OFFSET ?"
        picks = random.sample(range(int(count[0])), min(len(roles), int(count[0]))) if count else []
        rows = [row for pick in picks if (row := one(connection, sql, (pick,))) is not None]
    for at, role in enumerate(roles):
        if at < len(rows):
            row = rows[at]
            name = " ".join(str(part) for part in row[1 : 1 + len(names)])
            out[role] = Actor(name, role, str(row[-1]) if mail and row[-1] else "", row[0])
        else:
            out[role] = Actor(f"the {role} on duty", role)
    return out


def _required(schema: Schema, tables: list[Table], besides: set[str], random: Random) -> dict[str, tuple[str, ...]]:
    out: dict[str, tuple[str, ...]] = {}
    for table in tables:
        optional = [
            column.name
            for column in tellable(schema, table)
            if not column.not_null
            and not column.generated
            and column.default is None
            and column.kind != "any"
            and f"{table.name}.{column.name}" not in besides
        ]
        if optional and random.random() < _REQUIRED:
            out[table.name] = tuple(sorted(random.sample(optional, min(len(optional), random.choice((1, 1, 2))))))
    return out


def _protected(tables: list[Table], random: Random) -> dict[str, tuple[str, ...]]:
    """Columns for supervisors: what looks sensitive, and by chance some amounts that new records need not say. Numbers
    that new records need not bear are given by the system.
    """
    out: dict[str, tuple[str, ...]] = {}
    for table in tables:
        for column in table.columns.values():
            if column.kind == "text" and not column.not_null and (column.name,) in table.unique and _NUMBER.fullmatch(column.name):
                out[f"{table.name}.{column.name}"] = ()
                continue
            amount = column.kind == "real" and not column.not_null and random.random() < _PROTECTED
            if column.name not in table.key and not column.generated and (_SECRET_COLUMN.search(column.name) or amount):
                out[f"{table.name}.{column.name}"] = ("supervisor",)
    return out


def _owned(schema: Schema, tables: list[Table], people: str, random: Random) -> dict[str, str]:
    out: dict[str, str] = {}
    for table in tables:
        columns = [name for name in table.columns if _OWNER.search(name) and (foreign := target_of(schema, table, name)) and foreign.table == people]
        if columns and table.name != people and random.random() < _OWNED:
            out[table.name] = columns[0]
    return out
