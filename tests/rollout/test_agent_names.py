"""Agents' names: one grammar, strict, with errors that say what to write; outside packages; runs through the API."""

from __future__ import annotations

import json
import sys

import pytest

from artificer import api
from artificer.agents.around.experience import Experience, write_experience
from artificer.agents.base import Agent, View
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Fact, Goal, Start, Task, Want
from artificer.core.trace import Trace
from artificer.models.scripted import Scripted
from artificer.rollout.agents import AROUND, KINDS, models_of, opened, spec_of
from artificer.rollout.oracle_plan import plan_of
from artificer.rollout.parties import agent_maker
from artificer.run.store import RunFolder
from artificer.worlds.base import World

BIG = "openai:big@http://h:8000/v1"
SMALL = "openai:small@http://h:8000/v1"


@pytest.mark.parametrize(
    ("text", "base", "kind", "options", "pipes"),
    [
        (SMALL, SMALL, "calls", {}, []),
        (f"react:{SMALL}", SMALL, "react", {}, []),
        (f"react:tokens=99,seed=3:{SMALL}", SMALL, "react", {"tokens": "99", "seed": "3"}, []),
        ("code:form=dotamath:local:a=b.gguf", "local:a=b.gguf", "code", {"form": "dotamath"}, []),
        ("react:local:a=b.gguf", "local:a=b.gguf", "react", {}, []),
        (f"plan:{SMALL} | reflect:rounds=2 | finish", SMALL, "plan", {}, [("reflect", {"rounds": "2"}), ("finish", {})]),
        (f'{SMALL} | planner:model="{BIG}"', SMALL, "calls", {}, [("planner", {"model": BIG})]),
        (f'router:router_model="{SMALL}",requests=5:{BIG}', BIG, "router", {"router_model": SMALL, "requests": "5"}, []),
        ("scripted:silent", "scripted:silent", "calls", {}, []),
        ("react:scripted:first", "scripted:first", "react", {}, []),
        ("scripted:oracle | finish:turns=9", "scripted:oracle", None, {}, [("finish", {"turns": "9"})]),
    ],
)
def test_names_are_read(text, base, kind, options, pipes):
    spec = spec_of(text)
    assert spec.base == base
    assert (spec.kind.name if spec.kind else None) == kind
    assert (spec.kind.options if spec.kind else {}) == options
    assert [(pipe.name, pipe.options) for pipe in spec.pipes] == pipes


def test_all_models_of_a_name_are_found():
    assert models_of(f'react:{SMALL} | planner:model="{BIG}" | reflect:model="{SMALL}"') == (SMALL, BIG)
    assert models_of("scripted:oracle") == ()
    assert models_of(f'scripted:oracle | planner:model="{BIG}"') == (BIG,)


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("react:", "names no model", "react:MODEL"),
        ("react", "names no model", "react:MODEL"),
        ("react:tokens=5", "names no model", "react:key=value:MODEL"),
        ("react:scripted:oracle", "is an agent, no model", "scripted:oracle"),
        ("react:heat=2:scripted:silent", "takes no option 'heat'", "tokens"),
        ("react:tokens=many:scripted:silent", "tokens='many' is out of range", "whole number"),
        ("code:form=jazz:scripted:silent", "form='jazz'", "tora"),
        ("react:scripted:silent | reflekt", "no agent middleware 'reflekt'", "reflect"),
        ("react:scripted:silent | react", "no agent middleware 'react'", "reflect"),
        ("react:scripted:silent | finish:turns", "'turns' is not an option", "key=value"),
        ("react:scripted:silent | finish:turns=0", "turns='0' is out of range", "from 1"),
        ("react:scripted:silent | finish:steps=3", "takes no option 'steps'", "turns"),
        ("react:scripted:silent | experience", "takes one option", "experience:file="),
        ("react:scripted:silent | experience:file=/no/where.json", "no lessons can be read", "write"),
        ("react:scripted:silent | oracle:plan=x", "takes no option 'plan'", "file"),
        ("react:scripted:silent | oracle:file=/no/where.json", "no plans can be read", "TASK ID"),
        ("react:scripted:silent | ", "is not a wrapper", "NAME"),
    ],
)
def test_mistakes_are_named_before_anything_is_played(text, said, remedy):
    with pytest.raises(ArtificerError) as caught:
        agent_maker(text, None, model=Scripted.saying(["hi"]))
    assert said in caught.value.what
    assert remedy in caught.value.remedy


def test_a_scripted_agent_has_no_model_to_lend():
    with pytest.raises(ArtificerError, match="'reflect' needs the option 'model'"):
        spec_of("scripted:oracle | reflect")
    with pytest.raises(ArtificerError, match="needs a world with a guide"):
        agent_maker("scripted:oracle | finish", None)


def test_what_is_no_model_says_what_agents_there_are():
    with pytest.raises(ArtificerError) as caught:
        opened("reakt:scripted:silent")
    assert "react:MODEL" in caught.value.remedy
    assert "scripted:oracle" in caught.value.remedy
    assert list(opened("react:scripted:silent | reflect:model=scripted:first")) == ["scripted:silent", "scripted:first"]


@pytest.mark.parametrize("name", KINDS)
async def test_every_kind_and_all_middleware_in_any_order_act(name):
    model = Scripted.saying(["hm"])
    for order in (AROUND, AROUND[::-1]):
        make = agent_maker(" | ".join([f"{name}:scripted:silent", *order]), None, model=model)
        reply = await make(task(), World.of("sqlite:chinook"), 0).act(View([Message("user", "Hi")]))
        assert reply.message.calls or reply.message.text


