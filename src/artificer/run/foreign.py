"""Shards that something else wrote: JSON lines as others compress them (`zstdcat ... | jq ... | zstd`), or not compressed at all.

They have no commits, so a reader makes some in an unnamed temporary file and goes on as always. What a line was made of is not known: a run with
such a shard is read, and not continued.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.formats.source import rows
from artificer.run.frames import MAGIC, OPENING, Note, pack

TOGETHER = 64
_ZSTD = b"\x28\xb5\x2f\xfd"


class Framed(Struct, frozen=True):
    """A commit made of lines: where it lies in the temporary file, its note, and the number of its first line (or of the one that is wrong)."""

    place: tuple[int, int, int]
    note: Note
    first: int
    wrong: str = ""


class _Known(Struct):
    key: str
    stage: str = ""
    reason: str = ""


_decode = msgspec.json.Decoder(_Known).decode


def is_foreign(path: Path) -> bool:
    """Whether a shard begins with lines of its own rather than with a commit or with nothing that can be read."""
    with path.open("rb") as file:
        head = file.read(len(OPENING) + 4).removeprefix(OPENING)
    if head.startswith(MAGIC) or not head.startswith((_ZSTD, b"{")):
        return False
    try:
        first = next(rows(path), None)
    except ArtificerError:
        return False
    return first is not None and first.raw.startswith(b"{")


def framed(path: Path, out: BinaryIO) -> Iterator[Framed]:
    """Writes the lines of a foreign shard to `out` as commits; a line without a key is given by itself, with what is wrong."""
    batch, keys, why, first, number = list[bytes](), list[str](), list[tuple[str, str]](), 1, 0

    def commit() -> Framed:
        note = Note("", tuple(keys), why=tuple(why) if any(reason for _, reason in why) else ())
        data, body = pack(note, b"\n".join(batch) + b"\n")
        begin = out.tell()
        out.write(data)
        made = Framed((begin, begin + len(data) - body, begin + len(data)), note, first)
        batch.clear()
        keys.clear()
        why.clear()
        return made

    try:
        for row in rows(path):
            number = int(row.where.rpartition(":")[2]) if row.where.rpartition(":")[2].isdecimal() else number + 1
            wrong = row.wrong
            try:
                known = _decode(row.raw)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                wrong = wrong or f"no row with a key: {error}"
                known = _Known("")
            # a key that comes again begins a commit, so that the last line of a key counts wherever it stands
            if batch and (wrong or number != first + len(batch) or len(batch) >= TOGETHER or known.key in keys):
                yield commit()
            if wrong:
                yield Framed((0, 0, 0), Note(""), number, wrong)
                continue
            first = first if batch else number
            batch.append(row.raw.replace(b"\n", b" "))  # between tokens: within a text JSON has no line break
            keys.append(known.key)
            why.append((known.stage, known.reason))
    except ArtificerError as error:
        if batch:
            yield commit()
        yield Framed((0, 0, 0), Note(""), number + 1, error.what)
    if batch:
        yield commit()
