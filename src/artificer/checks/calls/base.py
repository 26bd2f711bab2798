"""What a matcher of calls is given and what it says.

A matcher is a function of calls, references and tools. What differs between published benchmarks is how values are
compared, what may be left out and what order counts for; what all say is a `CallMatch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind


class Expected(Struct, frozen=True, omit_defaults=True):
    """A call of the reference.

    Args:
        name: the tool's.
        arguments: for each argument the values that are right, of which one must be given.
        optional: arguments that may also be left out.
    """

    name: str
    arguments: dict[str, tuple[Json, ...]] = {}
    optional: frozenset[str] = frozenset()

    @classmethod
    def exactly(cls, call: ToolCall) -> Expected:
        """This call and no other."""
        return cls(call.name, {name: (value,) for name, value in call.arguments.items()})


class CallFault(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong.

    Args:
        kind: what, in the words all sources share.
        why: a sentence for a person.
        call: which of the calls made, None for one that was not.
        expected: which call of the reference, None for one that it does not hold.
        path: where in the arguments, e.g. `filters[0].name`.
        source: the source's own word for it, e.g. `type_error:simple`.
    """

    kind: ErrorKind
    why: str
    call: int | None = None
    expected: int | None = None
    path: str = ""
    source: str = ""


class CallMatch(Struct, frozen=True, omit_defaults=True):
    """What a matcher found.

    Args:
        passed: whether the calls are right as a whole.
        score: in [0, 1], by the preset's own measure.
        pairs: (call, expected) by index: what was compared with what.
        faults: all that is wrong; in the order of calls made, then of the reference.
        numbers: the preset's measures by name, e.g. `name_f1`.
    """

    passed: bool
    score: float
    pairs: tuple[tuple[int, int], ...] = ()
    faults: tuple[CallFault, ...] = ()
    numbers: dict[str, int | float] = {}


class Matcher(Protocol):
    """A preset. Raises nothing for what a model wrote; the same for calls and references in the same order."""

    def __call__(self, made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec] = ()) -> CallMatch: ...
