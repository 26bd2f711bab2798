"""Whether two results say the same: field by field, with tolerances that are named and counted.

Values are compared as JSON, by value (1 is 1.0, the order of keys says nothing). Without being asked for: text that
is JSON or a Python literal is read as what it is, white space at the ends of a text and an empty text for nothing are
no difference. On demand: fields that change from run to run (ids, times) and numbers that are nearly the same. What a
session now calls by another name (an order's new id) is carried along: see `Carried`.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from artificer.checks.values import freeze, same
from artificer.core.canon import Json, canonical
from artificer.core.errors import ArtificerError
from artificer.core.kinds import ErrorGroup, ErrorKind
from artificer.core.messages import ToolResult

Level = Literal["exact", "like", "differs", "cannot"]
"""How a call came out: as recorded; failed as recorded, in other words; otherwise; not to be made here."""

JSON_TEXT = "text read as JSON"
LITERAL = "text read as a Python literal"
SPACE = "white space at the ends of a text"
NOTHING = "an empty text for nothing"
IGNORED = "fields that were to be ignored"
NEAR = "numbers that are nearly the same"
CARRIED = "values that have another name now"
WORDS = "the same failure in other words"
FAILED = "a failure that was recorded as text, or without its kind"

_SHOWN = 8
_CLIPPED = 160
_FRONT = 40
_LONGEST_LITERAL = 1_000_000
_LITERAL_BEGINS = frozenset("[{('\"-.0123456789TFN \n\t")
_SHORTEST_CARRIED = 4
_UNMAKEABLE = frozenset({ErrorKind.unknown_tool, *(kind for kind in ErrorKind if kind.parent is ErrorGroup.argument)})
_FAILURE = re.compile(r"\W{0,3}(error|exception|failed|failure|traceback)\b", re.IGNORECASE)


class Likeness(Struct, frozen=True, omit_defaults=True):
    """What is no difference.

    Args:
        ignore: fields of results, as JSON pointers in which a step may be a pattern (`*_at`) and `**` stands for any
            steps; a bare name is that field anywhere; `TOOL:/POINTER` holds for one tool.
        near: two numbers are the same when they differ by no more than this, or by this share of the larger.
    """

    ignore: tuple[str, ...] = ()
    near: float = 0.0

    def __post_init__(self) -> None:
        for pattern in self.ignore:
            _steps(pattern)
        if not (0 <= self.near < 1):
            raise ArtificerError(f"numbers cannot be near by {self.near:g}", remedy="give a number from 0 to below 1, e.g. 1e-6")


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

    def differ(self, path: str, recorded: str, now: str) -> None:
        self.level = "differs"
        self.count += 1
        if len(self.differences) < _SHOWN:
            self.differences.append(Difference(path, recorded, now))


class Carried:
    """What values of a record are called now: learnt from fields that are ignored, since an id that differs there is used
    again in later calls and results. Texts of at least 4 letters are carried wherever they stand, other values only to
    fields and arguments of the same name.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._named: dict[tuple[str, Hashable], Json] = {}
        self._back: dict[tuple[str, Hashable], Json] = {}

    def learn(self, name: str, recorded: Json, now: Json) -> None:
        """Notes that what was `recorded` in a field is `now` something else."""
        if not _carries(recorded) or not _carries(now):
            return
        if isinstance(recorded, str) and isinstance(now, str) and len(recorded) >= _SHORTEST_CARRIED:
            self.texts[recorded] = now
        self._named[name, freeze(recorded)] = now
        self._back[name, freeze(now)] = recorded
        if isinstance(now, str) and len(now) >= _SHORTEST_CARRIED:
            self._back["", freeze(now)] = recorded

    def now(self, name: str, value: Json) -> Json:
        """What a recorded value is called now."""
        if isinstance(value, str) and value in self.texts:
            return self.texts[value]
        return self._looked(self._named, name, value)

    def then(self, name: str, value: Json) -> Json:
        """What a value of now was called in the record."""
        if isinstance(value, str) and ("", value) in self._back:
            return self._back["", value]
        return self._looked(self._back, name, value)

    def _looked(self, known: dict[tuple[str, Hashable], Json], name: str, value: Json) -> Json:
        if not known or not _carries(value):
            return value
        frozen = freeze(value)
        if (name, frozen) in known:
            return known[name, frozen]
        last = name.rpartition("_")[2]  # an order's `id` is an `order_id` elsewhere
        return known.get((last, frozen), value) if last != name else value

    def replaced(self, value: Json, *, back: bool = False) -> Json:
        """A copy of a value, with everything in it as it is called now (or, `back`, as it was called)."""
        if not self._named:
            return value
        name_of = self.then if back else self.now
        top: list[Json] = [value]
        waiting: list[tuple[Any, Any, str]] = [(top, 0, "")]
        while waiting:
            holder, key, name = waiting.pop()
            item = holder[key]
            if isinstance(item, dict):
                holder[key] = copy = dict(cast("dict[str, Json]", item))
                waiting += [(copy, inner, inner) for inner in copy]
            elif isinstance(item, list | tuple):
                holder[key] = entries = list(cast("Sequence[Json]", item))
                waiting += [(entries, at, name) for at in range(len(entries))]
            else:
                holder[key] = name_of(name, item)
        return top[0]


