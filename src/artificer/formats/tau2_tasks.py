"""Tasks of tau2-bench (`tasks.json`).

A task is not a trace: nothing was said yet, but for the history that a few begin with. So its trace holds that
history and nothing else, and the task itself, with what the user is told and the gold actions, stands in the lineage
under `extra.task`: no agent and no trainer may see it as a message. What is written are the tasks that traces carry
so, those of simulations too (`tau2`); a conversation alone does not say what its user was told, and is no task.

Source: sierra-research/tau2-bench, `src/tau2/data_model/tasks.py` (MIT).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.trace import Trace
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, events, toolset_digest
from artificer.formats.parts import fields, listed
from artificer.formats.tau2_messages import count as count_messages
from artificer.formats.tau2_messages import nodes_of

SAID = "what was said and done on a task: a task holds none of it"


def fits(row: Any) -> float:
    """A scenario for a user, and criteria, under an id."""
    if not isinstance(row.get("user_scenario"), dict) or "id" not in row:
        return 0.0
    return 0.98 if "instructions" in row["user_scenario"] else 0.5


def _history(row: Any) -> list[Any]:
    return listed(fields(row.get("initial_state")).get("message_history"))


def count(row: Any) -> int:
    """The events of the history."""
    return count_messages(_history(row))


def parse(row: Any, account: Account) -> Iterable[Item]:
    """What was said before the task begins; the task is in the lineage."""
    name, scenario = row["id"], row["user_scenario"]
    if isinstance(name, bool) or not isinstance(name, str | int) or not isinstance(scenario, dict) or "instructions" not in scenario:
        raise TypeError("a task has an id and instructions for its user")
    nodes = tuple(nodes_of(_history(row), account))
    domain = fields(scenario["instructions"]).get("domain") if isinstance(scenario["instructions"], dict) else None
    world = f"tau2:{domain}" if isinstance(domain, str) and domain else ""
    yield Item(Trace(str(name), str(name), world, toolset_digest(()), nodes, lineage={"extra": {"task": row}}))


def render(item: Item, account: Account) -> Iterable[Json]:
    """The task that a trace carries.

    Raises:
        ValueError: it carries none.
    """
    kept = item.trace.lineage.get("extra")
    task = cast("dict[str, Any]", kept).get("task") if isinstance(kept, dict) else None
    if not isinstance(task, dict) or fits(task) < 0.9:
        raise ValueError("no task is known for it")
    row = cast("dict[str, Any]", task)
    account.drop(SAID, events(item.trace) - count(row))
    yield row


HELD = frozenset(
    [
        *("id", "task", "sampled", "call_ids", "parallel", "beside", "errors", "results", "user_calls", "system", "opening"),
        *("adjacent", "empty", "words"),
    ]
)
"""What the history of a task holds."""

FORMAT = Format(
    "tau2_tasks",
    "tau2-bench's tasks: written are the tasks that traces carry",
    fits,
    count,
    parse,
    render,
    HELD,
    ("all but the task that a trace carries", "what was said and done on it beyond the history that it begins with"),
    file="array",
    whole=True,
)
