"""SQLite databases as worlds: `sqlite:FILE` derives the tools a backend team would write for it."""

from artificer.worlds.sqlite.open import SqliteWorld, open_world
from artificer.worlds.sqlite.schema import Schema, read_schema
from artificer.worlds.sqlite.session import Refusal, SqlSession, SqlTool
from artificer.worlds.sqlite.world import SqlWorld

__all__ = ["Refusal", "Schema", "SqlSession", "SqlTool", "SqlWorld", "SqliteWorld", "open_world", "read_schema"]
