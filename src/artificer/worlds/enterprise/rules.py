"""Decides calls by a policy, for one acting user: the same function for the tools, which refuse, and for the guide,
which knows what will be refused.

Every breach has one of seven reasons, which never change: `permission`, `protected_field`, `closed_record`,
`not_owner`, `transition`, `required_field`, `too_long`. The first that applies in this order is the one given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.enterprise.policy import Actor, Policy, Right, Role
from artificer.worlds.enterprise.states import Machine
from artificer.worlds.sqlite.names import article
from artificer.worlds.sqlite.schema import Schema

Reason = Literal["permission", "protected_field", "closed_record", "not_owner", "transition", "required_field", "too_long"]

_WORDS: dict[Reason, tuple[str, ...]] = {
    "permission": ("not permitted", "not allowed", "no permission", "not authorised", "not authorized", "permission"),
    "protected_field": ("not permitted", "not allowed", "no permission", "only be set by", "protected", "reserved for"),
    "closed_record": ("no longer be changed", "can't be changed", "cannot be changed", "final", "closed"),
    "not_owner": ("somebody else", "someone else", "not the owner", "not assigned to you", "belongs to another", "another person"),
    "transition": ("cannot become", "can't become", "cannot go", "can't go", "not a valid step", "not allowed from", "only become"),
    "required_field": ("required", "must be given", "missing"),
    "too_long": ("too long", "at most", "characters"),
}
"""Words of which an answer to the user must contain one."""


class Breach(Struct, frozen=True):
    """A rule that a call would break. `text` says it to agents and users alike."""

    reason: Reason
    text: str

    @property
    def tell(self) -> tuple[str, ...]:
        """What must be told, as alternatives."""
        return _WORDS[self.reason]


class Rules:
    """The policy as it binds one acting user.

    Args:
        labels: what people call tables (in the singular) and columns.
    """

    def __init__(self, policy: Policy, schema: Schema, actor: str, labels: Mapping[str, str]) -> None:
        self.policy = policy
        self.actor: Actor = policy.actors[actor]
        self.role: Role = policy.roles[self.actor.role]
        self._schema = schema
        self._labels = labels
        self._machines: dict[str, dict[str, Machine]] = {}
        for column, machine in policy.states.items():
            table, _, name = column.rpartition(".")
            self._machines.setdefault(table, {})[name] = machine

    def may(self, right: Right, table: str) -> bool:
        return table in self.role.rights[right]

    def machines(self, table: str) -> Mapping[str, Machine]:
        """The life cycles of a table's columns."""
        return self._machines.get(table, {})

    def reads(self, tables: Iterable[str]) -> Breach | None:
        """Whether all the tables may be looked at."""
        for table in tables:
            if not self.may("read", table):
                return self._denied("look at", table)
        return None

    def early(self, right: Right, table: str, columns: Iterable[str] = ()) -> Breach | None:
        """What can be said before the record is known: rights, and columns that the role may not set."""
        if not self.may(right, table):
            return self._denied({"read": "look at", "create": "add", "update": "change", "delete": "delete"}[right], table)
        for column in columns:
            roles = self.policy.protected.get(f"{table}.{column}")
            if roles is not None and self.role.name not in roles:
                who = " or ".join(roles) or "the system itself"
                text = f"the {self._label(column)} of {article(self._label(table))} can only be set by {who}; it is not permitted to {self.role.name}"
                return Breach("protected_field", text)
        return None

    def decide(self, right: Right, table: str, row: Mapping[str, Json] | None, values: Mapping[str, Json]) -> Breach | None:
        """The first rule that the call would break, or None.

        Args:
            row: the record as it is, for `update` and `delete`.
            values: what is to be written; key columns besides do no harm.
        """
        key = self._schema.tables[table].key if row is not None else ()
        values = {name: value for name, value in values.items() if name not in key}
        found = self.early(right, table, values)
        if found is None and row is not None:
            found = self._record(table, row)
        if found is None:
            found = self._steps(table, row, values)
        if found is None and right == "create":
            found = self._complete(table, values)
        return found or self._lengths(table, values)

    def _denied(self, verb: str, table: str) -> Breach:
        return Breach("permission", f"the role {self.role.name} has no permission to {verb} {article(self._label(table))}")

    def _record(self, table: str, row: Mapping[str, Json]) -> Breach | None:
        """Whether the record may be changed or deleted at all."""
        name = self._label(table)
        for column, machine in self.machines(table).items():
            if row.get(column) in machine.final:
                text = f"this {name} has the {self._label(column)} {row[column]}, which is final, so it can no longer be changed"
                return Breach("closed_record", text)
        owner = self.policy.own.get(table)
        if owner is not None and not self.role.any_owner and row.get(owner) is not None and row[owner] != self.actor.row:
            text = f"this {name} has somebody else as its {self._label(owner)}; the role {self.role.name} may change only its own and unassigned ones"
            return Breach("not_owner", text)
        return None

    def _steps(self, table: str, row: Mapping[str, Json] | None, values: Mapping[str, Json]) -> Breach | None:
        for column, machine in self.machines(table).items():
            if column not in values:
                continue
            now, wanted = (row or {}).get(column), values[column]
            allowed = machine.initial if row is None or now is None else (now, *machine.steps.get(str(now), ()))
            if wanted not in allowed and not (wanted is None and now is None):
                name, what = self._label(table), self._label(column)
                begin = f"a new {name}" if row is None or now is None else f"{article(name)} that is {now}"
                options = " or ".join(str(state) for state in allowed if state != now)
                return Breach("transition", f"the {what} of {begin} cannot become {wanted}; it can only become {options}")
        return None

    def _complete(self, table: str, values: Mapping[str, Json]) -> Breach | None:
        for column in self.policy.required.get(table, ()):
            if values.get(column) in (None, ""):
                return Breach("required_field", f"a new {self._label(table)} must say its {self._label(column)}, which is required here")
        return None

    def _lengths(self, table: str, values: Mapping[str, Json]) -> Breach | None:
        for column, value in values.items():
            most = self.policy.lengths.get(f"{table}.{column}")
            if most is not None and isinstance(value, str) and len(value) > most:
                return Breach(
                    "too_long", f"the {self._label(column)} of {article(self._label(table))} is too long: it may have at most {most} characters"
                )
        return None

    def _label(self, name: str) -> str:
        return self._labels.get(name, name.replace("_", " "))
