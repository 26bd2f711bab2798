"""What a checklist's verdicts are worth: to a trajectory, a turn, a step, and against others of the group.

`States` of one turn hold, for each step, whether each item was true after it (None: not decided). Before the first step
nothing is true. With x_s the state before step s, and s counted within the turn,

    r(s, c)  = 1  when all of c's dependencies are true in x_s, c is false in x_s and true after s; the first time only
    r~(s, c) = 1  when all of c's dependencies are true in x_s, c is false in x_s, and c is true after s or a later step

so that an item is paid once, and what turns false again is neither paid back nor paid twice. Three differences between the
paper and the code of CM2 (34) are kept apart by `mode`:

| | `paper` | `code` |
|---|---|---|
| an item true before its dependencies | is not paid while it stays true | is paid once they are true |
| a dependency that turns true in the same step | comes too late | counts if it is listed before the item |
| trajectory and turn | sum w r | sum w [true after any step], whatever the dependencies |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from artificer.checks.checklists.items import Checklist
from artificer.checks.rewards.groups import Values, centred

States = Sequence[Sequence[bool | None]]
Mode = Literal["paper", "code"]
Undecided = Literal["reject", "exclude"]
TURN_HOLDERS = 5
"""CM2's code gives no advantage to what four or fewer rollouts share."""


class Paid(Struct, frozen=True):
    """What became of an item in a turn.

    Args:
        step: at which it was paid, None for never.
        since: the first step at which its dependencies were true.
        true: whether it was true after some step.
        undecided: something was not decided on which this depends.
    """

    step: int | None = None
    since: int | None = None
    true: bool = False
    undecided: bool = False

    def worth(self, eta: float = 1.0) -> float:
        """r, less for every step since the dependencies were met: eta^(step - since). (An option of CM2's code; 1 there.)"""
        return 0.0 if self.step is None else eta ** max(0, self.step - (self.since or 0))


def paid(states: States, before: Sequence[Sequence[int]], *, mode: Mode = "paper") -> list[Paid]:
    """What became of each item of a turn.

    Args:
        states: (steps, items).
        before: for each item the items it comes after.
    """
    if mode == "code":
        return _paid_by_code(states, before)
    return [_paid_by_paper(states, before[item], item) for item in range(len(before))]


def _paid_by_paper(states: States, before: Sequence[int], item: int) -> Paid:
    since: int | None = None
    true = any(state[item] is True for state in states)
    for step, state in enumerate(states):
        was: Sequence[bool | None] = states[step - 1] if step else [False] * len(state)
        ready = _all([was[other] for other in before])
        if ready and since is None:
            since = step
        new = _all([ready, _not(was[item]), state[item]])
        if new is None:
            return Paid(None, since, true, undecided=True)
        if new:
            return Paid(step, since, true)
    return Paid(None, since, true)


def _paid_by_code(states: States, before: Sequence[Sequence[int]]) -> list[Paid]:
    """One pass over the turn: an item is done when it is true and all it comes after are done, the same step's included.

    Differs from the source in one place: where dependency and item fall into one step the source's exponent is -1; ours is 0.
    """
    found = [Paid(true=any(state[item] is True for state in states)) for item in range(len(before))]
    for step, state in enumerate(states):
        for item, others in enumerate(before):
            one = found[item]
            if one.step is not None or one.undecided:
                continue
            ready = _all([None if found[other].undecided else found[other].step is not None for other in others])
            done = _all([ready, state[item]])
            since = one.since
            if ready and since is None:
                since = max((1 + (found[other].step or 0) for other in others), default=0)
            found[item] = Paid(step if done else None, since, one.true, done is None)
    return found


def _all(values: Sequence[bool | None]) -> bool | None:
    """Three-valued and: a no settles it, a None leaves it open."""
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


class Scored(Struct, frozen=True, omit_defaults=True):
    """What one trajectory earned.

    Args:
        value: R, None when the row is rejected.
        turns: R of each turn that was reached.
        items: what became of each item, by turn.
        excluded: items left out because nobody could decide them: (turn, id).
        why: why the row is rejected.
    """

    value: float | None
    turns: tuple[float, ...] = ()
    items: tuple[tuple[Paid, ...], ...] = ()
    excluded: tuple[tuple[int, str], ...] = ()
    why: str = ""


def scored(
    made: Checklist,
    turns: Sequence[States],
    *,
    mode: Mode = "paper",
    eta: float = 1.0,
    over: Literal["reference", "reached"] = "reference",
    undecided: Undecided = "reject",
) -> Scored:
    """R_t = sum_s sum_c w r and R = (1/L) sum_t R_t.

    Args:
        turns: the verdicts of each turn that was reached, at most as many as the checklist has.
        over: what L counts. The reference's turns (CM2's code, and our default): stopping early costs. The turns reached
            (the paper's L^(i)): it does not.
        undecided: what becomes of items that nobody could decide. `reject`: the whole row is. `exclude`: they are left out
            and recorded, the turn's other weights sum to 1 again; a turn without any rejects the row.
    """
    items: list[tuple[Paid, ...]] = []
    values: list[float] = []
    left: list[tuple[int, str]] = []
    for number, states in enumerate(turns[: len(made.turns)]):
        turn = made.turns[number]
        outcomes = paid(states, made.before(number), mode=mode)
        items.append(tuple(outcomes))
        open_ = [one.undecided or (mode == "code" and _unsettled(states, place)) for place, one in enumerate(outcomes)]
        left += [(number, item.id) for item, missing in zip(turn, open_, strict=True) if missing]
        weight = math.fsum(item.weight for item, missing in zip(turn, open_, strict=True) if not missing)
        if any(open_) and (undecided == "reject" or weight <= 0):
            why = f"turn {number}: {', '.join(repr(name) for at, name in left if at == number)} undecided"
            return Scored(None, tuple(values), tuple(items), tuple(left), why)
        earned = [item.weight * _earned(one, mode, eta) for item, one, missing in zip(turn, outcomes, open_, strict=True) if not missing]
        values.append(math.fsum(earned) / (weight if any(open_) else 1.0))
    length = len(made.turns) if over == "reference" else len(values)
    return Scored(math.fsum(values) / length if length else 0.0, tuple(values), tuple(items), tuple(left))


