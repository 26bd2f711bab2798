"""A fixed clock and a seeded random stream in place of SQLite's own, so that a session's results depend on its calls
alone.

The date functions are overridden by ones that put the world's time where `now` stands and leave the rest to SQLite.
Registering them takes tens of microseconds a session, so it is done only for a database or tools whose SQL mentions
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

import apsw

from artificer.worlds.sqlite.values import rows

_FUNCTIONS = ("date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff")
_MENTIONS = re.compile(
    r"\b(current_(timestamp|date|time)|date|time|datetime|julianday|unixepoch|strftime|timediff|random|randomblob)\b", re.IGNORECASE
)


def needs_clock(sql: str) -> bool:
    """Whether the SQL mentions the time or chance."""
    return _MENTIONS.search(sql) is not None


def fixed_clock(now: str) -> Callable[[apsw.Connection, Random], None]:
    """A function that gives a connection the time `now` (ISO 8601, UTC) and a random stream.

    Raises:
        ValueError: SQLite does not understand `now`.
    """
    plain = apsw.Connection(":memory:")
    start = _value(plain, "SELECT datetime(?)", (now,))
    if start is None:
        raise ValueError(f"{now!r} is not a time that SQLite understands")

    def override(name: str) -> Callable[..., Any]:
        now_at = 1 if name == "strftime" else 0

        def function(*arguments: Any) -> Any:
            told = [start if isinstance(value, str) and value.lower() == "now" else value for value in arguments]
            if len(told) == now_at:
                told.append(start)
            marks = ", ".join("?" * len(told))
            return _value(plain, f"SELECT {name}({marks})", tuple(told))

        return function

    def constant(value: Any) -> Callable[..., Any]:
        return lambda *_: value

    functions = {name: override(name) for name in _FUNCTIONS}
    fixed = {
        name: _value(plain, f"SELECT {function}(?)", (start,))
        for name, function in (("current_timestamp", "datetime"), ("current_date", "date"), ("current_time", "time"))
    }

    def apply(connection: apsw.Connection, chance: Random) -> None:
        for name, function in functions.items():
            connection.create_scalar_function(name, function, -1, deterministic=True)
        for name, value in fixed.items():
            connection.create_scalar_function(name, constant(value), 0, deterministic=True)

        def random(*_: Any) -> int:
            return chance.getrandbits(64) - (1 << 63)

        def randomblob(*arguments: Any) -> bytes:
            return chance.randbytes(max(1, min(int(arguments[0]), 1_000_000)))

        connection.create_scalar_function("random", random, 0)
        connection.create_scalar_function("randomblob", randomblob, 1)

    return apply


def _value(connection: apsw.Connection, sql: str, values: tuple[Any, ...]) -> Any:
    return rows(connection, sql, values)[0][0]
