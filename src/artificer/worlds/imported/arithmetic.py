"""Sums that a tool is asked to do: what stands in for `eval` in rooms, so that no text is ever run there."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

_LONGEST = 1_000
_BITS = 4_096
"""Whole numbers beyond this size are refused before they are made: `9**9**9` would hold a machine for hours."""

_TWO: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def arithmetic(expression: object, *_: object) -> float:
    """The value of an arithmetic expression: numbers, `+ - * / // % **` and parentheses.

    Raises:
        ValueError: it is anything else, or too large.
    """
    if not isinstance(expression, str) or len(expression) > _LONGEST:
        raise ValueError("this is not an arithmetic expression")
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"this cannot be calculated: {type(error).__name__}") from error


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # pyright: ignore[reportReturnType]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _TWO:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and _bits(left) * abs(right) > _BITS:
            raise ValueError("the number is too large")
        value = _TWO[type(node.op)](left, right)
        if isinstance(value, complex) or _bits(value) > _BITS:
            raise ValueError("the number is too large or not real")
        return value
    raise ValueError("only numbers, + - * / // % ** and parentheses can be calculated")


def _bits(value: float) -> int:
    return value.bit_length() if isinstance(value, int) else 64