def _carries(value: Json) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def compare(recorded: ToolResult, now: ToolResult, tool: str, like: Likeness, carried: Carried) -> Compared:
    """Compares what was recorded of a call with what it gives now."""
    out = Compared()
    if now.error is not None:
        _failed(recorded, now, now.error, carried, out)
    elif recorded.error is not None:
        out.differ("", f"{recorded.error.value}: {clipped(recorded.detail or '')}", clipped(now.content))
    else:
        _contents(recorded.content, now.content, _Ignoring.of(like.ignore, tool), like.near, carried, out)
    return out


def _failed(recorded: ToolResult, now: ToolResult, error: ErrorKind, carried: Carried, out: Compared) -> None:
    """The call fails now."""
    detail = now.detail or ""
    if recorded.error is None:
        said = _failure(recorded.content)
        if said is None:
            out.differ("", clipped(recorded.content), f"{error.value}: {clipped(detail)}")
            out.level = "cannot" if error in _UNMAKEABLE else "differs"
            return
        out.used[FAILED] += 1
        out.level = "exact" if _tells(_carried_text(said, carried), detail) else "like"
        return
    before = _carried_text(recorded.detail or "", carried)
    if recorded.error == error or recorded.error is ErrorKind.internal:  # formats that say only that a call failed are read as `internal`
        if recorded.error != error:
            out.used[FAILED] += 1
        if not _tells(before, detail):
            out.used[WORDS] += 1
            out.level = "like"
        return
    out.differ("/error", f"{recorded.error.value}: {clipped(recorded.detail or '')}", f"{error.value}: {clipped(detail)}")
    out.level = "cannot" if error in _UNMAKEABLE and recorded.error not in _UNMAKEABLE else "differs"


def _tells(said: str, detail: str) -> bool:
    """Whether a failure is told in these words, with at most a word such as "Error:" in front."""
    said, detail = said.strip(), detail.strip()
    front = said[: len(said) - len(detail)]
    return said == detail or (bool(detail) and said.endswith(detail) and len(front) <= _FRONT and _FAILURE.match(front) is not None)


def _failure(content: Json) -> str | None:
    """What a recorded result says of a failure, when it says that there was one: a text that begins so, or an object's `error`."""
    if isinstance(content, dict):
        said = cast("dict[str, Json]", content).get("error")
        return said if isinstance(said, str) and said else None
    return content if isinstance(content, str) and _FAILURE.match(content) else None


def _contents(recorded: Json, now: Json, ignoring: _Ignoring, near: float, carried: Carried, out: Compared) -> None:
    """Compares contents, reading texts as what they are where they differ as they stand."""
    if _equal(recorded, now):
        return
    if not isinstance(recorded, str) and not isinstance(now, str):
        _walk(recorded, now, ignoring, near, carried, out)
        return
    if isinstance(recorded, str) and isinstance(now, str) and _carried_text(recorded, carried).strip() == now.strip():
        out.used[SPACE if recorded.strip() == now.strip() else CARRIED] += 1
        return
    if isinstance(recorded, str) and isinstance(now, str) and ((now,) == _json(recorded) or (recorded,) == _json(now)):
        out.used[JSON_TEXT] += 1
        return
    for read, tolerance in ((_json, JSON_TEXT), (_literal, LITERAL)):
        left = read(recorded) if isinstance(recorded, str) else (recorded,)
        right = read(now) if isinstance(now, str) else (now,)
        if left is None or right is None or (isinstance(recorded, str) and isinstance(now, str) and not isinstance(left[0], dict | list)):
            continue
        out.used[tolerance] += 1
        _walk(left[0], right[0], ignoring, near, carried, out)
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


def _json(text: str) -> tuple[Json] | None:
    try:
        return (msgspec.json.decode(text),)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _literal(text: str) -> tuple[Json] | None:
    if len(text) > _LONGEST_LITERAL or text[:1] not in _LITERAL_BEGINS:
        return None
    try:
        return (msgspec.to_builtins(ast.literal_eval(text.strip()), str_keys=True),)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
        return None


