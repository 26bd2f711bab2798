"""Are the objects of a world, at the end, as a task says?

A task states it with the constraint `attributes`: `{"classes": {"Shop": {"open": true, "stock": {"lamp": 2}}}}`, for
worlds that show their objects (`worlds.base.Attributed`), as `python:` and imported ones do. `rule` says what counts:

    exact     every class and attribute, no more and no less
    partial   what is stated, at any depth of objects; more may be there
    acebench  as the end state of ACEBench's agent tasks (arXiv 2501.12851; `agent_checker`, `agent_eval` of its
              repository, read): as many classes as stated, every attribute found is stated and equal, one that is an
              object where what is stated of it is equal

In `code` mode `acebench` keeps upstream's accidents: a stated class that the world has under no such name is not looked
at, a stated attribute that the object lacks is not missed, and 1 is equal to true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.checks.base import Episode, Unseen
from artificer.checks.state.graph import read
from artificer.checks.values import clip, same, shown
from artificer.core.canon import Json
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.worlds.base import Attributed, Session

CONSTRAINT = "attributes"
Rule = Literal["exact", "partial", "acebench"]
Objects = Mapping[str, Mapping[str, Json]]
_DEPTH = 64
_SHOWN = 20


class Stated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The constraint's arguments."""

    classes: dict[str, dict[str, Json]]
    rule: Rule = "exact"
    mode: Literal["strict", "code"] = "strict"


class Difference(Struct, frozen=True):
    """One attribute that is not as stated. `path` begins with its class."""

    path: str
    why: str
    kind: ErrorKind


def differing(found: Objects, wanted: Objects, rule: Rule = "exact", mode: Literal["strict", "code"] = "strict") -> list[Difference]:
    """What is not as stated, by path. Values are compared with their types."""
    return sorted(_differing(found, wanted, rule, mode), key=lambda one: (one.path, one.why))


def _differing(found: Objects, wanted: Objects, rule: Rule, mode: Literal["strict", "code"]) -> list[Difference]:
    if rule == "acebench":
        return list(_acebench(found, wanted, mode))
    out: list[Difference] = []
    for name in sorted({*found, *wanted}):
        if name not in found:
            out.append(Difference(name, "there is no such class", ErrorKind.missing_effect))
        elif name in wanted:
            out += _attributes(name, found[name], wanted[name], rule == "partial")
        elif rule == "exact":
            out.append(Difference(name, "nothing is stated of this class", ErrorKind.extra_effect))
    return out


def _attributes(path: str, found: Mapping[str, Json], wanted: Mapping[str, Json], partial: bool) -> Iterator[Difference]:
    """The differences of one object, its inner objects looked into."""
    waiting: list[tuple[str, Any, Any, int]] = [(path, found, wanted, 0)]
    while waiting:
        at, mine, theirs, depth = waiting.pop()
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping) and depth < _DEPTH:
            left, right = cast("Mapping[str, Any]", mine), cast("Mapping[str, Any]", theirs)
            for name in sorted({*left, *right}, reverse=True):
                below = f"{at}.{clip(name)}" if len(at) < 200 else at
                if name not in left:
                    yield Difference(below, f"expected {shown(right[name])}, found nothing", ErrorKind.missing_effect)
                elif name in right:
                    waiting.append((below, left[name], right[name], depth + 1))
                elif not partial:
                    yield Difference(below, f"found {shown(left[name])}, nothing is stated", ErrorKind.extra_effect)
        elif not same(mine, theirs):
            yield Difference(at, f"expected {shown(theirs)}, found {shown(mine)}", ErrorKind.wrong_value)


def _acebench(found: Objects, wanted: Objects, mode: Literal["strict", "code"]) -> Iterator[Difference]:
    if len(found) != len(wanted):
        yield Difference("classes", f"expected {len(wanted)}, found {len(found)}", ErrorKind.wrong_value)
        return
    for name in wanted:
        if name not in found:
            if mode == "strict":  # code-mode: what has no counterpart is not compared
                yield Difference(name, "there is no such class", ErrorKind.missing_effect)
            continue
        mine, theirs = found[name], wanted[name]
        for attribute in sorted(mine):
            if attribute not in theirs:
                yield Difference(f"{name}.{attribute}", f"found {shown(mine[attribute])}, nothing is stated", ErrorKind.extra_effect)
            else:
                yield from _value(f"{name}.{attribute}", mine[attribute], theirs[attribute], mode)
        for attribute in sorted(set(theirs) - set(mine)) if mode == "strict" else ():
            yield Difference(f"{name}.{attribute}", f"expected {shown(theirs[attribute])}, found nothing", ErrorKind.missing_effect)


def _value(path: str, mine: Json, theirs: Json, mode: Literal["strict", "code"]) -> Iterator[Difference]:
    if isinstance(theirs, dict):
        entries = cast("dict[str, Json]", theirs)
        inner = cast("dict[str, Json]", mine) if isinstance(mine, dict) else None
        for name, value in sorted(entries.items()):
            if inner is None or name not in inner:
                yield Difference(f"{path}.{name}", f"expected {shown(value)}, found nothing", ErrorKind.missing_effect)
            elif not _equal(inner[name], value, mode):
                yield Difference(f"{path}.{name}", f"expected {shown(value)}, found {shown(inner[name])}", ErrorKind.wrong_value)
        if inner is None and not entries and mode == "strict":
            yield Difference(path, f"expected an object, found {shown(mine)}", ErrorKind.wrong_value)
    elif not _equal(mine, theirs, mode):
        yield Difference(path, f"expected {shown(theirs)}, found {shown(mine)}", ErrorKind.wrong_value)


def _equal(mine: Any, theirs: Any, mode: Literal["strict", "code"]) -> bool:
    if mode == "strict":
        return same(mine, theirs)
    try:
        return bool(mine == theirs)
    except RecursionError:
        return same(mine, theirs)


class Attributes:
    """The check. Passes with 1, fails with 0. `numbers`: the attributes that `differ`."""

    name = CONSTRAINT

    async def __call__(self, episode: Episode) -> CheckResult:
        arguments = episode.task.stated(CONSTRAINT)
        if arguments is None:
            return CheckResult(self.name, 0.0, False, ("the task states no attributes",))
        wanted: Stated = read(arguments, Stated, f"task {episode.task.id!r}, attributes")

        def look(session: Session) -> dict[str, dict[str, Json]] | Unseen:
            return session.objects() if isinstance(session, Attributed) else Unseen("the world is not made of objects")

        found = Unseen("the state was not kept") if episode.past is None else await episode.past.end(look)
        if isinstance(found, Unseen):
            return CheckResult(self.name, 0.0, False, (found.why,))
        out = differing(found, wanted.classes, wanted.rule, wanted.mode)
        return CheckResult(
            self.name,
            float(not out),
            not out,
            tuple(f"{one.path}: {one.why}" for one in out[:_SHOWN]),
            tuple(sorted({one.kind for one in out})),
            {"differ": len(out)},
            wanted.mode,
        )
