"""The bytes of a shard: one commit after the other, each whole or not there.

A commit is a zstd *skippable* frame (which every zstd reader passes over) with what the run needs to know, then one
ordinary zstd frame with the lines. So `zstdcat`, DuckDB, pandas and Polars read a shard as JSON lines, and a run
finds its finished rows without decompressing anything.

    skippable magic u32 | size u32 | "ARTF" | body size u32 | crc32 of note and body u32 | note (JSON) | body (zstd frame; nothing when no lines)

All numbers little-endian. Knows bytes only: files, folders and locks are `store`'s.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
import zstandard
from msgspec import Struct

MAGIC = struct.pack("<I", 0x184D2A5A)
TAG = b"ARTF"
OPENING = b"\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00"
"""An empty zstd frame. Every shard begins with it, for readers that look at the first bytes to learn what a file is."""
_HEAD = struct.Struct("<4sI4sII")
WINDOW = 8 << 20
"""Bytes of a shard that are looked at together."""


class Note(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a commit says of itself.

    Args:
        of: the key of the row that went in.
        keys: the keys of the lines in the body.
        outs: how many rows came out of each fused stage; empty for all ones.
        link: in rejects, the name of the kept stage on whose way the row was dropped.
        why: in rejects, (stage, reason) of each line.
        ins: in the closing note of a `whole` stage, how many rows it was given.
    """

    of: str
    keys: tuple[str, ...] = ()
    outs: tuple[int, ...] = ()
    link: str = ""
    why: tuple[tuple[str, str], ...] = ()
    ins: int = 0


class Span(Struct, frozen=True, gc=False):
    """A stretch of a shard's bytes: a good commit (with its note) or damage (without).

    `body` is the offset of the zstd frame, `end` the offset after it.
    """

    start: int
    body: int
    end: int
    note: Note | None


_encode_note = msgspec.json.Encoder().encode
_decode_note = msgspec.json.Decoder(Note).decode
# Level 3, with the content checksum that zstd's own tools verify. One compressor for the process: commits happen on
# one thread.
_compress = zstandard.ZstdCompressor(level=3, write_checksum=True).compress
_decompress = zstandard.ZstdDecompressor().decompress


def pack(note: Note, lines: bytes) -> tuple[bytes, int]:
    """One commit, and the size of its body in bytes (which ends it)."""
    said = _encode_note(note)
    body = _compress(lines) if lines else b""
    crc = zlib.crc32(body, zlib.crc32(said))
    return b"".join((_HEAD.pack(MAGIC, 12 + len(said), TAG, len(body), crc), said, body)), len(body)


def unpack(body: bytes) -> bytes:
    """The lines of a commit's body."""
    return _decompress(body) if body else b""


def _at(data: bytes, offset: int) -> Span | None:
    """The good commit that begins at `offset`, if there is one."""
    if offset + _HEAD.size > len(data):
        return None
    magic, size, tag, body_size, crc = _HEAD.unpack_from(data, offset)
    body = offset + 8 + size
    end = body + body_size
    if magic != MAGIC or tag != TAG or size < 12 or end > len(data):
        return None
    said = data[offset + _HEAD.size : body]
    if zlib.crc32(memoryview(data)[body:end], zlib.crc32(said)) != crc:
        return None
    try:
        return Span(offset, body, end, _decode_note(said))
    except msgspec.MsgspecError:
        return None


def scan(data: bytes, begin: int | None = None) -> Iterator[Span]:
    """Every byte of a shard after its opening (or from `begin`), in order, as good commits and damage between them.

    After damage the next good commit is looked for by its magic number and believed only when its checksum holds.
    """
    at = begin if begin is not None else len(OPENING) if data.startswith(OPENING) else 0
    while at < len(data):
        span = _at(data, at)
        if span is None:
            span = Span(at, at, _next_good(data, at + 1), None)
        yield span
        at = span.end


def spans(file: BinaryIO) -> Iterator[Span]:
    """As `scan`, of a file, a window at a time. Behind damage the rest of the file is held, to say where the damage ends."""
    data, base, more = b"", 0, True
    while more:
        block = file.read(WINDOW)
        more, done = len(block) == WINDOW, 0
        data += block
        opening = len(OPENING) if base == 0 and data.startswith(OPENING) else 0
        for span in scan(data, opening):
            if more and span.note is None:
                break
            yield Span(base + span.start, base + span.body, base + span.end, span.note)
            done = span.end
        data, base = data[done:], base + done


def note_of(said: bytes) -> Note:
    """The note of a commit from its bytes, which were checked before.

    Raises:
        msgspec.MsgspecError: they are something else by now.
    """
    return _decode_note(said)


HEAD = _HEAD.size
"""Bytes of a commit in front of its note."""


def _next_good(data: bytes, offset: int) -> int:
    """Where the next good commit begins, or the end of the data."""
    at = data.find(MAGIC, offset)
    while at >= 0 and _at(data, at) is None:
        at = data.find(MAGIC, at + 1)
    return at if at >= 0 else len(data)
