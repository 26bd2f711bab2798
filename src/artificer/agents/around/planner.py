"""`| planner`: a planner writes, the agent within carries out (EnterpriseOps-Gym's planner, arXiv 2603.13594; MMAU's split, 2407.18961).

The planner sees the rules, the tools and what was said, and writes intent, the rules that matter, a strategy, risks,
critical notes; it calls nothing. Its plan stands in the rules of the agent within. With `planner:model="..."` planner
and solver are two models, so that either can be exchanged while the other stays (MMAU's planner-shift and
solver-shift). `Planned` takes a plan that is already there: a person's, or the oracle's (see `rollout.oracle_plan`).
The plan stands in the notes (`planner`) of the message that was made with it first. Prompts are ours; temperature 0 is MMAU's.
"""

from __future__ import annotations

from typing import Self

from artificer.agents.asking import Asking, choice, number, said, taken, toolbox, transcript, user_turns, with_rules
from artificer.agents.base import Agent, View
from artificer.core.messages import Message
from artificer.models.base import GONE, Model, Reply, Request, Sampling

_PROMPT = """You plan for an agent that serves a user with tools; you call none yourself. Write, each in a few
lines: the user's intent; the rules that apply; the strategy, as numbered steps that name the tools; the risks;
critical notes. Plan only from what is said below; what is missing is a step that asks for it."""
_FOLLOW = "A plan for this task; follow it unless what you see contradicts it:\n{plan}"


class Planned(Agent):
    """An agent with a plan in its rules.

    Args:
        inner: who carries it out.
        plan: the plan; "" for none.
        source: where it is from, for the notes.
    """

    def __init__(self, inner: Agent, plan: str, source: str) -> None:
        self._inner = inner
        self._plan = plan
        self._source = source
        self._new = bool(plan)

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        if self._new:
            asking.notes["planner"] = {"from": self._source, "text": self._plan}
            self._new = False
        seen = with_rules(view, _FOLLOW.format(plan=self._plan)) if self._plan else view
        return asking.passed(asking.paid(taken(await self._inner.act(seen))))

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._plan, self._source)
        other._new = self._new
        return other


class Planner(Agent):
    """See the module docstring.

    Args:
        inner: the solver.
        model: the planner.
        each_turn: plan again whenever the user has spoken; otherwise once, after the first words.
    """

    def __init__(self, inner: Agent, model: Model, each_turn: bool, tokens: int) -> None:
        self._inner = inner
        self._model = model
        self._each_turn = each_turn
        self._tokens = tokens
        self._plan = ""
        self._turn = 0

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        turn = user_turns(view.messages)
        if not self._turn or (self._each_turn and turn != self._turn):
            reply = await asking.ask(self._model, Request(self._question(view), sampling=Sampling(max_tokens=self._tokens)))
            if reply.error in GONE:
                return asking.gone(reply)
            self._turn = max(turn, 1)
            self._plan = said(reply, [])
            asking.notes["planner"] = {"from": self._model.name, "text": self._plan}
        seen = with_rules(view, _FOLLOW.format(plan=self._plan)) if self._plan else view
        return asking.passed(asking.paid(taken(await self._inner.act(seen))))

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._model, self._each_turn, self._tokens)
        other._plan, other._turn = self._plan, self._turn
        return other

    def _question(self, view: View) -> tuple[Message, ...]:
        rules = f"Rules:\n{view.policy}\n\n" if view.policy else ""
        before = f"The plan so far:\n{self._plan}\n\n" if self._plan else ""
        said_so_far = f"{rules}Tools:\n{toolbox(view.tools)}\n\n{before}What was said and done:\n{transcript(view.messages)}"
        return Message("system", _PROMPT), Message("user", said_so_far)


def around(inner: Agent, model: Model, each: str = "task", tokens: str = "1024") -> Planner:
    """Options: `model` who plans, `each` (task, turn), `tokens` of a plan at most."""
    return Planner(inner, model, choice(each, "each", ("task", "turn")) == "turn", number(tokens, "tokens", 1, 10**6))
