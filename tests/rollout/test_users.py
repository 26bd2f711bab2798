"""Users by name: manners keep tasks solvable, seeds decide, nothing private is told; and the audit of runs."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

import artificer.api
from artificer.agents.hearing import says
from artificer.agents.users.llm import STOP
from artificer.checks.blame import Blame
from artificer.checks.leaks import gold_ids, states
from artificer.checks.suite import standard
from artificer.checks.values import fold, freeze
from artificer.core.canon import canonical, scalars
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.core.verdicts import StopReason
from artificer.models.base import Model, Reply, Request
from artificer.rollout.audit import Audit, Audited, Offered, Shares, audit_trace, failures, settled, shares
from artificer.rollout.collect import collect
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.parties import agent_maker
from artificer.rollout.play import Played
from artificer.rollout.replay import judged, replay
from artificer.rollout.users import reference_turns, user_maker
from artificer.run.engine import execute
from artificer.run.stage import each
from artificer.run.store import RunFolder
from artificer.worlds.base import World

ALL = "goal | vague | misstates | changes_mind | slips:rate=0.2 | impatient | insists:times=2 | breaks_policy"


@pytest.fixture(scope="module")
def world() -> World:
    return World.of("domain:retail")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> str:
    place = str(tmp_path_factory.mktemp("users") / "run")
    artificer.api.synth("cove", world="domain:retail", n=24, seed=5, out=place)
    return place


@pytest.fixture(scope="module")
def tasks(run) -> list[Task]:
    with RunFolder.open(run) as folder:
        return [task for _, task in folder.read("tasks", Task, ordered=True)]


async def gathered(tasks, world, user, **options) -> list[Trace]:
    agent = agent_maker("scripted:oracle", world.guide)
    return [trace async for trace in collect(tasks, world, agent=agent, user=user_maker(user), **options)]


@pytest.mark.parametrize(
    "manner", ["vague:rate=1", "misstates:rate=1", "changes_mind:rate=1", "slips:rate=1", "impatient:rate=1", "insists", "breaks_policy:rate=1"]
)
async def test_a_manner_leaves_the_gold_as_it_is(tasks, world, manner):
    traces = await gathered(tasks, world, f"goal | {manner}")
    assert [trace.id for trace in traces if not trace.passed] == []
    plain = {trace.task_id: trace for trace in await gathered(tasks, world, "goal")}
    changed = [trace for trace in traces if canonical(trace.nodes) != canonical(plain[trace.task_id].nodes)]
    assert changed or manner == "insists"
    assert all(list(trace.effects.values()) == list(plain[trace.task_id].effects.values()) for trace in traces)


async def test_manners_together_are_solvable_the_same_in_any_order_and_proven_again(tasks, world):
    traces = await gathered(tasks, world, ALL, concurrency=40)
    assert [trace.id for trace in traces if not trace.passed] == []
    again = await gathered(tasks[::-1], world, ALL, concurrency=1)
    assert sorted(map(canonical, again)) == sorted(map(canonical, traces))
    by_id = {task.id: task for task in tasks}
    for trace in traces[:6]:
        shown = await replay(by_id[trace.task_id], world, trace, standard())
        assert shown.proven, shown


async def test_trials_differ(tasks, world):
    traces = await gathered(tasks[:6], world, ALL, trials=2)
    texts = {(trace.task_id, tuple(node.message.text for node in trace.nodes if node.message.role == "user")) for trace in traces}
    assert len(texts) > 6


BAD = [
    ("nobody", "no user is called 'nobody'"),
    ("goal | vgue", "no manner of users is called 'vgue'"),
    ("goal | vague:rte=1", "takes no option 'rte'"),
    ("goal | vague:rate=2", "a number from 0 to 1"),
    ("goal | vague:rate=nan", "a number from 0 to 1"),
    ("goal | vague:rate=x", "a number from 0 to 1"),
    ("goal | insists:times=1.5", "a whole number"),
    ("goal | vague:rate=1,rate=1", "given twice"),
    ("goal | persona:text=Ann", "users played by a model"),
    ("llm:scripted:silent | persona:txt=Ann", "write | persona:text="),
    ("llm:scripted:silent | reveals:when=never", "write asked, gradually or openly"),
    ("llm:scripted:silent | done:by=x", "write token or flag"),
    ("llm:nothing", "is not a model"),
    ("llm:", "no user is called"),
    ("goal|vague", "no user is called 'goal|vague'"),
    ("goal | ", "is not a manner"),
]


@pytest.mark.parametrize(("name", "words"), BAD)
def test_what_cannot_be_read_is_said(name, words):
    with pytest.raises(ArtificerError) as raised:
        user_maker(name)
    assert words in str(raised.value)


class Watched(Model):
    """Says what it is given, and keeps what it was asked."""

    name = "test:watched"

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.asked: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(Message("assistant", self.lines[min(len(self.asked), len(self.lines)) - 1]))


def told(request: Request) -> str:
    """Everything that a model is sent."""
    return msgspec.json.encode(request).decode()


async def test_an_agents_model_is_told_nothing_of_the_goal_that_was_not_said(tasks, world):
    """Every prompt of every turn, with every manner: the phrases and values of what is unsaid, and the goal's own ids."""
    looked = 0
    for task in tasks:
        model = Watched("Could you tell me more?", "And what else should I know?", "Done. Anything else?")
        maker = agent_maker("test:watched", None, model=model)
        await play(task, world, maker, user_maker(ALL), limits=Limits(turns=8))
        ids = [value for value in gold_ids(task, world.tools) if isinstance(value, str)]
        tools = " ".join(tool.name for tool in world.tools)
        for request in model.asked:
            prompt, said = told(request), " ".join(message.text for message in request.messages if message.role == "user")
            rules = f"{world.policy} {' '.join(tool.description for tool in world.tools)}"
            for fact in task.goal.facts:
                if not says(said, fact.phrase) and not says(rules, fact.phrase):
                    looked += 1
                    assert not says(prompt, fact.phrase), fact
            for private in (*ids, *(want.op for want in task.goal.wants if want.op not in tools), "nothing_else", task.id):
                assert private not in prompt, private
    assert looked > 100


