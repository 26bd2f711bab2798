"""An OpenAPI document's bytes, from a file or a URL, as JSON data: JSON by itself, YAML with the extra `openapi`.

The document is data of a stranger. Its size is capped before it is read, its nesting by the parsers.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import SourceError

MOST_BYTES = 128 << 20
_MOST_YAML = 16 << 20
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_url(rest: str) -> bool:
    """Whether a source is to be fetched."""
    return rest.startswith(("http://", "https://"))


def file_bytes(rest: str, limit: int) -> bytes:
    """A file's bytes.

    Raises:
        SourceError: there is no such file, or it is too large.
    """
    where = f"openapi:{rest}"
    path = Path(rest)
    try:
        if not path.is_file():
            raise SourceError(f"there is no file {rest!r}.", where=where, remedy="give the path or the URL of an OpenAPI document")
        size = path.stat().st_size
        if size > limit:
            raise SourceError(f"the document has {size} bytes, more than the {limit} allowed.", where=where, remedy="raise it: max_document=BYTES")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise SourceError(f"the document cannot be read: {error}", where=where, remedy="check the path") from error


def parsed(data: bytes, where: str) -> dict[str, Json]:
    """The root object of a document.

    Raises:
        SourceError: it is neither JSON nor YAML, too large for YAML, or no object.
        MissingExtra: it is YAML, and the extra `openapi` is not installed.
    """
    data = _utf8(data)
    start = data.lstrip()[:1]
    if not start:
        raise SourceError("the document is empty.", where=where, remedy="give the path or the URL of an OpenAPI document")
    if start == b"<":
        raise SourceError(
            "the document is a web page (HTML or XML), not an OpenAPI document.", where=where, remedy="give the URL of the raw document"
        )
    root = _json(data, where) if start in (b"{", b"[") else None
    if root is None:
        if len(data) > _MOST_YAML:
            raise SourceError(
                f"the document is no JSON, and with {len(data)} bytes too large for YAML (at most {_MOST_YAML}).",
                where=where,
                remedy="convert it to JSON",
            )
        from artificer.worlds.openapi import yaml_text

        root = yaml_text.parse(data, where)
    if not isinstance(root, dict):
        raise SourceError("the document is not an object.", where=where, remedy="give an OpenAPI document")
    return cast("dict[str, Json]", root)


def _json(data: bytes, where: str) -> Json:
    """JSON, or None when it must be YAML in flow style; a large document that begins like JSON is said to be bad JSON."""
    try:
        return msgspec.json.decode(data)
    except RecursionError as error:
        raise SourceError("the document is nested too deep.", where=where, remedy="correct the document") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if len(data) > 1 << 20:
            raise SourceError(f"the document is no JSON: {error}", where=where, remedy="correct the document") from error
        return None


def _utf8(data: bytes) -> bytes:
    """Bytes in UTF-8 without a byte order mark."""
    if data.startswith(_MARKS[0]):
        return data[3:]
    if data.startswith(_MARKS[1:]):
        return data.decode("utf-16", "replace").encode()
    return data
