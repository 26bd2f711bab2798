"""Kinds of agents, step by step: what the model is shown, what becomes of its reply, when it ends."""

from __future__ import annotations

import json

import msgspec
import pytest
from saying import Lines

from artificer.agents.asking import UNREADABLE
from artificer.agents.base import View
from artificer.agents.code_action import STUCK_LINE, CodeAction
from artificer.agents.plan import FAILED, Planning
from artificer.agents.react import ReAct
from artificer.agents.router import MOST_TEXT, Routed
from artificer.checks.suite import by_name
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Counts, Model, Reply, Request
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.replay import judged
from artificer.worlds.base import World

GONE = Reply(Message("assistant"), Counts(3, 0), error=ErrorKind.transport, detail="gone")
FIND = ToolSpec("find", "Find things. More words.", {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]})
ADD = ToolSpec(
    "add",
    "Add numbers",
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"], "additionalProperties": False},
    {"type": "object", "properties": {"sum": {"type": "integer"}}},
)
TOOLS = (FIND, ADD)


def user(text: str) -> Message:
    return Message("user", text)


def ran(messages: list[Message], reply: Reply, *contents: object) -> list[Message]:
    """The conversation after a reply's calls: each content is a result, or an error when it is an exception's text."""
    results = [
        ToolResult(call.id, None, ErrorKind.constraint, str(content)) if isinstance(content, Exception) else ToolResult(call.id, content)
        for call, content in zip(reply.message.calls, contents, strict=True)
    ]
    return [*messages, reply.message, *(Message("tool", result=result) for result in results)]


def texts(request: Request) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in request.messages[1:]]


# ReAct


async def test_react_shows_thoughts_actions_and_observations():
    model = Lines(
        'Thought: look\nAction: find\nAction Input: {"q": "x"}\nObservation: 3',
        "Thought: bad\nAction: find\nAction Input: q",
        "Thought: so\nAnswer: 3",
    )
    agent = ReAct(model)
    talk = [user("How many x?")]
    first = await agent.act(View(talk, TOOLS, "Be brief."))
    assert first.message == Message("assistant", reasoning="look", calls=(ToolCall("c1", "find", {"q": "x"}),), author="scripted:lines")
    assert (first.usage, first.repairs, first.error, first.raw) == (Counts(10, 1), ("cut at 'Observation:'",), None, "")
    system = model.asked[0].messages[0].text
    assert system.startswith("Be brief.\n\nYou solve")
    assert system.endswith("Tools:\nfind(q) - Find things\nadd(a: int, b: int) - Add numbers")
    assert model.asked[0].tools == ()
    talk = ran(talk, first, {"n": 3})
    second = await agent.act(View(talk, TOOLS))
    assert second.message.calls[0].name == UNREADABLE
    assert texts(model.asked[1]) == [
        ("user", "How many x?"),
        ("assistant", 'Thought: look\nAction: find\nAction Input: {"q":"x"}'),
        ("user", 'Observation: {"n":3}'),
    ]
    talk = ran(talk, second, ValueError("there is no tool 'unreadable_call'"))
    third = await agent.act(View(talk, TOOLS))
    assert texts(model.asked[2])[-1] == ("user", "Observation: error: Action Input must be one JSON object: the arguments are no JSON object")
    assert (third.message.text, third.message.reasoning, third.message.calls) == ("3", "so", ())


async def test_native_calls_are_read_as_steps():
    call = ToolCall("x", "find", {"q": "x"})
    reply = await ReAct(Lines(Reply(Message("assistant", "Looking.", calls=(call,)), raw=""))).act(View([user("?")], TOOLS))
    assert reply.message.calls == (ToolCall("c1", "find", {"q": "x"}),)
    assert reply.message.reasoning == "Looking."


# code as action


def maths(question: str, answer: str) -> Task:
    goal = Goal((Want("turn", tell=((answer,),)),), (), (), {"open:0": question})
    return Task("t1", "code:python", Start(), question, goal, ("told", "grammar", "finished"))


