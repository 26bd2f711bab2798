"""A text that a regular expression accepts, drawn by chance: the common ground of ECMA-262 and Python syntax.

Read here: literals, escapes, classes, groups, alternatives, quantifiers, anchors, `\\p{L}`. Not read, and left for the
caller's validator to judge: lookaround, back references, flags. Nothing is ever matched here, so no pattern takes
long; patterns, repetitions and texts are bounded.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random

LONGEST_PATTERN = 2_000
LONGEST_TEXT = 20_000
_MORE = 4
"""How far beyond its least an unbounded repetition goes, unless length is wanted."""
_DEEPEST = 40

_WORD = string.ascii_lowercase + string.digits + "_"
_POOL = string.ascii_lowercase + string.digits + string.ascii_uppercase + " _-.,:;!?/+*=#@%&()[]{}<>|^~'\"$\\`"
_CLASSES = {"d": string.digits, "w": _WORD + string.ascii_uppercase, "s": " "}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}


class BadPattern(ValueError):
    """A regular expression that cannot be read, or not within the bounds."""


Writer = Callable[[Random, int], str]
"""Writes a text; the number is how many characters unbounded repetitions should aim for."""


def text_for(pattern: str, rng: Random, least: int = 0, most: int | None = None) -> str:
    """A text that contains a match of `pattern` and has from `least` to `most` characters, where one is found.

    Raises:
        BadPattern: the pattern cannot be read.
    """
    reader = _Reader(pattern)
    write = reader.alternatives(0)
    if not reader.ended:
        raise BadPattern(f"unbalanced parenthesis at {reader.at}")
    text = ""
    for turn in range(24):
        text = write(rng, 0 if turn < 4 else least + turn - 4)
        if len(text) < least and not reader.closed:
            text += "".join(rng.choice(string.ascii_lowercase) for _ in range(least - len(text)))
        if len(text) >= least and (most is None or len(text) <= most):
            break
    return text


class _Reader:
    """Recursive descent: each method reads one construct and returns what writes it."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise BadPattern(f"a pattern of {len(pattern)} characters")
        self.pattern = pattern
        self.at = 0
        self.closed = pattern.endswith("$") and not pattern.endswith("\\$")

    @property
    def ended(self) -> bool:
        return self.at >= len(self.pattern)

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self) -> str:
        if self.ended:
            raise BadPattern("the pattern ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def alternatives(self, depth: int) -> Writer:
        if depth > _DEEPEST:
            raise BadPattern("groups are nested too deeply")
        options = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else lambda rng, aim: rng.choice(options)(rng, aim)

    def _sequence(self, depth: int) -> Writer:
        parts: list[Writer] = []
        while not self.ended and self._peek() not in ("|", ")"):
            parts.append(self._quantified(self._atom(depth)))

        def write(rng: Random, aim: int) -> str:
            text = "".join(part(rng, aim) for part in parts)
            if len(text) > LONGEST_TEXT:
                raise BadPattern(f"a match has more than {LONGEST_TEXT} characters")
            return text

        return write

    def _atom(self, depth: int) -> Writer:
        letter = self._take()
        if letter == "(":
            return self._group(depth)
        if letter == "[":
            return _one_of(self._class())
        if letter == "\\":
            return self._escaped()
        if letter in "^$":
            return _nothing
        return _one_of(string.ascii_lowercase) if letter == "." else lambda rng, aim: letter

    def _group(self, depth: int) -> Writer:
        silent = False
        if self._peek() == "?":
            self.at += 1
            kind = self._take()
            if kind in "<P":
                silent = kind == "<" and self._peek() in ("=", "!")
                while not silent and self._take() != ">":
                    pass
                if silent:
                    self.at += 1
            elif kind in "=!":
                silent = True
            elif kind != ":":
                raise BadPattern(f"a group of kind {kind!r}")
        inner = self.alternatives(depth + 1)
        if self._take() != ")":
            raise BadPattern("a parenthesis is left open")
        return _nothing if silent else inner

    def _escaped(self) -> Writer:
        letter = self._take()
        if letter in "bBAZz" or (letter.isdigit() and letter != "0"):
            return _nothing
        return _one_of(self._escape(letter))

    def _escape(self, letter: str) -> str:
        """The characters that an escape stands for."""
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter.lower() in _CLASSES:
            return _except(_CLASSES[letter.lower()])
        if letter in "pP":
            return self._property(letter == "P")
        if letter in "xu":
            return self._code(2 if letter == "x" else 4)
        return _CONTROLS.get(letter, letter)

    def _code(self, digits: int) -> str:
        code = self.pattern[self.at : self.at + digits]
        if len(code) < digits or not set(code) <= set(string.hexdigits):
            raise BadPattern(f"{code!r} is no character code")
        found = chr(int(code, 16))
        if 0xD800 <= ord(found) < 0xE000:
            raise BadPattern("half a surrogate pair")
        self.at += digits
        return found

    def _property(self, negated: bool) -> str:
        name = self._take()
        if name == "{":
            name = ""
            while (letter := self._take()) != "}":
                name += letter
        known = {"Lu": string.ascii_uppercase, "Ll": string.ascii_lowercase, "L": string.ascii_letters, "N": string.digits, "Nd": string.digits}
        known |= {"P": ".,;:!?-", "Z": " ", "Zs": " ", "Letter": string.ascii_letters, "S": "+<=>$"}
        if name not in known:
            raise BadPattern(f"the property {name!r}")
        return _except(known[name]) if negated else known[name]

    def _class(self) -> str:
        """The characters of `[...]`."""
        negated = self._peek() == "^"
        self.at += negated
        found: list[str] = []
        first = True
        while True:
            letter = self._take()
            if letter == "]" and not first:
                break
            first = False
            low = self._escape(self._take()) if letter == "\\" else letter
            if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", "") and len(low) == 1:
                self.at += 1
                letter = self._take()
                high = self._escape(self._take()) if letter == "\\" else letter
                if len(high) != 1 or high < low:
                    raise BadPattern("a range that ends before it begins")
                found.append(_range(low, high))
            else:
                found.append(low)
        letters = "".join(dict.fromkeys("".join(found)))
        if negated:
            letters = _except(letters)
        if not letters:
            raise BadPattern("a class without characters")
        return letters

    def _quantified(self, inner: Writer) -> Writer:
        least, most = self._quantifier()
        if (least, most) == (1, 1):
            return inner
        if self._peek() in ("?", "+"):  # lazy and possessive: the same texts
            self.at += 1

        def write(rng: Random, aim: int) -> str:
            top = least + max(_MORE, aim) if most is None else most
            count = rng.randint(least, min(top, least + max(_MORE, aim)))
            if aim and most is None:
                count = max(count, aim)
            return "".join(inner(rng, 0) for _ in range(count))

        return write

    def _quantifier(self) -> tuple[int, int | None]:
        simple: dict[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}
        letter = self._peek()
        if letter in simple:
            self.at += 1
            return simple[letter]
        end = self.pattern.find("}", self.at)
        inside = self.pattern[self.at + 1 : end] if letter == "{" and end > 0 else ""
        low, comma, high = inside.partition(",")
        if not low.isdecimal() or not (high == "" or high.isdecimal()):
            return 1, 1
        least, most = int(low), int(high) if high else None if comma else int(low)
        if least > LONGEST_TEXT or (most is not None and most < least):
            raise BadPattern(f"a repetition of {inside!r}")
        self.at = end + 1
        return least, most


def _nothing(rng: Random, aim: int) -> str:
    return ""


def _one_of(letters: str) -> Writer:
    return lambda rng, aim: rng.choice(letters)


def _except(letters: str) -> str:
    return "".join(letter for letter in _POOL if letter not in letters)


def _range(low: str, high: str) -> str:
    """At most 256 characters from `low` to `high`, surrogates left out."""
    codes = range(ord(low), min(ord(high), ord(low) + 255) + 1)
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)
