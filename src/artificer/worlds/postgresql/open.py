"""`postgresql://...`: a world of a private SQLite sample, or (`live=true`) of transactions that are rolled back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from artificer.core.errors import SourceError
from artificer.worlds.base import Problem, World
from artificer.worlds.postgresql.address import Address, read_address
from artificer.worlds.postgresql.image import Sample, image_of
from artificer.worlds.postgresql.live import LiveWorld
from artificer.worlds.postgresql.places import places_of
from artificer.worlds.sqlite.derive import derive, labels
from artificer.worlds.sqlite.guide import SqlGuide
from artificer.worlds.sqlite.open import policy_text
from artificer.worlds.sqlite.schema import Schema, read_schema
from artificer.worlds.sqlite.session import SqlTool
from artificer.worlds.sqlite.source import image_of as file_image
from artificer.worlds.sqlite.toolsfile import apply_tools_file
from artificer.worlds.sqlite.world import CLOCK, SqlWorld, opened

_OPTIONS = ("rows", "seed", "schemas", "keep", "tools", "policy", "clock", "timeout", "live")
_ROWS = 500


class PostgresWorld(SqlWorld):
    """A world made from a sample of a PostgreSQL database; see `open_world`."""


def open_world(rest: str, **options: str) -> World:
    """The world of a database. Options are looked at here, since a message about a wrong one must not repeat the URL.

    Options:
        rows: the most rows taken of each table, besides those that others refer to; 500.
        seed: which rows.
        schemas: names joined by +; all that the role may use.
        keep: a file in which the sample is kept: made when it is not there, read (without a server) when it is.
        tools, policy, clock: as for `sqlite:`.
        timeout: seconds that a statement may take; 60 (live: 10).
        live: true for sessions on the server itself, each in a transaction that is rolled back.

    Raises:
        MissingExtra: psycopg is not installed.
        SourceError: the address, an option or the database cannot be used.
    """
    address = read_address(rest)
    for name in options:
        if name not in _OPTIONS:
            raise SourceError(f"postgresql: worlds do not take the option {name!r}.", where=address.shown, remedy=f"use {', '.join(_OPTIONS)}")
    live = _choice("live", options.get("live", "false"), address)
    rows = _whole("rows", options.get("rows", str(_ROWS)), address, least=1)
    seed = _whole("seed", options.get("seed", "0"), address)
    timeout_s = _whole("timeout", options.get("timeout", "10" if live else "60"), address, least=1)
    schemas = tuple(filter(None, options.get("schemas", "").split("+")))
    if live and ("keep" in options or "tools" in options):
        raise SourceError("a live world keeps no sample and takes no tools file.", where=address.shown, remedy="leave out keep= and tools=")
    if "keep" in options:
        image, problems = _kept(Path(options["keep"]), address, schemas, rows, seed, timeout_s)
    else:
        sample = image_of(address, schemas, rows, seed, timeout_s)
        if live:
            return _live_world(address, sample, policy_text(options.get("policy")), timeout_s)
        image, problems = sample.image, sample.problems
    schema = _schema(image)
    made, left_out = derive(schema)
    found = [*problems, *schema.problems, *left_out]
    timed = False
    if "tools" in options:
        made, timed = apply_tools_file(Path(options["tools"]), made, schema, image)
    return _sample_world(address, image, schema, made, timed, found, options)


def _live_world(address: Address, sample: Sample, policy: str, timeout_s: float) -> LiveWorld:
    """A world on the server: the tools are those of the sample, and so is what they show."""
    schema = _schema(sample.image)
    made, left_out = derive(schema)
    specs = [tool.spec for tool in made]
    places = places_of(sample.schemas, schema)
    names = {relation.oid: sample.schemas.tables[relation.oid] for relation in sample.schemas.ordinary()}
    by_oid = {oid: names[root] for oid, root in sample.partitions.items() if names.get(root) in places}
    lost = ("is not carried over", "are not carried over", "a sample: ", "counted up by a sequence", "SQLite does not know")
    problems = [problem for problem in sample.problems if not any(words in problem.what for words in lost)]
    problems += [
        Problem(f"table {relation.full_name}", f"what its triggers {', '.join(relation.triggers)} take from sequences is not given back")
        for relation in sample.schemas.ordinary()
        if relation.triggers
    ]
    guide = SqlGuide(schema, specs, labels(schema))
    return LiveWorld(address, places, by_oid, specs, [*problems, *left_out], policy, timeout_s, guide)


def _sample_world(
    address: Address, image: bytes, schema: Schema, made: Sequence[SqlTool], timed: bool, found: list[Problem], options: dict[str, str]
) -> PostgresWorld:
    guide = SqlGuide(schema, [tool.spec for tool in made], labels(schema))
    policy, clock = policy_text(options.get("policy")), options.get("clock", CLOCK)
    return PostgresWorld(address.shown, image, made, policy, clock, guide, schema=schema, problems=found, timed=timed)


def _schema(image: bytes) -> Schema:
    connection = opened(image)
    try:
        return read_schema(connection)
    finally:
        connection.close()


def _kept(path: Path, address: Address, schemas: Sequence[str], rows: int, seed: int, timeout_s: float) -> tuple[bytes, list[Problem]]:
    """The sample in a file, made when it is not there."""
    if path.exists():
        return file_image(path), [Problem(f"file {path.name}", "an earlier sample; what could not be carried over was told when it was made")]
    image, problems = image_of(address, schemas, rows, seed, timeout_s)[:2]
    try:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(image)
        partial.replace(path)
    except OSError as error:
        raise SourceError(
            f"the sample cannot be kept: {error.strerror or error}", where=str(path), remedy="name a file in a folder you may write to"
        ) from error
    return image, problems


def _whole(name: str, value: str, address: Address, least: int = 0) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9 or int(value) < least:
        raise SourceError(f"{name} must be a whole number from {least} up, not {value!r}.", where=address.shown, remedy=f"e.g. {name}=100")
    return int(value)


def _choice(name: str, value: str, address: Address) -> bool:
    if value not in {"true", "false"}:
        raise SourceError(f"{name} must be true or false, not {value!r}.", where=address.shown, remedy=f"{name}=true")
    return value == "true"
