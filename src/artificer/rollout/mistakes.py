"""The errors of a run in the one tree (`core.kinds`): by kind, by tool, by turn and by difficulty.

Every played row counts, kept or dropped; of several branches the one that the audit looks at. What the infrastructure did
stands apart and in no share: rows that it ended, and failures of tools. Memory is bounded: tools that models make up, turns
and values of knobs beyond a number are added up together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import floor, inf, isfinite, isnan, log2, nan

from msgspec import Struct

from artificer.checks.errors import StepError, errors
from artificer.core.kinds import ErrorGroup, tree
from artificer.core.tasks import Task
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import INFRASTRUCTURE
from artificer.rollout.audit import Offered, dropped_rows, episode_of, leaf_of, world_offered
from artificer.rollout.play import Played
from artificer.rollout.proof import played_rows
from artificer.run.store import RunFolder

REST = "(others)"
_TOOLS, _TURNS, _KNOBS = 500, 50, 50
_TINY, _HUGE = -10, 40
"""Powers of two at which bins end."""


class Tally(Struct, frozen=True):
    """Some steps, calls or rows, and the agent's errors among them.

    Args:
        n: how many there were.
        wrong: those with an error.
        errors: the errors, by kind, most frequent first.
    """

    n: int
    wrong: int
    errors: dict[str, int]

    @property
    def share(self) -> float:
        """Wrong ones among all; 0 where there is none."""
        return self.wrong / self.n if self.n else 0.0


class Branch(Struct, frozen=True):
    """One place of the tree: how many errors lie at or below it, in how many rows, and its share of all the agent's errors."""

    place: str
    depth: int
    errors: int
    rows: int
    share: float


class Mistakes(Struct, frozen=True):
    """The errors of a run.

    Args:
        rows: played rows that say something of their agent, kept and dropped. steps: the agents' messages. calls: their calls.
        tree: the places at which there were errors, in the tree's order, groups with the sums of what lies below.
        tools: calls of each tool. turns: messages by how often the user had spoken. difficulty: rows, by knob and value.
        infrastructure: failures of tools, by kind. ended: rows that the infrastructure ended, by stop reason.
    """

    rows: Tally
    steps: Tally
    calls: Tally
    tree: tuple[Branch, ...] = ()
    tools: dict[str, Tally] = {}
    turns: dict[str, Tally] = {}
    difficulty: dict[str, dict[str, Tally]] = {}
    infrastructure: dict[str, int] = {}
    ended: dict[str, int] = {}


class _Count:
    __slots__ = ("errors", "n", "wrong")

    def __init__(self) -> None:
        self.n = self.wrong = 0
        self.errors: Counter[str] = Counter()

    def tally(self) -> Tally:
        return Tally(self.n, self.wrong, ranked(self.errors))