@pytest.fixture
async def python():
    world = World.of("code:python", unprotected="true")
    yield world
    await world.close()


async def played(world: World, model: Model, name: str, question: str = "How many primes are below 100?", answer: str = "25"):
    task = maths(question, answer)
    trace = await play(task, world, agent_maker(name, None, model=model), user_maker(), limits=Limits(errors=3))
    return await judged(task, world, trace, by_name(task.checks))


async def test_tora_interleaves_text_programs_and_outputs(python):
    model = Lines(
        "I count them.\n```python\nfrom sympy import primepi\nprint(primepi(100) / 0)\n```",
        "That was wrong.\n```python\nn = sum(all(p % d for d in range(2, p)) for p in range(2, 100))\nprint(n)\n```\n```output\n7",
        "There are $\\boxed{25}$ primes.",
    )
    trace = await played(python, model, "code:scripted:x")
    assert trace.passed
    assert [role for role, _ in texts(model.asked[2])] == ["user", "assistant", "user", "assistant", "user"]
    assert texts(model.asked[2])[2][1].startswith("```output\n")
    assert "\n" not in texts(model.asked[2])[2][1].removeprefix("```output\n").removesuffix("\n```")  # the last line of the traceback
    assert texts(model.asked[2])[3] == (
        "assistant",
        "That was wrong.\n```python\nn = sum(all(p % d for d in range(2, p)) for p in range(2, 100))\nprint(n)\n```",
    )
    assert texts(model.asked[2])[4] == ("user", "```output\n25\n```")
    assert trace.nodes[1].message.reasoning == "I count them."


async def test_tora_runs_four_programs_and_no_fifth(python):
    model = Lines(*(f"Try {number}.\n```python\nprint({number})\n```" for number in range(5)))
    trace = await played(python, model, "code:scripted:x")
    assert trace.usage.calls == 4
    assert trace.nodes[-1].message.text == "Try 4.\nReached the limit of 4 programs."
    assert trace.nodes[-1].notes["limit"] == 4
    assert not trace.passed


async def test_long_outputs_are_cut_in_the_middle(python):
    model = Lines("```python\nprint('a' * 300 + 'b' * 300)\n```", "25")
    await played(python, model, "code:scripted:x")
    assert texts(model.asked[1])[2] == ("user", f"```output\n{'a' * 200}...{'b' * 200}\n```")


async def test_dotamath_keeps_subtasks_and_reflections_and_sees_when_it_is_stuck(python):
    good = 's1: count\ns2: check\n```python\nprint("s1:", 24)\nprint("s2:", 1)\n```'
    worse = 's1 is wrong: 24 misses one.\ns1: count\n```python\nprint("s1:", 25)\n```'
    trace = await played(python, Lines(good, worse, "\\boxed{25}"), "code:form=dotamath:scripted:x")
    assert trace.passed
    first, second = (node.notes["dotamath"] for node in trace.nodes if "dotamath" in node.notes)
    assert first == {"attempt": 1, "subtasks": {"s1": "count", "s2": "check"}, "label_mismatch": False}
    assert (second["attempt"], second["label_mismatch"], second["reflection"][:11]) == (2, False, "s1 is wrong")
    trace = await played(python, Lines(good, good, good), "code:form=dotamath:scripted:x")
    assert trace.usage.calls == 2
    assert (trace.nodes[-1].message.text, trace.nodes[-1].notes["stuck"]) == (STUCK_LINE, True)
    mismatch = await played(python, Lines("s1: count\n```python\nprint(25)\n```", "25"), "code:form=dotamath:scripted:x")
    assert mismatch.nodes[1].notes["dotamath"]["label_mismatch"] is True


