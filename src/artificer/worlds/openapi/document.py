"""Document: an OpenAPI or Swagger document as data, its references, and what was found wrong with it.

Only references within the document are followed (`bundling` brings files beside it in beforehand); everything else is a problem, never a fetch.
"""

from __future__ import annotations

from typing import Literal, cast
from urllib.parse import unquote

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.worlds.base import Problem

Object = dict[str, Json]
Version = Literal["2.0", "3.0", "3.1"]
_HOPS = 32


class Document:
    """See the module docstring.

    Args:
        root: the document.
        where: what it is called in messages.
    """

    def __init__(self, root: Object, where: str) -> None:
        self.root = root
        self.where = where
        self.version = _version(root, where)
        self.problems: list[Problem] = []
        self._reported: set[tuple[str, str]] = set()

    def problem(self, where: str, what: str) -> None:
        """Reports something once."""
        where, what = where[:200], what[:300]
        if (where, what) not in self._reported:
            self._reported.add((where, what))
            self.problems.append(Problem(where, what))

    def at(self, ref: str) -> Json:
        """What a reference points at, one hop; None when it points at nothing."""
        if not ref.startswith("#"):
            return None
        value: Json = self.root
        for step in ref[1:].split("/")[1:]:
            step = (unquote(step) if "%" in step else step).replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict):
                value = cast("Object", value).get(step)
            elif isinstance(value, list) and step.isdigit() and len(step) < 10:
                items = cast("list[Json]", value)
                value = items[int(step)] if int(step) < len(items) else None
            else:
                return None
        return value

    def object(self, value: Json, where: str) -> Object:
        """`value` as an object, with references to elsewhere followed to their end; an empty one, and a problem, when there is none."""
        seen: set[str] = set()
        while isinstance(value, dict):
            ref: Json = cast("Object", value).get("$ref")
            if not isinstance(ref, str):
                return cast("Object", value)
            if ref in seen or len(seen) > _HOPS:
                self.problem(where, f"the reference {ref!r} leads to itself; left out")
                return {}
            seen.add(ref)
            value = self.at(ref)
            if value is None:
                self.problem(where, f"the reference {ref!r} points at nothing in the document; left out")
                return {}
        if value is not None:
            self.problem(where, f"an object was expected, not {_kind(value)}; left out")
        return {}

    def objects(self, value: Json, where: str) -> list[Object]:
        """The objects of a list, references followed."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.problem(where, f"a list was expected, not {_kind(value)}; left out")
            return []
        return [part for part in (self.object(item, where) for item in cast("list[Json]", value)) if part]

    def section(self, *names: str) -> Object:
        """A nested object such as `components`, `securitySchemes`; empty when it is not there."""
        value: Json = self.root
        for name in names:
            value = cast("Object", value).get(name) if isinstance(value, dict) else None
        return cast("Object", value) if isinstance(value, dict) else {}


def text_of(value: Json) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def _version(root: Object, where: str) -> Version:
    stated = str(root.get("openapi") or root.get("swagger") or "")
    if stated.startswith("2."):
        return "2.0"
    if stated.startswith("3.0"):
        return "3.0"
    if stated.startswith("3."):
        return "3.1"
    known = "is of OpenAPI 3.0 and 3.1 and Swagger 2.0 none" if stated else "states no version (openapi: or swagger:)"
    raise SourceError(f"the document {known}{f': {stated[:40]!r}' if stated else ''}.", where=where, remedy="give an OpenAPI or Swagger document")


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    kinds = ((bool, "true or false"), (str, "a text"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a number")
