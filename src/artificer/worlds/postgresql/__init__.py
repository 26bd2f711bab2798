"""PostgreSQL databases as worlds: a private sample by default, the server itself with `live=true`."""

from artificer.worlds.postgresql.open import PostgresWorld, open_world

__all__ = ["PostgresWorld", "open_world"]
