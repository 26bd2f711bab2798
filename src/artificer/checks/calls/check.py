"""The check `calls`: the agent's calls against a reference, by a preset.

A task states the constraint `calls`:

    {"preset": "strict", "expected": [{"name", "arguments": {name: [values that are right]}, "optional": [names]}],
     "only": ["read" | "write" | "unknown", ...], "ordered": false, "rel": 0.0}

All may be left out: without `expected` the reference is the task's own gold calls, without `only` every call counts.
`ordered` and `rel` are of `strict`. Calls that the world refused count as made: an agent that guesses is not right.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.calls import strict
from artificer.checks.calls.base import CallMatch, Expected
from artificer.checks.calls.firsts import Right, exactly, process
from artificer.checks.calls.plain import same_json
from artificer.checks.calls.presets import matcher
from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolCall
from artificer.core.verdicts import CheckResult

NAME = "calls"
_SHOWN = 20


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """A call of the reference as a task states it."""

    name: str
    arguments: dict[str, list[Json]] = {}
    optional: list[str] = []

    def expected(self) -> Expected:
        """The same for matchers."""
        return Expected(self.name, {name: tuple(values) for name, values in self.arguments.items()}, frozenset(self.optional))


class Stated(Struct, frozen=True, forbid_unknown_fields=True):
    """What a task states; see the module."""

    preset: str = "strict"
    expected: list[Reference] | None = None
    only: list[Literal["read", "write", "unknown"]] = []
    ordered: bool = False
    rel: float = 0.0


class Called:
    """The check. Score and numbers: the preset's, and of the process `first_wrong` (-1 for none), `prefix`, `progress`."""

    name = NAME

    async def __call__(self, episode: Episode) -> CheckResult:
        given = episode.task.stated(NAME)
        if given is None and episode.task.gold is None:
            return CheckResult(self.name, 0.0, False, ("the task states no calls, and has no gold calls",))
        stated = read(given or {}, episode.task.id)
        if stated.expected is None and episode.task.gold is None:
            return CheckResult(self.name, 0.0, False, ("the task states no calls, and has no gold calls",))
        gold = [Expected.exactly(call) for call in episode.task.gold or ()]
        expected = gold if stated.expected is None else [one.expected() for one in stated.expected]
        made = _made(episode, stated)
        found = _matched(stated, made, expected, episode)
        course = process(made, expected, ordered=stated.ordered, right=_right(stated, episode))
        numbers = found.numbers | {
            "made": len(made),
            "expected": len(expected),
            "first_wrong": -1 if course.first_wrong is None else course.first_wrong,
            "prefix": course.prefix,
            "progress": course.progress,
        }
        evidence = [f"{'' if fault.call is None else f'call {fault.call}: '}{fault.why}" for fault in found.faults]
        kinds = tuple(dict.fromkeys(fault.kind for fault in found.faults))
        score = min(1.0, max(0.0, found.score))
        return CheckResult(self.name, score, found.passed, tuple(evidence[:_SHOWN]), kinds, numbers, stated.preset)


def read(given: dict[str, Any], task: str) -> Stated:
    """What a task states.

    Raises:
        ArtificerError: it cannot be read, or names no preset.
    """
    try:
        stated = msgspec.convert(given, Stated)
    except msgspec.ValidationError as error:
        raise ArtificerError(
            f"the constraint 'calls' cannot be read: {error}", where=f"task {task!r}", remedy="use preset, expected, only, ordered, rel"
        ) from None
    if (stated.ordered or stated.rel) and stated.preset != "strict":
        raise ArtificerError(
            f"'ordered' and 'rel' are of the preset strict, not of {stated.preset!r}", where=f"task {task!r}", remedy="leave them out"
        )
    matcher(stated.preset)
    return stated


def _made(episode: Episode, stated: Stated) -> list[ToolCall]:
    effects = {tool.name: tool.effect for tool in episode.tools}
    calls = [call for node in episode.nodes if node.message.role == "assistant" for call in node.message.calls]
    return calls if not stated.only else [call for call in calls if effects.get(call.name, "unknown") in stated.only]


def _right(stated: Stated, episode: Episode) -> Right:
    """Whether one call answers one of the reference, by the preset: the process is not judged by other rules."""
    if stated.preset == "strict":
        return partial(exactly, same=strict.within(stated.rel) if stated.rel else same_json)
    match = matcher(stated.preset)
    return lambda call, wanted: match([call], [wanted], episode.tools).passed


def _matched(stated: Stated, made: Sequence[ToolCall], expected: Sequence[Expected], episode: Episode) -> CallMatch:
    if stated.preset == "strict":
        return strict.match(made, expected, episode.tools, ordered=stated.ordered, rel=stated.rel)
    return matcher(stated.preset)(made, expected, episode.tools)
