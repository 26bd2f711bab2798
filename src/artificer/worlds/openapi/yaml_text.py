"""YAML documents as plain JSON data. The only module that knows the YAML library.

Reads YAML 1.2's core types (so that `no`, `on` and dates stay texts), makes every key a text, and refuses what JSON cannot hold. Aliases are
followed only as far as a document of a sane size needs: a bomb of aliases or an alias to itself is refused.
"""

from __future__ import annotations

import re
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.errors import MissingExtra, SourceError

try:
    import yaml
except ImportError as error:
    raise MissingExtra("openapi", "an OpenAPI document in YAML") from error

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NODES = 5_000_000
"""Most values of a document once its aliases are followed."""
_DEPTH = 200
_CORE = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
)


class _Loader(_Base):
    """The safe loader with YAML 1.2's core types, and tags of no other kind."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), [mark if mark != "\0" else "" for mark in _first])


def parse(text: bytes, where: str) -> Json:
    """The one document in `text`.

    Raises:
        SourceError: it is no YAML, or nothing that JSON could hold.
    """
    try:
        loaded = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise SourceError(f"the document is no YAML: {' '.join(str(error).split())[:300]}", where=where, remedy="correct the document") from error
    sizes: dict[int, int] = {}
    if _size(loaded, sizes, 0, where) > _NODES:
        raise SourceError(
            f"the document has more than {_NODES} values once its aliases are followed.", where=where, remedy="write it with fewer aliases (&, *)"
        )
    return _plain(loaded, {})


def _size(value: object, sizes: dict[int, int], depth: int, where: str) -> int:
    """How many values there are with aliases followed; each container is counted once. -1 marks one that is being counted."""
    if not isinstance(value, (dict, list)):
        return 1
    known = sizes.get(id(cast("object", value)))
    if known == -1:
        raise SourceError("the document contains itself through an alias.", where=where, remedy="remove the alias (*) that points to what holds it")
    if known is not None:
        return known
    if depth > _DEPTH:
        raise SourceError(f"the document is nested more than {_DEPTH} deep.", where=where, remedy="correct the document")
    sizes[id(cast("object", value))] = -1
    parts = cast("dict[object, object]", value).values() if isinstance(value, dict) else cast("list[object]", value)
    total = min(1 + sum(_size(part, sizes, depth + 1, where) for part in parts), 1 << 60)
    sizes[id(cast("object", value))] = total
    return total


def _plain(value: Any, done: dict[int, Json]) -> Json:
    """Keys as texts, other objects as texts; aliases stay shared."""
    if isinstance(value, (dict, list)):
        made = done.get(id(cast("object", value)))
        if made is None:
            if isinstance(value, dict):
                made = {_key(key): _plain(part, done) for key, part in cast("dict[object, object]", value).items()}
            else:
                made = [_plain(part, done) for part in cast("list[object]", value)]
            done[id(cast("object", value))] = made
        return made
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _key(key: object) -> str:
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key)
