"""Making a database image from statements and rows: for worlds whose data comes from elsewhere than an SQLite file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from artificer.worlds.sqlite.values import quote, rows


class Builder:
    """A database in the making. Foreign keys are not enforced until the image is opened: `broken` looks at them."""

    def __init__(self, image: bytes | None = None) -> None:
        self._connection = apsw.Connection(":memory:")
        if image is not None:
            self._connection.deserialize("main", image)
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)

    def run(self, sql: str) -> None:
        """Runs a statement of ours; SQLite's refusal is a bug and raises."""
        self._connection.execute(sql)

    def refusal(self, sql: str) -> str | None:
        """Runs a statement that was made from somebody's schema; what SQLite says against it, or None."""
        try:
            self._connection.execute(sql).fetchall()
        except apsw.Error as error:
            return str(error)
        return None

    def insert(self, table: str, columns: Sequence[str], values: Iterable[Sequence[Any]]) -> None:
        """Adds rows, all or none.

        Raises:
            ValueError: SQLite refuses one of them.
        """
        marks = ", ".join("?" * len(columns))
        try:
            with self._connection:
                self._connection.executemany(
                    f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))}) VALUES ({marks})", (tuple(row) for row in values)
                )
        except apsw.Error as error:
            raise ValueError(str(error)) from error

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query of ours."""
        return rows(self._connection, sql, values)

    def broken(self) -> list[tuple[Any, ...]]:
        """Rows whose foreign keys lead nowhere, as `PRAGMA foreign_key_check` tells them."""
        return rows(self._connection, "PRAGMA foreign_key_check")

    def image(self) -> bytes:
        """The database, packed; the builder is of no use afterwards."""
        self._connection.execute("VACUUM")
        image = self._connection.serialize("main")
        self._connection.close()
        return image
