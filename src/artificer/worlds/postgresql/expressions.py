"""PostgreSQL expressions put into SQLite's words, where both mean the same; None where they do not, or might not.

It works on tokens and by permission: every operator, function, cast and keyword has to be known to mean the same in
SQLite, given how `carry` stores values (booleans as 0 and 1, dates as ISO text). What is refused is reported by the
caller and left out, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from artificer.worlds.sqlite.values import quote

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)"""
    r"""|(?P<word>[^\W\d][\w$]*)|(?P<op>::|<=|>=|<>|!=|!~~\*|!~~|~~\*|~~|\|\||.)""",
    re.DOTALL,
)
_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """AND OR NOT IS NULL BETWEEN IN CASE WHEN THEN ELSE END DISTINCT FROM TRUE FALSE SELECT WHERE GROUP BY ORDER HAVING LIMIT OFFSET UNION ALL
        EXCEPT INTERSECT JOIN LEFT RIGHT FULL INNER CROSS ON USING AS ASC DESC EXISTS WITH NULLS FIRST LAST""",
    )
)
_FUNCTIONS = {
    "length": "length",
    "char_length": "length",
    "character_length": "length",
    "lower": "lower",
    "upper": "upper",
    "btrim": "trim",
    "ltrim": "ltrim",
    "rtrim": "rtrim",
    "abs": "abs",
    "coalesce": "coalesce",
    "nullif": "nullif",
    "round": "round",
    "replace": "replace",
    "substr": "substr",
    "sum": "sum",
    "count": "count",
    "min": "min",
    "max": "max",
    "avg": "avg",
}
_TEXTUAL = frozenset({"text", "character varying", "varchar", "character", "bpchar", "citext", "name", "uuid", "date"})
_NUMERIC = frozenset({"numeric", "double precision", "real", "integer", "bigint", "smallint"})
_LONG_TYPES = ("character varying", "double precision", "timestamp without time zone", "timestamp with time zone", "bit varying")
_OPS = frozenset({"+", "-", "*", "/", "%", "=", "<>", "!=", "<", ">", "<=", ">=", "||", "(", ")", ",", "."})
_LIKES = {"~~": "GLOB", "!~~": "NOT GLOB", "~~*": "LIKE", "!~~*": "NOT LIKE"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Names(NamedTuple):
    """What identifiers mean.

    Args:
        columns: SQLite's name of each column, by PostgreSQL's; () for a view, whose names stay.
        tables: SQLite's name of each table, by `schema.table`.
        enums: names of enum types, whose labels are plain text in SQLite.
    """

    columns: Mapping[str, str]
    tables: Mapping[str, str]
    enums: frozenset[str]


class Unknown(Exception):
    """Something that SQLite does not have, or means otherwise."""


class _Token(NamedTuple):
    kind: str
    text: str

    @property
    def name(self) -> str:
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" else self.text


def translated(expression: str, names: Names) -> str | None:
    """The expression in SQLite's words, or None."""
    tokens = [_Token(match.lastgroup or "op", match.group()) for match in _TOKEN.finditer(expression)]
    tokens = [token for token in tokens if token.kind != "space"]
    try:
        return " ".join(_bare(_Writer(tokens, names).all()))
    except (Unknown, IndexError):
        return None


def constant(expression: str, names: Names) -> str | None:
    """A default that is one constant: a string, a number, a boolean or NULL, casts taken off. None for anything else."""
    out = translated(expression, names)
    return (
        out
        if out is not None and re.fullmatch(r"'(?:[^']|'')*'|-? ?\d+(\.\d+)?|TRUE|FALSE|NULL|\( ?- ?\d+(\.\d+)? ?\)", out, re.IGNORECASE)
        else None
    )


def _bare(pieces: list[str]) -> list[str]:
    """Without parentheses around a single name or constant, which PostgreSQL writes where a cast was."""
    out: list[str] = []
    for piece in pieces:
        out.append(piece)
        while len(out) >= 3 and out[-1] == ")" and out[-3] == "(" and out[-2] not in {")", "*"}:
            before = out[-4] if len(out) > 3 else ""
            if before in {"IN", "NOT IN", "USING"} or before in _FUNCTIONS.values():
                break
            out[-3:] = [out[-2]]
    return out


class _Writer:
    def __init__(self, tokens: list[_Token], names: Names) -> None:
        self.tokens = tokens
        self.names = names
        self.at = 0

    def all(self) -> list[str]:
        out: list[str] = []
        while self.at < len(self.tokens):
            out += self.one(out)
        return out

    def peek(self, ahead: int = 0) -> _Token:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else _Token("end", "")

    def one(self, before: list[str]) -> list[str]:
        """The next piece, in SQLite's words."""
        token = self.peek()
        self.at += 1
        if token.kind == "string":
            return [self.literal(token.text)]
        if token.kind == "number":
            return [token.text]
        if token.kind == "op":
            return self.operator(token.text)
        if self.peek().text == "(" and token.kind == "word" and token.text.upper() not in _KEYWORDS:
            name = _FUNCTIONS.get(token.text.lower())
            if name is None:
                raise Unknown(token.text)
            return [name]
        if token.kind == "word" and token.text.upper() in _KEYWORDS:
            return [token.text.upper()]
        return [self.identifier(token)]

    def literal(self, text: str) -> str:
        """A string constant with the casts that follow it; a number where it is cast to one."""
        types = self.casts()
        if any(name in _NUMERIC for name in types):
            bare = text[1:-1]
            if not _NUMBER.fullmatch(bare):
                raise Unknown(text)
            return f"({bare})" if bare.startswith("-") else bare
        if "boolean" in types:
            return {"'t'": "1", "'true'": "1", "'f'": "0", "'false'": "0"}.get(text, text)
        return text

    def operator(self, text: str) -> list[str]:
        if text == "::":
            self.at -= 1
            types = self.casts()
            if any(name not in _TEXTUAL | {"numeric", "double precision", "real"} and name not in self.names.enums for name in types):
                raise Unknown(f"cast to {types}")
            return []
        if text in {"=", "<>"} and self.peek().kind == "word" and self.peek().text.upper() in {"ANY", "ALL"}:
            if (text == "=") != (self.peek().text.upper() == "ANY"):
                raise Unknown("a comparison with an array")
            self.at += 1
            return ["IN" if text == "=" else "NOT IN", *self.array()]
        if text in _LIKES:
            return self.like(text)
        if text not in _OPS:
            raise Unknown(text)
        return [text]

    def array(self) -> list[str]:
        """`(ARRAY[a, b])`, however deep in parentheses and casts, as a list in parentheses."""
        depth = 0
        while self.peek().text == "(":
            depth += 1
            self.at += 1
        if self.peek().text.upper() != "ARRAY" or self.peek(1).text != "[":
            raise Unknown("an array that is not written out")
        self.at += 2
        values: list[str] = []
        while self.peek().text != "]":
            values += self.one(values)
        self.at += 1
        for _ in range(depth):
            self.casts()
            if self.peek().text != ")":
                raise Unknown("an array in an expression")
            self.at += 1
        self.casts()
        return ["(", *values, ")"]

    def like(self, text: str) -> list[str]:
        """LIKE minds the case in PostgreSQL and not in SQLite, where GLOB does."""
        pattern = self.peek()
        if pattern.kind != "string" or "\\" in pattern.text:
            raise Unknown("a pattern that is not a plain constant")
        self.at += 1
        self.casts()
        if text in {"~~", "!~~"}:
            if any(mark in pattern.text for mark in "*?["):
                raise Unknown(pattern.text)
            return [_LIKES[text], pattern.text.replace("%", "*").replace("_", "?")]
        return [_LIKES[text], pattern.text]

    def casts(self) -> list[str]:
        """Reads `::type` as often as it follows; the types' names."""
        types: list[str] = []
        while self.peek().text == "::":
            self.at += 1
            types.append(self.type_name())
        return types

    def type_name(self) -> str:
        words = [self.peek().name]
        self.at += 1
        while self.peek().text == ".":
            words = [self.peek(1).name]
            self.at += 2
        while self.peek().kind == "word" and any(long.startswith(" ".join([*words, self.peek().text])) for long in _LONG_TYPES):
            words.append(self.peek().text)
            self.at += 1
        if self.peek().text == "(" and self.peek(1).kind == "number":
            while self.peek().text != ")":
                self.at += 1
            self.at += 1
        if self.peek().text == "[":
            self.at += 2
            raise_array = " ".join(words) not in _TEXTUAL
            if raise_array:
                raise Unknown("a cast to an array")
        return " ".join(words)

    def identifier(self, token: _Token) -> str:
        """A column, a table of a schema, or (in a view) a name that SQLite itself will look up."""
        if self.peek().text == "." and f"{token.name}.{self.peek(1).name}" in self.names.tables:
            table = self.names.tables[f"{token.name}.{self.peek(1).name}"]
            self.at += 2
            return quote(table)
        if self.names.columns:
            if token.name not in self.names.columns:
                raise Unknown(token.text)
            return quote(self.names.columns[token.name])
        return quote(token.name)
