"""What a model wrote, as calls in the Berkeley Function Calling Leaderboard's shape: `[{name: {argument: value}}, ...]`.

Text is parsed, never run: upstream's decoder evaluates sums (`eval(ast.unparse(...))`), and with them any code that
stands in one; here a sum of literals is worked out, and anything else cannot be decoded.

Source: gorilla/berkeley-function-call-leaderboard, `model_handler/utils.py` (code).
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import ToolCall

Mode = Literal["code", "strict"]
Calls = list[dict[str, dict[str, Json]]]

_LONGEST = 200_000
_DEEPEST = 60
_BIGGEST = 4_000  # digits of a sum's result, characters of a text that a sum makes


class Undecodable(ValueError):
    """A text that holds no calls; the message says why."""


def calls_of_text(text: str, mode: Mode = "code") -> Calls:
    """Calls of a Python list of calls, e.g. `[area(base=10, height=5)]`; brackets and fences around may be left out.

    What upstream does is done here: names of variables and calls within arguments become text, positional arguments
    are dropped, `a.b.c` is a name, the last of two arguments of one name stands. A tuple stays one.

    Args:
        mode: in `code` a sign before a number turns it, whichever sign it is (`+5` and `~5` are -5), as upstream has
            it; in `strict` signs are what they are in Python.

    Raises:
        Undecodable: it is not a list of calls, or longer or deeper than any answer need be.
    """
    text = text.strip("`\n ")
    text = ("" if text.startswith("[") else "[") + text + ("" if text.endswith("]") else "]")
    return [_call(node, mode) for node in _elements(text)]


def _elements(text: str) -> list[ast.Call]:
    if len(text) > _LONGEST:
        raise Undecodable(f"a text of {len(text)} characters")
    try:
        body = ast.parse(text.strip().strip("'"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Undecodable(f"not Python: {type(error).__name__}") from error
    if isinstance(body, ast.Call):
        return [body]
    if not isinstance(body, ast.List | ast.Tuple | ast.Set):
        raise Undecodable("not a list of calls")
    calls = [element for element in body.elts if isinstance(element, ast.Call)]
    if len(calls) != len(body.elts):
        raise Undecodable("an element is not a call")
    return calls


def _call(node: ast.Call, mode: Mode) -> dict[str, dict[str, Json]]:
    parts: list[str] = []
    inner: ast.expr = node.func
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name):
        parts.append(inner.id)
    given = {keyword.arg or "**": _value(keyword.value, mode, 0) for keyword in node.keywords}
    return {".".join(reversed(parts)): given}


def _value(node: ast.expr | None, mode: Mode, depth: int) -> Json:
    """An argument, as upstream reads it."""
    if depth > _DEEPEST:
        raise Undecodable("nested too deeply")
    if isinstance(node, ast.Constant):
        return "..." if node.value is Ellipsis else cast("Json", node.value)
    if isinstance(node, ast.UnaryOp):
        return _signed(node, mode, depth)
    if isinstance(node, ast.List):
        return [_value(part, mode, depth + 1) for part in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(part, mode, depth + 1) for part in node.elts)
    if isinstance(node, ast.Dict):
        return _entries(node, mode, depth)
    if isinstance(node, ast.BinOp):
        return _sum(node, 0)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return cast("Json", _call(node, mode)) if node.keywords else _written(node)
    if isinstance(node, ast.Subscript):
        return f"{_written(node.value)}[{_written(node.slice)}]"
    raise Undecodable(f"an argument is a {type(node).__name__}")


def _entries(node: ast.Dict, mode: Mode, depth: int) -> Json:
    found: dict[Json, Json] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        try:
            found[_value(key, mode, depth + 1)] = _value(value, mode, depth + 1)
        except TypeError as error:
            raise Undecodable("a key that cannot be one") from error
    return found


def _signed(node: ast.UnaryOp, mode: Mode, depth: int) -> Json:
    """A number with a sign. Upstream takes every sign for a minus."""
    if mode == "code":
        if not isinstance(node.operand, ast.Constant) or not isinstance(node.operand.value, int | float | complex):
            raise Undecodable("a sign before what is no number")
        return -node.operand.value
    value = _value(node.operand, mode, depth + 1)
    if isinstance(node.op, ast.Not) and isinstance(value, bool):
        return not value
    if not isinstance(value, int | float) or isinstance(node.op, ast.Not):
        raise Undecodable("a sign before what is no number")
    if isinstance(node.op, ast.Invert):
        if not isinstance(value, int):
            raise Undecodable("a sign before what is no whole number")
        return ~value
    return -value if isinstance(node.op, ast.USub) else +value


def _written(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError) as error:
        raise Undecodable("nested too deeply") from error


_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}


def _sum(node: ast.expr, depth: int) -> Json:
    """The value of a sum of literals: numbers, and texts and lists put together."""
    if depth > _DEEPEST:
        raise Undecodable("nested too deeply")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _sum(node.operand, depth + 1)
        if isinstance(inner, int | float):
            return -inner if isinstance(node.op, ast.USub) else +inner
    if isinstance(node, ast.List):
        return [_sum(part, depth + 1) for part in node.elts]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _result(node.op, _sum(node.left, depth + 1), _sum(node.right, depth + 1))
    raise Undecodable("a sum of what are no literals")


def _result(op: ast.operator, left: Any, right: Any) -> Json:
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    repeated = isinstance(op, ast.Mult) and isinstance(left, str) and isinstance(right, int) and len(left) * right <= _BIGGEST
    joined = repeated or (isinstance(op, ast.Add) and type(left) is type(right) and isinstance(left, str | list))
    if not numbers and not joined:
        raise Undecodable("a sum of what are no numbers")
    if numbers and isinstance(op, ast.Pow) and abs(right) * max(1.0, _digits(cast("float", left))) > _BIGGEST:
        raise Undecodable("a power too big")
    try:
        found = _OPERATIONS[type(op)](left, right)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise Undecodable(f"a sum that has no result: {type(error).__name__}") from error
    if isinstance(found, int) and _digits(found) > _BIGGEST:
        raise Undecodable("a sum too big")
    return cast("Json", found)


def _digits(number: float) -> float:
    if isinstance(number, int):
        return number.bit_length() * 0.302
    return 308.0 if not math.isfinite(number) else max(1.0, math.log10(abs(number) + 1))


_JSON = msgspec.json.Decoder(list[dict[str, Any]])


def calls_of_json(text: str) -> Calls:
    """Calls of a JSON list of `{"function": ..., "parameters": ...}` or `{"name": ..., "arguments": ...}`, with or
    without words around it.

    Raises:
        Undecodable: there is no such list.
    """
    first, last = text.find("["), text.rfind("]")
    if first < 0 or last < first or last - first > _LONGEST:
        raise Undecodable("no list, or one too long")
    try:
        rows = _JSON.decode(text[first : last + 1])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Undecodable(f"not JSON calls: {type(error).__name__}") from error
    return [_record(row) for row in rows]


def _record(row: dict[str, Any]) -> dict[str, dict[str, Json]]:
    name = row.get("function", row.get("name"))
    arguments = row.get("parameters", row.get("arguments"))
    if isinstance(arguments, str):  # some write the arguments as JSON within the JSON
        try:
            arguments = msgspec.json.decode(arguments)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Undecodable("arguments that are not JSON") from error
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise Undecodable("an entry without a function or without parameters")
    return {name: cast("dict[str, Json]", arguments)}


def calls_of_native(calls: Sequence[ToolCall]) -> Calls:
    """Calls that came as calls."""
    return [{call.name: call.arguments} for call in calls]


def well_formed(decoded: object) -> bool:
    """Whether it is a list of one-key objects of objects; an empty list is. Upstream's `is_function_calling_format_output`."""
    if type(decoded) is not list:
        return False
    for item in cast("list[object]", decoded):
        if type(item) is not dict or len(cast("dict[object, object]", item)) != 1:
            return False
        (arguments,) = cast("dict[object, object]", item).values()
        if type(arguments) is not dict:
            return False
    return True
