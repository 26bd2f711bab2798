"""The episode loop: one task, one agent, one user, one private session, until the user is done or a limit is reached.

Visibility is decided here and nowhere else: the agent gets the messages, the tools its task offers and the world's
policy; the user gets the messages without tool traffic and without what stood before the conversation; checks get the
finished `Episode`. A model's or tool's mistake is recorded and the episode goes on.

Sessions of wrapped worlds follow the conversation (`worlds.base.Attending`): they may stamp messages, show fewer
tools, and say what they did, which is kept in the notes of nodes under `wrapper`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from artificer.agents.base import Agent, User, View
from artificer.core.canon import rng, stable_id
from artificer.core.messages import Message
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace, Usage
from artificer.core.verdicts import StopReason
from artificer.worlds.base import Attending, Session, World

AgentMaker = Callable[[Task, World, int], Agent]
"""Makes the agent of one episode from the task, the world and the episode's seed. It hands the agent nothing
private."""
UserMaker = Callable[[Task, int], User]


class Limits(Struct, frozen=True):
    """When an episode is stopped: assistant messages, tool calls, and tool errors in a row."""

    turns: int = 60
    calls: int = 60
    errors: int = 10


WRAPPER = "wrapper"
"""The key of a node's notes under which wrappers say what they did."""
BEFORE = {"before": True}
"""What stands there on the messages before the conversation."""


class _Record:
    """The nodes of a linear episode as they come."""

    def __init__(self, session: Session) -> None:
        self.attending = session if isinstance(session, Attending) else None
        self.nodes: list[Node] = []
        self.messages: list[Message] = []
        self.spoken: list[Message] = []
        self.turns = 0
        self.calls = 0
        self.errors = 0
        self.errors_in_row = 0
        for message in self.attending.before() if self.attending is not None else ():
            self._append(message, notes={WRAPPER: BEFORE})
        self.since = len(self.messages)

    def add(self, message: Message, **fields: object) -> None:
        if self.attending is not None:
            message = self.attending.hear(message)
        self._append(message, **fields)
        if message.role == "user" or (message.role == "assistant" and message.content):
            self.spoken.append(message)

    def _append(self, message: Message, **fields: object) -> None:
        parent = len(self.nodes) - 1 if self.nodes else None
        self.nodes.append(Node(parent, message, **fields))  # pyright: ignore[reportArgumentType]
        self.messages.append(message)


async def play(
    task: Task,
    world: World,
    agent: AgentMaker,
    user: UserMaker,
    *,
    trial: int = 0,
    limits: Limits = Limits(),  # noqa: B008
) -> Trace:
    """Plays one task once and returns its trace, not yet judged.

    Args:
        task: what is to be played; only the user maker reads its goal.
        world: where it is played; a fresh session is opened from `task.start`.
        trial: number of the attempt; with the task's id it seeds everything random.
        limits: when to give up.
    """
    seed_parts = (task.id, trial)
    session = await world.open(task.start)
    try:
        for call in task.start.setup:
            await session.call(call, actor="setup")
        before = session.calls
        record = _Record(session)
        stop = await _converse(record, session, agent(task, world, trial), user(task, trial), task, world, limits)
        leaf = len(record.nodes) - 1
        effects = session.effects(before)
        return Trace(
            id=stable_id("trace", *seed_parts),
            task_id=task.id,
            world=world.name,
            tools=world.toolset(),
            nodes=tuple(record.nodes),
            stop={leaf: stop},
            effects={leaf: effects},
            state={leaf: session.digest()},
            usage=Usage(turns=record.turns, calls=record.calls, errors=record.errors),
            seed=trial,
        )
    finally:
        await session.close()


def offered(tools: Sequence[ToolSpec], task: Task, turn: int | None = None) -> Sequence[ToolSpec]:
    """The tools a task offers: all, or those it names; at a `turn` of the user's, less those that come later.

    The constraint `withheld` says which: `{"until_turn": {"3": ["sort"]}}`.
    """
    late = {
        name
        for constraint in task.constraints
        if constraint.name == "withheld" and turn is not None
        for until, names in constraint.arguments["until_turn"].items()
        if turn < int(until)
        for name in names
    }
    if task.tools is None and not late:
        return tools
    names = None if task.tools is None else set(task.tools)
    return [tool for tool in tools if (names is None or tool.name in names) and tool.name not in late]


async def _converse(record: _Record, session: Session, agent: Agent, user: User, task: Task, world: World, limits: Limits) -> StopReason:
    reads = {tool.name for tool in world.tools if tool.effect == "read"}
    turn = -1
    while True:
        spoken = await user.speak(View(record.spoken))
        if spoken is None:
            return StopReason.user_done
        record.add(spoken)
        turn += 1
        tools = offered(world.tools, task, turn)
        while True:
            if record.turns >= limits.turns:
                return StopReason.max_turns
            shown = tools if record.attending is None else record.attending.shown(tools)
            reply = await agent.act(View(record.messages, shown, world.policy, record.since))
            record.turns += 1
            record.add(reply, sampled=True)
            if not reply.calls:
                break
            await _run_calls(record, session, reply, reads)
            if record.calls >= limits.calls:
                return StopReason.max_calls
            if record.errors_in_row >= limits.errors:
                return StopReason.too_many_errors


async def _run_calls(record: _Record, session: Session, reply: Message, reads: set[str]) -> None:
    for call in reply.calls:
        mark = session.calls
        result = await session.call(call)
        record.calls += 1
        failed = result.error is not None
        record.errors += failed
        record.errors_in_row = record.errors_in_row + 1 if failed else 0
        notes = record.attending.notes() if record.attending is not None else {}
        unchanged = call.name in reads or (failed and not notes)  # a wrapper may lose the answer to a write that was made
        effects = () if unchanged else session.effects(mark)
        record.add(Message("tool", result=result), effects=effects, notes={WRAPPER: notes} if notes else {})


def episode_rng(task: Task, trial: int, side: str) -> Random:
    """The random stream of one side of one episode."""
    return rng(side, task.id, trial)
