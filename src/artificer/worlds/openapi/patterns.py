"""Patterns: a short text that fits a regular expression, for the usual ones (classes, groups, alternatives, repetitions).

What it makes is only a proposal: look-arounds, back references and the like are passed over, and the caller checks what comes out.
"""

from __future__ import annotations

import string
from random import Random

_CLASSES = {
    "d": string.digits,
    "w": string.ascii_lowercase + string.digits,
    "s": " ",
    "D": string.ascii_lowercase,
    "W": "-",
    "S": string.ascii_lowercase,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_ANY = string.ascii_lowercase + string.digits
_MOST = 64
_DEEPEST = 30


def fitting(pattern: str, rng: Random) -> str:
    """A text that should match `pattern`; a plain one when it cannot be read."""
    try:
        return _Writer(pattern, rng).alternatives(0)
    except (IndexError, ValueError, RecursionError):
        return "text"


class _Writer:
    def __init__(self, pattern: str, rng: Random) -> None:
        self._text = pattern
        self._at = 0
        self._rng = rng

    def alternatives(self, depth: int) -> str:
        """One of the alternatives up to the end or a closing parenthesis."""
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        found = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            found.append(self._sequence(depth))
        return self._rng.choice(found)

    def _sequence(self, depth: int) -> str:
        out: list[str] = []
        while self._at < len(self._text) and self._peek() not in ("|", ")"):
            start = self._at
            piece = self._atom(depth)
            least, most = self._times()
            count = min(self._rng.randint(least, max(least, min(most, least + 6))), _MOST)
            out.append(piece if count == 1 else "")
            for _ in range(count if count != 1 else 0):
                back, self._at = self._at, start
                out.append(self._atom(depth))
                self._at = back
            if sum(map(len, out)) > 4096:
                raise ValueError("too long")
        return "".join(out)

    def _atom(self, depth: int) -> str:
        mark = self._take()
        if mark in "^$":
            return ""
        if mark == ".":
            return self._rng.choice(_ANY)
        if mark == "\\":
            return self._escaped(self._take())
        if mark == "[":
            return self._rng.choice(self._class())
        if mark != "(":
            return mark
        silent = False
        if self._peek() == "?":
            self._take()
            kind = self._take()
            if (kind == "<" and self._peek() not in ("=", "!")) or kind == "P":
                self._at = self._text.index(">", self._at) + 1
            elif kind != ":":
                silent = True
                self._at += self._peek() in ("=", "!") if kind == "<" else 0
        made = self.alternatives(depth + 1)
        if self._take() != ")":
            raise ValueError("no closing parenthesis")
        return "" if silent else made

    def _escaped(self, mark: str) -> str:
        if mark in "bBAzZ":
            return ""
        if mark in "pP":
            self._at = self._text.index("}", self._at) + 1
            return self._rng.choice(string.ascii_lowercase)
        if mark in ("x", "u"):
            size = 2 if mark == "x" else 4
            code, self._at = self._text[self._at : self._at + size], self._at + size
            return chr(int(code, 16))
        return self._rng.choice(_CLASSES[mark]) if mark in _CLASSES else _ESCAPES.get(mark, mark)

    def _class(self) -> str:
        """The characters of a class; what an inverted one leaves of the usual ones."""
        inverted = self._peek() == "^"
        self._at += inverted
        found: list[str] = []
        first = True
        while self._peek() != "]" or first:
            first = False
            mark = self._take()
            if mark == "[" and self._peek() == ":":
                self._at = self._text.index(":]", self._at) + 2
                found.append(_ANY)
                continue
            if mark == "\\":
                mark = self._take()
                if mark in _CLASSES:
                    found.append(_CLASSES[mark])
                    continue
                self._at -= 1
                mark = self._escaped(self._take())
            if self._peek() == "-" and self._text[self._at + 1] != "]":
                self._take()
                last = self._take()
                last = self._escaped(self._take()) if last == "\\" else last
                found.append("".join(map(chr, range(ord(mark), min(ord(last), ord(mark) + 200) + 1))))
            else:
                found.append(mark)
        self._take()
        marks = "".join(found)
        return "".join(mark for mark in _ANY + "-_ ." if mark not in marks) or "é" if inverted else marks

    def _times(self) -> tuple[int, int]:
        mark = self._peek()
        if mark not in ("*", "+", "?", "{"):
            return 1, 1
        self._take()
        found = {"*": (0, 3), "+": (1, 4), "?": (0, 1)}.get(mark)
        if found is None:
            end = self._text.index("}", self._at)
            least, _, most = self._text[self._at : end].partition(",")
            comma = "," in self._text[self._at : end]
            self._at = end + 1
            low = int(least or 0)
            found = (low, int(most) if most else low + 3 if comma else low)
        if self._peek() in ("?", "+"):
            self._take()
        return found

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _take(self) -> str:
        mark = self._text[self._at]
        self._at += 1
        return mark
