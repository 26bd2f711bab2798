"""Calls that a data set writes as Python text (`mv(source='a', destination='b')`), read as data.

Only a plain name with literal arguments is a call; nothing of the text is ever run.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import cast

from artificer.core.canon import Json
from artificer.worlds.observe import jsonable

_LONGEST = 20_000


def call_of(text: str, parameters: dict[str, Sequence[str]]) -> tuple[str, dict[str, Json]]:
    """Name and arguments of a call.

    Args:
        text: e.g. `"cd('docs')"`.
        parameters: the parameters of each known tool, in order, for arguments given by position.

    Raises:
        ValueError: it is not a call of a known tool with literal arguments; the message says why.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a call of {len(text)} characters")
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not an expression: {shown(text)}") from error
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"not a call of a plain name: {shown(text)}")
    name = node.func.id
    if name not in parameters:
        raise ValueError(f"there is no tool {name!r}")
    if len(node.args) > len(parameters[name]):
        raise ValueError(f"{name} takes {len(parameters[name])} arguments, got {len(node.args)} by position")
    arguments: dict[str, Json] = {}
    pairs = [*zip(parameters[name], node.args, strict=False), *((keyword.arg, keyword.value) for keyword in node.keywords)]
    for key, value in pairs:
        if key is None or key in arguments:
            raise ValueError(f"the argument {key!r} of {name} is given twice, or by **")
        arguments[key] = _literal(value, name, key)
    return name, arguments


def _literal(node: ast.expr, name: str, key: str) -> Json:
    try:
        return jsonable(cast("object", ast.literal_eval(node)))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"the argument {key!r} of {name} is not a literal") from error


def shown(text: str) -> str:
    """A text as a message quotes it: at most 80 characters."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
