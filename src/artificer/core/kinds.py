"""The one tree of what goes wrong with tool calls: every error kind, its place and what it means.

A leaf is an `ErrorKind`: what worlds answer, checks find and matchers name. A branch is an `ErrorGroup`: what reports
add up, and what a class of a published system maps to when it is wider than one kind. The place of a member stands
where the member is declared, so that none can be without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Self


class ErrorGroup(StrEnum):
    """A branch of the tree. Written as: value, the group above it, what it holds."""

    _above: str
    says: str

    def __new__(cls, value: str, above: str = "", says: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member._above = above
        member.says = says
        return member

    error = "error", "", "something went wrong"

    agent = "agent", "error", "what an agent did or left undone"
    user = "user", "error", "what the user, or who simulates one, did wrong"
    world = "world", "error", "failures of the world itself, which say nothing of an agent"

    tool = "tool", "agent", "whether a tool was called where one should be, and which"
    argument = "argument", "agent", "what a call was given"
    sequence = "sequence", "agent", "calls that are wrong for where they stand among others"
    state = "state", "agent", "what became of the world, or what its state does not allow"
    policy = "policy", "agent", "rules that stand above the request"
    dialogue = "dialogue", "agent", "what was said, or not said, and how the conversation ended"

    @property
    def parent(self) -> ErrorGroup | None:
        """The group above; None for `error`."""
        return ErrorGroup(self._above) if self._above else None

    @property
    def ancestors(self) -> tuple[ErrorGroup, ...]:
        """The groups above, nearest first; the last is `error`."""
        return () if self.parent is None else (self.parent, *self.parent.ancestors)


class ErrorKind(StrEnum):
    """Why a tool call failed, or what was wrong with it. Written as: value, its group, what it means."""

    parent: ErrorGroup
    says: str

    def __new__(cls, value: str, parent: str = "error", says: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.parent = ErrorGroup(parent)
        member.says = says
        return member

    unknown_tool = "unknown_tool", "tool", "a tool was called that is not offered"
    unparsable_call = "unparsable_call", "tool", "what was written could not be read as a call"
    wrong_tool = "wrong_tool", "tool", "another tool was needed than the one that was called"
    no_call = "no_call", "tool", "no call was made where one was needed"
    needless_call = "needless_call", "tool", "a call was made where none was needed"
    missing_call = "missing_call", "tool", "a call of the reference was not made"
    extra_call = "extra_call", "tool", "a call was made that the reference does not hold"

    missing_argument = "missing_argument", "argument", "an argument that is required was left out"
    extra_argument = "extra_argument", "argument", "an argument was given that the tool does not have, or that has no place in the call"
    mistyped_argument = "mistyped_argument", "argument", "an argument has the wrong type"
    invalid_argument = "invalid_argument", "argument", "an argument has the right type and a value outside what the schema allows"
    wrong_value = "wrong_value", "argument", "a value is not the one that was needed"
    ungrounded_argument = "ungrounded_argument", "argument", "nobody said the value and no result showed it"

    wrong_order = "wrong_order", "sequence", "calls were made in another order than they had to be"
    repetition = "repetition", "sequence", "the same call again, with nothing changed in between"
    redundant_write = "redundant_write", "sequence", "a write left nothing of the goal behind"
    ignored_result = "ignored_result", "sequence", "what a tool said was not used, or gone against"

    not_found = "not_found", "state", "what a call named does not exist"
    constraint = "constraint", "state", "a rule of the state forbids it: a foreign key, UNIQUE, CHECK, NOT NULL"
    missing_effect = "missing_effect", "state", "a change that was wanted did not come about"
    extra_effect = "extra_effect", "state", "something was changed that should not have been"

    forbidden = "forbidden", "policy", "the world's own rules refused the call"
    policy_breach = "policy_breach", "policy", "a rule that an agent must keep was broken"
    unsafe_action = "unsafe_action", "policy", "an action risked harm to what is not the agent's"

    not_told = "not_told", "dialogue", "the user was not told what had to be told"
    unsupported_claim = "unsupported_claim", "dialogue", "the agent said what no tool showed"
    false_refusal = "false_refusal", "dialogue", "the agent refused what can be done"
    missed_refusal = "missed_refusal", "dialogue", "the agent did, or made up, what cannot be done"
    premature_end = "premature_end", "dialogue", "the agent ended before all was done"
    bad_grammar = "bad_grammar", "dialogue", "the messages do not form a dialogue"

    leaked_id = "leaked_id", "user", "a user stated a surrogate id that no tool had shown"

    timeout = "timeout", "world", "the tool did not answer in time"
    transport = "transport", "world", "the tool could not be reached"
    bad_output = "bad_output", "world", "the tool answered with something that cannot be read"
    internal = "internal", "world", "the tool broke"

    @property
    def ancestors(self) -> tuple[ErrorGroup, ...]:
        """The groups above, nearest first; the last is `error`."""
        return (self.parent, *self.parent.ancestors)

    @property
    def side(self) -> ErrorGroup:
        """Whose it is: `agent`, `user` or `world`."""
        return self.ancestors[-2]


Place = ErrorKind | ErrorGroup
"""Somewhere in the tree."""


def within(place: Place, group: ErrorGroup) -> bool:
    """Whether a place is the group or lies below it."""
    return place == group or group in place.ancestors


def common(places: Sequence[Place]) -> Place:
    """The narrowest place that holds all of these; `error` for none."""
    if not places:
        return ErrorGroup.error
    lines: list[tuple[Place, ...]] = [(place, *place.ancestors) for place in places]
    return next(place for place in lines[0] if all(place in line for line in lines))


def tree() -> tuple[tuple[int, Place], ...]:
    """Every place in the order of a table of contents, with its depth: `error` is at 0."""
    found: list[tuple[int, Place]] = []
    waiting: list[Place] = [ErrorGroup.error]
    while waiting:
        at = waiting.pop()
        found.append((len(at.ancestors), at))
        below: list[Place] = [*(group for group in ErrorGroup if group.parent is at), *(kind for kind in ErrorKind if kind.parent is at)]
        waiting += reversed(below)
    return tuple(found)
