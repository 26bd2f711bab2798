"""CCTU's own records as rules: the JSON files that its published checkers read, one a constraint.

Its other constraints are Python programs, one a task, which are not run; of these only what a closed form says can be
written as `Format`, `Identifiers` or `Punctuation` by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from artificer.checks.constraints.rules import Calls, CallsOf, Length, Order, Parallel, Rounds, Rule, Together
from artificer.core.errors import ArtificerError

MAX_ROUNDS = 20
"""Messages after which the source ends a run, whatever a task says."""


def cctu_rule(record: Mapping[str, Any]) -> Rule | None:
    """The rule of a record `check_constraint_N.json`, told by its keys, so that old and new labels are the same. None
    when it asks for nothing: an order of one tool, or of none. (Task 96's, whose order stands in the checker's code, is
    such: the handler returns before it gets there. As the task's words have it, it would be an `Order` with `first`.)

    Raises:
        ArtificerError: it is none of the kinds that are kept as JSON, or a value cannot be read.
    """
    try:
        return _rule(record)
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise ArtificerError(f"this is no constraint of CCTU: {error}", remedy="give the content of a check_constraint_N.json") from error


def _rule(record: Mapping[str, Any]) -> Rule | None:
    if "max_round" in record:
        return Rounds(_least(record["min_round"]), min(MAX_ROUNDS, _most(record["max_round"]) or MAX_ROUNDS))
    if "max_callTimes" in record:
        return Calls(_least(record["min_callTimes"]), _most(record["max_callTimes"]))
    if "max_parallelCallTypes" in record:
        unit = "tools" if record["unit"] == "type" else "calls"
        return Parallel(_least(record["min_parallelCallTypes"]), _most(record["max_parallelCallTypes"]), unit)
    if "max_calls_per_tool" in record:
        return CallsOf({name: most for name, limit in record["max_calls_per_tool"].items() if (most := _most(limit)) is not None})
    if "order_constraints" in record:
        chains = tuple(tuple(chain) for chain in record["order_constraints"] if len(chain) > 1)
        return Order(chains) if chains else None
    if "parallel_groups" in record:
        return Together(tuple(tuple(group) for group in record["parallel_groups"]))
    if "max_responseLength" in record:
        unit = "words" if record["unit"] == "words" else "characters"
        return Length(_least(record["min_responseLength"]), _most(record["max_responseLength"]), unit)
    raise ValueError("its keys are not known")


def _most(value: Any) -> int | None:
    """A maximum; None for no end."""
    if value is None or (isinstance(value, float) and value == float("inf")) or str(value).strip().lower() == "inf":
        return None
    return int(value)


def _least(value: Any) -> int:
    return _most(value) or 0
