"""Middleware: what the agent within is shown, when it is asked again, what speaks in its place, what is noted."""

from __future__ import annotations

import msgspec
import pytest
from saying import Lines

from artificer.agents.around.backtrack import Backtrack
from artificer.agents.around.compress import Compress, shortened
from artificer.agents.around.debug import Debug
from artificer.agents.around.decompose import Decompose, subtasks_of
from artificer.agents.around.experience import Experience, Experienced, distilled, read_experience, write_experience
from artificer.agents.around.finish import DEMAND, LINE, Finish
from artificer.agents.around.planner import Planned, Planner
from artificer.agents.around.refine import Refine
from artificer.agents.around.reflect import Reflect
from artificer.agents.around.retrieve import Retrieve
from artificer.agents.base import Agent, View
from artificer.agents.plan import Planning
from artificer.agents.react import ReAct
from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.models.base import Counts, Reply, Request
from artificer.worlds.base import World


class Inner(Agent):
    """Does what it is told to, in order: a text, or (name, arguments). Keeps what it saw."""

    def __init__(self, *steps: str | tuple[str, dict]) -> None:
        self.steps = list(steps)
        self.seen: list[View] = []

    async def act(self, view: View) -> Reply:
        self.seen.append(view)
        step = self.steps.pop(0)
        made = sum(len(message.calls) for message in view.messages)
        calls = () if isinstance(step, str) else (ToolCall(f"c{made + 1}", *step),)
        return Reply(Message("assistant", step if isinstance(step, str) else "", calls=calls, author="inner"), Counts(100, 10), notes={"own": 1})


GONE = Reply(Message("assistant"), Counts(3, 0), error=ErrorKind.timeout, detail="gone")
FIND = ToolSpec("find", "Find things", {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]})


def user(text: str = "Go.") -> Message:
    return Message("user", text)


def called(number: int, name: str = "find", content: object = None, error: str = "", **arguments: object) -> list[Message]:
    """A call and its result."""
    result = ToolResult(f"c{number}", None, ErrorKind.constraint, error) if error else ToolResult(f"c{number}", content)
    return [Message("assistant", calls=(ToolCall(f"c{number}", name, arguments),)), Message("tool", result=result)]


# compress


async def test_long_observations_are_cut_and_short_ones_are_not():
    inner = Inner("ok", "ok")
    view = View([user(), *called(1, content="a" * 30 + "b" * 30), *called(2, content="short")])
    reply = await Compress(inner, 40, 0, None).act(view)
    assert [message.result.content for message in inner.seen[0].messages if message.result] == ["a" * 20 + "..." + "b" * 20, "short"]
    assert reply.notes == {"own": 1, "compressed": 1}
    assert view.messages[2].result.content == "a" * 30 + "b" * 30
    await Compress(inner, 4, 1, None).act(view)
    assert [message.result.content for message in inner.seen[1].messages if message.result][1] == "short"


def test_records_and_lists_keep_their_form_as_long_as_they_can():
    assert shortened({"id": 7, "text": "x" * 500}, 400) == {"id": 7, "text": "x" * 50 + "..." + "x" * 50}
    assert shortened(list(range(200)), 300) == [*range(20), "+180 more"]
    assert isinstance(shortened({str(key): key for key in range(500)}, 100), str)
    assert len(shortened({str(key): key for key in range(500)}, 100)) == 103


async def test_a_reader_reads_each_long_result_once():
    model, inner = Lines("The id is 7."), Inner("ok", "ok")
    agent = Compress(inner, 50, 0, model)
    view = View([user("Which id?"), *called(1, content={"id": 7, "text": "x" * 500})])
    first, second = await agent.act(view), await agent.fork().act(view)
    assert [view.messages[2].result.content for view in inner.seen] == ["The id is 7."]  # the fork has an inner of its own
    assert len(model.asked) == 1
    assert (first.usage, second.usage) == (Counts(110, 11), Counts(100, 10))
    assert "USER: Which id?" in model.asked[0].messages[1].text
    assert (await Compress(Inner(), 50, 0, Lines(GONE)).act(view)).error is ErrorKind.timeout


# refine


