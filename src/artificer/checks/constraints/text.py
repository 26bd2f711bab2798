"""Rules as short text: one a line (or between semicolons), as people type them and as refusals name them.

    rounds 2..8                            calls ..5
    calls_of search ..2, get 1..3          order search > get > update if search
    together get + get or get + list       parallel 2.. tools
    available search, get                  acceptable timeliness "daily", "realtime" or none
    parameters                             values
    length ..100 words                     format json "name", "price" only
    format bullets 2..5                    identifiers start "Dear" end "Final Answer: {int}" include "ID" exclude "sorry"
    punctuation end "." exclude "!?"

Names of letters, digits, `_` and `-` need no quotes; quoted texts are JSON strings. What has no short form (limits on
arguments) is a line of JSON, `{"rule": "values", ...}`; any rule may be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast, get_args

import msgspec

from artificer.checks.constraints.rules import (
    Acceptable,
    Available,
    Calls,
    CallsOf,
    Format,
    Identifiers,
    Length,
    Order,
    Parallel,
    Parameters,
    Punctuation,
    Rounds,
    Rule,
    Shape,
    Together,
    Values,
)
from artificer.core.errors import ArtificerError

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*+"|\.\.|[A-Za-z0-9_-]+|[>+,])')
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def read(text: str) -> tuple[Rule, ...]:
    """The rules of a text.

    Raises:
        ArtificerError: a line is none.
    """
    return tuple(_rule(line) for line in _lines(text))


def _lines(text: str) -> list[str]:
    """Cut at line ends, and at semicolons outside quotes."""
    found: list[str] = []
    at = 0
    for mark in re.finditer(r'"(?:[^"\\\n]|\\.)*+"|[;\n]', text):
        if mark.group() in ";\n":
            found.append(text[at : mark.start()])
            at = mark.end()
    found.append(text[at:])
    return [line.strip() for line in found if line.strip()]


def _rule(line: str) -> Rule:
    try:
        if line.startswith("{"):
            return msgspec.json.decode(line, type=Rule)
        return _Words(line).rule()
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        remedy = "write e.g. 'calls ..5' or 'order search > get'; see docs/checks-constraints.md"
        raise ArtificerError(f"{line[:120]!r} is no rule: {error}", remedy=remedy) from error


class _Words:
    """The tokens of one line, taken from the left."""

    def __init__(self, line: str) -> None:
        self._tokens: list[str] = []
        at = 0
        while at < len(line):
            token = _TOKEN.match(line, at)
            if token is None:
                raise ValueError(f"{line[at : at + 20]!r} cannot be read")
            self._tokens.append(token.group(1))
            at = token.end() + (len(line[token.end() :]) - len(line[token.end() :].lstrip()))
        self._at = 0

    def rule(self) -> Rule:
        name = self._take()
        reader = _READERS.get(name)
        if reader is None:
            raise ValueError(f"there is no rule {name!r}, only {', '.join(sorted(_READERS))}")
        found = reader(self)
        if self._at < len(self._tokens):
            raise ValueError(f"{self._tokens[self._at]!r} is too much")
        return found

    def next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def took(self, word: str) -> bool:
        if self.next() == word:
            self._at += 1
            return True
        return False

    def _take(self) -> str:
        token = self.next()
        if token is None:
            raise ValueError("something is missing at its end")
        self._at += 1
        return token

    def name(self) -> str:
        """A name or a quoted text."""
        token = self._take()
        if token[0] == '"':
            return msgspec.json.decode(token, type=str)
        if not _NAME.fullmatch(token):
            raise ValueError(f"a name is missing before {token!r}")
        return token

    def value(self) -> Any:
        """A quoted text, a number, or a word that JSON knows; other words are texts."""
        token = self._take()
        try:
            return msgspec.json.decode(token)
        except msgspec.DecodeError:
            if not _NAME.fullmatch(token):
                raise ValueError(f"a value is missing before {token!r}") from None
            return token

    def names(self, mark: str = ",") -> tuple[str, ...]:
        found = [self.name()]
        while self.took(mark):
            found.append(self.name())
        return tuple(found)

    def span(self) -> tuple[int, int | None]:
        """`2..8`, `2..`, `..8` or `3`, which is both."""
        token = self.next()
        least = int(self._take()) if token is not None and token.isdecimal() else None
        if not self.took(".."):
            if least is None:
                raise ValueError("a span is missing, e.g. 2..8")
            return least, least
        token = self.next()
        return least or 0, int(self._take()) if token is not None and token.isdecimal() else None

    def spans(self) -> bool:
        token = self.next()
        return token is not None and (token == ".." or token.isdecimal())


def _calls_of(words: _Words) -> Rule:
    most: dict[str, int] = {}
    least: dict[str, int] = {}
    while True:
        name = words.name()
        low, high = words.span()
        least |= {name: low} if low else {}
        most |= {name: high} if high is not None else {}
        if not words.took(","):
            return CallsOf(most, least)


def _order(words: _Words) -> Rule:
    chains = [words.names(">")]
    while words.took(","):
        chains.append(words.names(">"))
    return Order(tuple(chains), words.name() if words.took("if") else None)


def _together(words: _Words) -> Rule:
    groups = [words.names("+")]
    while words.took("or"):
        groups.append(words.names("+"))
    return Together(tuple(groups))


def _parallel(words: _Words) -> Rule:
    least, most = words.span()
    return Parallel(least, most, "tools" if words.took("tools") else _skip(words, "calls"))


def _length(words: _Words) -> Rule:
    least, most = words.span()
    return Length(least, most, "words" if words.took("words") else _skip(words, "characters"))


def _skip(words: _Words, usual: Any) -> Any:
    words.took(usual)
    return usual


def _available(words: _Words) -> Rule:
    if words.took("nothing"):
        return Available(())
    return Available(words.names() if words.next() is not None else None)


def _acceptable(words: _Words) -> Rule:
    attribute, values = words.name(), [words.value()]
    while words.took(","):
        values.append(words.value())
    unlabelled = words.took("or")
    if unlabelled and not words.took("none"):
        raise ValueError("after 'or' it says 'none'")
    return Acceptable(attribute, tuple(values), unlabelled)


def _format(words: _Words) -> Rule:
    shape = words.name()
    if shape not in get_args(Shape):
        raise ValueError(f"there is no shape {shape!r}, only {', '.join(get_args(Shape))}")
    least, most = words.span() if words.spans() else (1, None)
    token = words.next()
    keys = words.names() if token is not None and token != "only" else ()
    return Format(cast("Shape", shape), least, most, keys, words.took("only"))


def _identifiers(words: _Words) -> Rule:
    found: dict[str, Any] = {}
    include: list[str] = []
    exclude: list[str] = []
    while words.next() is not None:
        word = words.name()
        if word in ("start", "end") and word not in found:
            found[word] = words.name()
        elif word in ("include", "exclude"):
            (include if word == "include" else exclude).append(words.name())
        else:
            raise ValueError(f"{word!r} is none of start, end, include, exclude, or stands there twice")
    return Identifiers(found.get("start"), found.get("end"), tuple(include), tuple(exclude))


def _punctuation(words: _Words) -> Rule:
    end = words.name() if words.took("end") else ""
    return Punctuation(end, words.name() if words.took("exclude") else "")


_READERS: dict[str, Callable[[_Words], Rule]] = {
    "rounds": lambda words: Rounds(*words.span()),
    "calls": lambda words: Calls(*words.span()),
    "calls_of": _calls_of,
    "order": _order,
    "together": _together,
    "parallel": _parallel,
    "available": _available,
    "acceptable": _acceptable,
    "parameters": lambda words: Parameters(),
    "values": lambda words: Values(),
    "length": _length,
    "format": _format,
    "identifiers": _identifiers,
    "punctuation": _punctuation,
}
