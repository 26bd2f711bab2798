"""Puts a policy before derived tools: a call that breaks it is refused as `forbidden`, with its reason, and changes
nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind
from artificer.worlds.enterprise.policy import Right
from artificer.worlds.enterprise.rules import Breach, Rules
from artificer.worlds.sqlite.schema import Schema, Table
from artificer.worlds.sqlite.session import Connection, Refusal, SqlTool
from artificer.worlds.sqlite.values import quote

_RIGHTS: dict[str, Right] = {"create": "create", "update": "update", "delete": "delete"}


def guarded(tool: SqlTool, schema: Schema, rules: Rules) -> SqlTool:
    """The tool, keeping to the rules."""
    table = schema.tables[str(tool.spec.attributes["table"])]
    right = _RIGHTS.get(str(tool.spec.attributes["op"]))
    run = tool.run
    if right is None:
        shown = {str(tool.spec.attributes.get(name, table.name)) for name in ("table", "parent", "through")}
        found = rules.reads(sorted(shown))
        if found is None:
            return tool

        def denied(connection: Connection, arguments: dict[str, Any]) -> Json:
            raise refusal(found)

        return SqlTool(tool.spec, denied)
    reread = _reread(table) if right != "create" else ""

    def obeying(connection: Connection, arguments: dict[str, Any]) -> Json:
        breach = rules.early(right, table.name, [name for name in arguments if right == "create" or name not in table.key])
        if breach is None:
            row = _row(connection, reread, table, arguments) if right != "create" else None
            if right == "create" or row is not None:  # what is not there, the tool says itself
                breach = rules.decide(right, table.name, row, arguments if right != "delete" else {})
        if breach is not None:
            raise refusal(breach)
        return run(connection, arguments)

    return msgspec.structs.replace(tool, run=obeying)


def refusal(breach: Breach) -> Refusal:
    """How a breach is told to the agent: its reason first, as a word that does not change."""
    return Refusal(ErrorKind.forbidden, f"{breach.reason}: {breach.text}")


def _reread(table: Table) -> str:
    columns = ", ".join(map(quote, table.columns))
    return f"SELECT {columns} FROM {quote(table.name)} WHERE " + " AND ".join(f"{quote(name)} = ?" for name in table.key)


def _row(connection: Connection, sql: str, table: Table, arguments: dict[str, Any]) -> dict[str, Json] | None:
    row = connection.execute(sql, tuple(arguments[name] for name in table.key)).fetchone()
    return None if row is None else dict(zip(table.columns, row, strict=True))
