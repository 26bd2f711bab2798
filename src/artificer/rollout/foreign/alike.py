"""Whether two results say the same: field by field, with tolerances that are named and counted.

Values are compared as JSON, by value (1 is 1.0, the order of keys says nothing). Without being asked for: text that
is JSON or a Python literal is read as what it is, white space at the ends of a text and an empty text for nothing are
no difference. On demand: fields that change from run to run (ids, times) and numbers that are nearly the same. What a
session now calls by another name (an order's new id) is carried along: see `Carried`.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from artificer.checks.values import same
from artificer.core.canon import Json, canonical
from artificer.core.kinds import ErrorGroup, ErrorKind
from artificer.core.messages import ToolResult
from artificer.rollout.foreign.carried import Carried
from artificer.rollout.foreign.failed import begins_so, failure, json_in, literal_in
from artificer.rollout.foreign.ignored import Ignoring, Likeness

Level = Literal["exact", "like", "differs", "cannot"]
"""How a call came out: as recorded; failed as recorded, in other words; otherwise; not to be made here."""

JSON_TEXT = "text read as JSON"
LITERAL = "text read as a Python literal"
SPACE = "white space at the ends of a text"
NOTHING = "an empty text for nothing"
IGNORED = "fields that were to be ignored"
AS_TEXT = "values that were written as text"
NEAR = "numbers that are nearly the same"
CARRIED = "values that have another name now"
WORDS = "the same failure in other words"
FAILED = "a failure that was recorded as text, or without its kind"

_SHOWN = 8
_CLIPPED = 160
_FRONT = 40
_UNMAKEABLE = frozenset({ErrorKind.unknown_tool, ErrorKind.unparsable_call, *(kind for kind in ErrorKind if kind.parent is ErrorGroup.argument)})


class Difference(Struct, frozen=True):
    """One field that is not the same: where (a JSON pointer into the result), what was recorded, what comes now."""

    path: str
    recorded: str
    now: str


class Compared(Struct):
    """What comparing two results showed.

    Args:
        differences: the first few. `count`: of all.
        used: the tolerances without which it would differ.
    """

    level: Level = "exact"
    differences: list[Difference] = []
    count: int = 0
    used: Counter[str] = msgspec.field(default_factory=Counter[str])

    def differ(self, path: _Path | str, recorded: str, now: str) -> None:
        self.level = "differs"
        self.count += 1
        if len(self.differences) < _SHOWN:  # others are not written out: a stranger's values can be as deep as they are many
            self.differences.append(Difference(path if isinstance(path, str) else pointer(path), recorded, now))


def compare(recorded: ToolResult, now: ToolResult, tool: str, like: Likeness, carried: Carried) -> Compared:
    """Compares what was recorded of a call with what it gives now."""
    out = Compared()
    if now.error is not None:
        _failed(recorded, now, now.error, carried, out)
    elif recorded.error is not None:
        out.differ("", f"{recorded.error.value}: {clipped(recorded.detail or '')}", clipped(now.content))
    else:
        _contents(recorded.content, now.content, Ignoring.of(like.ignore, tool), like, carried, out)
    return out


def _failed(recorded: ToolResult, now: ToolResult, error: ErrorKind, carried: Carried, out: Compared) -> None:
    """The call fails now."""
    detail = now.detail or ""
    if recorded.error is None:
        said = failure(recorded)
        if said is None:
            out.differ("", clipped(recorded.content), f"{error.value}: {clipped(detail)}")
            out.level = "cannot" if error in _UNMAKEABLE else "differs"
            return
        out.used[FAILED] += 1
        out.level = "exact" if _tells(carried.text(said), detail) else "like"
        return
    before = carried.text(recorded.detail or "")
    if recorded.error == error or recorded.error is ErrorKind.internal:  # formats that say only that a call failed are read as `internal`
        if recorded.error != error:
            out.used[FAILED] += 1
        if not _tells(before, detail):
            out.used[WORDS] += 1
            out.level = "like"
        return
    out.differ("/error", f"{recorded.error.value}: {clipped(recorded.detail or '')}", f"{error.value}: {clipped(detail)}")
    out.level = "cannot" if error is ErrorKind.unknown_tool else "differs"  # that it was refused, the record says too


def _tells(said: str, detail: str) -> bool:
    """Whether a failure is told in these words, with at most a word such as "Error:" in front."""
    said, detail = said.strip(), detail.strip()
    front = said[: len(said) - len(detail)]
    return said == detail or (bool(detail) and said.endswith(detail) and len(front) <= _FRONT and begins_so(front))


def _contents(recorded: Json, now: Json, ignoring: Ignoring, like: Likeness, carried: Carried, out: Compared) -> None:
    """Compares contents, reading texts as what they are where they differ as they stand."""
    if _equal(recorded, now):
        return
    if not isinstance(recorded, str) and not isinstance(now, str):
        _walk(recorded, now, ignoring, like, carried, out)
        return
    if isinstance(recorded, str) and isinstance(now, str) and carried.text(recorded).strip() == now.strip():
        out.used[SPACE if recorded.strip() == now.strip() else CARRIED] += 1
        return
    if isinstance(recorded, str) and isinstance(now, str) and ((now,) == json_in(recorded) or (recorded,) == json_in(now)):
        out.used[JSON_TEXT] += 1
        return
    for read, tolerance in ((json_in, JSON_TEXT), (literal_in, LITERAL)):
        left = read(recorded) if isinstance(recorded, str) else (recorded,)
        right = read(now) if isinstance(now, str) else (now,)
        if left is None or right is None or (isinstance(recorded, str) and isinstance(now, str) and not isinstance(left[0], dict | list)):
            continue
        out.used[tolerance] += 1
        _walk(left[0], right[0], ignoring, like, carried, out)
        return
    if {recorded if isinstance(recorded, str) else now, None} == {"", None}:
        out.used[NOTHING] += 1
    elif ignoring.all:
        out.used[IGNORED] += 1
        carried.learn("", recorded, now)
    else:
        out.differ("", *_around(recorded, now))


def _equal(left: Json, right: Json) -> bool:
    try:
        return canonical(left) == canonical(right)
    except (ValueError, TypeError, OverflowError, RecursionError):  # what JSON cannot write
        return same(left, right)


_ABSENT = object()
_Path = tuple[Any, str] | None
"""A field: where it stands, and its name; linked, so that nothing is copied on the way down."""


def _walk(recorded: Json, now: Json, ignoring: Ignoring, like: Likeness, carried: Carried, out: Compared) -> None:
    """Compares two values field by field, in the order of keys."""
    waiting: list[tuple[Json, Json, _Path, str, Ignoring]] = [(recorded, now, None, "", ignoring)]
    while waiting:
        left, right, path, name, patterns = waiting.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            one, other = cast("dict[str, Json]", left), cast("dict[str, Json]", right)
            keys = sorted({*one, *other}, reverse=True)
            waiting += [(one.get(key, _ABSENT), other.get(key, _ABSENT), (path, key), key, patterns.within(key)) for key in keys]
        elif isinstance(left, list) and isinstance(right, list):
            ones, others = cast("list[Json]", left), cast("list[Json]", right)
            if len(ones) != len(others) and not patterns.all:
                out.differ(path, f"{len(ones)} entries", f"{len(others)} entries")
            pairs = list(enumerate(zip(ones, others, strict=False)))
            waiting += [(one, other, (path, str(at)), name, patterns.within(str(at))) for at, (one, other) in reversed(pairs)]
        elif left is not _ABSENT and right is not _ABSENT and same(left, right):
            continue
        elif patterns.all:
            out.used[IGNORED] += 1
            carried.learn(name, left, right)
        elif left is _ABSENT or right is _ABSENT:
            was, comes = "absent" if left is _ABSENT else clipped(left), "absent" if right is _ABSENT else clipped(right)
            out.differ(path, was, comes)
        elif _near(left, right, like.near):
            out.used[NEAR] += 1
        elif like.as_text and _writes(left, right):
            out.used[AS_TEXT] += 1
        elif same(carried.now(name, left), right) or (isinstance(left, str) and carried.text(left) == right):
            out.used[CARRIED] += 1
        else:
            out.differ(path, *_around(left, right))


def _writes(left: Json, right: Json) -> bool:
    """Whether one of two values is a text that writes the other."""
    text, value = (left, right) if isinstance(left, str) else (right, left)
    if not isinstance(text, str) or isinstance(value, str | list | dict) or len(text) > _CLIPPED:
        return False
    return any(found is not None and same(found[0], value) for found in (json_in(text), literal_in(text)))


def _near(left: Json, right: Json, near: float) -> bool:
    if not near or isinstance(left, bool) or isinstance(right, bool) or not isinstance(left, int | float) or not isinstance(right, int | float):
        return False
    try:
        return math.isclose(left, right, rel_tol=near, abs_tol=near)
    except OverflowError:
        return False


def pointer(path: _Path) -> str:
    """A path as a JSON pointer."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(step.replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step[:_CLIPPED]}" for step in reversed(steps))


def clipped(value: Json) -> str:
    """A value as a report shows it: short JSON that can be written anywhere."""
    try:
        text = value if isinstance(value, str) and len(value) > 4 * _CLIPPED else msgspec.json.encode(value).decode()
    except (ValueError, TypeError, OverflowError, RecursionError):
        text = repr(type(value).__name__) if not isinstance(value, str) else value
    short = text if len(text) <= _CLIPPED else f"{text[:_CLIPPED]}…"
    return short.encode("utf-8", "replace").decode()


def _around(recorded: Json, now: Json) -> tuple[str, str]:
    """Both values as shown; of long texts the part where they begin to differ."""
    if not isinstance(recorded, str) or not isinstance(now, str) or max(len(recorded), len(now)) <= _CLIPPED:
        return clipped(recorded), clipped(now)
    at = next((at for at, (one, other) in enumerate(zip(recorded, now, strict=False)) if one != other), min(len(recorded), len(now)))
    since = max(0, at - 20)
    before = "…" if since else ""
    return before + clipped(recorded[since : since + 100]), before + clipped(now[since : since + 100])
