"""Java and JavaScript literals as values: in these categories an argument is the text of a literal.

What is no literal of its type stays text, as upstream has it. Upstream's regular expressions are kept where they are
linear or quadratic; the two that are worse (a `HashMap` without its closing brace, an array of arrays without its
closing bracket) are searched by hand, with the same result. Longer texts than any literal of the set stay text.

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/ast_eval/type_convertor` (code).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from artificer.core.canon import Json

LONGEST = 4_000
"""Of a literal, in characters: at most quadratic work is left below it."""

_WHOLE = re.compile(r"^-?\d+$")
_LONG = re.compile(r"^-?\d+[lL]$")
_DOUBLE = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$")
_FLOAT = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?[fF]$")
_DECIMAL = re.compile(r"^-?\d+(\.\d+)?$")
_BIG = re.compile(r"^-?\d+n$")

_AS_LIST = re.compile(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)")
_ADDING = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{")
_ADDED = re.compile(r"\s*(.+?)\s*\}\}", re.DOTALL)
_ADD = re.compile(r"add\((.+?)\)")
_NEW_LIST = re.compile(r"new\s+ArrayList<\w*>\(\)")
_ARRAY = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_MAP = re.compile(r"new\s+HashMap<.*?>\s*\(\)\s*\{", re.DOTALL)
_INSIDE = re.compile(r"\s*\{?\s*")
_PUT = re.compile(r"put\(\"(.*?)\",\s*(.*?)\)")
_NEW_MAP = re.compile(r"new\s+HashMap<.*?>\s*\(\)")

_ROWS = re.compile(r"\[\s*\[")
_NEW_ROWS = re.compile(r"new\s+Array\(\s*\[")
_LIST = re.compile(r"\[(.*?)\]|\bnew\s+Array\((.*?)\)")
_ROW = re.compile(r"\[(.*?)\]")
_OBJECT = re.compile(r"\{(.*?)\}")
_PAIR = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")


def _number(pattern: re.Pattern[str], made: Callable[[str], Json], cut: str = "") -> Callable[[str], Json]:
    """A reader of texts of a form; other texts stay. `cut` are letters that may end a number, of which the last goes."""

    def read(text: str) -> Json:
        if not pattern.match(text):
            return text
        try:
            return made(text[:-1] if cut and text[-1:] in cut else text.rstrip("\n")[:-1] if cut else text)
        except ValueError:  # thousands of digits
            return text

    return read


_JAVA: dict[str, Callable[[str], Json]] = {
    "byte": _number(_WHOLE, int),
    "short": _number(_WHOLE, int),
    "integer": _number(_WHOLE, int),
    "float": _number(_FLOAT, float, "fF"),
    "double": _number(_DOUBLE, float),
    "long": _number(_LONG, int, "lL"),
    "boolean": lambda text: {"true": True, "false": False}.get(text, text),
    "char": str,
    "String": str,
    "any": str,
}

_SCRIPT: dict[str, Callable[[str], Json]] = {
    "String": lambda text: text[1:-1] if _quoted(text) else text,
    "integer": _number(_WHOLE, int),
    "float": _number(_DECIMAL, float),
    "Bigint": _number(_BIG, int, "n"),
    "Boolean": lambda text: {"true": True, "false": False}.get(text, text),
    "any": str,
}


def java(text: str, of: str, items: str | None = None) -> Json:
    """The value of a Java literal of a type, e.g. `java("new int[]{1, 2}", "Array", "integer")` is `[1, 2]`.

    Args:
        of: a type in upstream's words; one it does not read (`Set`, `Queue`) leaves text.
        items: the type of a list's elements, None to tell it from each element's own form.
    """
    if len(text) > LONGEST:
        return text
    if of in _JAVA:
        return _JAVA[of](text)
    if of == "ArrayList":
        return _array_list(text, items)
    if of == "Array":
        return _array(text, items)
    return _hash_map(text) if of == "HashMap" else text


def javascript(text: str, of: str, items: str | None = None) -> Json:
    """The value of a JavaScript literal of a type; as `java`."""
    if len(text) > LONGEST:
        return text
    if of in _SCRIPT:
        return _SCRIPT[of](text)
    if of == "array":
        return _script_array(text.strip(), items)
    return _script_object(text.strip()) if of == "dict" else text


def _element(text: str, items: str | None) -> Json:
    if items in ("char", "String"):
        return text[1:-1]
    return java(text, items) if items else _java_value(text)


def _array_list(text: str, items: str | None) -> Json:
    found = _AS_LIST.search(text)
    if found:
        return [_element(part.strip(), items) for part in found[1].split(",")]
    end = text.rfind("}}")
    for start in _ADDING.finditer(text):
        if end <= start.end():  # no closing braces after this one, nor after a later one
            break
        added = _ADDED.match(text, start.end())
        if added:
            return [_element(part.strip(), items) for part in _ADD.findall(added[1])]
    return [] if _NEW_LIST.search(text) else text


def _array(text: str, items: str | None) -> Json:
    found = _ARRAY.search(text)
    if not found:
        return text
    parts = [part.strip() for part in found[1].split(",")]
    return [java(part, items) if items else _java_value(part) for part in parts if part]


def _hash_map(text: str) -> Json:
    start = _MAP.search(text, 0, max(text.rfind("}"), 0))
    if start:
        inside = _INSIDE.match(text, start.end())
        begin = inside.end() if inside else start.end()
        puts = text[begin : max(begin, text.find("}", begin))].rstrip()
        return {key: _java_value(value.strip()) for key, value in _PUT.findall(puts)}
    return {} if _NEW_MAP.search(text) else text


def _java_value(text: str) -> Json:
    """A literal by its own form."""
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if _LONG.match(text):
        return _JAVA["long"](text)
    if _FLOAT.match(text):
        return _JAVA["float"](text)
    return _plain(text)


def _plain(text: str) -> Json:
    """A number, or the text."""
    for made in (int, float):
        try:
            return made(text)
        except ValueError:
            continue
    return text


def _quoted(text: str) -> bool:
    return (text.startswith('"') and text.endswith('"')) or (text.startswith("'") and text.endswith("'"))


def _script_value(text: str) -> Json:
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    return text[1:-1] if _quoted(text) else _plain(text)


def _script_array(code: str, items: str | None) -> Json:
    rows = _rows(code)
    if rows is not None:
        found = [row.strip() for row in _ROW.findall(rows)]
        if found and found[0].startswith("["):
            found[0] = found[0][1:]
        return [[_script_value(part) for part in row.split(",")] for row in found]
    found = _LIST.match(code)
    if not found:
        return code
    inner = (found[1] if found[1] is not None else found[2]).strip()
    parts = [part.strip() for part in inner.split(",")] if inner else []
    if items is not None and parts and items not in _SCRIPT and items not in ("array", "dict"):
        return code
    return [javascript(part, items) if items else _script_value(part) for part in parts]


def _rows(code: str) -> str | None:
    """The text of an array of arrays at the start of `code`.

    Upstream's pattern `\\[\\s*\\[.*?\\]\\s*(,\\s*\\[.*?\\]\\s*)*\\]` (and the same within `new Array(...)`) tries
    every way to split a text that is not closed; here each `]` is looked at once, from the right.
    """
    for opening, closing in ((_ROWS, "]"), (_NEW_ROWS, ")")):
        start = opening.match(code)
        if start:
            end = _rows_end(code, start.end(), closing)
            if end is not None:
                return code[:end]
    return None


def _rows_end(code: str, begin: int, closing: str) -> int | None:
    """Where the whole ends, given that its first row begins at `begin`."""
    ends: dict[int, int] = {}  # the end reached from the first good `]` at or after a place, on its line
    good: int | None = None
    for at in range(len(code) - 1, begin - 1, -1):
        if code[at] == "\n":
            good = None
        elif code[at] == "]":
            good = _after_row(code, at + 1, closing, ends) or good
        if good is not None:
            ends[at] = good
    return ends.get(begin)


def _after_row(code: str, at: int, closing: str, ends: dict[int, int]) -> int | None:
    """Where the whole ends when a row has just ended at `at`: another row, or the closing sign."""
    at = _past_space(code, at)
    if code[at : at + 1] == ",":
        after = _past_space(code, at + 1)
        return ends.get(after + 1) if code[after : after + 1] == "[" else None
    return at + 1 if code[at : at + 1] == closing else None


def _past_space(code: str, at: int) -> int:
    while at < len(code) and code[at].isspace():
        at += 1
    return at


def _script_object(code: str) -> Json:
    if code == "{}":
        return {}
    found = _OBJECT.match(code)
    if not found:
        return code
    values: dict[str, Json] = {}
    for key, raw in _PAIR.findall(found[1]):
        value = raw.strip()
        name = key.strip().strip("'\"")
        if value.startswith("[") and value.endswith("]"):
            values[name] = _script_array(value, None)
        else:  # an object within an object never gets here: the pattern above ends at the first closing brace
            values[name] = _script_value(value.strip("'\""))
    return values
