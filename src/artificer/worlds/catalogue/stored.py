"""A catalogue as bytes: MessagePack of the tools and of the index's arrays, little-endian.

A file is somebody's input like any other: every length and every number in it is checked before it is used.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import pairwise

import msgspec
from msgspec import Struct

from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.catalogue.bm25 import Index

FORMAT = "artificer-catalogue-1"


class Stored(Struct, frozen=True):
    """What a file holds."""

    tools: tuple[ToolSpec, ...]
    index: Index


class _File(Struct, frozen=True):
    format: str
    k1: float
    b: float
    tools: tuple[ToolSpec, ...]
    words: tuple[str, ...]
    keys: tuple[str, ...]
    sizes: bytes
    """By word: how many documents have it."""
    postings: bytes
    counts: bytes


def pack(stored: Stored) -> bytes:
    """A catalogue as bytes; removed documents leave no trace."""
    index = stored.index
    alive = [key for key in index.keys if key is not None]
    number = {old: new for new, old in enumerate(index.numbers[key] for key in alive)}
    kept = [(word, term) for word, term in index.ids.items() if index.postings[term]]
    postings, counts = array("I"), array("H")
    for _, term in kept:
        postings.extend([number[document] for document in index.postings[term]])
        counts.extend(index.counts[term])
    sizes = array("I", [len(index.postings[term]) for _, term in kept])
    arrays = _bytes(sizes), _bytes(postings), _bytes(counts)
    return msgspec.msgpack.encode(_File(FORMAT, index.k1, index.b, stored.tools, tuple(word for word, _ in kept), tuple(alive), *arrays))


def unpack(data: bytes, where: str) -> Stored:
    """The catalogue of a file's bytes.

    Raises:
        SourceError: they are not such a file's, or damaged.
    """
    remedy = "remove the file, and let it be made again"
    try:
        file = msgspec.msgpack.decode(data, type=_File)
        if file.format != FORMAT:
            raise SourceError(f"the index has the format {file.format[:40]!r}, not {FORMAT!r}", where=where, remedy=remedy)
        return Stored(file.tools, _index(file))
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise SourceError(f"this is no index of a catalogue, or it is damaged: {error}", where=where, remedy=remedy) from error


def _index(file: _File) -> Index:
    sizes, postings, counts = _array("I", file.sizes), _array("I", file.postings), _array("H", file.counts)
    if not len(sizes) == len(file.words) == len(set(file.words)) or not len(postings) == len(counts) == sum(sizes):
        raise ValueError("its parts do not fit together")
    if sorted(file.keys) != sorted(tool.name for tool in file.tools) or len(set(file.keys)) != len(file.keys):
        raise ValueError("its documents are not its tools")
    if (len(postings) and max(postings) >= len(file.keys)) or 0 in counts or 0 in sizes:
        raise ValueError("a number in it lies outside what there is")
    index = Index(file.k1, file.b)
    index.ids = {word: term for term, word in enumerate(file.words)}
    index.keys, index.numbers = list(file.keys), {key: number for number, key in enumerate(file.keys)}
    lengths, terms = [0] * len(file.keys), [array("I") for _ in file.keys]
    at = 0
    for term, size in enumerate(sizes):
        numbers, times = postings[at : at + size], counts[at : at + size]
        _ascending(numbers)
        index.postings.append(numbers)
        index.counts.append(times)
        for number, count in zip(numbers, times, strict=True):
            lengths[number] += count
            terms[number].append(term)
        at += size
    index.lengths, index.terms, index.total = array("I", lengths), terms, sum(lengths)
    return index


def _ascending(numbers: Sequence[int]) -> None:
    if any(before >= after for before, after in pairwise(numbers)):
        raise ValueError("a word's documents are not in order")


def _bytes(values: array[int]) -> bytes:
    return _little(array(values.typecode, values)).tobytes()


def _array(code: str, data: bytes) -> array[int]:
    values: array[int] = array(code)
    values.frombytes(data)
    return _little(values)


def _little(values: array[int]) -> array[int]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