async def test_deepeyes_thinks_calls_tools_and_sees_both_streams(python):
    model = Lines(
        '<think>what is there</think><tool_call>{"name": "list_files", "arguments": {}}</tool_call>',
        "<think>compute</think><code>\n```python\nimport sys\nprint(25)\nprint('w', file=sys.stderr)\n```\n</code>",
        "<think>no fence</think><code>print(1)</code>",
        "<think>done</think><answer>25</answer>",
    )
    trace = await played(python, model, "code:form=deepeyes:scripted:x")
    assert trace.passed
    shown = texts(model.asked[3])
    assert shown[2] == ("user", "<tool_response>[]</tool_response>")
    assert shown[4] == ("user", "<output>\nstdout:\n25\nstderr:\nw\n</output>")
    assert shown[6] == ("user", "<tool_response>error: <code> must hold a fence ```python ... ```</tool_response>")
    assert shown[3][1].startswith("<think>compute</think>\n<code>\n```python\nimport sys")
    assert "Other tools:\nlist_files()" in model.asked[0].messages[0].text


# plans


async def test_a_plan_runs_node_by_node_and_then_the_user_is_told():
    plan = {"nodes": [{"id": 0, "name": "add", "args": {"a": 1, "b": 2}}, {"id": 1, "name": "find", "args": {"q": "no <node-0>.sum"}}]}
    model = Lines(f"Here: {json.dumps(plan)}", "All found.")
    agent = Planning(model)
    talk = [user("Add and find.")]
    first = await agent.act(View(talk, TOOLS, "Be brief."))
    assert first.message.calls == (ToolCall("c1", "add", {"a": 1, "b": 2}),)
    assert first.notes["plan"] == plan["nodes"]
    talk = ran(talk, first, {"sum": 3})
    second = await agent.act(View(talk, TOOLS))
    assert second.message.calls == (ToolCall("c2", "find", {"q": "no 3"}),)
    assert second.usage == Counts(0, 0)
    talk = ran(talk, second, ["x"])
    third = await agent.act(View(talk, TOOLS))
    assert third.message.text == "All found."
    assert texts(model.asked[1]) == [
        ("user", "Add and find."),
        ("assistant", json.dumps(plan, separators=(",", ":"))),
        (
            "user",
            'Results:\nadd {"a":1,"b":2} -> {"sum":3}\nfind {"q":"no 3"} -> ["x"]\nAll nodes ran. Tell the user, or plan what is left to do.',
        ),
    ]


def nodes(*calls: tuple[str, dict]) -> str:
    return json.dumps({"nodes": [{"id": index, "name": name, "args": args} for index, (name, args) in enumerate(calls)]})


async def test_one_error_is_mended_in_one_reply_and_none_without_replies():
    wrong, right = nodes(("add", {"a": 1})), nodes(("add", {"a": 1, "b": 2}))
    model = Lines(wrong, right)
    reply = await Planning(model).act(View([user("Add.")], TOOLS))
    assert reply.message.calls[0].arguments == {"a": 1, "b": 2}
    assert reply.usage == Counts(20, 2)
    assert reply.notes["refused"] == [{"rung": "verify", "code": "add's arguments", "detail": "node 0: missing b"}]
    assert texts(model.asked[1])[1:] == [
        ("assistant", wrong),
        (
            "user",
            "verify failed (add's arguments): node 0: missing b\n"
            "Mend only this and keep the rest. Write the whole plan again, or tell the user why it cannot be done.",
        ),
    ]
    silent = Lines(wrong, right)
    reply = await Planning(silent, replies=0).act(View([user("Add.")], TOOLS))
    assert (reply.message.text, len(silent.asked)) == (FAILED, 1)
    assert reply.notes["failed"]["code"] == "add's arguments"


@pytest.mark.parametrize(
    ("feedback", "text", "outcome"),
    [
        ("none", '{"nodes": [', FAILED),
        ("parse", '{"nodes": [', "told"),
        ("parse", nodes(("nothing", {})), "nothing"),  # not verified: the world refuses it
        ("verify", nodes(("nothing", {})), "told"),
    ],
)
async def test_feedback_reaches_as_far_as_it_is_set(feedback, text, outcome):
    reply = await Planning(Lines(text, "told"), feedback=feedback).act(View([user("Go.")], TOOLS))
    assert (reply.message.calls[0].name if reply.message.calls else reply.message.text) == outcome


