"""The rules of one task, and how a task states them."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from artificer.checks.constraints.rules import Count, Rule
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Constraint, Task

NAME = "constraints"
"""The name of the constraint in a task, and of its check."""
Mode = Literal["code", "strict"]


class Rules(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The rules of one task.

    Args:
        rules: in the order in which they are checked and told.
        mode: `code`: as CCTU's code has it, a call that was refused counts as tried and as having come before.
            `strict`: for minima and for what must come before, only calls that were let through count.
        told: whether the agent is told at the beginning.
        repairs: how often a final answer is given back; None: until the turns are spent, as the source.
        answers: for each tool what its results must have shown for the task to count as solved (CCTU's
            `unsolved_set`).
    """

    rules: tuple[Rule, ...]
    mode: Mode = "code"
    told: bool = True
    repairs: Count | None = None
    answers: dict[str, tuple[str, ...]] = {}

    def constraint(self) -> Constraint:
        """How a task states it."""
        return Constraint(NAME, msgspec.json.decode(msgspec.json.encode(self)))


def stated(task: Task) -> Rules | None:
    """The rules of a task; several such constraints are taken together, the first says how. None without one.

    Raises:
        ArtificerError: they cannot be read.
    """
    found = [_read(one, task) for one in task.constraints if one.name == NAME]
    if not found:
        return None
    rest = tuple(rule for more in found[1:] for rule in more.rules)
    return msgspec.structs.replace(found[0], rules=found[0].rules + rest) if rest else found[0]


def _read(constraint: Constraint, task: Task) -> Rules:
    try:
        return msgspec.convert(constraint.arguments, Rules)
    except msgspec.ValidationError as error:
        raise ArtificerError(
            f"its constraints cannot be read: {error}", where=f"task {task.id!r}", remedy="see docs/checks-constraints.md"
        ) from error