class _Table:
    """Counts by name, with a limit to the names; the rest goes to one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.counts: dict[str, _Count] = {}

    def at(self, name: str) -> _Count:
        if name not in self.counts and len(self.counts) >= self._most:
            name = REST
        return self.counts.setdefault(name, _Count())


class Counting:
    """Counts rows one by one."""

    def __init__(self) -> None:
        self.rows, self.steps, self.calls = _Count(), _Count(), _Count()
        self.places: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.tools, self.turns = _Table(_TOOLS), _Table(_TURNS)
        self.difficulty: dict[str, _Table] = {}
        self.infrastructure: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()

    def add(self, played: Played, world: Offered) -> None:
        """Counts one row."""
        trace = played.trace
        stops = set(trace.stop.values())
        if stops and stops <= INFRASTRUCTURE:
            self.ended[min(stops).value] += 1
            return
        if not trace.nodes:
            return
        leaf = _leaf(trace)
        episode = episode_of(played.task, trace, world, leaf)
        found = errors(episode, trace.verdicts.get(leaf))
        self.infrastructure.update(error.kind.value for error in found if error.kind.side is ErrorGroup.world)
        own = [error for error in found if error.kind.side is not ErrorGroup.world]
        places = _count_steps(self, episode.nodes)
        self._count_errors(own, places)
        self._count_row(played.task, own)

    def _count_errors(self, own: list[StepError], turns: dict[int, str]) -> None:
        _add(self.steps, own, len({error.at for error in own}))
        by_call = [error for error in own if error.call is not None]
        _add(self.calls, by_call, len({(error.at, error.call) for error in by_call}))
        wrong: Counter[str] = Counter()
        for _, _, tool in {(error.at, error.call, error.tool) for error in by_call}:
            wrong[tool] += 1
        for tool, number in wrong.items():
            self.tools.at(tool).wrong += number
        for error in by_call:
            self.tools.at(error.tool).errors[error.kind.value] += 1
        for at in {error.at for error in own}:
            self.turns.at(turns.get(at, "0")).wrong += 1
        for error in own:
            self.turns.at(turns.get(error.at, "0")).errors[error.kind.value] += 1
            self.places.update([error.kind.value, *(group.value for group in error.kind.ancestors)])
        self.held.update({place for error in own for place in (error.kind.value, *(group.value for group in error.kind.ancestors))})

    def _count_row(self, task: Task, own: list[StepError]) -> None:
        self.rows.n += 1
        _add(self.rows, own, int(bool(own)))
        for knob, value in task.difficulty.items():
            if knob in self.difficulty or len(self.difficulty) < _KNOBS:
                count = self.difficulty.setdefault(knob, _Table(_TOOLS)).at(bin_of(value))
                count.n += 1
                _add(count, own, int(bool(own)))

    def found(self) -> Mistakes:
        """What was counted."""
        total = self.places[ErrorGroup.error.value]
        return Mistakes(
            self.rows.tally(),
            self.steps.tally(),
            self.calls.tally(),
            tuple(
                Branch(place.value, depth, self.places[place.value], self.held[place.value], self.places[place.value] / total)
                for depth, place in tree()
                if self.places[place.value]
            ),
            {name: count.tally() for name, count in sorted(self.tools.counts.items(), key=lambda one: (-one[1].wrong, -one[1].n, one[0]))},
            {name: self.turns.counts[name].tally() for name in sorted(self.turns.counts, key=_by_value)},
            {
                knob: {name: table.counts[name].tally() for name in sorted(table.counts, key=_by_value)}
                for knob, table in sorted(self.difficulty.items())
            },
            ranked(self.infrastructure),
            ranked(self.ended),
        )


def _leaf(trace: Trace) -> int:
    return leaf_of(trace) if trace.verdicts else len(trace.nodes) - 1


def _add(count: _Count, own: list[StepError], wrong: int) -> None:
    count.wrong += wrong
    count.errors.update(error.kind.value for error in own)


def _count_steps(counting: Counting, nodes: Sequence[Node]) -> dict[int, str]:
    """Counts an episode's messages and calls; the turn of each of its messages."""
    turns: dict[int, str] = {}
    turn = 0
    for at, node in enumerate(nodes):
        message = node.message
        turn += message.role == "user" and not message.calls
        turns[at] = str(turn)
        if message.role == "assistant":
            counting.steps.n += 1
            counting.turns.at(str(turn)).n += 1
            counting.calls.n += len(message.calls)
            for call in message.calls:
                counting.tools.at(call.name).n += 1
    return turns


def bin_of(value: float) -> str:
    """The bin that a knob's value is counted in: small whole numbers by themselves, shares by tenths, others by powers of two."""
    if not isfinite(value):
        return str(float(value))
    if value == int(value) and abs(value) <= 16:
        return str(int(value))
    if 0 < value < 1:
        low = floor(value * 10 + 1e-9) / 10
        return f"{low:.1f} to {low + 0.1:.1f}"
    power = min(floor(log2(abs(value))), _HUGE)
    low = 2.0**power if power > _TINY else 0.0
    high = 2.0 ** (max(power, _TINY) + 1) if power < _HUGE else inf
    return f"{low:g} to {high:g}" if value > 0 else f"{-high:g} to {-low:g}"


def _by_value(name: str) -> tuple[bool, float, str]:
    try:
        value = float(name.partition(" to ")[0])
    except ValueError:
        value = nan
    return isnan(value), 0.0 if isnan(value) else value, name


def played(run: RunFolder) -> Iterator[Played]:
    """Every row of a run that was played, kept or dropped."""
    for _, row in played_rows(run):
        yield row
    for _, row in dropped_rows(run):
        yield row


def count_mistakes(run: RunFolder) -> Mistakes:
    """Counts the errors of a run, row by row."""
    world = world_offered(run)
    counting = Counting()
    for row in played(run):
        counting.add(row, world)
    return counting.found()


def ranked(found: Counter[str]) -> dict[str, int]:
    """Most frequent first."""
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


__all__ = ["INFRASTRUCTURE", "Branch", "Counting", "Mistakes", "Tally", "bin_of", "count_mistakes", "ranked"]
