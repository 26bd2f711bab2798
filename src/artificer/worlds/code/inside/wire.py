"""Frames between the host, a supervisor and its program: two lengths, a JSON object, raw bytes.

What comes from a program is hostile: an inbox has a limit, and whatever is not a frame of JSON raises `Garbled`.
"""

from __future__ import annotations

import json
import struct
from typing import Any, cast

_LENGTHS = struct.Struct(">II")
Frame = tuple[dict[str, Any], bytes]


class Garbled(Exception):
    """What arrived is not a frame, or is longer than allowed."""


def pack(header: dict[str, Any], blob: bytes = b"") -> bytes:
    """One frame as bytes."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


class Inbox:
    """Collects bytes until they make a frame; at most `limit` bytes a frame."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """Adds what arrived."""
        self._held += data

    def take(self) -> Frame | None:
        """The next whole frame, or None.

        Raises:
            Garbled: not a frame.
        """
        if len(self._held) < _LENGTHS.size:
            return None
        text, blob = _LENGTHS.unpack_from(self._held)
        end = _LENGTHS.size + text + blob
        if end > self._limit:
            raise Garbled(f"a frame of {end} bytes")
        if len(self._held) < end:
            return None
        raw = bytes(self._held[_LENGTHS.size : end])
        del self._held[:end]
        try:
            header: Any = json.loads(raw[:text])
        except (ValueError, RecursionError) as error:
            raise Garbled("not JSON") from error
        if not isinstance(header, dict):
            raise Garbled("not an object")
        return cast("dict[str, Any]", header), raw[text:]
