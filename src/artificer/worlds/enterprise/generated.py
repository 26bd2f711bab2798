"""The generated enterprise as a database: tables from the blueprint, rows from a seed.

Eight apps (people, IT service, customer service, sales, calendar, mail, documents, teams) over one set of employees:
164 tables. The same seed gives the same bytes. Life cycles stand as arrows in the comment of their column, CHECKs
hold the choices and limits, and every reference leads to a row that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import Any

from artificer.core.canon import rng
from artificer.worlds.enterprise import vocabulary as words
from artificer.worlds.enterprise.blueprint import Blueprint, Entity, Field, Size, blueprint
from artificer.worlds.sqlite.build import Builder
from artificer.worlds.sqlite.values import quote

CLOCK = "2026-03-16T09:00:00"
TODAY = date(2026, 3, 16)
DEFAULT_SEED = 20260316
_ROWS: dict[Size, tuple[int, int]] = {"lookup": (6, 10), "master": (36, 48), "record": (40, 60), "line": (40, 60)}
_NULLS = 0.2
_LIMITS = {"note": 200, "title": 80, "issue": 80, "complaint": 120, "subject": 80}


@lru_cache(maxsize=4)
def generated_image(seed: int = DEFAULT_SEED) -> bytes:
    """The database of a seed, as the bytes of an SQLite file."""
    plan = blueprint()
    builder = Builder()
    for entity in plan.entities.values():
        for statement in statements(plan, entity):
            builder.run(statement)
    sizes = {name: rng("enterprise", seed, "rows", name).randint(*_ROWS[entity.size]) for name, entity in plan.entities.items()}
    for name, entity in plan.entities.items():
        builder.insert(name, [entity.key, *(field.name for field in entity.fields)], _rows(entity, sizes, rng("enterprise", seed, "values", name)))
    if builder.broken():
        raise AssertionError("a generated row refers to nothing")
    return builder.image()


def statements(plan: Blueprint, entity: Entity) -> list[str]:
    """What makes one table: the table itself, and a trigger that numbers new records where they bear a number."""
    out = [_create_table(plan, entity)]
    for field in entity.fields:
        if _numbered(field):
            where = f"WHERE {quote(entity.key)} = new.{quote(entity.key)}"
            numbered = f"'{field.value[5:-1]}-' || (10000 + new.{quote(entity.key)})"
            body = f"UPDATE {quote(entity.name)} SET {quote(field.name)} = {numbered} {where};"
            name = quote(f"{entity.name}_{field.name}")
            out.append(f"CREATE TRIGGER {name} AFTER INSERT ON {quote(entity.name)} WHEN new.{quote(field.name)} IS NULL BEGIN {body} END")
    return out


def _numbered(field: Field) -> bool:
    return field.value.startswith("code(")


def _create_table(plan: Blueprint, entity: Entity) -> str:
    lines = [f"{quote(entity.key)} INTEGER PRIMARY KEY,"]
    for at, field in enumerate(entity.fields):
        end = "," if at + 1 < len(entity.fields) else ""
        comment = f" -- {field.machine.arrows()}" if field.machine else ""
        lines.append(f"{quote(field.name)} {_column(plan, field)}{end}{comment}")
    return f"CREATE TABLE {quote(entity.name)} (\n" + "\n".join(lines) + "\n)"


def _column(plan: Blueprint, field: Field) -> str:
    name = quote(field.name)
    if field.target:
        target = plan.entities[field.target]
        kind, more = "INTEGER", f" REFERENCES {quote(target.name)}({quote(target.key)})"
    elif field.options:
        listed = ", ".join(f"'{option}'" for option in field.options)
        kind, more = "TEXT", f" CHECK ({name} IN ({listed}))"
        if field.machine:
            more = f" DEFAULT '{field.machine.initial[0]}'{more}"
    else:
        kind, more = _typed(field)
    return kind + (" NOT NULL" if field.needed and not _numbered(field) else "") + (" UNIQUE" if field.unique else "") + more


def _typed(field: Field) -> tuple[str, str]:
    name, value = quote(field.name), field.value
    if value.startswith("int("):
        low, high = _ends(value)
        return "INTEGER", f" CHECK ({name} BETWEEN {low} AND {high})"
    if value in {"money", "salary"}:
        return "REAL", f" CHECK ({name} >= 0)"
    if value == "flag":
        return "BOOLEAN", f" DEFAULT 0 CHECK ({name} IN (0, 1))"
    if value in {"past", "future"}:
        return "DATE", ""
    return "TEXT", f" CHECK (length({name}) <= {_LIMITS[value]})" if value in _LIMITS else ""


def _ends(value: str) -> tuple[int, int]:
    low, _, high = value[4:-1].partition(",")
    return int(low), int(high)


def _rows(entity: Entity, sizes: dict[str, int], random: Random) -> list[tuple[Any, ...]]:
    taken: set[tuple[str, Any]] = set()
    out: list[tuple[Any, ...]] = []
    for number in range(1, sizes[entity.name] + 1):
        row: list[Any] = [number]
        person = (random.choice(words.FIRST), random.choice(words.LAST))
        for field in entity.fields:
            if not field.needed and random.random() < _NULLS:
                row.append(None)
                continue
            value = _value(field, sizes, random, person)
            attempt = 0
            while field.unique and (field.name, value) in taken:
                attempt += 1
                person = (random.choice(words.FIRST), random.choice(words.LAST))
                value = _value(field, sizes, random, person)
                if attempt > 20:
                    value = f"{value} {number}"
            taken.add((field.name, value))
            row.append(value)
        out.append(tuple(row))
    return out


def _value(field: Field, sizes: dict[str, int], random: Random, person: tuple[str, str]) -> Any:
    if field.target:
        return random.randint(1, sizes[field.target])
    if field.options:
        return random.choice(field.options)
    value = field.value
    if value.startswith("int("):
        return random.randint(*_ends(value))
    if value.startswith("code("):
        return f"{value[5:-1]}-{random.randint(1000, 9999)}"
    if value == "person":
        return " ".join(person)
    if value == "email":
        return f"{person[0]}.{person[1]}{random.randint(1, 99)}@{random.choice(words.HOSTS)}".lower()
    made = _PLAIN.get(value)
    return made(random) if made is not None else " ".join(random.choice(pool) for pool in words.PARTS[value])


_PLAIN: dict[str, Callable[[Random], Any]] = {
    "money": lambda random: round(random.uniform(5, 9000), 2),
    "salary": lambda random: float(random.randint(280, 1400) * 100),
    "flag": lambda random: int(random.random() < 0.5),
    "past": lambda random: (TODAY - timedelta(days=random.randint(1, 400))).isoformat(),
    "future": lambda random: (TODAY + timedelta(days=random.randint(1, 180))).isoformat(),
    "time": lambda random: f"{random.randint(8, 18):02}:{random.choice((0, 15, 30, 45)):02}",
    "phone": lambda random: f"+{random.randint(30, 49)} {random.randint(100, 999)} {random.randint(100000, 999999)}",
    "city": lambda random: random.choice(words.CITIES),
    "country": lambda random: random.choice(words.COUNTRIES),
    "currency": lambda random: "".join(random.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=3)),
    "url": lambda random: f"https://{random.choice(words.LAST).lower()}-{random.randint(10, 99)}.example",
    "host": lambda random: f"{random.choice(words.LAST).lower()}.example",
}
