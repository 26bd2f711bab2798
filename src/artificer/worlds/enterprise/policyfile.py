"""Reads a policy from a TOML file, and holds it against the schema: a rule about something that is not there is a
mistake, said with its place.

    title = "Rules of the shop's office"
    people = "employee"                          # the table whose rows are those who act

    [actor.jane]                                 # the first actor acts unless another is chosen
    name = "Jane Peacock"
    role = "clerk"
    row = 3                                      # her key among the people

    [role.clerk]
    read = ["*", "!payroll"]                     # patterns; one after ! takes away
    create = ["invoice*"]
    update = ["customer", "invoice*"]

    [role.supervisor]
    read = ["*"]
    update = ["*"]
    any_owner = true

    [required]
    customer = ["phone"]
    [states]
    "invoice.status" = "draft > sent > paid; sent > void"
    [protected]
    "track.unit_price" = ["supervisor"]
    [own]
    customer = "support_rep_id"
    [lengths]
    "customer.company" = 80
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.worlds.enterprise.derived import machines_of
from artificer.worlds.enterprise.policy import RIGHTS, Actor, Policy, Role, matching
from artificer.worlds.enterprise.states import Machine, read_arrows
from artificer.worlds.sqlite.schema import Schema


class _Actor(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    role: str
    email: str = ""
    row: Json = None


class _Role(Struct, frozen=True, forbid_unknown_fields=True):
    read: tuple[str, ...] = ("*",)
    create: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    about: str = ""
    any_owner: bool = False


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    actor: dict[str, _Actor]
    role: dict[str, _Role]
    title: str = "Rules"
    people: str = ""
    required: dict[str, tuple[str, ...]] = {}
    states: dict[str, str] = {}
    protected: dict[str, tuple[str, ...]] = {}
    own: dict[str, str] = {}
    lengths: dict[str, int] = {}
    text: str = ""


def read_policy(path: Path, schema: Schema) -> Policy:
    """The policy in a file.

    Raises:
        SourceError: the file cannot be read, or says something that the schema does not know.
    """
    try:
        told = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    except OSError as error:
        raise SourceError(f"the policy cannot be read: {error.strerror or error}", where=str(path), remedy="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SourceError(f"the policy file is not right: {error}", where=str(path), remedy="see docs/worlds-enterprise.md for its form") from error
    return _Checked(path, schema).policy(told)


class _Checked:
    """Holds a file against the schema."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._schema = schema

    def policy(self, told: _File) -> Policy:
        self.people(told)
        self.columns(told)
        return Policy(
            title=told.title,
            actors={name: Actor(one.name, one.role, one.email, one.row) for name, one in told.actor.items()},
            roles={name: self.role(name, one) for name, one in told.role.items()},
            people=told.people,
            required=told.required,
            states=machines_of(self._schema) | {column: self.machine(column, arrows) for column, arrows in told.states.items()},
            protected=told.protected,
            own=told.own,
            lengths=told.lengths,
            text=told.text,
        )

    def people(self, told: _File) -> None:
        """Actors and what names roles."""
        if not told.actor or not told.role:
            raise self.wrong("policy", "there must be at least one [actor.NAME] and one [role.NAME]")
        if told.people:
            self.table("people", told.people)
        named = [(f"actor.{name}", actor.role) for name, actor in told.actor.items()]
        named += [(f"protected.{column}", role) for column, roles in told.protected.items() for role in roles]
        for where, role in named:
            if role not in told.role:
                raise self.wrong(where, f"there is no role {role!r}")

    def columns(self, told: _File) -> None:
        """What names columns."""
        for column in told.protected:
            self.column("protected", column)
        for table, names in told.required.items():
            for column in names:
                self.column("required", f"{table}.{column}")
        for table, column in told.own.items():
            self.column("own", f"{table}.{column}")
        for column, most in told.lengths.items():
            self.column("lengths", column)
            if most < 1:
                raise self.wrong(f"lengths.{column}", "a length is at least 1")

    def role(self, name: str, told: _Role) -> Role:
        patterns: Mapping[str, tuple[str, ...]] = {"read": told.read, "create": told.create, "update": told.update, "delete": told.delete}
        for right in RIGHTS:
            for pattern in patterns[right]:
                if not matching([pattern.removeprefix("!")], self._schema.tables):
                    raise self.wrong(f"role.{name}.{right}", f"no table is meant by {pattern!r}")
        return Role(name, {right: matching(patterns[right], self._schema.tables) for right in RIGHTS}, told.about, told.any_owner)

    def machine(self, column: str, arrows: str) -> Machine:
        choices = self.column("states", column)
        machine = read_arrows(arrows)
        if machine is None:
            raise self.wrong(f"states.{column}", f"{arrows!r} is no life cycle; write it as 'new > open > done; open > dropped'")
        strange = [state for state in machine.steps if choices and state not in choices]
        if strange:
            raise self.wrong(f"states.{column}", f"the column cannot hold {strange[0]!r}; its CHECK allows {', '.join(map(str, choices))}")
        return machine

    def table(self, where: str, name: str) -> None:
        if name not in self._schema.tables:
            raise self.wrong(where, f"there is no table {name!r}")

    def column(self, section: str, name: str) -> tuple[Any, ...]:
        """The column's choices, () when it takes anything."""
        table, _, column = name.rpartition(".")
        self.table(f"{section}.{name}", table)
        if column not in self._schema.tables[table].columns:
            raise self.wrong(f"{section}.{name}", f"{table!r} has no column {column!r}")
        return self._schema.tables[table].columns[column].choices or ()

    def wrong(self, where: str, what: str) -> SourceError:
        return SourceError(f"{where}: {what}.", where=str(self._path), remedy="correct the policy file")