def task(**more) -> Task:
    wants = (
        Want("update:track", gold=(ToolCall("g1", "update_track", {"track_id": 7, "unit_price": 1.29}),)),
        Want("find", outcome="answered", tell=(("Secret Song",),)),
        Want("drop", outcome="refused", reason="not_found"),
    )
    facts = (Fact("0", None, "change the price"), Fact("0.unit_price", 1.29, "1.29", "asked"))
    return Task("task-7", "w", Start(), "p", Goal(wants, facts, ()), **more)


def test_an_oracle_plan_holds_the_way_and_none_of_the_values():
    plan = plan_of(task())
    assert plan.splitlines() == [
        "1. request 1: call update_track with track_id, unit_price, each from the user's words or a look-up",
        "2. request 2: look up what the user asks for and tell it",
        "3. request 3: find out that it cannot be done, change nothing, and tell the user why",
    ]
    assert not any(value in plan for value in ("1.29", "7", "Secret Song", "change the price"))
    bare = Task("t", "w", Start(), "p", Goal((Want("turn"),), (), ()), gold=(ToolCall("g", "open_drawer", {}),))
    assert plan_of(bare) == "1. call open_drawer"


async def test_plans_and_lessons_from_files(tmp_path):
    shown: list[str] = []
    model = Scripted("scripted:spy", lambda request: shown.append(request.messages[0].text) or "Hm.")
    (tmp_path / "plans.json").write_text(json.dumps({"task-7": "1. Be quick."}))
    write_experience(str(tmp_path / "l.json"), Experience("Look twice.", tasks=("task-7",)))
    plans, lessons = f"oracle:file={tmp_path}/plans.json", f"experience:file={tmp_path}/l.json"
    make = agent_maker(f"react:scripted:spy | {plans} | {lessons}", None, model=model)
    world = World.of("sqlite:chinook")
    first = await make(task(), world, 0).act(View([Message("user", "Hi")]))
    assert first.notes == {"planner": {"from": "oracle", "text": "1. Be quick."}, "experience": {"withheld": "distilled from this task"}}
    other = Task("task-8", "w", Start(), "p", Goal((), (), ()))
    second = await make(other, world, 0).act(View([Message("user", "Hi")]))
    assert "planner" not in second.notes
    assert "Look twice." not in shown[0]
    assert "Look twice." in shown[1]


OUTSIDE = '''
from artificer.agents.base import Agent
from artificer.agents.react import ReAct
import msgspec

def loud(model, much="1"):
    """A kind of agent."""
    return ReAct(model)

class Shout(Agent):
    def __init__(self, inner):
        self.inner = inner

    async def act(self, view):
        reply = await self.inner.act(view)
        return msgspec.structs.replace(reply, message=msgspec.structs.replace(reply.message, content=reply.message.text.upper()))

def shout(inner):
    """Middleware."""
    return Shout(inner)
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    (tmp_path / "loudly.py").write_text(OUTSIDE)
    about = tmp_path / "loudly-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: loudly\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[artificer.agents]\nloud = loudly:loud\nshout = loudly:shout\nbroken = loudly:nothing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("loudly", None)


async def test_agents_of_outside_packages(outside):
    make = agent_maker("loud:much=2:scripted:x | shout", None, model=Scripted.saying(["Thought: t\nAnswer: hello"]))
    agent: Agent = make(task(), World.of("sqlite:chinook"), 0)
    assert (await agent.act(View([Message("user", "Hi")]))).message.text == "HELLO"
    with pytest.raises(ArtificerError, match="'broken' does not load: AttributeError"):
        spec_of("react:scripted:silent | broken")
    with pytest.raises(ArtificerError, match="takes no option 'more'"):
        spec_of("react:scripted:silent | shout:more=1")
    with pytest.raises(ArtificerError) as caught:
        spec_of("react:scripted:silent | whisper")
    assert "shout" in caught.value.remedy


def test_runs_take_agents_by_name(tmp_path):
    api.synth("cove", world="domain:retail", n=4, seed=1, out=tmp_path / "a")
    agent = "react:scripted:first | debug | finish:turns=3"
    summary = api.rollout(tmp_path / "a", agent=agent, keep_failed=True, out=tmp_path / "b", concurrency=2)
    assert summary.stages[-1].rows_out > 0
    with RunFolder.open(tmp_path / "b") as run:
        traces = [trace for _, trace in run.read("traces", Trace)]
    assert traces
    assert all(node.message.author == "scripted:first" for trace in traces for node in trace.nodes if node.message.role == "assistant")
    oracle = api.synth("cove", world="domain:retail", n=4, seed=1, agent="scripted:oracle | finish:turns=50", out=tmp_path / "c")
    assert oracle.stages[-1].rows_out == summary.stages[0].rows_in
    for wrong in ("react:scripted:first | nothing", "react:tokens=0:scripted:first", "scripted:oracle | finish:turns=0"):
        with pytest.raises(ArtificerError):
            api.rollout(tmp_path / "a", agent=wrong, out=tmp_path / "d")
        with pytest.raises(ArtificerError):
            api.synth("cove", world="domain:retail", n=1, agent=wrong, out=tmp_path / "d")
        assert not (tmp_path / "d").exists()
