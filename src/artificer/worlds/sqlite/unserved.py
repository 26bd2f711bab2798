"""Requests that cannot be served, on purpose and proven: they teach to refuse, to say why, and to change nothing.

A description that fits no row; one that fits several and that the user cannot complete; a delete that the database's
own rules forbid.
"""

from __future__ import annotations

from typing import Literal

import apsw

from artificer.core.tasks import Want
from artificer.worlds.guide import Demand, Dropped, Impossible, Request, Said
from artificer.worlds.sqlite.describe import Key, matches, referred, sayable, tellable
from artificer.worlds.sqlite.draws import Draft, Draws, drafted, entity
from artificer.worlds.sqlite.procedures import Toolbox
from artificer.worlds.sqlite.schema import Table, quote

_NOT_FOUND = (
    "could not find",
    "couldn't find",
    "cannot find",
    "can't find",
    "no such",
    "not found",
    "does not exist",
    "doesn't exist",
    "no record",
    "no matching",
)
_SEVERAL = ("more than one", "several", "multiple", "ambiguous", "not unique", "which one you mean")
_REFERRED = ("refer to it", "refers to it", "still refer", "referenced", "cannot be deleted", "can't be deleted", "depend on", "in use")
_ENDS: dict[Impossible, tuple[Literal["refused", "unclear"], str, tuple[str, ...]]] = {
    "forbidden": ("refused", "referred", _REFERRED),
    "missing": ("refused", "missing", _NOT_FOUND),
    "ambiguous": ("unclear", "ambiguous", _SEVERAL),
}
"""How such a request must end: the outcome, the reason, and words of which one must be said."""


class Unserved:
    """Draws requests that cannot be served, in one session's state."""

    def __init__(self, draws: Draws, tools: Toolbox) -> None:
        self.draws = draws
        self.tools = tools
        self.connection = draws.connection
        self.schema = draws.schema
        self.phrases = draws.phrases
        self.rng = draws.rng

    def request(self, table: Table, demand: Demand, kind: Impossible) -> Request | Dropped:
        """One proposal about `table`."""
        maker = {"forbidden": self.forbidden, "missing": self.missing, "ambiguous": self.ambiguous}[kind]
        draft = maker(table, demand)
        if isinstance(draft, Dropped):
            return draft
        outcome, reason, tell = _ENDS[kind]
        return Request(Want(draft.op, outcome=outcome, reason=reason, tell=(tell,)), draft.said, draft.entities, draft.lookups)

    def forbidden(self, table: Table, demand: Demand) -> Draft | Dropped:
        """A delete that a foreign key forbids, proven by trying it."""
        tool = self.tools.get("delete", table.name)
        drawn = self.draws.draw(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        description, row = drawn
        if not referred(self.connection, self.schema, table, row) or not self.refused(table, description.key):
            return Dropped("nothing forbids it")
        facts = self.draws.described(table.name, description)
        return drafted(f"delete:{table.name}", self.phrases.intent("delete", table.name, []), facts, (), (), description)

    def missing(self, table: Table, demand: Demand) -> Draft | Dropped:
        """A row that is not there: a name made of two others, proven to fit nothing."""
        drawn = self.draws.sample(table, demand)
        column = next((column for column in tellable(self.schema, table) if column.kind == "text" and not column.choices), None)
        if isinstance(drawn, Dropped) or column is None:
            return drawn if isinstance(drawn, Dropped) else Dropped("no column of names")
        name = self.draws.blend(table, column.name)
        if name is None or matches(self.connection, table, {column.name: name}):
            return Dropped("the invented name exists")
        made = self.any_op(table)
        if made is None:
            return Dropped("no tool")
        op, intent, extra = made
        fact = Said(f"{table.name}.{column.name}", name, self.phrases.condition(table.name, column.name, name, ()), "asked")
        return Draft(op, (Said("", None, intent), fact, *extra), entities=(f"{table.name}:missing:{name}",))

    def ambiguous(self, table: Table, demand: Demand) -> Draft | Dropped:
        """A true but insufficient description: at least two rows fit, and the user knows no more."""
        drawn = self.draws.sample(table, demand)
        made = self.any_op(table)
        if isinstance(drawn, Dropped) or made is None:
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        key, row = drawn
        for column in tellable(self.schema, table):
            value = row[column.name]
            if sayable(value) and matches(self.connection, table, {column.name: value}) > 1:
                op, intent, extra = made
                fact = Said(f"{table.name}.{column.name}", value, self.phrases.condition(table.name, column.name, value, ()), "asked")
                return Draft(op, (Said("", None, intent), fact, *extra), entities=(entity(table, key),))
        return Dropped("every description of the row is unique")

    def any_op(self, table: Table) -> tuple[str, tuple[str, ...], list[Said]] | None:
        """Something that needs one row of the table: its deletion, or one of its values."""
        if self.tools.get("delete", table.name) and self.rng.random() < 0.5:
            return f"delete:{table.name}", self.phrases.intent("delete", table.name, []), []
        columns = [column.name for column in tellable(self.schema, table)]
        if len(columns) < 2:
            return None
        column = self.rng.choice(columns[1:])
        return f"read:{table.name}:{column}", self.phrases.intent("read", table.name, [column]), []

    def refused(self, table: Table, key: Key) -> bool:
        """Whether the database itself refuses to delete the row; tried and rolled back."""
        where = " AND ".join(f"{quote(name)} = ?" for name in table.key)
        self.connection.execute("SAVEPOINT probe")
        try:
            self.connection.execute(f"DELETE FROM {quote(table.name)} WHERE {where}", key)
        except apsw.ConstraintError:
            return True
        finally:
            self.connection.execute("ROLLBACK TO probe")
            self.connection.execute("RELEASE probe")
        return False
