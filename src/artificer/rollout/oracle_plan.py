"""Oracle plans: what to do, told to the agent beforehand (EnterpriseOps-Gym, arXiv 2603.13594: +14 to +35 points).

The published plans are written by people; `oracle:file=plans.json` takes such a file, `{"TASK ID": "PLAN", ...}`. Without
one, a plan is made of the task's own solution: which tools write, in which order, with which arguments. No value is in
it: where each comes from, the user's words or a look-up, is all that is said of it. So what it measures is planning,
and nothing private reaches a prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task, Want

_OUTCOMES = {
    "answered": "look up what the user asks for and tell it",
    "refused": "find out that it cannot be done, change nothing, and tell the user why",
    "unclear": "find out that it is unclear which one is meant, change nothing, and say so",
}


def open_plans(options: Mapping[str, str], where: str) -> Callable[[Task], str]:
    """Where plans come from.

    Args:
        options: `file`, or nothing.

    Raises:
        ArtificerError: another option, or the file cannot be read.
    """
    if set(options) - {"file"}:
        raise ArtificerError(f"'oracle' takes no option {min(set(options) - {'file'})!r}.", where=where, remedy="use file, or give it none")
    if "file" not in options:
        return plan_of
    try:
        plans = msgspec.json.decode(Path(options["file"]).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtificerError(f"no plans can be read: {error}", where=options["file"], remedy='write {"TASK ID": "PLAN", ...}') from error
    return lambda task: plans.get(task.id, "")


def plan_of(task: Task) -> str:
    """The task's solution without its values."""
    wants = task.goal.wants
    single = len(wants) == 1
    gold = () if any(want.gold for want in wants) else task.gold or ()
    lines = [line for index, want in enumerate(wants) for line in _steps(want, "" if single else f"request {index + 1}: ")]
    lines += [_call(call.name, list(call.arguments)) for call in gold]
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def _steps(want: Want, of: str) -> list[str]:
    if want.gold:
        return [f"{of}{_call(call.name, list(call.arguments))}" for call in want.gold]
    return [f"{of}{_OUTCOMES[want.outcome]}"] if want.outcome in _OUTCOMES else []


def _call(name: str, arguments: list[str]) -> str:
    return f"call {name}" + (f" with {', '.join(arguments)}, each from the user's words or a look-up" if arguments else "")
