"""Lines in the order of their keys, however many: what does not fit into memory is sorted in pieces, in an unnamed temporary file, and merged."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import BinaryIO

import msgspec
import zstandard

HELD = 32 << 20
"""Bytes of lines that are held in memory."""
_TOGETHER = 1 << 18
_AROUND = 200
"""What Python needs around a line."""

Keyed = tuple[str, int, int, int, bytes]
"""A line under its key, with its shard, the offset of its frame, and its number in it."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Keyed]).decode
_key = itemgetter(0)


def by_key(lines: Iterable[Keyed]) -> Iterator[Keyed]:
    """Lines in plain string order of their keys; of lines with the same key the last."""
    with tempfile.TemporaryFile() as file:
        pieces, held, size = list[tuple[int, int]](), list[Keyed](), 0
        for line in lines:
            held.append(line)
            size += len(line[4]) + _AROUND
            if size >= HELD:
                pieces.append(_spilled(held, file))
                held, size = [], 0
        held.sort(key=_key)
        found = heapq.merge(*(_piece(file, *piece) for piece in pieces), held, key=_key) if pieces else iter(held)
        last = next(found, None)
        for line in found:
            if last is not None and line[0] != last[0]:
                yield last
            last = line
        if last is not None:
            yield last


def _spilled(lines: list[Keyed], file: BinaryIO) -> tuple[int, int]:
    """Writes a piece, sorted; where it lies."""
    lines.sort(key=_key)
    compress = zstandard.ZstdCompressor(level=1).compress
    begin, group, size = file.tell(), list[Keyed](), 0
    for line in lines:
        group.append(line)
        size += len(line[4])
        if size >= _TOGETHER:
            _put(compress(_encode(group)), file)
            group, size = [], 0
    if group:
        _put(compress(_encode(group)), file)
    return begin, file.tell()


def _put(body: bytes, file: BinaryIO) -> None:
    file.write(len(body).to_bytes(4, "little") + body)


def _piece(file: BinaryIO, at: int, end: int) -> Iterator[Keyed]:
    unpack = zstandard.ZstdDecompressor().decompress
    while at < end:
        file.seek(at)
        size = int.from_bytes(file.read(4), "little")
        yield from _decode(unpack(file.read(size)))
        at += 4 + size