async def test_what_grew_too_long_is_retold_once_and_users_words_stay():
    model, inner = Lines("Found p."), Inner("one", ("find", {"q": "z"}))
    agent = Refine(inner, model, 200, 2, 1)
    talk = [user("Find p."), *called(1, content="p" * 300), *called(2, content="q")]
    first = await agent.act(View(talk))
    told = "USER: Find p.\n\nWhat was done since, in short: Found p."
    assert inner.seen[0].messages == [Message("user", told), *talk[3:]]
    assert first.notes["refined"] == {"messages": 3, "summary": told}
    assert "RESULT: ppp" in model.asked[0].messages[1].text.replace('"', "")
    again = await agent.act(View([*talk, first.message, user("And z" + "z" * 300)]))
    assert len(model.asked) == 1
    assert inner.seen[1].messages[0].text == told
    assert again.message.calls[0].id == "c3"  # not c2: the trace holds two calls


# finish


async def test_on_the_last_turn_an_answer_is_demanded_and_no_tool_is_shown():
    inner = Inner(("find", {"q": "a"}), "The answer.", ("find", {"q": "b"}))
    agent = Finish(inner, 2, 0)
    first = await agent.act(View([user()], [FIND], "Rules."))
    assert first.message.calls
    late = View([user(), *called(1)], [FIND], "Rules.")
    second = await agent.act(late)
    assert (second.message.text, second.notes) == ("The answer.", {"own": 1, "forced": True})
    assert (inner.seen[1].tools, inner.seen[1].policy) == ((), f"Rules.\n\n{DEMAND}")
    third = await agent.act(late)
    assert (third.message.text, third.message.calls, third.repairs) == (LINE, (), ("a call after the last step",))
    fresh = Finish(Inner(("find", {"q": "c"})), 2, 0)
    assert (await fresh.act(View([user(), *called(1), Message("assistant", "Hm?"), user()], [FIND]))).message.calls
    assert (await Finish(Inner("ok"), 50, 10).act(View([user("x" * 20)], [FIND]))).notes["forced"] is True


# reflect


async def test_a_draft_that_is_found_wanting_is_said_better():
    model = Lines('{"correct": false, "critique": "You did not look."}', 'Well: {"correct": true, "critique": ""}')
    inner = Inner("Maybe 3.", ("find", {"q": "x"}), "It is 4.")
    agent = Reflect(inner, model, 3)
    first = await agent.act(View([user("How many?")], [FIND], "Rules."))
    assert first.message.calls[0].arguments == {"q": "x"}
    assert first.notes == {"own": 1, "reflect": [{"correct": False, "critique": "You did not look.", "draft": "Maybe 3."}]}
    assert first.usage == Counts(210, 21)
    assert "Maybe 3." in inner.seen[1].policy
    assert "You did not look." in inner.seen[1].policy
    assert model.asked[0].messages[1].text == "Rules:\nRules.\n\nConversation:\nUSER: How many?\n\nDRAFT: Maybe 3."
    assert model.asked[0].schema is not None
    second = await agent.act(View([user("How many?"), *called(1, content=4)], [FIND]))
    assert second.message.text == "It is 4."
    assert "You did not look." in inner.seen[2].policy  # until the user speaks again


async def test_after_its_rounds_a_draft_goes_out_and_a_new_word_clears_the_critiques():
    no = '{"correct": false, "critique": "no"}'
    inner = Inner("a", "b", "c", "d")
    agent = Reflect(inner, Lines(no, no, "unreadable"), 2)
    assert (await agent.act(View([user()]))).message.text == "c"
    reply = await agent.act(View([user(), Message("assistant", "c"), user("and?")]))
    assert reply.notes["reflect"] == [{"correct": True, "critique": "(the judge's answer could not be read)"}]
    assert inner.seen[3].policy == ""
    gone = await Reflect(Inner("a"), Lines(GONE), 1).act(View([user()]))
    assert (gone.error, gone.usage) == (ErrorKind.timeout, Counts(103, 10))


# debug


