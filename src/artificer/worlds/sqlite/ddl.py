"""What a CREATE statement says that SQLite's pragmas do not tell: CHECK constraints, and comments beside columns.

A tokenizer, not a parser: it cuts a CREATE TABLE statement into definitions at the commas of its outer parentheses
and recognises the few forms of CHECK that a JSON Schema can state (`x IN (...)`, comparisons with numbers, BETWEEN,
`length(x) <= n`). Any other CHECK is kept as text.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

Value = int | float | str
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<space>\s+)|(?P<string>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])"""
    r"""|(?P<number>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+|\d+(?:[eE][+-]?\d+)?)|(?P<word>[^\W\d]\w*)|(?P<op><=|>=|<>|!=|==|\|\||.)""",
    re.DOTALL,
)


class Token(Struct, frozen=True):
    """`kind` is the token's class, `text` as written, `line` its line in the statement."""

    kind: str
    text: str
    line: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words

    @property
    def name(self) -> str:
        """The identifier without its quotes."""
        if self.kind == "quoted":
            quote = "]" if self.text[0] == "[" else self.text[0]
            return self.text[1:-1].replace(quote * 2, quote) if quote != "]" else self.text[1:-1]
        return self.text


class Bound(Struct, frozen=True):
    """One thing a CHECK says of a column."""

    column: str
    kind: Literal["choices", "minimum", "maximum", "above", "below", "max_length"]
    values: tuple[Value, ...]


class Definition(Struct, frozen=True):
    """What a CREATE TABLE statement adds: bounds, CHECK texts, the table's comment and the columns' comments (by
    lowered name).
    """

    bounds: tuple[Bound, ...]
    checks: tuple[str, ...]
    comment: str
    comments: dict[str, str]


def tokens(sql: str) -> list[Token]:
    """The statement's tokens, comments included, white space left out."""
    out: list[Token] = []
    line = 0
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup or "op", match.group()
        if kind != "space":
            out.append(Token(kind, text, line))
        line += text.count("\n")
    return out


def read_definition(sql: str) -> Definition:
    """Reads a CREATE TABLE statement; an odd one yields less, never an error."""
    all_tokens = tokens(sql)
    code = [token for token in all_tokens if token.kind != "comment"]
    start = next((index for index, token in enumerate(code) if token.text == "("), None)
    if start is None:
        return Definition((), (), "", {})
    bounds: list[Bound] = []
    checks: list[str] = []
    lines: dict[int, str] = {}
    for part in _split(_inside(code, start), ","):
        if part and part[0].kind in {"word", "quoted", "string"}:
            for line in {token.line for token in part}:
                lines[line] = part[0].name.strip("'").lower()
        for check in _checks(part):
            checks.append(_text(check))
            bounds += _bounds(check)
    comments: dict[str, str] = {}
    table_comment: list[str] = []
    opened = code[start].line
    first = min((line for line in lines if line > opened), default=opened)
    pending: list[str] = []
    for token in all_tokens:
        if token.kind != "comment":
            continue
        text = token.text.strip("-/* \n\t")
        if token.line in lines:
            owner = lines[token.line]
            comments[owner] = " ".join(filter(None, [comments.get(owner, ""), text]))
        elif token.line < first or not lines:
            table_comment.append(text)
        else:
            pending.append(text)
    return Definition(tuple(bounds), tuple(checks), " ".join(table_comment), comments)


def _inside(code: list[Token], start: int) -> list[Token]:
    """Tokens between the parenthesis at `start` and its partner."""
    depth = 0
    for index in range(start, len(code)):
        depth += (code[index].text == "(") - (code[index].text == ")")
        if depth == 0:
            return code[start + 1 : index]
    return code[start + 1 :]


def _split(code: list[Token], by: str) -> list[list[Token]]:
    """Cuts at a separator (an operator, or a word when it is one) outside parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in code:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind in {"op", "word"} and token.text.upper() == by:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _checks(part: list[Token]) -> list[list[Token]]:
    return [
        _inside(part, index + 1)
        for index, token in enumerate(part)
        if token.is_word("CHECK") and index + 1 < len(part) and part[index + 1].text == "("
    ]


def _text(code: list[Token]) -> str:
    text = " ".join(token.text for token in code)
    return re.sub(r"\s+([),])", r"\1", re.sub(r"([(])\s+", r"\1", re.sub(r"(\w) \(", r"\1(", text)))


def _bounds(check: list[Token]) -> list[Bound]:
    """The bounds of a CHECK, where every AND-part that is understood counts; an OR other than `x IS NULL OR ...`
    tells nothing.
    """
    while check and check[0].text == "(" and len(_inside(check, 0)) == len(check) - 2:
        check = check[1:-1]
    alternatives = _split(check, "OR")
    if len(alternatives) > 1:
        rest = [part for part in alternatives if not (len(part) == 3 and part[1].is_word("IS") and part[2].is_word("NULL"))]
        return _bounds(rest[0]) if len(rest) == 1 and len(alternatives) == 2 else []
    if any(token.is_word("BETWEEN") for token in check):
        return _between(check)
    parts = _split(check, "AND")
    if len(parts) > 1:
        return [bound for part in parts for bound in _bounds(part)]
    return _comparison(check)


def _literals(code: list[Token]) -> list[Value] | None:
    values: list[Value] = []
    for part in _split(code, ","):
        value = _literal(part)
        if value is None:
            return None
        values.append(value)
    return values


def _literal(code: list[Token]) -> Value | None:
    sign = 1
    if len(code) == 2 and code[0].text in "+-":
        sign, code = (-1 if code[0].text == "-" else 1), code[1:]
    if len(code) != 1:
        return None
    token = code[0]
    if token.kind == "string":
        return token.text[1:-1].replace("''", "'")
    if token.kind == "number":
        return sign * (int(token.text) if token.text.isdigit() else float(token.text))
    return None


def _between(check: list[Token]) -> list[Bound]:
    if len(check) < 5 or not check[1].is_word("BETWEEN") or check[0].kind not in {"word", "quoted"}:
        return []
    ends = _split(check[2:], "AND")
    low, high = (_literal(ends[0]), _literal(ends[1])) if len(ends) == 2 else (None, None)
    if isinstance(low, str) or isinstance(high, str) or low is None or high is None:
        return []
    return [Bound(check[0].name, "minimum", (low,)), Bound(check[0].name, "maximum", (high,))]


def _comparison(check: list[Token]) -> list[Bound]:
    if len(check) < 3:
        return []
    if check[0].is_word("LENGTH") and len(check) >= 6 and check[1].text == "(" and check[3].text == ")":
        limit = _literal(check[5:])
        if check[4].text in {"<=", "<"} and isinstance(limit, int):
            return [Bound(check[2].name, "max_length", (limit - (check[4].text == "<"),))]
        return []
    if check[0].kind not in {"word", "quoted"}:
        return []
    if check[1].is_word("IN") and check[2].text == "(" and check[-1].text == ")":
        values = _literals(check[3:-1])
        return [Bound(check[0].name, "choices", tuple(values))] if values else []
    value = _literal(check[2:])
    if value is None or isinstance(value, str):
        return []
    kinds: dict[str, Literal["minimum", "maximum", "above", "below"]] = {">=": "minimum", "<=": "maximum", ">": "above", "<": "below"}
    return [Bound(check[0].name, kinds[check[1].text], (value,))] if check[1].text in kinds else []
