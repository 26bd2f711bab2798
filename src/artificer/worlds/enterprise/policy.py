"""A policy as data: who acts, what roles may do, and what must hold of records.

It is read from a TOML file (`policyfile`) or derived from a schema and a seed (`derived`); `rules` decides calls by
it, `render` puts it into words for agents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.enterprise.states import Machine

Right = Literal["read", "create", "update", "delete"]
RIGHTS: tuple[Right, ...] = ("read", "create", "update", "delete")


class Role(Struct, frozen=True, omit_defaults=True):
    """What a role may do: names of tables for each right, patterns resolved.

    Args:
        about: one clause on who has the role.
        any_owner: whether the role may also change records that are somebody else's.
    """

    name: str
    rights: dict[Right, frozenset[str]]
    about: str = ""
    any_owner: bool = False


class Actor(Struct, frozen=True, omit_defaults=True):
    """Whoever the agent acts for. `row` is their key in the table of people, None when they have no row."""

    name: str
    role: str
    email: str = ""
    row: Json = None


class Policy(Struct, frozen=True, omit_defaults=True):
    """All rules. Columns are written `table.column`.

    Args:
        title: the heading of its text.
        actors: by the word that chooses one; the first acts unless another is chosen.
        roles: by name.
        people: the table in which actors have rows; "" for none.
        required: for each table, what a new record must say besides what the schema demands.
        states: life cycles by column.
        protected: columns that only some roles may set.
        own: for each table, the column that holds whose record it is; None there means nobody's, which all may change.
        lengths: the most characters of a column.
        text: more rules in words, which nothing enforces.
    """

    title: str
    actors: dict[str, Actor]
    roles: dict[str, Role]
    people: str = ""
    required: dict[str, tuple[str, ...]] = {}
    states: dict[str, Machine] = {}
    protected: dict[str, tuple[str, ...]] = {}
    own: dict[str, str] = {}
    lengths: dict[str, int] = {}
    text: str = ""


def matching(patterns: Sequence[str], names: Iterable[str]) -> frozenset[str]:
    """The names that patterns mean: `*` stands for anything, and a pattern after `!` takes away."""
    taken: set[str] = set()
    listed = list(names)
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        found = {name for name in listed if fnmatchcase(name, bare)}
        taken = taken - found if pattern.startswith("!") else taken | found
    return frozenset(taken)