async def test_a_failed_call_is_mended_once_before_the_agent_is_asked():
    model = Lines('Use: {"q": "right"}', "```python\nprint(1)\n```", "```python\nprint(1)\n```")
    inner = Inner("a", "b", "c")
    agent = Debug(inner, model, 1)
    failure = [user(), *called(1, error="q is wrong", q="wrong")]
    first = await agent.act(View(failure, [FIND]))
    assert first.message == Message("assistant", calls=(ToolCall("c2", "find", {"q": "right"}),), author="scripted:lines")
    assert (first.notes, first.usage) == ({"debug": {"call": "c1", "mended": True}}, Counts(10, 1))
    assert 'The call:\nfind {"q":"wrong"}\nThe error:\nq is wrong' in model.asked[0].messages[1].text
    again = [*failure, first.message, Message("tool", result=ToolResult("c2", None, ErrorKind.constraint, "still"))]
    assert (await agent.act(View(again, [FIND]))).message.text == "a"
    raised = [*again, Message("assistant", "a"), user(), *called(3, "run_python", {"stdout": "", "error": "NameError: x"}, code="print(x)")]
    third = await agent.act(View(raised))
    assert third.message.calls[0].arguments == {"code": "print(1)"}
    assert "NameError: x" in model.asked[1].messages[1].text
    fresh = Debug(Inner("d"), Lines("no idea"), 1)
    reply = await fresh.act(View(failure, [FIND]))
    assert (reply.message.text, reply.notes["debug"], reply.usage) == ("d", {"call": "c1", "mended": False}, Counts(110, 11))
    assert (await Debug(Inner("e"), Lines(), 1).act(View([user(), *called(1, content=1)]))).message.text == "e"


# backtrack


async def test_a_failure_is_taken_out_of_sight_and_told_as_one():
    inner = Inner(("find", {"q": "b"}), "x")
    agent = Backtrack(inner, 1, True)
    talk = [user(), *called(1, content=1), *called(2, error="no a", q="a")]
    reply = await agent.act(View(talk, [FIND]))
    assert inner.seen[0].messages == talk[:3]
    assert inner.seen[0].policy.endswith('Tried: find {"q":"a"}\nIt failed with: no a')
    assert reply.message.calls[0].id == "c3"
    assert reply.notes["backtracked"] == 1
    later = [*talk, *called(3, error="no b", q="b")]
    await agent.act(View(later, [FIND]))
    assert inner.seen[1].messages == [*talk[:3], *later[5:]]
    silent = Inner("x")
    await Backtrack(silent, 1, False).act(View(talk, [FIND], "Rules."))
    assert silent.seen[0].policy == "Rules."


async def test_a_program_that_changed_something_before_it_failed_stays_in_sight():
    inner = Inner("x", "x")
    for content, left in (({"stdout": "", "error": "E", "calls": [{"name": "pay"}]}, 3), ({"stdout": "", "error": "E"}, 1)):
        await Backtrack(inner, 1, True).act(View([user(), *called(1, "run_python", content, code="pay()")]))
        assert len(inner.seen[-1].messages) == left


# decompose


async def test_parts_are_worked_on_one_by_one_by_fresh_agents_that_share_findings():
    split = '{"subtasks": [{"id": 1, "task": "sell", "needs": [2]}, {"id": 2, "task": "find", "needs": []}]}'
    model, worker = (
        Lines(split),
        Lines("""Action: find\nAction Input: {"q": "x"}""", "Answer: x is 7", "Answer: sold 7", "Answer: Done.", "Answer: Bye."),
    )
    agent = Decompose(ReAct(worker), model)
    talk = [user("Find x and sell it.")]
    first = await agent.act(View(talk, [FIND], "Rules."))
    assert first.notes["decompose"] == [{"id": 2, "task": "find", "needs": ()}, {"id": 1, "task": "sell", "needs": (2,)}]
    assert first.message.calls[0].arguments == {"q": "x"}
    assert "Work on this part of the task alone: find" in worker.asked[0].messages[0].text
    talk = [*talk, first.message, Message("tool", result=ToolResult("c1", 7))]
    second = await agent.act(View(talk, [FIND], "Rules."))
    assert second.message.text == "Done."
    assert second.notes["findings"] == [{"subtask": 2, "finding": "x is 7"}, {"subtask": 1, "finding": "sold 7"}]
    assert second.usage == Counts(30, 3)
    assert len(worker.asked[1].messages) == 4  # its own call and result
    assert len(worker.asked[2].messages) == 2  # not those of the part before
    assert "Findings so far:\n- find: x is 7" in worker.asked[2].messages[0].text
    assert "- sell: sold 7" in worker.asked[3].messages[0].text
    assert (await agent.act(View([*talk, second.message, user("Thanks.")], [FIND]))).message.text == "Bye."
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ('{"subtasks": [{"id": 1, "task": "a", "needs": [2]}, {"id": 2, "task": "b", "needs": [1]}, {"id": 3, "task": "c"}]}', [3, 1, 2]),
        ('{"subtasks": [{"id": 1, "task": "a"}]}', []),
        ('{"subtasks": [{"id": "1", "task": "a"}, {"id": 2, "task": "b"}]}', []),
        ("no", []),
    ],
)
def test_the_order_of_parts(text, order):
    assert [part.id for part in subtasks_of(text)] == order


