"""One JSON document whose rows lie in a list of it, read as a stream: a JSON log of Inspect AI, `{..., "eval": {...}, ..., "samples": [...]}`.

Each sample becomes a row that is a log of one sample, with what the log says of all of them, so that no more than one sample is held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

import msgspec

from artificer.formats.source import TOKEN, Row, elements

HEAD = 8 << 20
"""Bytes in which the list must begin; else the document is one row."""
_LOG = re.compile(rb'\s*\{\s*"(?:version|status|eval)"\s*:')


def begins(head: bytes) -> bool:
    """Whether a text may be such a document."""
    return _LOG.match(head) is not None


def split(text: Iterator[bytes], name: str) -> tuple[Iterator[Row] | None, Iterator[bytes]]:
    """The rows of a document, or None and the text again where it is none."""
    buffer, at, depth, key = b"", 0, 0, b""
    for block in text:
        buffer += block
        while token := TOKEN.search(buffer, at):
            if token[0] == b'"':
                at = token.start()
                break
            at = token.end()
            if token[0] == b"[" and depth == 1 and key == b'"samples"':
                about = _about(buffer[: buffer.rindex(key, 0, token.start())])
                if about is None:
                    return None, chain([buffer], text)
                return _rows(about, chain([buffer[token.start() :]], text), name), iter(())
            if token[0] in (b"{", b"["):
                depth += 1
            elif token[0] in (b"}", b"]"):
                depth -= 1
            elif depth == 1:
                key = token[0]
        else:
            at = len(buffer)
        if len(buffer) > HEAD or (at and depth <= 0):
            break
    return None, chain([buffer], text)


def _about(head: bytes) -> bytes | None:
    """The beginning of a log of one sample, from the beginning of a log."""
    try:
        found = msgspec.json.decode(head.rstrip(b", \t\r\n") + b"}", type=dict[str, msgspec.Raw])
        return b'{"status":' + bytes(found["status"]) + b',"eval":' + bytes(found["eval"]) + b',"samples":['
    except (msgspec.MsgspecError, ValueError, KeyError, RecursionError):
        return None


def _rows(about: bytes, text: Iterator[bytes], name: str) -> Iterator[Row]:
    rest: list[bytes] = []
    for row in elements(text, name, rest):
        yield row if row.wrong else Row(row.where, about + row.raw + b"]}")
    depth, seen = 1, False
    buffer = b"".join(rest)
    for block in chain([b""], text):
        buffer, at = buffer + block, 0
        while depth > 0 and (token := TOKEN.search(buffer, at)):
            if token[0] == b'"':
                break
            at = token.end()
            depth += (token[0] in (b"{", b"[")) - (token[0] in (b"}", b"]"))
        else:
            at = at if depth <= 0 else len(buffer)
        buffer = buffer[at:]
        seen = seen or (depth <= 0 and bool(buffer.strip()))
        if depth <= 0:
            buffer = b""
    if seen:
        yield Row(name, wrong="more behind a document")