async def test_after_a_failure_only_what_has_not_run_is_run():
    model = Lines(nodes(("add", {"a": 1, "b": 2}), ("find", {"q": "y"})), nodes(("add", {"a": 1, "b": 2}), ("find", {"q": "<node-0>.sum"})), "Done.")
    agent = Planning(model)
    talk = [user("Go.")]
    one = await agent.act(View(talk, TOOLS))
    talk = ran(talk, one, {"sum": 3})
    two = await agent.act(View(talk, TOOLS))
    talk = ran(talk, two, ValueError("no y here"))
    three = await agent.act(View(talk, TOOLS))
    assert three.message.calls == (ToolCall("c3", "find", {"q": 3}),)
    assert texts(model.asked[1])[-1][1].endswith(
        "-> error: no y here\nexecute failed (find's arguments): node 1: find: no y here\n"
        "Mend only this and keep the rest. Write the whole plan again, or tell the user why it cannot be done."
    )
    assert (await agent.act(View(ran(talk, three, []), TOOLS))).message.text == "Done."


async def test_without_execution_feedback_the_model_makes_of_it_what_it_can():
    model = Lines(nodes(("add", {"a": 1, "b": 2}), ("find", {"q": "y"})), "It failed.")
    agent = Planning(model, feedback="verify")
    talk = [user("Go.")]
    one = await agent.act(View(talk, TOOLS))
    two = await agent.act(View(ran(talk, one, ValueError("no")), TOOLS))
    assert (two.message.text, len(model.asked)) == ("It failed.", 2)


async def test_a_new_word_of_the_user_ends_the_plan():
    model = Lines(nodes(("add", {"a": 1, "b": 2})), "What now?", nodes(("find", {"q": "z"})))
    agent = Planning(model)
    talk = [user("Go.")]
    talk = ran(talk, await agent.act(View(talk, TOOLS)), {"sum": 3})
    told = await agent.act(View(talk, TOOLS))
    talk = [*talk, told.message, user("Find z.")]
    assert (await agent.act(View(talk, TOOLS))).message.calls[0].arguments == {"q": "z"}
    assert texts(model.asked[2])[-2:] == [("assistant", "What now?"), ("user", "Find z.")]


async def test_plans_as_programs():
    model = Lines("```python\noutput0 = add(a=1, b=2)\noutput1 = find(q=f\"{output0['sum']}!\")\n```", "ok")
    agent = Planning(model, form="code")
    talk = [user("Go.")]
    talk = ran(talk, await agent.act(View(talk, TOOLS)), {"sum": 3})
    second = await agent.act(View(talk, TOOLS))
    assert second.message.calls[0].arguments == {"q": "3!"}
    await agent.act(View(ran(talk, second, []), TOOLS))
    assert texts(model.asked[1])[1][1].startswith("```python\noutput0 = add(a=1, b=2)\noutput1 = find(q=")


# the router


async def test_a_request_is_routed_mended_and_answered():
    reasoner = Lines("I need x.\n<help> find x and add 1 and 2 </help> made up", "So.\n<answer>3 x</answer>")
    router = Lines(
        '{"calls": [{"name": "seek", "arguments": {}}]}',
        '{"calls": [{"name": "add", "arguments": {"a": "1", "b": 2}}]}',
        '{"calls": [{"name": "find", "arguments": {"q": "x"}}, {"name": "add", "arguments": {"a": 1, "b": 2}}]}',
    )
    agent = Routed(reasoner, router)
    talk = [user("x?")]
    first = await agent.act(View(talk, TOOLS, "Be brief."))
    assert [(call.id, call.name) for call in first.message.calls] == [("c1", "find"), ("c2", "add")]
    assert first.message.reasoning == "I need x.\n<help>find x and add 1 and 2</help>"
    assert first.usage == Counts(40, 4)
    assert first.notes == {"help": "find x and add 1 and 2", "asked_again": 2}
    assert first.repairs == ("text after </help>",)
    assert "find(" not in reasoner.asked[0].messages[0].text
    assert router.asked[0].messages[-1].text == "Request: find x and add 1 and 2"
    assert texts(router.asked[2])[2] == ("user", "That cannot be used: there is no tool 'seek'. Answer again.")
    assert "add: /a: " in texts(router.asked[2])[4][1]
    assert router.asked[0].schema["properties"]["calls"]["items"]["properties"]["name"] == {"enum": ["find", "add"]}
    second = await agent.act(View(ran(talk, first, ["x"], {"sum": 3}), TOOLS))
    assert (second.message.text, second.message.reasoning) == ("3 x", "So.")
    assert texts(reasoner.asked[1])[1:] == [
        ("assistant", "I need x.\n<help>find x and add 1 and 2</help>"),
        ("user", '<result>\n["x"]\n{"sum":3}\n</result>'),
    ]


