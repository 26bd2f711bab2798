"""Opinions of a judge in a proof: taken as recorded and counted, while all else is decided again."""

import json

import msgspec

from artificer.checks.judges.panel import Panel
from artificer.checks.suite import by_name
from artificer.core.messages import ToolCall
from artificer.core.tasks import Constraint, Goal, Start, Task, Want
from artificer.core.verdicts import Verdict
from artificer.models.scripted import Scripted
from artificer.rollout.episode import play
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.replay import judged, replay


def kind(label):
    return Panel(Scripted("kind", lambda request: json.dumps({"reason": "so", "evidence": "sold", "label": label})))


async def played(shop, label):
    goal = Goal((Want("turn", gold=(ToolCall("g", "sell", {"item": 1}),)),), (), (), {"open:0": "a lamp please"})
    checks = ("judge:statements", "grammar")
    task = Task(
        "lamp", "test:shop", Start(), "a lamp please", goal, checks, constraints=(Constraint("statements", {"all": ["The agent was kind."]}),)
    )
    agent = agent_maker("scripted:lines", None, model=Scripted.saying(['<tool_call>{"name": "sell", "arguments": {"item": 1}}</tool_call>', "sold"]))
    return task, await judged(task, shop, await play(task, shop, agent, user_maker("lines")), by_name(task.checks, kind(label)))


async def test_opinions_are_taken_as_recorded_and_counted(shop):
    task, trace = await played(shop, "met")
    assert trace.passed
    found = await replay(task, shop, trace, by_name(task.checks))
    assert (found.proven, found.opinions, found.differences) == (True, 1, ())
    again = await replay(task, shop, trace, by_name(task.checks, kind("met")))
    assert (again.proven, again.opinions) == (True, 0)
    other = await replay(task, shop, trace, by_name(task.checks, kind("not_met")))
    assert not other.proven


async def test_what_can_be_decided_is_decided_again(shop):
    task, trace = await played(shop, "met")
    (leaf,) = trace.leaves()
    forged = Verdict.of(tuple(msgspec.structs.replace(part, score=0.5) if part.name == "grammar" else part for part in trace.verdicts[leaf].parts))
    assert not (await replay(task, shop, msgspec.structs.replace(trace, verdicts={leaf: forged}), by_name(task.checks))).proven


async def test_an_undecided_part_stays_undecided(shop):
    task, trace = await played(shop, "nonsense")
    (leaf,) = trace.leaves()
    assert (trace.passed, trace.verdicts[leaf].score) == (False, 0.0)
    found = await replay(task, shop, trace, by_name(task.checks))
    assert (found.proven, found.opinions) == (False, 0)