def _earned(one: Paid, mode: Mode, eta: float) -> float:
    return float(one.true) if mode == "code" else one.worth(eta)


def _unsettled(states: States, item: int) -> bool:
    """Whether it is open if an item was ever true."""
    return not any(state[item] is True for state in states) and any(state[item] is None for state in states)


def turn_advantages(rows: Sequence[Scored], *, least: int = 1) -> list[list[float | None]]:
    """A(i, t) = R(i, t) - mean over the rollouts that reached turn t (F = 1); for each rollout, by turn reached.

    Args:
        least: fewer rollouts than this give 0. `TURN_HOLDERS` is what CM2's code has.
    """
    longest = max((len(row.turns) for row in rows), default=0)
    columns = [
        _column([row.turns[turn] if row.value is not None and turn < len(row.turns) else None for row in rows], least) for turn in range(longest)
    ]
    return [[columns[turn][index] for turn in range(len(row.turns))] for index, row in enumerate(rows)]


def trajectory_advantages(rows: Sequence[Scored], *, least: int = 1) -> list[float | None]:
    """A(i) = R(i) - mean of the group (F = 1): CM2's choice. None for rows that were rejected."""
    return _column([row.value for row in rows], least)


def _column(values: Values, least: int) -> list[float | None]:
    if sum(value is not None for value in values) < least:
        return [None if value is None else 0.0 for value in values]
    return centred(values)


def step_advantages(
    made: Checklist,
    group: Sequence[Sequence[States]],
    *,
    mode: Mode = "paper",
    eta: float = 1.0,
    least: int = 1,
    undecided: Undecided = "reject",
) -> list[list[list[float]] | None]:
    """A(t, s) = the weighted mean over items eligible at s (dependencies true before it, item false) of r~ - b, where b is
    the share of rollouts that ever get the item.

    b is taken over rollouts that reached the turn (`paper`, our reading), or in which the item was ever eligible (`code`). An
    item that fewer than `least` of them share counts as r~ = b.

    Returns:
        for each rollout, by turn and step; None for rows that are rejected.
    """
    rows = [scored(made, turns, mode=mode, eta=eta, undecided=undecided) for turns in group]
    base = [
        [
            _share([row.items[turn][place] for row in rows if row.value is not None and turn < len(row.items)], mode, eta)
            for place in range(len(items))
        ]
        for turn, items in enumerate(made.turns)
    ]
    return [
        None
        if row.value is None
        else [_steps(made, turn, states, row.items[turn], base[turn], (mode, eta, least)) for turn, states in enumerate(turns[: len(row.items)])]
        for row, turns in zip(rows, group, strict=True)
    ]


def _share(outcomes: Sequence[Paid], mode: Mode, eta: float) -> tuple[float, int]:
    known = [one for one in outcomes if not one.undecided and (mode == "paper" or one.since is not None)]
    return (math.fsum(one.worth(eta) for one in known) / len(known) if known else 0.0, len(known))


def _steps(
    made: Checklist, turn: int, states: States, outcomes: Sequence[Paid], base: Sequence[tuple[float, int]], how: tuple[Mode, float, int]
) -> list[float]:
    mode, eta, least = how
    advantages: list[float] = []
    for step in range(len(states)):
        gained = weight = 0.0
        for item, one, before, (share, holders), place in zip(made.turns[turn], outcomes, made.before(turn), base, range(len(outcomes)), strict=True):
            if one.undecided or not _eligible(states, outcomes, before, place, step, mode):
                continue
            weight += item.weight
            if holders >= least:
                later = one.step is not None and one.step >= step if mode == "code" else any(state[place] is True for state in states[step:])
                worth = one.worth(eta) if mode == "code" or one.step is not None else 1.0
                gained += item.weight * ((worth if later else 0.0) - share)
        advantages.append(gained / weight if weight > 0 else 0.0)
    return advantages


def _eligible(states: States, outcomes: Sequence[Paid], before: Sequence[int], place: int, step: int, mode: Mode) -> bool:
    own = outcomes[place].step
    if own is not None and own < step:
        return False  # paid already: turning false again opens nothing
    if mode == "code":
        return all((at := outcomes[other].step) is not None and at < step for other in before)
    was: Sequence[bool | None] = states[step - 1] if step else [False] * len(states[0])
    return all(was[other] is True for other in before) and was[place] is False


def goes_on(made: Checklist, turn: int, states: States) -> bool | None:
    """Whether the user says the next thing: all items of the turn that must be true are or were. None: not decided."""
    needed = [place for place, item in enumerate(made.turns[turn]) if item.must]
    return _all([any(state[place] is True for state in states) or (None if _unsettled(states, place) else False) for place in needed])


def agreed(answers: Sequence[bool | None]) -> bool | None:
    """What several checklists of one turn say together of going on: the majority of those that could say; None for a draw."""
    known = [answer for answer in answers if answer is not None]
    if 2 * sum(known) == len(known):
        return None
    return 2 * sum(known) > len(known)


def averaged(rows: Sequence[Scored]) -> float | None:
    """The reward of one trajectory by several checklists: the mean (CM2's code); None when one of them rejects it."""
    known = [row.value for row in rows if row.value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(rows) else None
