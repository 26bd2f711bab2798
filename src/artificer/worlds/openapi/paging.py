"""Paging: which parameters of a listing ask for a part of it, by the names that APIs give them, and which part that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.shapes import Shapes

if TYPE_CHECKING:
    from artificer.worlds.openapi.operations import Operation

Role = Literal["limit", "page", "offset", "cursor"]
_NAMES: dict[str, Role] = {
    **dict.fromkeys(
        ("limit", "perpage", "pagesize", "top", "maxresults", "count", "size", "first", "take", "pagelimit", "rows", "maxitems", "max", "items"),
        "limit",
    ),
    **dict.fromkeys(("page", "pagenumber", "pageno", "pageindex", "currentpage"), "page"),
    **dict.fromkeys(("offset", "skip", "start", "startindex", "startat", "pageoffset", "from"), "offset"),
    **dict.fromkeys(
        (
            "cursor",
            "after",
            "startingafter",
            "pagetoken",
            "nexttoken",
            "continue",
            "continuationtoken",
            "nextcursor",
            "pagecursor",
            "marker",
            "skiptoken",
        ),
        "cursor",
    ),
}
_PAGE = 20


class Paging(Struct, frozen=True):
    """Arguments that ask for a part of a listing; "" where there is none."""

    limit: str = ""
    page: str = ""
    offset: str = ""
    cursor: str = ""
    zero: bool = False
    """Whether pages count from 0."""

    def hints(self) -> Object:
        """As an attribute of the tool."""
        return {role: name for role in ("limit", "page", "offset", "cursor") if (name := getattr(self, role))}

    def part(self, arguments: Object, keys: list[str]) -> tuple[int, int]:
        """`(first, last + 1)` of the rows asked for; `keys` are the rows' keys as texts, for cursors."""
        size = _whole(arguments.get(self.limit), _PAGE if self.limit or self.page else len(keys) or 1)
        start = 0
        if self.page in arguments:
            start = max(_whole(arguments[self.page], 1) - (0 if self.zero else 1), 0) * size
        if self.offset in arguments:
            start = _whole(arguments[self.offset], 0)
        if self.cursor in arguments:
            cursor = str(arguments[self.cursor])
            start = keys.index(cursor) + 1 if cursor in keys else len(keys)
        return start, start + size


def _whole(value: Json, usual: int) -> int:
    """A count given as a number or as a text; negative ones are 0."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return max(int(value), 0) if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9 else usual


def paging_of(operation: Operation, shapes: Shapes) -> Paging | None:
    """The paging of a GET operation; None when it has none."""
    if operation.method != "get":
        return None
    found: dict[Role, str] = {}
    zero = False
    for field in operation.inputs.fields:
        if field.place != "query":
            continue
        plain = "".join(filter(str.isalnum, field.wire.lower()))
        role = _NAMES.get(plain.removeprefix("page") if plain.startswith("page") and plain.removeprefix("page") in _NAMES else plain)
        schema: Json = operation.inputs.properties[field.name]
        kind = shapes.kind(schema)
        if (
            role is None
            or kind in ("object", "array", "boolean")
            or (role != "cursor" and kind == "string" and plain in ("from", "start", "max", "items"))
        ):
            continue
        if role == "page":
            zero = isinstance(schema, dict) and 0 in (cast("Object", schema).get("default"), cast("Object", schema).get("minimum"))
        found.setdefault(role, field.name)
    if not found or set(found) == {"cursor"}:
        return None
    return Paging(found.get("limit", ""), found.get("page", ""), found.get("offset", ""), found.get("cursor", ""), zero)
