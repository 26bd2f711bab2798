"""Rollouts of a source that brings its own tasks, turns that are fixed, tools that come late, and the gold agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from artificer.agents.base import View
from artificer.api import described, rollout, verify
from artificer.core.errors import ArtificerError, SourceError
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Start
from artificer.core.trace import Trace
from artificer.rollout.episode import play
from artificer.rollout.parties import agent_maker, user_maker
from artificer.run.store import RunFolder
from artificer.worlds.base import World, begun

SITE = Path(__file__).parents[1] / "worlds" / "published" / "site"


@pytest.fixture(autouse=True)
def _site(monkeypatch):
    monkeypatch.syspath_prepend(str(SITE))


PASSES = [("bfcl:multi_turn_base", 3), ("bfcl:multi_turn_miss_func", 1), ("agentdojo:banking", 2), ("tau2:retail", 1)]
"""Less than there are tasks where gold is wrong, or where upstream's rule lets nobody pass."""


@pytest.mark.parametrize(("source", "passes"), PASSES)
def test_gold_is_played_kept_and_proven(source, passes, tmp_path):
    rollout(source, out=tmp_path / "run", agent="scripted:gold")
    with RunFolder.open(tmp_path / "run") as folder:
        traces = [trace for _, trace in folder.read("traces", Trace)]
        refused = {reject.reason for reject in folder.rejects()}
    assert len(traces) == passes
    assert refused <= {"upstream", "tau2"}
    assert {trace.world for trace in traces} == {source}
    proof = verify(tmp_path / "run")
    assert (proof.holds, proof.proven) == (True, passes)


def test_options_go_with_the_run(tmp_path):
    rollout("tau2:retail", out=tmp_path / "run", agent="scripted:gold", options={"split": "train"}, keep_failed=True)
    assert verify(tmp_path / "run").proven == 1


def test_a_source_without_tasks_is_refused(tmp_path):
    with pytest.raises(SourceError, match="brings no tasks"):
        rollout("domain:retail", out=tmp_path / "run")
    with pytest.raises(ArtificerError):
        rollout("tau3:retail", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_tools_of_the_users_are_described():
    found = described("tau2:telecom")
    assert [tool.name for tool in found.user_tools] == ["toggle_airplane_mode"]
    assert [tool.name for tool in found.tools] == ["enable_roaming", "send_bill"]


class _Asks:
    """Asks back whatever is said, and remembers what it was offered."""

    def __init__(self) -> None:
        self.offered: list[list[str]] = []

    async def act(self, view: View) -> Message:
        self.offered.append([tool.name for tool in view.tools])
        return Message("assistant", "Which one do you mean?")


async def test_fixed_turns_are_said_whatever_the_agent_says_and_withheld_tools_come_when_they_should():
    world = World.of("bfcl:multi_turn_miss_func")
    (task,) = world.tasks()
    agent = _Asks()
    trace = await play(task, world, lambda *_: agent, user_maker())
    said = [node.message.text for node in trace.nodes if node.message.role == "user"]
    assert said == ["Open it.", "Now a note.", "More functions are there now."]
    assert ["put_note" in names for names in agent.offered] == [False, False, True]
    assert all("open_drawer" in names for names in agent.offered)


async def test_the_gold_agent_says_what_must_be_said():
    world = World.of("tau2:retail")
    task = next(iter(world.tasks()))
    trace = await play(task, world, agent_maker("scripted:gold", None), user_maker())
    assert [node.message.text for node in trace.nodes if node.message.role == "assistant"] == ["", "1,234"]


@pytest.mark.parametrize("source", ["sqlite:chinook", "sqlite:chinook | clock | budget:calls=5"])
async def test_setup_calls_are_made_once_and_belong_to_no_effects(source):
    world = World.of(source)
    made = await begun(world, Start(setup=(ToolCall("s", "create_genre", {"name": "Polka"}),)))
    found = await made.call(ToolCall("c", "search_genres", {"name": "Polka"}))
    assert len(found.content["rows"]) == 1
    assert made.calls == 2
    assert made.effects(1) == ()
    with pytest.raises(SourceError, match="setup call 'get_genre' fails"):
        await begun(world, Start(setup=(ToolCall("s", "get_genre", {"genre_id": 10_000}),)))
