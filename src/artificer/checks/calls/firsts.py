"""Where a trajectory first goes wrong, by its calls (cards 33, 38, 48).

Calls are followed against a reference in order. A call is right when it is a call of the reference that is still open and
whose turn it is: the next one (`ordered`), any one left (not `ordered`), or any one whose predecessors are done (`after`,
a dependency graph as ToolComp's plans and MCPToolBench's chains have). Extra reads may be let pass with `tolerate`.
Where a call answers several of the reference and order does not count, which one it answers is left open: a call is
right when all right ones before it and it can answer different ones. With `after` it answers the first it can.

    prefix    right calls before the first wrong one
    progress  prefix / calls of the reference       (the share of the way done before the first mistake)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from artificer.checks.assign import placed
from artificer.checks.calls.base import Expected
from artificer.checks.calls.pairing import Same, argument_faults
from artificer.checks.calls.plain import same_json
from artificer.core.messages import ToolCall

Right = Callable[[ToolCall, Expected], bool]


def exactly(call: ToolCall, wanted: Expected, same: Same = same_json) -> bool:
    """Whether a call answers one of the reference: its tool, and nothing wrong with its arguments."""
    return call.name == wanted.name and not any(argument_faults(call, wanted, same))


class Process(Struct, frozen=True):
    """How a trajectory's calls went.

    Args:
        first_wrong: the first call that is wrong, from 0; None when none is.
        prefix: right calls before it.
        right: right calls in all. wrong: the others, those let pass aside.
        missing: calls of the reference that were never made.
        progress: see the module; 1 for a reference without calls.
    """

    first_wrong: int | None
    prefix: int
    right: int
    wrong: int
    missing: tuple[int, ...]
    progress: float

    @property
    def complete(self) -> bool:
        """Whether all calls of the reference were made and no other."""
        return not self.wrong and not self.missing


def process(
    made: Sequence[ToolCall],
    expected: Sequence[Expected],
    *,
    ordered: bool = True,
    after: Mapping[int, Collection[int]] | None = None,
    tolerate: Collection[str] = (),
    right: Right | None = None,
) -> Process:
    """Follows calls against a reference.

    Args:
        ordered: whether the reference's order is the only one.
        after: instead, for each call of the reference those that must be done before it (none for those not named).
        tolerate: tools whose calls, when they are not in the reference, are neither right nor wrong.
        right: whether a call answers one of the reference; by name and equal arguments without it.
    """
    answers = right or exactly
    answered: dict[int, int] = {}  # place in the reference -> call, and held the other way round
    held: dict[int, int] = {}
    options: dict[int, list[int]] = {}
    first: int | None = None
    prefix = wrong = 0
    for at, call in enumerate(made):
        if ordered and after is None:
            at_turn = len(answered)
            found = at_turn < len(expected) and answers(call, expected[at_turn])
            if found:
                answered[at_turn] = at
        elif after is None:
            options[at] = [one for one, wanted in enumerate(expected) if answers(call, wanted)]
            found = placed(at, options, answered, held)
        else:
            ready = (one for one in range(len(expected)) if one not in answered and set(after.get(one, ())) <= answered.keys())
            place = next((one for one in ready if answers(call, expected[one])), None)
            found = place is not None
            if place is not None:
                answered[place] = at
        if found:
            prefix += first is None
        elif call.name not in tolerate:
            wrong += 1
            first = at if first is None else first
    missing = tuple(one for one in range(len(expected)) if one not in answered)
    return Process(first, prefix, len(answered), wrong, missing, prefix / len(expected) if expected else 1.0)
