"""JSON as models write it: read exactly where it is exact, else mended, and every mend named.

The mender knows what models get wrong: code fences are the families' business, but single quotes, Python's and JavaScript's constants, bare keys,
trailing commas, brackets left open, line breaks and wrong escapes inside texts are mended here. It reads each character once, goes at most `DEPTH`
levels deep and works off a budget of characters for the whole text, so that no input takes long. NaN and infinities are refused: JSON has none, and
a file could not hold them.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, cast

from artificer.core.canon import Json
from artificer.formats.calls.reading import DEPTH, LIMIT, Reading

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,5})?(?![\w.])")
_BARE = re.compile(r"[A-Za-z_$][\w$-]{0,200}")
_PLAIN = {'"': re.compile(r'[^"\\\x00-\x1f]*'), "'": re.compile(r"[^'\\\x00-\x1f]*")}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_CONSTANTS: dict[str, tuple[Json, str]] = {
    "true": (True, ""),
    "false": (False, ""),
    "null": (None, ""),
    "True": (True, "Python constants"),
    "False": (False, "Python constants"),
    "None": (None, "Python constants"),
    "undefined": (None, "JavaScript constants"),
}
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class Unreadable(ValueError):
    """There is no value here; `at` is where it went wrong."""

    def __init__(self, problem: str, at: int) -> None:
        super().__init__(problem)
        self.at = at


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice")
    return record


_EXACT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_once)


class Mender:
    """Reads values out of one text.

    Args:
        text: the text.
        reading: where repairs are named.
    """

    def __init__(self, text: str, reading: Reading) -> None:
        self.text = text
        self._reading = reading
        self._budget = 2 * LIMIT
        self._vet = bool(_ESCAPED_HALF.search(text)) or text.count("[") + text.count("{") > DEPTH

    def value(self, at: int) -> tuple[Json, int]:
        """The value that starts at `at` and where it ends.

        Raises:
            Unreadable: there is none.
        """
        try:
            value, end = _EXACT.raw_decode(self.text, at)
        except (ValueError, RecursionError):
            value, end = self._mended(at)
        return (self._vetted(value, 0, at) if self._vet else value), end

    def skip(self, at: int) -> int:
        """Past white space."""
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def _mended(self, at: int) -> tuple[Json, int]:
        if self._budget <= 0:
            raise Unreadable("too much of the text is broken", at)
        names: dict[str, None] = {}
        end = at
        try:
            value, end = _Loose(self.text, names).value(at, 0)
        except Unreadable as error:
            end = error.at
            raise
        finally:
            self._budget -= max(1, end - at)
        for name in names:
            self._reading.repair(name)
        return value, end

    def _vetted(self, value: Json, depth: int, at: int) -> Json:
        """The value, when a file can hold it, with halves of surrogate pairs replaced."""
        if depth > DEPTH:
            raise Unreadable(f"nested more than {DEPTH} levels deep", at)
        if isinstance(value, str):
            return self._reading.whole(value)
        if isinstance(value, dict):
            record = cast("dict[str, Any]", value)
            return {self._reading.whole(key): self._vetted(entry, depth + 1, at) for key, entry in record.items()}
        if isinstance(value, list):
            return [self._vetted(entry, depth + 1, at) for entry in cast("list[Any]", value)]
        return value


class _Loose:
    """One reading by the tolerant rules; `names` collects the repairs."""

    def __init__(self, text: str, names: dict[str, None]) -> None:
        self.text = text
        self.names = names

    def value(self, at: int, depth: int) -> tuple[Json, int]:
        at = self._skip(at)
        letter = self.text[at : at + 1]
        if depth > DEPTH:
            raise Unreadable(f"nested more than {DEPTH} levels deep", at)
        if letter == "{":
            return self._record(at + 1, depth)
        if letter == "[":
            return self._list(at + 1, depth)
        if letter in ('"', "'") and letter:
            return self._string(at)
        number = _NUMBER.match(self.text, at)
        if number:
            return self._number(number[0], at), number.end()
        word = _BARE.match(self.text, at)
        if word and word[0] in _CONSTANTS:
            constant, repair = _CONSTANTS[word[0]]
            if repair:
                self.names[repair] = None
            return constant, word.end()
        raise Unreadable("no JSON value", at)

    def _number(self, text: str, at: int) -> int | float:
        try:
            return int(text) if text.lstrip("-").isdigit() else _finite(text)
        except ValueError as error:
            raise Unreadable(str(error), at) from error

    def _record(self, at: int, depth: int) -> tuple[Json, int]:
        record: dict[str, Json] = {}
        while True:
            at = self._skip(at)
            end = self._closed(at, "}")
            if end is not None:
                return record, end
            key, at = self._key(at)
            at = self._skip(at)
            if self.text[at : at + 1] != ":":
                if at >= len(self.text):  # cut off after a key: what was meant is not known
                    self.names["open bracket"] = None
                    return record, at
                raise Unreadable("no colon after a key", at)
            at = self._skip(at + 1)
            if at >= len(self.text):
                self.names["open bracket"] = None
                return record, at
            if key in record:
                self.names["repeated key"] = None
            record[key], at = self.value(at, depth + 1)
            at = self._comma(at, "}")

    def _list(self, at: int, depth: int) -> tuple[Json, int]:
        entries: list[Json] = []
        while True:
            at = self._skip(at)
            end = self._closed(at, "]")
            if end is not None:
                return entries, end
            entry, at = self.value(at, depth + 1)
            entries.append(entry)
            at = self._comma(at, "]")

    def _closed(self, at: int, bracket: str) -> int | None:
        """Where a list or record ends, when it ends here: at its bracket, at another's, or where the text ends."""
        letter = self.text[at : at + 1]
        if letter == bracket:
            return at + 1
        if not letter or letter in "}]":
            self.names["open bracket"] = None
            return at
        return None

    def _comma(self, at: int, bracket: str) -> int:
        at = self._skip(at)
        letter = self.text[at : at + 1]
        if letter == ",":
            after = self._skip(at + 1)
            if self.text[after : after + 1] in ("}", "]", ""):
                self.names["trailing comma"] = None
            return after
        if not letter or letter in "}]":
            return at
        raise Unreadable(f"neither a comma nor {bracket}", at)

    def _key(self, at: int) -> tuple[str, int]:
        if self.text[at] in "\"'":
            return self._string(at)
        word = _BARE.match(self.text, at)
        if word is None:
            raise Unreadable("no key", at)
        self.names["bare key"] = None
        return word[0], word.end()

    def _string(self, at: int) -> tuple[str, int]:
        quote = self.text[at]
        if quote == "'":
            self.names["single quotes"] = None
        at += 1
        pieces: list[str] = []
        plain = _PLAIN[quote]
        while True:
            found = plain.match(self.text, at)
            if found:
                pieces.append(found[0])
                at = found.end()
            letter = self.text[at : at + 1]
            if letter == quote:
                return "".join(pieces), at + 1
            if not letter:
                self.names["cut text"] = None
                self.names["open bracket"] = None
                return "".join(pieces), at
            if letter == "\\":
                piece, at = self._escape(at + 1, quote)
                pieces.append(piece)
            else:
                self.names["line break in a text"] = None
                pieces.append(letter)
                at += 1

    def _escape(self, at: int, quote: str) -> tuple[str, int]:
        letter = self.text[at : at + 1]
        if letter in _ESCAPES and letter:
            return _ESCAPES[letter], at + 1
        if letter == "u":
            high = _HEX.match(self.text, at + 1)
            if high:
                code = int(high[0], 16)
                if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", at + 5):
                    low = _HEX.match(self.text, at + 7)
                    if low and 0xDC00 <= int(low[0], 16) < 0xE000:
                        return chr(0x10000 + ((code - 0xD800) << 10) + int(low[0], 16) - 0xDC00), at + 11
                return chr(code), at + 5
        if letter == quote:
            return letter, at + 1
        self.names["wrong escape"] = None
        return "\\", at

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at