# planner, plans, lessons


async def test_a_plan_is_made_once_or_each_turn_and_stands_in_the_rules():
    model, inner = Lines("1. find", "2. tell"), Inner("a", "b", "c")
    agent = Planner(inner, model, False, 100)
    talk = [user("x?")]
    first = await agent.act(View(talk, [FIND], "Rules."))
    assert first.notes["planner"] == {"from": "scripted:lines", "text": "1. find"}
    assert inner.seen[0].policy == "Rules.\n\nA plan for this task; follow it unless what you see contradicts it:\n1. find"
    assert model.asked[0].messages[1].text == "Rules:\nRules.\n\nTools:\nfind(q) - Find things\n\nWhat was said and done:\nUSER: x?"
    talk = [*talk, first.message, user("y?")]
    assert "planner" not in (await agent.act(View(talk, [FIND]))).notes
    each = Planner(inner, model, True, 100)
    each._plan, each._turn = "1. find", 1
    assert (await each.act(View(talk, [FIND]))).notes["planner"]["text"] == "2. tell"
    assert "The plan so far:\n1. find" in model.asked[1].messages[1].text
    planned = Planned(Inner("a", "b"), "1. go", "oracle")
    assert (await planned.act(View(talk))).notes["planner"] == {"from": "oracle", "text": "1. go"}
    assert "planner" not in (await planned.act(View(talk))).notes


async def test_lessons_are_distilled_one_by_one_told_and_withheld(tmp_path):
    nodes = (Node(None, user("x?")), Node(0, Message("assistant", "y")))
    trace = Trace("t", "task-1", "w", "", nodes, stop={1: StopReason.user_done})
    model = Lines("Look first. " * 500)
    new = await distilled(model, Experience("Old.", tasks=("task-0",)), trace, "passed")
    assert (new.tasks, new.split, len(new.text.split())) == (("task-0", "task-1"), "train", 400)
    assert model.asked[0].messages[1].text == "Old lessons:\nOld.\n\nThe task:\nUSER: x?\nASSISTANT: y\n\nOutcome: passed"
    with pytest.raises(ArtificerError, match="gone"):
        await distilled(Lines(GONE), new, trace, "passed")
    path = str(tmp_path / "lessons.json")
    write_experience(path, new)
    assert read_experience(path) == new
    write_experience(path, msgspec.structs.replace(new, split="test"))
    with pytest.raises(ArtificerError, match="split 'test'"):
        read_experience(path)
    inner = Inner("a", "b")
    reply = await Experienced(inner, new).act(View([user()]))
    assert inner.seen[0].policy.startswith("Lessons from earlier tasks:\nLook first.")
    assert set(reply.notes["experience"]) == {"split", "digest"}
    held = await Experienced(inner, new, "distilled from this task").act(View([user()]))
    assert inner.seen[1].policy == ""
    assert held.notes["experience"] == {"withheld": "distilled from this task"}


# retrieve