def _carried_text(text: str, carried: Carried) -> str:
    """A text in which whole values are called what they are called now."""
    for recorded, now in carried.texts.items():
        if recorded in text:
            text = text.replace(recorded, now)
    return text


_ABSENT = object()
_Path = tuple[Any, str] | None
"""A field: where it stands, and its name; linked, so that nothing is copied on the way down."""


def _walk(recorded: Json, now: Json, ignoring: _Ignoring, near: float, carried: Carried, out: Compared) -> None:
    """Compares two values field by field, in the order of keys."""
    waiting: list[tuple[Json, Json, _Path, str, _Ignoring]] = [(recorded, now, None, "", ignoring)]
    while waiting:
        left, right, path, name, patterns = waiting.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            one, other = cast("dict[str, Json]", left), cast("dict[str, Json]", right)
            keys = sorted({*one, *other}, reverse=True)
            waiting += [(one.get(key, _ABSENT), other.get(key, _ABSENT), (path, key), key, patterns.within(key)) for key in keys]
        elif isinstance(left, list) and isinstance(right, list):
            ones, others = cast("list[Json]", left), cast("list[Json]", right)
            if len(ones) != len(others) and not patterns.all:
                out.differ(pointer(path), f"{len(ones)} entries", f"{len(others)} entries")
            pairs = list(enumerate(zip(ones, others, strict=False)))
            waiting += [(one, other, (path, str(at)), name, patterns.within(str(at))) for at, (one, other) in reversed(pairs)]
        elif left is not _ABSENT and right is not _ABSENT and same(left, right):
            continue
        elif patterns.all:
            out.used[IGNORED] += 1
            carried.learn(name, left, right)
        elif left is _ABSENT or right is _ABSENT:
            was, comes = "absent" if left is _ABSENT else clipped(left), "absent" if right is _ABSENT else clipped(right)
            out.differ(pointer(path), was, comes)
        elif _near(left, right, near):
            out.used[NEAR] += 1
        elif same(carried.now(name, left), right) or (isinstance(left, str) and _carried_text(left, carried) == right):
            out.used[CARRIED] += 1
        else:
            out.differ(pointer(path), *_around(left, right))


def _near(left: Json, right: Json, near: float) -> bool:
    if not near or isinstance(left, bool) or isinstance(right, bool) or not isinstance(left, int | float) or not isinstance(right, int | float):
        return False
    try:
        return math.isclose(left, right, rel_tol=near, abs_tol=near)
    except OverflowError:
        return False


class _Ignoring:
    """Where patterns stand on the way down: `all` when what is here is to be ignored."""

    def __init__(self, patterns: tuple[tuple[str, ...], ...], *, within: bool = False) -> None:
        self._patterns = patterns
        self.all = within or any(all(step == "**" for step in steps) for steps in patterns)

    @classmethod
    def of(cls, ignore: tuple[str, ...], tool: str) -> _Ignoring:
        found = [_steps(pattern) for pattern in ignore]
        return cls(tuple(steps for whose, steps in found if whose in ("", tool)))

    def within(self, key: str) -> _Ignoring:
        """The same, one step further down."""
        if not self._patterns:
            return self
        if self.all:
            return _Ignoring((), within=True)
        left: dict[tuple[str, ...], None] = {}
        for steps in self._patterns:
            if steps[0] == "**":
                left[steps] = None
                if len(steps) > 1 and fnmatchcase(key, steps[1]):
                    left[steps[2:]] = None
            elif fnmatchcase(key, steps[0]):
                left[steps[1:]] = None
        return _Ignoring(tuple(left))


def _steps(pattern: str) -> tuple[str, tuple[str, ...]]:
    """The tool of a pattern ("" for all) and its steps.

    Raises:
        ArtificerError: it is empty.
    """
    whose, colon, rest = pattern.partition(":/")
    if not colon:
        whose, rest = "", pattern
    else:
        rest = f"/{rest}"
    if not rest.strip() or rest.strip() == "/":
        raise ArtificerError(f"{pattern!r} names no field", remedy="write a field's name, a pointer such as /order/placed_at, or TOOL:/**")
    given = rest.removeprefix("/").split("/") if "/" in rest else ["**", rest]
    steps: list[str] = []
    for step in given:
        if step != "**" or not steps or steps[-1] != "**":
            steps.append(step.replace("~1", "/").replace("~0", "~"))
    return whose, tuple(steps)


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
