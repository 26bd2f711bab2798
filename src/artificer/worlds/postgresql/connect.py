"""The only module that loads psycopg: connections that cannot write, or never commit, and errors as ours.

Reading a schema and a sample happens in one REPEATABLE READ, READ ONLY transaction: one consistent state, whatever
others do meanwhile, and no way to change anything. Live sessions (`live`) open theirs with `live_connection`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from artificer.core.errors import MissingExtra, SourceError
from artificer.worlds.postgresql.address import Address

if TYPE_CHECKING:
    import psycopg

_CONNECT_S = "10"
_SETTINGS = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL row_security = on",
)
"""So that values and expressions are written alike whatever the server's and the role's own settings are."""


class Reader:
    """A read-only transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. `%s` stands for a value, `%%` for a percent sign when there are values."""
        return self._connection.execute(sql.encode(), values or None).fetchall()


@contextmanager
def reading(address: Address, timeout_s: float) -> Generator[Reader]:
    """A read-only transaction that sees one state of the database; each statement may take `timeout_s`.

    Raises:
        MissingExtra: psycopg is not installed.
        SourceError: the server cannot be reached, refuses, or takes too long.
    """
    psycopg = library()
    try:
        with psycopg.connect(**_parameters(address)) as connection:  # an exception or the rollback below: never a commit
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute(f"SET LOCAL statement_timeout = {int(timeout_s * 1000)}".encode())
            for setting in (*_SETTINGS, "SET LOCAL search_path = pg_catalog"):  # so that every name is written with its schema
                connection.execute(setting.encode())
            try:
                yield Reader(connection)
            finally:
                connection.rollback()
    except psycopg.errors.QueryCanceled as error:
        raise SourceError(
            f"a query took longer than {timeout_s:g} s.", where=address.shown, remedy="give a longer timeout=SECONDS, or fewer schemas=NAME"
        ) from error
    except psycopg.Error as error:
        raise SourceError(
            f"the database cannot be used: {address.clean(str(error))}",
            where=address.shown,
            remedy="check host, port, database and user, and that PGPASSWORD or a password file holds the password",
        ) from None


async def live_connection(address: Address, timeout_s: float, seed: float) -> psycopg.AsyncConnection[Any]:
    """A connection inside a transaction of its own, which the caller rolls back by closing it.

    Raises:
        MissingExtra, SourceError: as `reading`.
    """
    psycopg = library()
    try:
        connection = await psycopg.AsyncConnection.connect(**_parameters(address))
        try:
            await _begin(connection, timeout_s, seed)
        except BaseException:
            await connection.close()
            raise
    except psycopg.Error as error:
        raise SourceError(
            f"a live session cannot be opened: {address.clean(str(error))}",
            where=address.shown,
            remedy="check host, port, database and user, and that the role may write",
        ) from None
    return connection


async def _begin(connection: psycopg.AsyncConnection[Any], timeout_s: float, seed: float) -> None:
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE")
    for setting in (*_SETTINGS, *_limits(timeout_s), "SET CONSTRAINTS ALL IMMEDIATE"):
        await connection.execute(setting.encode())
    await connection.execute("SELECT setseed(%s)", (seed,))


def _limits(timeout_s: float) -> tuple[str, ...]:
    milliseconds = int(timeout_s * 1000)
    return (f"SET LOCAL statement_timeout = {milliseconds}", f"SET LOCAL lock_timeout = {max(1, milliseconds // 2)}")


def _parameters(address: Address) -> dict[str, Any]:
    secret = address.password()
    given: dict[str, Any] = {"connect_timeout": _CONNECT_S, "application_name": "artificer"} | address.settings
    return given | ({"password": secret} if secret is not None else {}) | {"prepare_threshold": None, "autocommit": False}


def library() -> Any:
    """psycopg.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra("postgres", "a PostgreSQL database") from error
    return psycopg
