"""All tasks of tau2-bench's domains with an agreed gold, from an installed package or the clone that `TAU2_ROOT` names.

Of a task: the reason to call, what the user knows and is told to do (a published row has no dialogue), and the gold actions of agent and user. The
persona is left out: it is shared by tasks. Tools are known by the names in the gold alone, since reading more would run the domain's code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.curation.suites.rows import Turn, row
from artificer.formats.base import Item
from artificer.worlds.imported.tau2 import ROOT
from artificer.worlds.imported.tau2_data import DOMAINS as DOMAINS
from artificer.worlds.imported.tau2_data import Data, Record, places

_KEPT = ("reason_for_call", "known_info", "task_instructions")


def rows(domain: str) -> Iterator[Item]:
    """The rows of a domain.

    Raises:
        SourceError: no package and no clone has its data, or they are not as expected.
    """
    named = os.environ.get(ROOT)
    data = Data(domain, places(Path(named).expanduser() if named else None))
    records = _all(data)
    gold = {action.name for record in records if record.evaluation_criteria for action in record.evaluation_criteria.actions or ()}
    tools = tuple(ToolSpec(name, "", {}) for name in sorted(gold))
    for record in records:
        yield row(f"tau2-{domain}-{record.id}", f"tau2:{domain}", [_turn(record)], tools)


def _all(data: Data) -> list[Record]:
    """Telecom has a split `full`; where there is none, `base` holds all tasks that a gold was agreed on."""
    try:
        return data.records("full")
    except SourceError:
        return data.records("base")


def _turn(record: Record) -> Turn:
    told = record.user_scenario.instructions
    said = (told,) if isinstance(told, str) else tuple(str(told[name]) for name in _KEPT if told.get(name))
    actions = (record.evaluation_criteria.actions if record.evaluation_criteria is not None else None) or ()
    calls = [(action.requestor, ToolCall(action.action_id, action.name, action.arguments)) for action in actions]
    return Turn(
        (*said, record.ticket) if record.ticket else said,
        tuple(call for side, call in calls if side == "assistant"),
        tuple(call for side, call in calls if side == "user"),
    )
