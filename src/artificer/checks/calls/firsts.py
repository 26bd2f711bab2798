"""Where a trajectory first goes wrong, by its calls (cards 33, 38, 48).

Calls are followed against a reference in order. A call is right when it is a call of the reference that is still open and
whose turn it is: the next one (`ordered`), any one left (not `ordered`), or any one whose predecessors are done (`after`,
a dependency graph as ToolComp's plans and MCPToolBench's chains have). Extra reads may be let pass with `tolerate`.

    prefix    right calls before the first wrong one
    progress  prefix / calls of the reference       (the share of the way done before the first mistake)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from artificer.checks.calls.base import Expected
from artificer.checks.calls.pairing import Same, argument_faults
from artificer.checks.calls.plain import same_json
from artificer.core.messages import ToolCall


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
    same: Same = same_json,
) -> Process:
    """Follows calls against a reference.

    Args:
        ordered: whether the reference's order is the only one.
        after: instead, for each call of the reference those that must be done before it (none for those not named).
        tolerate: tools whose calls, when they are not in the reference, are neither right nor wrong.
    """
    left = list(range(len(expected)))
    done: set[int] = set()
    first: int | None = None
    prefix = wrong = 0
    for at, call in enumerate(made):
        ready = left[:1] if ordered and after is None else [one for one in left if after is None or set(after.get(one, ())) <= done]
        found = next((one for one in ready if expected[one].name == call.name and not any(argument_faults(call, expected[one], same))), None)
        if found is not None:
            left.remove(found)
            done.add(found)
            prefix += first is None
        elif call.name not in tolerate:
            wrong += 1
            first = at if first is None else first
    return Process(first, prefix, len(done), wrong, tuple(left), prefix / len(expected) if expected else 1.0)
