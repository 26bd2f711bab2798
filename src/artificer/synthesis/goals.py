"""Goals sampled from state: the answer first, so that every task is solvable by construction.

A world's guide proposes requests that are valid in the state as it is; their gold calls are executed on a private
copy, one after another, and the net effects are the goal. What a proposal, its execution or a later request spoils is
dropped with a reason and drawn again, a bounded number of times.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec
from msgspec import Struct

from artificer.core.canon import rng, seed_of
from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Effect, Start
from artificer.run.stage import Reject
from artificer.worlds.base import Session, World
from artificer.worlds.guide import Demand, Dropped, Guide, Impossible, Part, Request


class GoalSpec(Struct, frozen=True):
    """What kind of goals to sample.

    Args:
        wants: fewest and most requests in a task.
        impossible: share of tasks whose (single) request cannot be served.
        kinds: the ways in which it cannot.
        vagueness: 0 to 1: how much the user withholds until asked.
        depth: look-ups through other tables that a description may need.
        part: which share of rows and phrasings is used.
        only, without: tables or tool groups to keep to, or to keep out of.
        attempts: proposals drawn before a task is given up.
    """

    wants: tuple[int, int] = (1, 3)
    impossible: float = 0.1
    kinds: tuple[Impossible, ...] = ("forbidden", "missing", "ambiguous")
    vagueness: float = 0.4
    depth: int = 2
    part: Part = "all"
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    attempts: int = 60

    def __post_init__(self) -> None:
        spread("wants", self.wants)
        for name, share in (("impossible", self.impossible), ("vagueness", self.vagueness)):
            if not 0 <= share <= 1:
                raise ArtificerError(f"{name} must lie between 0 and 1, not be {share}", remedy=f"e.g. --{name} 0.3")


def spread(name: str, ends: tuple[int, int]) -> None:
    """Refuses a fewest and most that cannot be drawn from.

    Raises:
        ArtificerError: the fewest is below 1 or above the most.
    """
    if not 1 <= ends[0] <= ends[1]:
        raise ArtificerError(f"{name} must be the fewest and the most, from 1 up, not {ends[0]} and {ends[1]}", remedy=f"e.g. --{name} 1 2")


class Sampled(Struct, frozen=True):
    """A goal before it is worded: requests with renumbered gold calls, and the effects of executing them in order
    from `start`."""

    key: str
    world: str
    start: Start
    requests: tuple[Request, ...]
    effects: tuple[Effect, ...]
    demand: Demand
    draws: int


async def sample(world: World, guide: Guide, key: str, spec: GoalSpec, seed: int) -> Sampled | Reject:
    """One goal in one world, a function of `key`, `spec` and `seed` alone.

    Returns a `Reject` with the most frequent reason when no goal was found in `spec.attempts` proposals.
    """
    random = rng("goal", seed, world.name, key)
    demand = _demand(spec, random)
    wanted = 1 if demand.impossible else random.randint(*spec.wants)
    start = Start(seed=seed_of(seed, key) % 2**31)
    session = await world.open(start)
    requests: list[Request] = []
    touched: set[tuple[str, tuple[object, ...], str]] = set()
    dropped: Counter[str] = Counter()
    draws = 0
    try:
        async for proposal in guide.propose(session, random, demand):
            draws += 1
            if isinstance(proposal, Dropped):
                dropped[proposal.reason] += 1
            else:
                request = _numbered(proposal, len(requests))
                spoiled = await _execute(session, request, touched)
                if spoiled is None:
                    requests.append(request)
                else:
                    dropped[spoiled] += 1
            if len(requests) == wanted or draws >= spec.attempts:
                break
        if not requests:
            reason, _ = dropped.most_common(1)[0]
            return Reject("no_goal", f"{draws} proposals, most often: {reason}")
        return Sampled(key, world.name, start, tuple(requests), session.effects(), demand, draws)
    finally:
        await session.close()


def _demand(spec: GoalSpec, random: Random) -> Demand:
    impossible = random.choice(spec.kinds) if spec.kinds and random.random() < spec.impossible else None
    return Demand(spec.vagueness, spec.depth, impossible, spec.part, spec.only, spec.without)


def _numbered(request: Request, index: int) -> Request:
    """Gold calls get ids that are unique in the task."""
    gold = tuple(ToolCall(f"g{index}.{number}", call.name, call.arguments) for number, call in enumerate(request.want.gold))
    return msgspec.structs.replace(request, want=msgspec.structs.replace(request.want, gold=gold))


async def _execute(session: Session, request: Request, touched: set[tuple[str, tuple[object, ...], str]]) -> str | None:
    """Runs the gold calls, first on a fork; why the request spoils the task, or None. What it touches, later requests
    must not touch again."""
    if not request.want.gold:
        return None
    trial = await session.fork()
    try:
        mark = trial.calls
        for call in request.want.gold:
            result = await trial.call(call, actor="gold")
            if result.error is not None:
                return f"gold refused: {result.error.value}"
        effects = trial.effects(mark)
    finally:
        await trial.close()
    if not effects:
        return "gold without effect"
    cells = {(effect.table, effect.key, column) for effect in effects for column in effect.columns}
    if cells & touched:
        return "touches what an earlier request changed"
    touched |= cells
    for call in request.want.gold:
        await session.call(call, actor="gold")
    return None
