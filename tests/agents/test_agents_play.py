"""Every kind of agent plays real tasks to the end: a policy that reads nothing but the prompt, and answers in words.

The policy rebuilds the conversation from the prompt it is given, lets the scripted oracle decide, and writes the
decision in the form that the prompt asks for. So what passes here passes only if a prompt holds all an agent needs,
what the agent reads is what was written, and nothing is lost on the way.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from artificer.agents.base import Agent, View
from artificer.agents.hearing import Hearing, says
from artificer.agents.oracle import Oracle
from artificer.checks.suite import by_name, standard
from artificer.core.canon import canonical
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.models.base import Counts, Model, Reply, Request
from artificer.models.dialect import parse
from artificer.rollout.episode import episode_rng, play
from artificer.rollout.line import Limits, Line, Tree
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.replay import judged
from artificer.run.stage import Reject
from artificer.synthesis.dataflow.discover import discover
from artificer.synthesis.goals import GoalSpec, sample
from artificer.synthesis.tasks import worded
from artificer.worlds.base import World

CHECKS = tuple(check.name for check in standard())
INVENTORY = f"python:{Path(__file__).parents[2] / 'examples' / 'inventory.py'}"


# the forms: how a prompt is read back, and how a decision is written


def _result(text: str) -> ToolResult:
    if text.startswith("error: "):
        return ToolResult("?", None, ErrorKind.constraint, text[7:])
    return ToolResult("?", json.loads(text))


def _react(request: Request) -> list[Message]:
    read: list[Message] = []
    for message in request.messages[1:]:
        if message.text.startswith("Observation: "):
            read += [Message("tool", result=_result(line)) for line in message.text.removeprefix("Observation: ").split("\nObservation: ")]
        elif message.role == "assistant" and (found := re.search(r"^Action: (.*)\nAction Input: (.*)", message.text, re.MULTILINE)):
            read.append(Message("assistant", calls=(ToolCall("?", found.group(1), json.loads(found.group(2))),)))
        else:
            read.append(Message(message.role, message.text.partition("Answer: ")[2] if message.role == "assistant" else message.text))
    return read


def _write_react(call: ToolCall | None, text: str) -> str:
    if call is None:
        return f"Thought: I must say something.\nAnswer: {text}"
    return f"Thought: I need a tool.\nAction: {call.name}\nAction Input: {json.dumps(call.arguments)}\nObservation: made up"


def _plan(request: Request) -> list[Message]:
    read: list[Message] = []
    for message in request.messages[1:]:
        if message.text.startswith("Results:\n"):
            for line in message.text.splitlines()[1:]:
                if " -> " in line:
                    read.append(Message("tool", result=_result(line.split(" -> ", 1)[1])))
        elif message.role == "assistant" and message.text.startswith('{"nodes"'):
            (node,) = json.loads(message.text)["nodes"]
            read.append(Message("assistant", calls=(ToolCall("?", node["name"], node["args"]),)))
        else:
            read.append(message)
    return read


def _write_plan(call: ToolCall | None, text: str) -> str:
    return text if call is None else "My plan:\n" + json.dumps({"nodes": [{"id": 0, "name": call.name, "args": call.arguments}]})


def _router(request: Request) -> list[Message]:
    read: list[Message] = []
    for message in request.messages[1:]:
        if message.text.startswith("<result>"):
            read += [Message("tool", result=_result(line)) for line in message.text.splitlines()[1:-1]]
        elif found := re.search(r"<help>(\S+) (.*)</help>", message.text):
            read.append(Message("assistant", calls=(ToolCall("?", found.group(1), json.loads(found.group(2))),)))
        elif message.role == "assistant":
            read.append(Message("assistant", message.text.partition("<answer>")[2].removesuffix("</answer>")))
        else:
            read.append(message)
    return read


def _write_router(call: ToolCall | None, text: str) -> str:
    return f"Hm.\n<answer>{text}</answer>" if call is None else f"Hm.\n<help>{call.name} {json.dumps(call.arguments)}"


def _code(request: Request) -> list[Message]:
    read: list[Message] = []
    for message in request.messages[1:]:
        if message.text.startswith("```output\n"):
            read.append(Message("tool", result=_result(message.text.splitlines()[1])))
        elif found := re.search(r"# (\S+) (.*)", message.text):
            read.append(Message("assistant", calls=(ToolCall("?", found.group(1), json.loads(found.group(2))),)))
        else:
            read.append(message)
    return read


def _write_code(call: ToolCall | None, text: str) -> str:
    if call is None:
        return text
    arguments = json.dumps(call.arguments)
    program = (
        f"# {call.name} {arguments}\nimport json\ntry:\n    print(json.dumps({call.name}(**json.loads({arguments!r}))))\n"
        "except ToolError as error:\n    print('error:', error.detail)"
    )
    return f"I run a program.\n```python\n{program}\n```\n```output\nmade up"


def _calls(request: Request) -> list[Message]:
    return [message for message in request.messages if message.role != "system"]


def _write_calls(call: ToolCall | None, text: str) -> str:
    return text if call is None else json.dumps({"name": call.name, "arguments": call.arguments})


FORMS: dict[str, tuple[Callable[[Request], list[Message]], Callable[[ToolCall | None, str], str]]] = {
    "calls": (_calls, _write_calls),
    "code": (_code, _write_code),
    "plan": (_plan, _write_plan),
    "react": (_react, _write_react),
    "router": (_router, _write_router),
}


class Policy(Model):
    """Answers from the prompt alone. `prompts` is everything it was ever shown."""

    name = "scripted:policy"

    def __init__(self, task: Task, world: World, guide, form: str) -> None:
        self.task, self.world, self.guide = task, world, guide
        self.read, self.write = FORMS[form]
        self.prompts: list[str] = []

    async def reply(self, request: Request) -> Reply:
        self.prompts.append(canonical(request).decode())
        await asyncio.sleep(0)
        head = request.messages[0].text
        if head.startswith("You judge"):
            raw = '{"correct": true, "critique": ""}'
        elif head.startswith("You plan for"):
            raw = "1. Look it up. 2. Confirm. 3. Do it."
        elif head.startswith("You turn a request"):
            name, _, arguments = request.messages[1].text.rpartition("Request: ")[2].partition(" ")
            raw = json.dumps({"calls": [{"name": name, "arguments": json.loads(arguments)}]})
        else:
            raw = self.write(*await self.decide(self.read(request)))
        parsed = parse(raw)  # as every model's text is read
        message = Message("assistant", parsed.text, calls=parsed.calls)
        return Reply(message, Counts(len(head), len(raw)), raw, parsed.repairs, parsed.error, parsed.detail)

    async def decide(self, messages: list[Message]) -> tuple[ToolCall | None, str]:
        """What the oracle does next, having lived through the conversation; what it says beside calls waits."""
        ops = tuple(want.op for want in self.task.goal.wants)
        oracle = Oracle(self.guide, Hearing(self.task.goal.facts), ops, episode_rng(self.task, 0, "agent"))
        waiting = ""
        for index, message in enumerate([*messages, None]):
            if message is not None and message.role != "assistant":
                continue
            made = await oracle.act(View(messages[:index], self.world.tools, self.world.policy))
            waiting = f"{waiting} {made.text}".strip()
            if message is None:
                return made.calls[0] if made.calls else None, waiting
            waiting = waiting if message.calls else ""
        raise AssertionError


class Spied(Agent):
    """Keeps what the agent within was allowed to see, whenever it acted."""

    def __init__(self, inner: Agent, model: Policy) -> None:
        self.inner, self.model = inner, model

    async def act(self, view: View):
        before = len(self.model.prompts)
        reply = await self.inner.act(view)
        seen = canonical([view.messages, view.tools, view.policy]).decode()
        for prompt in self.model.prompts[before:]:
            for fact in self.model.task.goal.facts:
                assert not says(prompt, fact.phrase) or says(seen, fact.phrase), fact
            for key, line in self.model.task.goal.script.items():
                assert line not in prompt or line in seen, key
            assert self.model.task.id not in prompt
        return reply


async def tasks_of(world: World, guide, count: int, seed: int = 5) -> list[Task]:
    made: list[Task] = []
    for number in range(4 * count):
        sampled = await sample(world, guide, str(number), GoalSpec(), seed=seed)
        task = None if isinstance(sampled, Reject) else worded(sampled, CHECKS, seed, (1, 2))
        if isinstance(task, Task) and len(made) < count:
            made.append(task)
    assert len(made) == count
    return made


class Stage:
    """A world with its guide and tasks."""

    def __init__(self, world: World, guide, tasks: list[Task], played: World | None = None) -> None:
        self.world, self.guide, self.tasks, self.played = world, guide, tasks, played or world

    async def play(self, task: Task, name: str, form: str) -> Trace:
        model = Policy(task, self.world, self.guide, form)
        make = agent_maker(name, None, model=model)
        return await play(task, self.played, lambda *given: Spied(make(*given), model), user_maker())


@pytest.fixture(scope="module", params=["domain:retail", "sqlite:chinook", INVENTORY], ids=["retail", "chinook", "module"])
def stage(request) -> Stage:
    world = World.of(request.param)
    guide = world.guide or asyncio.run(discover(world, seed=1))
    return Stage(world, guide, asyncio.run(tasks_of(world, guide, 6)))


NAMES = {
    "scripted:policy": "calls",
    "react:scripted:policy": "react",
    "plan:scripted:policy": "plan",
    "router:scripted:policy": "router",
    "react:scripted:policy | compress:chars=100000 | backtrack | debug | finish:turns=50 | planner | reflect": "react",
    "plan:feedback=verify:scripted:policy | oracle | retrieve:k=100 | reflect": "plan",
    "scripted:policy | refine:chars=1000000 | oracle | finish:turns=60": "calls",
}


@pytest.mark.parametrize("name", NAMES)
async def test_tasks_are_played_to_the_end_and_pass_every_check(stage, name):
    for task in stage.tasks:
        trace = await stage.play(task, name, NAMES[name])
        trace = await judged(task, stage.world, trace, by_name(CHECKS))
        assert trace.passed, [(part.name, part.evidence) for verdict in trace.verdicts.values() for part in verdict.parts if not part.passed]
        assert trace.usage.tokens_in > 0


@pytest.fixture(scope="module")
def retail() -> Stage:
    world = World.of("domain:retail")
    return Stage(world, world.guide, asyncio.run(tasks_of(world, world.guide, 6)))


async def test_programs_act_in_a_world_whose_tools_are_functions(retail):
    coded = Stage(retail.world, retail.guide, retail.tasks, World.of("domain:retail | code:jail=auto,unprotected=true"))
    for task in retail.tasks[:3]:
        trace = await coded.play(task, "code:output=0,calls=0:scripted:policy", "code")
        trace = await judged(task, coded.played, trace, by_name(("reached", "nothing_else", "told", "grammar", "finished")))
        assert trace.passed, [(part.name, part.evidence) for verdict in trace.verdicts.values() for part in verdict.parts if not part.passed]
        repairs = [node.notes.get("repairs") for node in trace.nodes if node.message.calls]
        assert repairs
        assert all(named == ["cut at '```output'"] for named in repairs)
    await coded.played.close()


@pytest.mark.parametrize("name", ["react:scripted:policy | planner | reflect", "plan:scripted:policy"])
async def test_concurrency_changes_nothing(retail, name):
    form = NAMES.get(name, "react")
    one_by_one = [canonical(await retail.play(task, name, form)) for task in retail.tasks]
    together = await asyncio.gather(*(retail.play(task, name, form) for task in reversed(retail.tasks)))
    assert [canonical(trace) for trace in reversed(together)] == one_by_one


@pytest.mark.parametrize("name", NAMES)
async def test_a_fork_at_any_step_ends_as_its_original_and_changes_nothing_in_it(retail, name):
    task = retail.tasks[0]
    whole = await retail.play(task, name, NAMES[name])
    model = Policy(task, retail.world, retail.guide, NAMES[name])
    tree = Tree()
    session = await retail.world.open(task.start)
    line = Line(tree, task, retail.world, session, agent_maker(name, None, model=model)(task, retail.world, 0), user_maker()(task, 0), Limits())
    ends = []
    stop = None
    while stop is None:
        stop = await line.hear()
        while stop is None:
            branch = await line.fork()
            ends.append(await branch.end(await _to_the_end(branch)))
            message = await line.act()
            if not message.calls:
                break
            await line.run(message)
    last = await line.end(stop)
    told = [canonical([node.message, node.notes]) for node in whole.nodes]
    trace = Trace("t", task.id, "w", "", tuple(tree.nodes), stop=tree.stop)
    for leaf in [*ends, last]:
        assert [canonical([node.message, node.notes]) for node in trace.branch(leaf)] == told
        assert tree.state[leaf] == whole.state[len(whole.nodes) - 1]


async def _to_the_end(line: Line) -> StopReason:
    while True:
        message = await line.act()
        if message.calls:
            await line.run(message)
        elif (stop := await line.hear()) is not None:
            return stop


class Babbler(Policy):
    """Calls, then asks, whatever it is shown: so that long results, long talks and many questions come about."""

    async def reply(self, request: Request) -> Reply:
        self.prompts.append(canonical(request).decode())
        head = request.messages[0].text
        if head.startswith("You split a task"):
            raw = '{"subtasks": [{"id": 1, "task": "look", "needs": []}, {"id": 2, "task": "look again", "needs": [1]}]}'
        elif head.startswith(("You read one long result", "You shorten the record")):
            raw = "There was something."
        elif len(self.prompts) % 3:
            raw = f"Thought: look\nAction: {next(tool.name for tool in self.world.tools if tool.effect == 'read')}\nAction Input: {{}}"
        else:
            raw = "Answer: Which one do you mean?"
        return Reply(Message("assistant", raw), Counts(1, 1), raw)


async def test_summaries_parts_and_readers_are_told_nothing_private(retail, tmp_path):
    lessons = tmp_path / "lessons.json"
    lessons.write_text('{"text": "Look twice."}')
    name = f"react:scripted:policy | compress:chars=50,by=model | refine:chars=300,keep=2,times=9 | decompose | experience:file={lessons}"
    noted: set[str] = set()
    for task in retail.tasks:
        model = Babbler(task, retail.world, retail.guide, "react")
        make = agent_maker(name, None, model=model)
        trace = await play(
            task, retail.world, lambda *given, make=make, model=model: Spied(make(*given), model), user_maker(), limits=Limits(turns=12)
        )
        noted |= {key for node in trace.nodes for key in node.notes}
        assert len(model.prompts) > 12
    assert {"experience", "decompose", "findings", "refined"} <= noted