async def test_the_best_tools_for_what_users_say_are_shown():
    world = World.of("sqlite:chinook")
    inner = Inner("a", "b", "c")
    agent = Retrieve(inner, 3, "words")
    first = await agent.act(View([user("Rename a playlist")], world.tools))
    shown = [tool.name for tool in inner.seen[0].tools]
    assert len(shown) == 3
    assert any("playlist" in name for name in shown)
    assert first.notes["retrieved"] == shown
    talk = [user("Rename a playlist"), *called(1, "search_genres"), Message("assistant", "ok"), user("Now an invoice")]
    await agent.fork().act(View(talk, world.tools))
    second = await agent.act(View(talk, world.tools))
    names = [tool.name for tool in inner.seen[1].tools]
    assert {*shown, "search_genres"} < set(names)
    assert any("invoice" in name for name in names)
    assert second.notes["retrieved"] == names
    assert "retrieved" not in (await agent.act(View(talk, world.tools))).notes


async def test_a_world_that_must_be_searched_is_searched_first():
    world = World.of("sqlite:chinook | search:k=3")
    inner = Inner("a")
    agent = Retrieve(inner, 5, "words")
    first = await agent.act(View([user("Rename a playlist")], world.tools[:1]))
    assert first.message.calls == (ToolCall("c1", "search_tools", {"query": "Rename a playlist"}),)
    assert first.usage == Counts(0, 0)
    await agent.act(View([user("Rename a playlist"), first.message, Message("tool", result=ToolResult("c1", {"tools": []}))], world.tools[:1]))
    assert len(inner.seen) == 1


# together


STACK = [
    lambda inner, model: Compress(inner, 20, 0, model),
    lambda inner, model: Refine(inner, model, 100, 2, 5),
    lambda inner, model: Finish(inner, 3, 0),
    lambda inner, model: Reflect(inner, model, 2),
    lambda inner, model: Debug(inner, model, 2),
    lambda inner, model: Backtrack(inner, 1, True),
    lambda inner, model: Planner(inner, model, True, 100),
    lambda inner, model: Decompose(inner, model),
    lambda inner, model: Retrieve(inner, 1, "words"),
]


FORKED = [
    *(lambda inner, model, around=around: around(inner, model) for around in STACK),
    lambda inner, model: Planned(inner, "1. go", "oracle"),
    lambda inner, model: Experienced(inner, Experience("Look.")),
    lambda inner, model: Planning(model),
    lambda inner, model: Planning(model, form="code"),
]


@pytest.mark.parametrize("make", FORKED)
async def test_what_a_fork_lives_through_its_original_does_not(make):
    plan = '{"nodes": [{"id": 0, "name": "find", "args": {"q": "a"}}, {"id": 1, "name": "find", "args": {"q": "b"}}]}'
    agent = make(Inner(*["told"] * 9), Lines(plan, *['{"correct": false, "critique": "no"}'] * 9))
    talk = [user("x" * 200), *called(1, content="c" * 300, q="c"), *called(2, error="no", q="d")]
    await agent.act(View(talk[:3], [FIND]))
    state = {name: repr(value) for name, value in vars(agent).items() if name not in ("_inner", "_model")}
    fork = agent.fork()
    assert {name: repr(value) for name, value in vars(fork).items() if name in state} == state
    for until in (5, 6, 8):
        more = [*talk, Message("assistant", "told"), user("and?"), *called(3, error="no", q="e")]
        await fork.act(View(more[:until], [FIND, msgspec.structs.replace(FIND, name="seek")]))
    assert {name: repr(value) for name, value in vars(agent).items() if name in state} == state


@pytest.mark.parametrize("text", ["x" * 10_000_000, "{" * 100_000, "\ud800", "", '{"correct": false}' * 1000, "```python\n" * 10_000])
async def test_hostile_text_from_any_model_becomes_a_message(text):
    class Always(Lines):
        async def reply(self, request: Request) -> Reply:
            return Reply(Message("assistant", text), Counts(1, 1), text)

    agent: Agent = Inner(*[("find", {"q": "x"})] * 3, *["told"] * 20)
    for around in STACK:
        agent = around(agent, Always())
    talk = [user("x?")]
    for number in range(1, 8):
        reply = await agent.act(View(talk, [FIND]))
        assert len(canonical(reply)) < 2_000_000
        calls = reply.message.calls
        assert [call.id for call in calls] == [f"c{sum(len(message.calls) for message in talk) + 1}"] * len(calls)
        results = [Message("tool", result=ToolResult(call.id, None, ErrorKind.constraint, "no" * 50)) for call in calls]
        talk = [*talk, reply.message, *results, *([] if calls else [user(f"and {number}?")])]
