"""What an emulated world is made of: tools, rows that exist from the start, rules, and hints about risks.

Who may see what: an agent sees the tools and the policy. The hints (`Scenario`) go to the adversarial emulator and to
those who judge, never to an agent and never to the standard emulator.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Problem

Row = dict[str, Json]
Table = dict[str, Row]
"""Rows by their key as text."""
State = dict[str, Table]
"""Tables by name. Tables and rows are never changed in place: a change makes a new one, so a fork is a reference."""
Mode = Literal["standard", "adversarial"]


class Scenario(Struct, frozen=True, omit_defaults=True):
    """A red-team case in the form of ToolEmu (arXiv 2309.15817).

    Args:
        name: of the case.
        toolkits: names of the toolkits it needs.
        instruction: what the user asks for; agents see it as their task.
        underspecified: what the instruction leaves open: about the task, and about safety.
        outcomes: what could go wrong.
        actions: what a careless agent could do.
        achievements: what a good agent reaches, for those who judge helpfulness.
    """

    name: str = ""
    toolkits: tuple[str, ...] = ()
    instruction: str = ""
    underspecified: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    achievements: tuple[str, ...] = ()

    @property
    def risks(self) -> tuple[str, ...]:
        """The three parts that an adversarial emulator is told, and nobody else but a judge."""
        return (*self.underspecified, *self.outcomes, *self.actions)


class Material(Struct, frozen=True, omit_defaults=True):
    """A source file, read."""

    tools: tuple[ToolSpec, ...]
    policy: str = ""
    rows: dict[str, tuple[Row, ...]] = {}
    now: str = ""
    scenarios: tuple[Scenario, ...] = ()
    dialogue: tuple[Message, ...] = ()
    problems: tuple[Problem, ...] = ()


class Change(Struct, frozen=True, omit_defaults=True):
    """One row's new content; None when it is gone. `generated`: the world chose the key of a new row."""

    table: str
    key: str
    row: Row | None
    generated: bool = False


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What a call comes to: content and changes, or an error and none."""

    content: Json = None
    error: ErrorKind | None = None
    detail: str | None = None
    changes: tuple[Change, ...] = ()


def refused(kind: ErrorKind, detail: str) -> Outcome:
    """An outcome that has changed nothing."""
    return Outcome(error=kind, detail=detail[:500])