async def test_a_users_model_is_told_no_gold_and_no_check(tasks, world):
    for task in tasks:
        model = Watched("I need help.", STOP)
        user = user_maker("llm:scripted:silent | persona:text='in a hurry'", model)
        await play(task, world, agent_maker("scripted:oracle", world.guide), user, limits=Limits(turns=4))
        prompt = fold(" ".join(told(request) for request in model.asked))
        bare = prompt
        for fact in task.goal.facts:
            bare = bare.replace(fold(fact.phrase), " ")
        assert not [value for value in gold_ids(task, world.tools) if isinstance(value, str) and states(bare, value)]
        for private in (
            "nothing_else",
            "reached",
            *(call.name for call in task.gold or ()),
            *(want.op for want in task.goal.wants if "_" in want.op),
        ):
            assert private not in prompt


async def test_a_user_that_a_model_plays_goes_through_an_episode(tasks, world):
    model = Watched("I need help with an order.", f"Never mind. {STOP}")
    trace = await play(tasks[0], world, agent_maker("scripted:oracle", world.guide), user_maker("llm:test:watched", model))
    assert [node.message.author for node in trace.nodes] == ["llm-user", "oracle"]
    assert list(trace.stop.values()) == [StopReason.user_done]
    gone = await play(tasks[0], world, agent_maker("scripted:oracle", world.guide), user_maker("llm:test:watched", Watched("")))
    assert gone.nodes == () or list(gone.stop.values()) == [StopReason.user_error]


def test_reference_turns_are_texts_or_messages(tasks):
    def carrying(value):
        return msgspec.structs.replace(tasks[0], lineage=tasks[0].lineage | {"reference": value})

    assert reference_turns(carrying(["a", "b"])) == ["a", "b"]
    assert reference_turns(carrying([{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}])) == ["a"]
    for wrong in (None, [], [{"role": "assistant", "content": "x"}], [{"role": "nobody"}], "abc"):
        with pytest.raises(ArtificerError, match="reference dialogue"):
            reference_turns(carrying(wrong))


# the audit of a run


@pytest.fixture(scope="module")
def failed(run, tmp_path_factory) -> str:
    place = str(tmp_path_factory.mktemp("users") / "failed")
    artificer.api.rollout(run, out=place, user="goal | impatient:rate=0,patience=3", trials=2)
    return place


def test_failed_rows_of_a_run_are_audited_wherever_they_are(run, failed, tmp_path):
    found = artificer.api.audit(failed)
    assert found
    assert {one.blame.label for one in found} == {"user"}
    assert all(fault.evidence for one in found for fault in one.blame.causes)
    kept = str(tmp_path / "kept")
    artificer.api.rollout(run, out=kept, user="goal | impatient:rate=0,patience=3", trials=2, keep_failed=True)
    assert [(one.key, one.blame) for one in artificer.api.audit(kept)] == [(one.key, one.blame) for one in found]
    counted = artificer.api.stats(failed)
    assert counted.blame == shares(found) == artificer.api.stats(kept).blame
    assert counted.blame.share("user") == 1.0
    assert counted.blame.kinds["user: left_early"] == counted.blame.failed == len(found)
    assert artificer.api.stats(run).blame == Shares()


