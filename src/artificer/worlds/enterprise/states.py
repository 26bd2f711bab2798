"""Life cycles written as arrows, as they stand in column comments and in policy files:

    new > assigned > in_progress > closed; in_progress > on_hold > in_progress        (also written ->)

The first state named is the one in which rows begin. A state that no arrow leaves is final.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct

_ARROW = re.compile(r"\s*-?>\s*")
_STATE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ ]*")


class Machine(Struct, frozen=True):
    """A column's life cycle: `steps` maps each state to those it may become, `initial` are the states of new rows."""

    initial: tuple[str, ...]
    steps: dict[str, tuple[str, ...]]

    @property
    def final(self) -> tuple[str, ...]:
        """States that nothing leaves."""
        return tuple(state for state, following in self.steps.items() if not following)

    def arrows(self) -> str:
        """The life cycle as text, a clause for each state that can be left."""
        return "; ".join(f"{state} -> {' or '.join(following)}" for state, following in self.steps.items() if following)


def read_arrows(text: str) -> Machine | None:
    """The life cycle that a text consists of, or None when it is no such text."""
    steps: dict[str, list[str]] = {}
    for path in filter(None, (part.strip() for part in text.split(";"))):
        states = _ARROW.split(path)
        if len(states) < 2 or not all(_STATE.fullmatch(state) for state in states):
            return None
        for state in states:
            steps.setdefault(state, [])
        for one, other in pairwise(states):
            if other not in steps[one]:
                steps[one].append(other)
    if not steps:
        return None
    return Machine((next(iter(steps)),), {state: tuple(following) for state, following in steps.items()})


def chain(states: Iterable[str]) -> Machine:
    """States in the order in which a schema lists them, each leading to the next."""
    listed = list(states)
    return Machine((listed[0],), {state: (listed[at + 1],) if at + 1 < len(listed) else () for at, state in enumerate(listed)})
