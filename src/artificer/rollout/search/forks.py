"""Forks at chosen places of a conversation, and the rewarded tree.

`Forks` plays one conversation and branches off at places on it, to be learnt from:

- `where="every"`, `steps=1`: at every state of the conversation other actions are tried once and their outcomes kept
  (early experience, arXiv 2510.08558). Attempts that do what was done anyway, or what was tried already, are asked again,
  at most `tries` times.
- `where="errors"`, `steps=None`, `feedback=...`: where a call failed, recoveries are played from there to the end, after
  a hint that is shown once and stands in no trace but in the notes (Fission-GRPO, arXiv 2601.15625).

The conversation itself is the answer, and what the branches do it does not see.

`RewardedTree` keeps n trajectories of one tree alive at every level (PORTool, arXiv 2510.26020): n first steps, then for
every unfinished one `f` candidates for the next step, of which as many are kept as there are trajectories unfinished,
drawn without replacement by chance that depends on the task alone. Candidates that are not kept are not carried out; a
trajectory of which none is kept ends there, and others share what they have in common.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.agents.base import Agent
from artificer.core.canon import Json, rng
from artificer.core.messages import Message
from artificer.core.verdicts import StopReason
from artificer.models.base import Reply
from artificer.rollout.line import Line
from artificer.rollout.search.steps import Budget, Meter, Taken, begin, decide, same_action
from artificer.rollout.tree import SEARCH

HINT = "The last call failed. Read its error, then mend the call or take another way."


class Forks(Struct, frozen=True, omit_defaults=True):
    """See the module docstring.

    Args:
        where: at every state in which the agent acts, or where a call of its last step failed.
        k: branches at each place.
        steps: decisions of each branch; None plays it to its end.
        tries: attempts for each branch to do something else; only with `where="every"`.
        feedback: shown to a branch's first step; empty for none.
        policy: who acts on branches; None for the agent of the conversation.
        queries, tokens, seconds: the budget of conversation and branches.
        temperature: how varied branches should be.
    """

    where: Literal["every", "errors"] = "every"
    k: int = 3
    steps: int | None = 1
    tries: int = 3
    feedback: str = ""
    policy: Agent | None = None
    queries: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    temperature: float | None = None

    async def explore(self, line: Line) -> None:
        if not await begin(line, False):
            return
        meter = Meter(line.tree, Budget(self.queries, self.tokens, self.seconds))
        taken = Taken(line.at or 0, 0, 0)
        made = dropped = 0
        while taken.stop is None and not meter.spent():
            place = await line.fork() if self.where == "every" or _failed(line) else None
            reply = await line.ask()
            taken = await decide(line, reply)
            if place is not None:
                new = await self._branches(place, reply.message, meter)
                made, dropped = made + new, dropped + self.k - new
        leaf = await line.end(taken.stop or StopReason.out_of_budget)
        account: dict[str, Json] = {"name": "forks", "where": self.where, "queries": meter.queries, "branches": made, "dropped": dropped}
        line.tree.lineage |= {"chosen": leaf, SEARCH: account}

    async def _branches(self, place: Line, done: Message, meter: Meter) -> int:
        """Branches off at a place where `done` was done; how many branches."""
        if self.policy is not None:
            place.agent = self.policy.fork()
        known, made, draw = [done], 0, 0
        aside = [Message("user", self.feedback, author=SEARCH)] if self.feedback else []
        for number in range(self.k):
            for _ in range(self.tries if self.where == "every" else 1):
                if meter.spent():
                    break
                draw += 1
                branch = await place.fork()
                reply = await branch.ask(aside, draw, self.temperature)
                if self.where == "every" and any(same_action(reply.message, other) for other in known):
                    await branch.drop()
                    continue
                known.append(reply.message)
                await self._played(branch, reply, number, draw, meter)
                made += 1
                break
        await place.drop()
        return made

    async def _played(self, branch: Line, reply: Reply, number: int, draw: int, meter: Meter) -> None:
        taken = await decide(branch, reply)
        note: dict[str, Json] = {"branch": number, "draw": draw}
        branch.tree.note(taken.node, **note, **({"feedback": self.feedback} if self.feedback else {}))
        steps = 1
        while taken.stop is None and (self.steps is None or steps < self.steps) and not meter.spent():
            taken = await decide(branch, await branch.ask((), draw, self.temperature))
            steps += 1
        await branch.end(taken.stop or (StopReason.out_of_budget if meter.spent() else StopReason.pruned))


def _failed(line: Line) -> bool:
    """Whether a call of the last decision failed."""
    nodes = line.path()
    while nodes and nodes[-1].message.result is not None:
        if nodes.pop().message.result.error is not None:  # pyright: ignore[reportOptionalMemberAccess]
            return True
    return False


class RewardedTree(Struct, frozen=True, omit_defaults=True):
    """See the module docstring. The answer is the trajectory that ended first with one.

    Args:
        n: trajectories.
        f: candidates for each next step.
        depth: decisions of a trajectory at most.
        queries, tokens, seconds: the budget.
        finish: offer `Finish`.
        temperature: how varied the agent should be.
    """

    n: int = 6
    f: int = 2
    depth: int = 8
    queries: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    finish: bool = False
    temperature: float | None = None

    async def explore(self, line: Line) -> None:
        if not await begin(line, self.finish):
            return
        meter = Meter(line.tree, Budget(self.queries, self.tokens, self.seconds))
        chance = rng("rewarded", line.task.id, line.at)
        alive, done, answers, levels = [line], 0, list[int](), list[Json]()
        for level in range(self.depth):
            candidates = await self._candidates(alive, self.n if level == 0 else self.f, meter)
            kept = sorted(chance.sample(range(len(candidates)), min(self.n - done, len(candidates))))
            fresh: list[Line] = []
            for index, (branch, reply) in enumerate(candidates):
                if index not in kept:
                    await branch.drop()
                    continue
                taken = await decide(branch, reply)
                branch.tree.note(taken.node, level=level + 1)
                if taken.stop is None:
                    fresh.append(branch)
                    continue
                leaf = await branch.end(taken.stop)
                done += 1
                answers += [leaf] if leaf is not None and taken.answered else []
            for parent in alive:
                await parent.leave(StopReason.out_of_budget if meter.spent() else StopReason.pruned)
            levels.append({"alive": len(fresh), "done": done, "candidates": len(candidates)})
            alive = fresh
            if not alive or meter.spent():
                break
        for branch in alive:
            await branch.end(StopReason.out_of_budget if meter.spent() else StopReason.max_depth)
        account: dict[str, Json] = {"name": "rewarded", "queries": meter.queries, "answers": answers, "levels": levels}
        line.tree.lineage |= {"chosen": answers[0] if answers else None, SEARCH: account}

    async def _candidates(self, alive: list[Line], each: int, meter: Meter) -> list[tuple[Line, Reply]]:
        """Next steps of every line, each with a fork of it that has not taken the step yet."""
        out: list[tuple[Line, Reply]] = []
        for line in alive:
            for draw in range(each):
                if not meter.spent():
                    asked = await line.fork()
                    out.append((asked, await asked.ask((), draw, self.temperature)))
        return out