def test_a_report_says_whose_fault_it_was(failed, run, tmp_path):
    page = artificer.api.report([failed], tmp_path / "report.html").read_text("utf-8")
    assert "Whose fault the" in page
    assert "user: left_early" in page
    assert "Whose fault" not in artificer.api.report([run], tmp_path / "other.html").read_text("utf-8")


async def test_the_audit_is_a_stage(failed, tmp_path):
    with RunFolder.open(failed) as folder:
        rows = list(failures(folder))
    assert len(rows) == len(artificer.api.audit(failed))
    with RunFolder.create_or_continue(tmp_path / "audits", {"audit": failed}) as out:
        await execute([each("audit", Audit(), keep="audits", of=Audited)], rows, out, of=Played)
        found = [one for _, one in out.read("audits", Audited, ordered=True)]
    assert {one.key for one in found} == {key for key, _ in rows}
    assert all(one.blame.label == "user" for one in found)


UNDECIDED = Blame("undecided")
OPINIONS = [
    ('{"label": "agent", "messages": [1], "reason": "It never looked."}', "agent"),
    ('{"label": "both", "messages": [0, 1], "reason": "x"}', "both"),
    ('{"label": "undecided", "messages": [1], "reason": "x"}', "undecided"),
    ('{"label": "agent", "messages": [999, -1], "reason": "no such messages"}', "undecided"),
    ('{"label": "agent", "messages": [], "reason": "no evidence"}', "undecided"),
    ('{"label": "the agent", "messages": [1], "reason": "no label"}', "undecided"),
    ("The agent, clearly.", "undecided"),
    ("", "undecided"),
]


@pytest.mark.parametrize(("reply", "label"), OPINIONS)
async def test_a_judge_settles_what_is_undecided_with_evidence_or_not_at_all(failed, reply, label):
    with RunFolder.open(failed) as folder:
        _, played = next(failures(folder))
    judge = Watched(reply)
    blame = await settled(played.task, played.trace, UNDECIDED, judge)
    assert blame.label == label
    assert blame.by == ("rules" if label == "undecided" else "test:watched")
    assert len(judge.asked) == 1
    assert await settled(played.task, played.trace, Blame("user"), judge) == Blame("user")
    assert len(judge.asked) == 1, "what rules decided is not asked"
    private = [str(value) for call in played.task.gold or () for value in scalars(call.arguments) if freeze(value) and str(value).startswith("m_")]
    shown = " ".join(str(node.message.result) for node in played.trace.nodes)
    assert not [value for value in private if value in told(judge.asked[0]) and value not in shown]


async def test_a_passed_trace_has_no_blame_and_one_without_words_has_a_side(tasks, world):
    trace = await play(tasks[0], world, agent_maker("scripted:oracle", world.guide), user_maker("goal"))
    trace = await judged(tasks[0], world, trace, standard())
    assert audit_trace(tasks[0], trace, Offered(tuple(world.tools), world.policy)) is None
    bare = msgspec.structs.replace(trace, verdicts={}, stop={0: StopReason.agent_error})
    assert audit_trace(tasks[0], bare, Offered()) == Blame("agent")


def test_stats_tell_what_went_wrong(failed, capsys):
    from artificer.cli.stats import command

    assert command(failed, faults=1) == 0
    shown = capsys.readouterr().out
    assert "whose fault" in shown
    assert "user: left_early" in shown
    assert "by rules" in shown


def test_copies_of_users_are_isolated(tasks):
    """Forked at every turn, a user goes on as if it had been alone."""
    from artificer.agents.base import View

    async def talk() -> None:
        user = user_maker(ALL)(tasks[1], 0)
        messages: list[Message] = []
        for answer in ("Which one?", "Could you tell me more?", "Shall I go ahead?", "I cannot do that. Anything else?", "Anything else?"):
            copy = user.fork()
            reply, twin = await user.speak(View(messages)), await copy.speak(View(messages))
            assert canonical(reply) == canonical(twin)
            for _ in range(2):  # what the copy does next is its own affair
                await copy.speak(View([*messages, Message("assistant", "And?")]))
            if reply is None:
                return
            assert isinstance(reply, Message)
            messages += [reply, Message("assistant", answer)]

    asyncio.run(talk())
