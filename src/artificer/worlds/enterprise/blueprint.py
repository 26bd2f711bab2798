"""Reads the description of the generated enterprise (`data/enterprise/apps.txt`), which explains its own notation."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Literal

from msgspec import Struct

from artificer.worlds.enterprise.states import Machine, read_arrows

Size = Literal["lookup", "master", "record", "line"]


class Field(Struct, frozen=True):
    """One column. Of `value` (a kind of value), `target` (a table referred to), `options` and `machine` one is set."""

    name: str
    value: str = ""
    target: str = ""
    options: tuple[str, ...] = ()
    machine: Machine | None = None
    needed: bool = False
    unique: bool = False


class Entity(Struct, frozen=True):
    """One table: `app` it belongs to, full `name`, its `noun`, how big it is, its columns without the key."""

    app: str
    name: str
    noun: str
    size: Size
    fields: tuple[Field, ...]

    @property
    def key(self) -> str:
        """Name of the key column."""
        return f"{self.noun}_id"


class Blueprint(Struct, frozen=True):
    """The whole enterprise: titles of the apps by name, and all tables in the order of the file."""

    apps: dict[str, str]
    entities: dict[str, Entity]


@lru_cache(maxsize=1)
def blueprint() -> Blueprint:
    """The enterprise that is shipped."""
    return read_blueprint((files("artificer.worlds") / "data" / "enterprise" / "apps.txt").read_text("utf-8"))


def read_blueprint(text: str) -> Blueprint:
    """Reads the notation. The file is ours, so a mistake in it is a bug and raises ValueError."""
    apps: dict[str, str] = {}
    entities: dict[str, Entity] = {}
    app = ""
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith("#"):
            continue
        if line.startswith("app "):
            _, app, title = line.split(" ", 2)
            apps[app] = title
            continue
        head, _, columns = line.partition(" | ")
        noun, size = head.split()
        entities[f"{app}_{noun}"] = Entity(app, f"{app}_{noun}", noun, _size(size), tuple(map(_field, columns.split())))
    for entity in entities.values():
        for field in entity.fields:
            if field.target and field.target not in entities:
                raise ValueError(f"{entity.name}.{field.name} refers to {field.target}, which is not there")
    return Blueprint(apps, entities)


def _size(word: str) -> Size:
    if word == "lookup" or word == "master" or word == "record" or word == "line":
        return word
    raise ValueError(f"{word!r} is no size of a table")


def _field(text: str) -> Field:
    unique = text.endswith("*")
    text = text.removesuffix("*")
    needed = text.endswith("!")
    text = text.removesuffix("!")
    if "@" in text:
        name, _, target = text.partition("@")
        return Field(f"{name or target.partition('_')[2]}_id", target=target, needed=needed, unique=unique)
    if "=" in text:
        name, _, values = text.partition("=")
        machine = read_arrows(values) if ">" in values else None
        options = tuple(machine.steps) if machine else tuple(values.split("|"))
        return Field(name, options=options, machine=machine, needed=needed, unique=unique)
    name, _, value = text.partition(":")
    return Field(name, value=value, needed=needed, unique=unique)
