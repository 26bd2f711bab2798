"""`sqlite:FILE`: from a path to a world with derived tools."""

from __future__ import annotations

from pathlib import Path

from artificer.core.errors import SourceError
from artificer.worlds.base import Problem
from artificer.worlds.samples import SAMPLES, sample_image
from artificer.worlds.sqlite.derive import derive, labels
from artificer.worlds.sqlite.guide import POLICY, SqlGuide
from artificer.worlds.sqlite.schema import read_schema
from artificer.worlds.sqlite.source import image_of
from artificer.worlds.sqlite.toolsfile import apply_tools_file
from artificer.worlds.sqlite.world import CLOCK, SqlWorld, opened


class SqliteWorld(SqlWorld):
    """A world made from a database file; see `open_world`."""


def open_world(path: str, *, tools: str | None = None, policy: str | None = None, clock: str = CLOCK) -> SqliteWorld:
    """The world of a database file. The name of a shipped sample (`chinook`) stands for it when no such file exists.

    Args:
        path: the database; read once, never written, never locked.
        tools: a tools file (TOML) that hides, renames, describes or adds tools.
        policy: a text file with the rules that agents must obey.
        clock: the time that SQL sees as now, ISO 8601, UTC.

    Raises:
        SourceError: the database or one of the files cannot be used.
    """
    image = sample_image(path) if path in SAMPLES and not Path(path).exists() else image_of(Path(path))
    connection = opened(image)
    schema = read_schema(connection)
    connection.close()
    if not schema.tables:
        why = "; ".join(f"{problem.where}: {problem.what}" for problem in schema.problems) or "it has no tables"
        raise SourceError(f"the database has no usable table: {why}", where=path, remedy="give a database with at least one ordinary table")
    made, problems = derive(schema)
    timed = False
    if tools is not None:
        made, timed = apply_tools_file(Path(tools), made, schema, image)
    found: list[Problem] = [*schema.problems, *problems]
    return SqliteWorld(
        f"sqlite:{Path(path).name}",
        image,
        made,
        policy_text(policy),
        clock,
        SqlGuide(schema, [tool.spec for tool in made], labels(schema)),
        schema=schema,
        problems=found,
        timed=timed,
    )


def policy_text(path: str | None) -> str:
    """The policy in a text file; the usual one when there is none.

    Raises:
        SourceError: the file cannot be read.
    """
    if path is None:
        return POLICY
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the policy cannot be read: {error}", where=path, remedy="give a UTF-8 text file") from error
