"""Rules kept during play: refused calls never run, answers are given back and mended; a replay proves it, and the record
says afterwards what play said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Self

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer.agents.base import Agent, User, View
from artificer.checks.constraints.measures import outcome, rates
from artificer.checks.constraints.session import AUTHOR, Keeping, kept
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.text import read
from artificer.checks.constraints.walk import walked
from artificer.checks.suite import by_name
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect, Goal, Start, Task
from artificer.core.tools import ToolSpec, compile_schema, refusal
from artificer.core.trace import Trace
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.models.base import Reply
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.replay import episode_of, judged, replay
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.budget import wrap as budget
from artificer.worlds.wrappers.noise import wrap as noise

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


class Ledger(World):
    """Tools `a` to `d`, each of which writes its number down; the user has `own`."""

    def __init__(self) -> None:
        self.name, self.policy, self.forks = "ledger", "Be good.", "exact"
        self.tools = tuple(ToolSpec(name, name, SCHEMA, effect="write") for name in "abcd")
        self.user_tools = (ToolSpec("own", "own", SCHEMA, effect="write"),)

    async def open(self, start: Start) -> Session:
        return LedgerSession(self)


class LedgerSession(Session):
    def __init__(self, world: Ledger, entries: Sequence[tuple[str, Any]] = ()) -> None:
        self.world, self.entries = world, list(entries)
        self.validators = {tool.name: compile_schema(tool.parameters, tool.name) for tool in (*world.tools, *world.user_tools)}

    @property
    def calls(self) -> int:
        return len(self.entries)

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        wrong = refusal(call, self.validators.get(call.name))
        if wrong is not None:
            return wrong
        self.entries.append((call.name, call.arguments["n"]))
        return ToolResult(call.id, {"entries": len(self.entries)})

    async def fork(self) -> LedgerSession:
        return LedgerSession(self.world, self.entries)

    def digest(self) -> str:
        return json.dumps(self.entries)

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        return tuple(Effect("entry", (at,), "insert", {"tool": (None, name)}) for at, (name, _) in enumerate(self.entries) if at >= since)

    async def close(self) -> None:
        return


class Lines(Agent):
    """Says one message after another, and the last one again."""

    def __init__(self, messages: Sequence[Message | Reply]) -> None:
        self.left = list(messages)

    async def act(self, view: View) -> Message | Reply:
        self.view = view
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


class Once(User):
    """Says these lines, makes a call of its own before the second, and is done."""

    def __init__(self, lines: Sequence[str] = ("please",)) -> None:
        self.left = list(lines)
        self.acted = False
        self.heard: list[str] = []

    async def speak(self, view: View) -> Message | None:
        self.heard = [message.text for message in view.messages]
        if len(self.left) == 0:
            return None
        if view.messages and not self.acted:
            self.acted = True
            return Message("user", calls=(ToolCall("u", "own", {"n": 0}),))
        return Message("user", self.left.pop(0))


def says(text: str) -> Message:
    return Message("assistant", text)


def calls(*names: str, step: int = 0) -> Message:
    return Message("assistant", calls=tuple(ToolCall(f"{step}.{at}", name, {"n": at}) for at, name in enumerate(names)))


def task_of(rules: str | Rules) -> Task:
    stated = rules if isinstance(rules, Rules) else Rules(read(rules))
    return Task("t", "ledger", Start(), "p", Goal((), (), ()), ("constraints", "finished"), constraints=(stated.constraint(),))


def played(rules: str | Rules, *messages: Message | Reply, world: World | None = None, lines: Sequence[str] = ("please",), **limits: int) -> Trace:
    world, task, user = world or Ledger(), task_of(rules), Once(lines)
    trace = asyncio.run(play(task, world, lambda *_: Lines(messages), lambda *_: user, limits=Limits(**limits)))
    return asyncio.run(judged(task, world, trace, by_name(task.checks)))


def proof(rules: str, trace: Trace, world: World | None = None) -> Any:
    task = task_of(rules)
    return asyncio.run(replay(task, world or Ledger(), trace, by_name(task.checks)))


def part(trace: Trace) -> Any:
    return trace.verdicts[len(trace.nodes) - 1].parts[0]


def state(trace: Trace) -> list[tuple[str, int]]:
    return [tuple(entry) for entry in json.loads(trace.state[len(trace.nodes) - 1])]


def test_a_refused_call_never_runs():
    trace = played("calls ..2", calls("a", "b", "c"), calls("d", step=1), says("done"))
    assert state(trace) == [("a", 0), ("b", 1)]
    refused = [node for node in trace.nodes if node.message.result is not None and node.message.result.error is ErrorKind.forbidden]
    text = "not allowed by the rule `calls ..2`: this would be call 3 of at most 2; no further call is allowed: give the final answer"
    assert refused[0].message.result == ToolResult("0.2", None, ErrorKind.forbidden, text)
    assert refused[0].notes["wrapper"] == {"constraints": {"refused": text}}
    assert [node.message.result.detail for node in refused[1:]] == [text.replace("call 3", "call 4")]
    assert trace.effects[len(trace.nodes) - 1] == tuple(Effect("entry", (at,), "insert", {"tool": (None, name)}) for at, name in enumerate("ab"))


def test_broken_then_mended_is_solved_and_not_perfect():
    mended = played('order a > b; punctuation end "."', calls("b"), calls("a", step=1), calls("b", step=2), says("done"), says("done."))
    assert state(mended) == [("a", 0), ("b", 0)]
    assert (mended.passed, part(mended).passed) == (True, True)
    assert part(mended).numbers == {
        "violations": 2,
        "mended": 2,
        "standing": 0,
        "rounds": 5,
        "calls": 3,
        "finished": 1,
        "kept": 1,
        "perfect": 0,
        "violations.order": 1,
        "violations.content": 1,
        "mended.order": 1,
        "mended.content": 1,
    }
    back = next(node.message for node in mended.nodes if node.message.author == AUTHOR)
    assert back.role == "user"
    assert back.text == "This cannot be the final answer yet:\nnot allowed by the rule `punctuation end \".\"`: the final answer must end with '.'"
    perfect = played('order a > b; punctuation end "."', calls("a"), calls("b", step=1), says("done."))
    assert part(perfect).numbers["perfect"] == 1
    ends_on_tool = played("order a > b", calls("a"), calls("b", step=1), calls("c", step=2), turns=3)
    assert ends_on_tool.stop == {7: StopReason.max_turns}
    assert (part(ends_on_tool).passed, part(ends_on_tool).kinds) == (False, (ErrorKind.premature_end,))
    found = [outcome(trace.verdicts[len(trace.nodes) - 1]) for trace in (mended, perfect, ends_on_tool)]
    assert [(one.solved and one.kept, one.solved and one.perfect) for one in found if one] == [(True, False), (True, True), (False, False)]
    overall = rates([one for one in found if one])[""]
    assert (round(overall.sr, 2), round(overall.psr, 2), overall.repaired) == (66.67, 33.33, 50.0)


def test_the_user_hears_nothing_of_it_and_is_asked_no_more():
    user = Once()
    task, world = task_of("length ..4"), Ledger()
    agent = Lines([says("much too long"), says("Shall I go on?"), says("ok")])
    trace = asyncio.run(play(task, world, lambda *_: agent, lambda *_: user))
    assert user.heard == ["please", "much too long"]
    assert [node.message.author for node in trace.nodes if node.message.role == "user"] == [None, AUTHOR, AUTHOR]
    assert [message.author for message in agent.view.messages if message.role == "user"] == [None, AUTHOR, AUTHOR]
    assert trace.stop == {6: StopReason.user_done}


def test_what_the_agent_is_told_at_the_beginning():
    trace = played("calls ..2", says("done"))
    assert trace.nodes[0].message == Message(
        "system", "Keep these rules at every step. A call that breaks one is not made, and you are told why.\n- Make at most 2 tool calls in all."
    )
    assert trace.nodes[0].notes == {"wrapper": {"before": True}}
    silent = played(Rules(read("calls ..2"), told=False), says("done"))
    assert silent.nodes[0].message.role == "user"


def test_only_the_last_words_are_the_answer():
    trace = played("length ..4", says("a question that is long?"), says("ok"), lines=("please", "yes"))
    assert part(trace).numbers["perfect"] == 1


def test_calls_of_the_user_do_not_count():
    trace = played("calls ..1; calls_of own ..0; available", calls("a"), says("and you?"), says("done"), lines=("please", "I did"))
    assert ("own", 0) in state(trace)
    assert part(trace).numbers["perfect"] == 1


def test_answers_are_given_back_only_so_often():
    trace = played(Rules(read("length ..4"), repairs=2), says("much too long"))
    assert sum(node.message.author == AUTHOR for node in trace.nodes) == 2
    assert trace.stop == {len(trace.nodes) - 1: StopReason.user_done}
    assert (part(trace).passed, part(trace).numbers["standing"], part(trace).numbers["violations"]) == (False, 1, 3)
    assert sum(node.message.author == AUTHOR for node in played(Rules(read("length ..4"), repairs=0), says("much too long")).nodes) == 0


STOPS: list[tuple[str, tuple[Message | Reply, ...], dict[str, int], StopReason, bool]] = [
    ("rounds ..2", (calls("a"), says("done")), {}, StopReason.user_done, True),
    ("rounds ..2", (calls("a"), calls("b", step=1), says("done")), {}, StopReason.max_turns, False),
    ("rounds ..2; length ..4", (calls("a"), says("too long"), says("ok")), {}, StopReason.max_turns, False),
    ("rounds 3..", (says("done"),), {"turns": 2}, StopReason.max_turns, False),
    ("calls ..9", (calls("a"), calls("b", step=1)), {"calls": 2}, StopReason.max_calls, False),
    ("calls ..0", (calls("a"), calls("b", step=1), calls("c", step=2)), {"errors": 3}, StopReason.too_many_errors, False),
    ("calls ..9", (Reply(says(""), error=ErrorKind.transport),), {}, StopReason.agent_error, False),
    ("calls ..9", (says("done"),), {}, StopReason.user_done, True),
]


@pytest.mark.parametrize(("rules", "messages", "limits", "stop", "passes"), STOPS)
def test_every_way_of_ending(rules, messages, limits, stop, passes):
    trace = played(rules, *messages, **limits)
    assert list(trace.stop.values()) == [stop]
    assert part(trace).passed is passes
    assert proof(rules, trace).differences == ()


def test_a_replay_refuses_the_same_and_proves_it():
    rules = 'order a > b; calls ..3; punctuation end "."'
    trace = played(rules, calls("b", "a"), calls("b", "c", step=1), says("no"), says("yes."))
    shown = proof(rules, trace)
    assert (shown.proven, shown.differences, shown.failed) == (True, (), ())
    assert not proof('calls ..3; punctuation end "."', trace).proven  # without the rule the call would have run


def _with(trace: Trace, at: int, node: Any) -> Trace:
    nodes = (*trace.nodes[:at], node, *trace.nodes[at + 1 :])
    return msgspec.structs.replace(trace, nodes=nodes)


def test_what_was_tampered_with_is_refuted():
    rules = 'order a > b; punctuation end "."'
    trace = played(rules, calls("b", "a"), says("no"), says("yes."))
    refused = next(at for at, node in enumerate(trace.nodes) if node.message.result is not None and node.message.result.error is not None)
    back = next(at for at, node in enumerate(trace.nodes) if node.message.author == AUTHOR)
    as_if_it_ran = msgspec.structs.replace(trace.nodes[refused], message=Message("tool", result=ToolResult("0.0", {"entries": 1})), notes={})
    kinder = msgspec.structs.replace(trace.nodes[back], message=Message("user", "Well done.", author=AUTHOR))
    for spoiled in (_with(trace, refused, as_if_it_ran), _with(trace, back, kinder)):
        assert len(proof(rules, spoiled).differences) >= 2  # the content, and what happens


@pytest.mark.parametrize("around", [lambda world: noise(world, before="2", results="0"), lambda world: budget(world, calls="2")])
def test_around_wrapped_worlds(around):
    rules = "order a > b; length ..4"
    trace = played(rules, calls("b", "a"), calls("b", "c", "d", step=1), says("too long"), says("ok"), world=around(Ledger()))
    assert proof(rules, trace, around(Ledger())).proven
    assert trace.nodes[0].message.role == "system"
    assert part(trace).numbers["violations"] == 2


def test_only_tools_that_the_task_offers_are_there():
    task = msgspec.structs.replace(task_of("available"), tools=("a",))
    trace = asyncio.run(play(task, Ledger(), lambda *_: Lines([calls("a", "b"), says("ok")]), lambda *_: Once()))
    assert state(trace) == [("a", 0)]
    trace = asyncio.run(judged(task, Ledger(), trace, by_name(task.checks)))
    assert part(trace).numbers["violations.available"] == 1
    assert asyncio.run(replay(task, Ledger(), trace, by_name(task.checks))).proven


def test_forks_go_on_by_themselves():
    async def run() -> tuple[list[str | None], list[str | None]]:
        session = kept(await Ledger().open(Start()), Rules(read("calls ..2; length ..4")), Ledger().tools)
        assert isinstance(session, Keeping)
        first = calls("a")
        session.hear(first)
        await session.call(first.calls[0])
        other: Self = await session.fork()  # type: ignore[valid-type]
        second = calls("b", "c", step=1)
        session.hear(second)
        mine = [(await session.call(call)).detail for call in second.calls]
        other.hear(calls("d", step=1))
        theirs = [(await other.call(calls("d", step=1).calls[0])).detail]
        other.hear(says("too long"))
        assert (session.feedback(), other.feedback() is not None) == (None, True)
        assert session.digest() != other.digest()
        return mine, theirs

    mine, theirs = asyncio.run(run())
    assert mine[0] is None
    assert "call 3 of at most 2" in str(mine[1])
    assert theirs == [None]


def test_a_call_that_no_message_made_is_one_of_its_own():
    async def run() -> list[ErrorKind | None]:
        session = kept(await Ledger().open(Start()), Rules(read("calls ..1")), Ledger().tools)
        return [
            (await session.call(ToolCall(str(at), "a", {"n": at}), actor)).error
            for at, actor in enumerate(("setup", "gold", "agent", "user", "agent"))
        ]

    assert asyncio.run(run()) == [None, None, None, None, ErrorKind.forbidden]


def test_sessions_without_rules_stay_as_they_are():
    session = LedgerSession(Ledger())
    assert kept(session, None, ()) is session


RULES = [
    "calls 1..3",
    "calls_of a ..1",
    "order a > b",
    "together c + d",
    "parallel ..2",
    "available a, b, c",
    "parameters",
    "values",
    "rounds 2..5",
    "length ..3",
]
RULES += ['punctuation end "."', "parallel 2.. tools", 'identifiers exclude "x"']
STEPS = st.lists(
    st.one_of(st.lists(st.sampled_from("aabbcdz"), min_size=1, max_size=4), st.sampled_from(["ok.", "x", "long"])), min_size=1, max_size=7
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(RULES), min_size=1, max_size=5, unique=True), STEPS, st.sampled_from(["code", "strict"]), st.booleans())
def test_play_and_record_say_the_same(texts, steps, mode, wrong_arguments):
    """What play refuses and gives back is what the record shows to be broken, call by call; and it is all proven again."""
    rules = Rules(read("; ".join(texts)), mode)
    messages = [says(step) if isinstance(step, str) else calls(*step, step=at) for at, step in enumerate(steps)]
    if wrong_arguments and messages[0].calls:
        messages[0] = msgspec.structs.replace(messages[0], calls=(ToolCall("0.0", "a", {"n": "x", "m": 1}), *messages[0].calls[1:]))
    trace = played(rules, *messages, says("ok."), turns=9)
    nodes = trace.nodes
    refused = {node.message.result.call_id for node in nodes if node.message.result is not None and "constraints" in node.notes.get("wrapper", {})}
    found = walked(nodes, rules, Ledger().tools)
    broken = {nodes[one.node].message.calls[one.call].id for one in found.violations if one.call is not None and one.node is not None}
    assert refused == broken
    back = [at - 1 for at, node in enumerate(nodes) if node.message.author == AUTHOR]
    assert set(back) <= {one.node for one in found.violations if one.call is None}
    assert not [one for one in found.standing if one.call is not None]
    assert {node.message.result.call_id for node in nodes if node.message.result is not None and node.message.result.error is None} & broken == set()
    task = task_of(rules)
    shown = asyncio.run(replay(task, Ledger(), trace, by_name(task.checks)))
    assert shown.differences == ()
    leaf = len(nodes) - 1
    again = asyncio.run(by_name(["constraints"])[0](episode_of(task, Ledger(), nodes, trace.effects[leaf], trace.stop[leaf])))
    assert again == part(trace)