async def test_a_router_that_cannot_be_helped_costs_a_refused_call():
    reply = await Routed(Lines("<help>find x</help>"), Lines("what?", "what?", "what?")).act(View([user("x?")], TOOLS))
    assert reply.message.calls[0].name == UNREADABLE
    assert "no tool serves this request" in reply.message.calls[0].arguments["problem"]


async def test_earlier_calls_are_shown_to_the_router_and_the_guards_force_an_answer():
    reasoner = Lines("<help>find x</help>", "<help>find y</help>", "Hm <help>more</help>", "<help>find</help>")
    router = Lines(*['{"calls": [{"name": "find", "arguments": {"q": "x"}}]}'] * 2)
    agent = Routed(reasoner, router, requests=2)
    talk = [user("x?")]
    for _ in range(2):
        talk = ran(talk, await agent.act(View(talk, TOOLS)), [])
    assert router.asked[1].messages[-1].text == 'Before:\nfind {"q":"x"} -> []\n\nRequest: find y'
    third = await agent.act(View(talk, TOOLS))
    assert (third.message.text, third.notes) == ("Hm", {"forced": True})
    assert "No more requests" in reasoner.asked[2].messages[0].text
    long = await agent.act(View([user("a" * (MOST_TEXT + 1))], TOOLS))
    assert long.notes == {"forced": True}


# all of them


AGENTS = [
    lambda model: ReAct(model),
    lambda model: CodeAction(model),
    lambda model: CodeAction(model, "dotamath"),
    lambda model: CodeAction(model, "deepeyes"),
    lambda model: Planning(model),
    lambda model: Planning(model, form="code"),
    lambda model: Routed(model, model),
]
HOSTILE = [
    "x" * 10_000_000,
    "Thought: a\nAction: find\nAction Input: " + '{"q": ' * 100_000,
    'Action: find\nAction Input: {"q": "\\ud800"}',
    '{"nodes": [{"id": 0, "name": "find", "args": {"q": ' + "[" * 900 + "]" * 900 + "}}]}",
    "<help>" * 50_000,
    "```python\n" * 50_000,
    "```python\n__import__('os').system('touch /tmp/owned')\noutput0 = __import__(name='os')\n```",
    "\ud800\udfff \0 \x1b[31m",
    "<think>" + "<answer>" * 30_000,
    "",
    " \n\t ",
]


@pytest.mark.parametrize("make", AGENTS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_becomes_a_message_that_can_be_written(make, text):
    agent = make(Lines(*[text] * 8))
    view = View([user("x?")], TOOLS)
    reply = await agent.act(view)
    message = reply.message
    assert message.calls or message.text.strip()
    assert len(msgspec.json.encode(reply)) < 400_000
    assert len(message.calls) <= 5
    talk = ran(list(view.messages), reply, *[ValueError("no")] * len(message.calls)) if message.calls else [*view.messages, message, user("?")]
    await agent.act(View(talk, TOOLS))


@pytest.mark.parametrize("make", AGENTS)
async def test_a_model_that_is_gone_ends_the_line_with_its_costs(make):
    reply = await make(Lines(GONE)).act(View([user("x?")], TOOLS))
    assert (reply.error, reply.detail, reply.usage, reply.message.calls) == (ErrorKind.transport, "gone", Counts(3, 0), ())
