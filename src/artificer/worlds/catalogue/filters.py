"""Which tools may be used: conditions on their attributes, as data.

A condition is a field, an operator and a value; `Where` puts them together. Nothing is evaluated as code, so that conditions can come from a file, a
request or a model. What is not known of a tool satisfies no condition: whoever must not use transactional tools must not use one that does not say
what it is. (`absent`, or a condition under `none`, says otherwise.)

In TOML:

    [[all]]
    field = "intent"
    op = "in"
    value = ["informational", "advisory"]

    [[none]]
    field = "domains"
    op = "overlaps"
    value = ["crypto"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec

Op = Literal["is", "is_not", "in", "not_in", "has", "overlaps", "within", "below", "above", "at_most", "at_least", "like", "present", "absent"]


class Filter(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One condition.

    Args:
        field: `name`, `effect`, `description`, or an attribute, dotted for one within another.
        op: how it is compared. `is`, `is_not`, `in`, `not_in` compare the whole; `has` asks a list for one entry, `overlaps` for any of several,
            `within` for none but these; `below`, `above`, `at_most`, `at_least` order numbers, or texts such as ISO dates; `like` is a pattern with
            `*` and `?`; `present` and `absent` take no value.
        value: what it is compared with.
    """

    field: str
    op: Op = "is"
    value: Json = None

    def holds(self, tool: ToolSpec) -> bool:
        """Whether a tool satisfies it."""
        known, found = _field(tool, self.field)
        if self.op in ("present", "absent"):
            return known is (self.op == "present")
        return known and _OPS[self.op](found, self.value)


class Where(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Conditions together: every one of `all`, at least one of `any` if there are some, and not one of `none`."""

    all: tuple[Filter, ...] = ()
    any: tuple[Filter, ...] = ()
    none: tuple[Filter, ...] = ()

    def holds(self, tool: ToolSpec) -> bool:
        """Whether a tool may be used."""
        return not self.unmet(tool)

    def unmet(self, tool: ToolSpec) -> tuple[Filter, ...]:
        """The conditions that keep a tool out: what a compliance report counts, one dimension a field."""
        wrong = [condition for condition in self.all if not condition.holds(tool)]
        if self.any and not any(condition.holds(tool) for condition in self.any):
            wrong += self.any
        return (*wrong, *(condition for condition in self.none if condition.holds(tool)))

    def key(self) -> bytes:
        """The same for equal conditions."""
        return canonical(self)


def _field(tool: ToolSpec, field: str) -> tuple[bool, Json]:
    if field == "name":
        return True, tool.name
    if field == "effect":
        return tool.effect != "unknown", tool.effect
    if field == "description":
        return bool(tool.description), tool.description
    at: Json = tool.attributes
    if field in tool.attributes:
        return True, tool.attributes[field]
    for step in field.split("."):
        entries = cast("dict[str, Json]", at) if isinstance(at, dict) else {}
        if step not in entries:
            return False, None
        at = entries[step]
    return True, at


def entries(value: Json) -> list[Json]:
    """The entries of a list, or the value as the only one."""
    return cast("list[Json]", value) if isinstance(value, list) else list(cast("tuple[Json, ...]", value)) if isinstance(value, tuple) else [value]


def _same(left: Json, right: Json) -> bool:
    """JSON equality: true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _among(value: Json, options: Json) -> bool:
    return any(_same(value, option) for option in entries(options))


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    def decide(left: Json, right: Json) -> bool:
        numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (left, right))
        return (numbers or (isinstance(left, str) and isinstance(right, str))) and compare(left, right)

    return decide


_OPS: dict[str, Callable[[Json, Json], bool]] = {
    "is": _same,
    "is_not": lambda left, right: not _same(left, right),
    "in": _among,
    "not_in": lambda left, right: not _among(left, right),
    "has": lambda left, right: _among(right, left),
    "overlaps": lambda left, right: any(_among(item, right) for item in entries(left)),
    "within": lambda left, right: all(_among(item, right) for item in entries(left)),
    "below": _ordered(lambda left, right: left < right),
    "above": _ordered(lambda left, right: left > right),
    "at_most": _ordered(lambda left, right: left <= right),
    "at_least": _ordered(lambda left, right: left >= right),
    "like": lambda left, right: isinstance(left, str) and isinstance(right, str) and fnmatchcase(left, right.replace("[", "[[]")),
}
_LISTS = ("in", "not_in", "overlaps", "within")


def where_of(data: object, origin: str = "the conditions") -> Where:
    """Conditions from plain data, e.g. a table of a TOML file.

    Raises:
        SourceError: it is not of that form, or an operator does not fit its value.
    """
    try:
        found = msgspec.convert(data, Where)
    except msgspec.ValidationError as error:
        raise SourceError(
            f"this is no condition: {error}", where=origin, remedy="write all, any or none, each a list of field, op and value"
        ) from error
    for condition in (*found.all, *found.any, *found.none):
        wrong = _misfit(condition)
        if wrong:
            raise SourceError(f"the condition on {condition.field!r} {wrong}", where=origin, remedy="see docs/worlds-many-tools.md")
    return found


def _misfit(condition: Filter) -> str:
    value = condition.value
    if not condition.field:
        return "names no field"
    if condition.op in ("present", "absent"):
        return f"takes no value with {condition.op!r}" if value is not None else ""
    if condition.op in _LISTS:
        return "" if isinstance(value, list) else f"needs a list with {condition.op!r}"
    if condition.op == "like":
        return "" if isinstance(value, str) else "needs a text with 'like'"
    return f"needs a value with {condition.op!r}" if value is None else ""


def read_where(path: str | Path) -> Where:
    """Conditions from a TOML file.

    Raises:
        SourceError: it cannot be read, or holds something else.
    """
    return where_of(read_toml(path), str(path))


def read_toml(path: str | Path) -> dict[str, Any]:
    """A TOML file's content.

    Raises:
        SourceError: it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror}", where=str(path), remedy="check the path") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"the file is no TOML: {error}", where=str(path), remedy="correct it") from error


def allowed(tools: Iterable[ToolSpec], where: Where | None) -> list[ToolSpec]:
    """The tools that may be used, in their order."""
    return [tool for tool in tools if where is None or where.holds(tool)]
