"""Tasks: what a user wants, what they know, and what must be true afterwards.

A task is made from its answer: the goal's effects were reached once, by exact ids, on a private copy of the world.
What people see of a task is `Task.visible()`; everything else (goal, gold, checks) stays with the user simulator and
the checks.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import ToolCall


class Start(Struct, frozen=True, omit_defaults=True):
    """How a session begins: a seed, and calls that are run (as `setup`) before anybody speaks."""

    seed: int = 0
    setup: tuple[ToolCall, ...] = ()


class Effect(Struct, frozen=True, omit_defaults=True):
    """One row's net change, however it was reached.

    `columns` maps a column to (old, new). An insert has old = None everywhere, a delete new = None; an update lists
    only the columns that differ. `generated` marks an inserted row whose key the world chose (it may differ between
    equally good paths).
    """

    table: str
    key: tuple[Json, ...]
    change: Literal["insert", "update", "delete"]
    columns: dict[str, tuple[Json, Json]]
    generated: bool = False


class Fact(Struct, frozen=True, omit_defaults=True):
    """One thing the user knows and can say.

    Args:
        path: where it belongs: `"<want>"` for what is wanted itself, else `"<want>.<slot>"`, deeper for a row
        described through another row,
            e.g. `"0.row.album.title"`. `<want>` is the want's index.
        value: the exact value; None for the fact that states the want itself.
        phrase: the words that carry it, verbatim in what the user says. Within a task no phrase contains another.
        reveal: said with the opening of its want, or only when asked.
    """

    path: str
    value: Json
    phrase: str
    reveal: Literal["opening", "asked"] = "opening"


class Want(Struct, frozen=True, omit_defaults=True):
    """One thing the user wants done, answered, or (when it is impossible) explained.

    Args:
        op: the name of the procedure that serves it, e.g. `"update:track"`.
        outcome: how it must end.
        reason: why it cannot be done, for `refused` and `unclear`, e.g. `"not_found"`.
        tell: what the agent must have said by the end: every entry is a tuple of alternatives of which one must
            occur.
        gold: write calls with exact ids that reach the want's effects (empty for reads and for what is impossible).
    """

    op: str
    outcome: Literal["done", "answered", "refused", "unclear"] = "done"
    reason: str | None = None
    tell: tuple[tuple[str, ...], ...] = ()
    gold: tuple[ToolCall, ...] = ()


class Goal(Struct, frozen=True, omit_defaults=True):
    """The private side of a task.

    `script` holds the user's lines: `"open:<want>"` for each want, `"ask:<path>"` for facts said on request (path as
    in `Fact`), so that wording is made once and can be rewritten; a line's facts are found in it by their phrases.
    """

    wants: tuple[Want, ...]
    facts: tuple[Fact, ...]
    effects: tuple[Effect, ...]
    script: dict[str, str] = {}
    pace: int = 1
    """How many wants the user brings up at a time."""


class Constraint(Struct, frozen=True):
    """A rule an agent must keep, by the name of the check that decides it."""

    name: str
    arguments: dict[str, Any] = {}


class Visible(Struct, frozen=True):
    """All that an agent may see of a task before anybody speaks."""

    prompt: str
    tools: tuple[str, ...] | None


class Task(Struct, frozen=True, omit_defaults=True):
    """One task in one world.

    `tools` names the tools offered (None: all). `gold` is the whole goal's write calls in order. `difficulty` holds
    the knobs' values as realised. `lineage` is the ids and seeds it was made from.
    """

    id: str
    world: str
    start: Start
    prompt: str
    goal: Goal
    checks: tuple[str, ...] = ()
    gold: tuple[ToolCall, ...] | None = None
    constraints: tuple[Constraint, ...] = ()
    tools: tuple[str, ...] | None = None
    difficulty: dict[str, float] = {}
    tags: tuple[str, ...] = ()
    lineage: dict[str, Json] = {}

    def stated(self, constraint: str) -> dict[str, Any] | None:
        """The arguments of the first constraint of a name; None where there is none."""
        return next((one.arguments for one in self.constraints if one.name == constraint), None)

    def visible(self) -> Visible:
        return Visible(prompt=self.prompt, tools=self.tools)
