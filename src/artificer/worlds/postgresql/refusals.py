"""The server's errors as refusals: which rule, in words an agent can act on."""

from __future__ import annotations

from typing import Any

from artificer.core.verdicts import ErrorKind
from artificer.worlds.postgresql.address import Address
from artificer.worlds.sqlite.session import Refusal

_STATES: dict[str, tuple[ErrorKind, str]] = {
    "23502": (ErrorKind.constraint, "{column} must not be null"),
    "23503": (ErrorKind.constraint, "{detail}"),
    "23505": (ErrorKind.constraint, "there already is such a row in {table}: {detail}"),
    "23514": (ErrorKind.constraint, "the values break the rule {constraint} of {table}"),
    "23P01": (ErrorKind.constraint, "the row conflicts with another one ({constraint})"),
    "57P01": (ErrorKind.transport, "the server has ended the connection"),
    "57014": (ErrorKind.timeout, "the query took too long and was stopped; narrow it down"),
    "55P03": (ErrorKind.timeout, "another session is changing the same rows"),
    "40001": (ErrorKind.internal, "somebody else has changed the same rows meanwhile"),
    "40P01": (ErrorKind.internal, "another session is changing the same rows"),
    "42501": (ErrorKind.forbidden, "the database does not permit it: {message}"),
    "25006": (ErrorKind.internal, "a tool that is declared to read tried to write, so it was stopped and has changed nothing"),
    "P0001": (ErrorKind.constraint, "{message}"),
}
_CLASSES: dict[str, ErrorKind] = {"22": ErrorKind.invalid_argument, "23": ErrorKind.constraint, "44": ErrorKind.constraint, "08": ErrorKind.transport}


def refused(error: Any, address: Address) -> Refusal:
    """The refusal that a psycopg error is for an agent."""
    state: str = error.sqlstate or "08000"
    told = error.diag
    kind, text = _STATES.get(state, (_CLASSES.get(state[:2], ErrorKind.internal), "{message}"))
    words = {
        "column": told.column_name or "a column",
        "table": told.table_name or "the table",
        "constraint": told.constraint_name or "",
        "detail": told.message_detail or told.message_primary or "",
        "message": told.message_primary or ("the connection was lost" if kind is ErrorKind.transport else "the database failed"),
    }
    return Refusal(kind, address.clean(text.format_map(words)))
