"""A trajectory under way, and the tree that trajectories of one episode share.

Visibility is decided here and nowhere else: the agent gets the messages, the tools its task offers and the world's
policy; the user gets what both said and its own tool traffic, not the agent's, and nothing of what stood before the
conversation; checks get the finished `Episode`. A model's or tool's mistake is recorded and the episode goes on; only
a party that cannot answer at all (its endpoint is gone) ends a line.

Sessions of wrapped worlds follow the conversation (`worlds.base.Attending`): they may stamp messages, show fewer
tools, and say what they did, which is kept in the notes of nodes under `wrapper`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import msgspec
from msgspec import Struct

from artificer.agents.base import Agent, User, View
from artificer.checks.constraints.session import AUTHOR, Keeping
from artificer.core.errors import SourceError
from artificer.core.messages import Message
from artificer.core.tasks import Effect, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import Notes, StopReason
from artificer.models.base import GONE, Reply
from artificer.rollout.tree import OwnTool, Tree
from artificer.worlds.base import Attending, Session, World

WRAPPER = "wrapper"
"""The key of a node's notes under which wrappers say what they did."""
BEFORE = {"before": True}
"""What stands there on the messages before the conversation."""


class CannotFork(SourceError):
    """A session cannot be forked where it stands: its world never can, or did something else when it was repeated."""


class Limits(Struct, frozen=True, omit_defaults=True):
    """When a line is stopped: assistant messages, tool calls, tool errors in a row; and, when set, tokens (read and
    written, over all lines of the episode).
    """

    turns: int = 60
    calls: int = 60
    errors: int = 10
    tokens: int | None = None


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


class Line:
    """One path through the tree with all that may still change on it: the session, both parties, what they heard.

    A search drives it: `hear` is the user's turn, `act` the agent's (`ask` and `take` in one), `run` makes the agent's
    calls, `fork` makes an independent copy that goes on from here, `end` and `drop` close it. An agent's words go to
    the user by `hear`.

    Args:
        tree: shared with the lines forked from this one.
        session: this line's own; `end` closes it.
        limits: of this line.
    """

    def __init__(self, tree: Tree, task: Task, world: World, session: Session, agent: Agent, user: User, limits: Limits) -> None:
        self.tree = tree
        self.task = task
        self.world = world
        self.session = session
        self.agent = agent
        self.user = user
        self.limits = limits
        self.attending = session if isinstance(session, Attending) else None
        self.at: int | None = None
        """The last node of the path."""
        self.messages: list[Message] = []
        """What the agent sees."""
        self.spoken: list[Message] = []
        """What the user sees."""
        self.turn = -1
        """How many times the user spoke, less one."""
        self.closing = False
        """Whether the user is done, and only an answer that keeps the rules is waited for."""
        self.turns = self.calls = self.errors_in_row = 0
        self.tree.open.add(self)
        self._start = session.calls
        self._reads = world.reading()
        self._tools: Sequence[ToolSpec] = ()
        self.own: dict[str, OwnTool] = {}
        """Tools that the line answers itself."""
        for message in self.attending.before() if self.attending is not None else ():
            self._append(message, Node(self.at, message, notes={WRAPPER: BEFORE}), True, False)
        self.since = len(self.messages)

    # turns

    async def hear(self) -> StopReason | None:
        """The user speaks, perhaps after calls of tools of its own. A reason when nothing follows."""
        while not self.closing:
            answer = await self.user.speak(View(self.spoken, self.world.user_tools))
            if answer is None:
                break
            reply = self._counted(answer)
            if reply.error in GONE:
                return StopReason.user_error
            self._add(reply, agent=not reply.message.calls, user=True)
            if not reply.message.calls:
                self.turn += 1
                self._tools = offered(self.world.tools, self.task, self.turn)
                return None
            await self._make(reply.message, "user")
            if (over := self.exceeded()) is not None:
                return over
        return self._closed()

    def _closed(self) -> StopReason | None:
        """The user is done. Where an answer must keep rules and does not, the agent hears why, and goes on; the user is
        not asked again.
        """
        wrong = self.session.feedback() if isinstance(self.session, Keeping) else None
        if wrong is None:
            return StopReason.user_done
        self.closing = True
        self._add(Reply(Message("user", wrong, author=AUTHOR)), agent=True, user=False)
        return None

    async def act(self) -> Message | None:
        """The agent speaks or calls. None when it could not: its model did not answer."""
        return self.take(await self.ask())

    async def ask(self, aside: Sequence[Message] = (), draw: int = 0, temperature: float | None = None) -> Reply:
        """What the agent would do now. It is counted, and recorded only when it is taken (`take`).

        Args:
            aside: messages that are shown to it this once, after the others, and stand in no trace.
            draw: which attempt at this point this is; see `View.draw`.
            temperature: how varied it should choose; see `View.temperature`.
        """
        view = self.view()
        if aside or draw or temperature is not None:
            view = View([*view.messages, *aside], view.tools, view.policy, view.since, draw, temperature, len(aside))
        reply = self._counted(await self.agent.act(view))
        self.turns += 1
        self.tree.turns += 1
        return reply

    def take(self, reply: Reply) -> Message | None:
        """Records what the agent said. None when its model did not answer."""
        self._add(reply, agent=True, user=bool(reply.message.content), sampled=True)
        return None if reply.error in GONE else reply.message

    def say(self, text: str, notes: Notes) -> None:
        """Puts words into the agent's mouth that it chose by other means, for the user to hear; not to be trained on."""
        self._add(Reply(Message("assistant", text), notes=notes), agent=True, user=True)

    def offer(self, tools: Sequence[OwnTool]) -> None:
        """Adds tools of the line's own to those that the agent sees. Forks have them too."""
        self.own = self.own | {tool.spec.name: tool for tool in tools}
        if isinstance(self.session, Keeping):
            self.session.offer([tool.spec for tool in tools])
        self.tree.lineage["own_tools"] = [msgspec.to_builtins(tool.spec) for tool in self.own.values()]

    async def run(self, message: Message) -> None:
        """Makes the calls of an assistant message, in order."""
        await self._make(message, "agent")

    def view(self) -> View:
        """What the agent may see now."""
        shown = self._tools if self.attending is None else self.attending.shown(self._tools)
        if self.own:
            shown = [*shown, *(tool.spec for tool in self.own.values())]
        return View(self.messages, shown, self.world.policy, self.since)

    def path(self) -> list[Node]:
        """The nodes of the line, from the first."""
        path: list[Node] = []
        at = self.at
        while at is not None:
            path.append(self.tree.nodes[at])
            at = path[-1].parent
        return path[::-1]

    def effects(self) -> tuple[Effect, ...]:
        """What was changed on this line, in all."""
        return self.session.effects(self._start)

    def exceeded(self) -> StopReason | None:
        """The limit that was reached, if one was."""
        if self.calls >= self.limits.calls:
            return StopReason.max_calls
        if self.errors_in_row >= self.limits.errors:
            return StopReason.too_many_errors
        if self.turns >= self.limits.turns:
            return StopReason.max_turns
        if self.limits.tokens is not None and self.tree.tokens_in + self.tree.tokens_out >= self.limits.tokens:
            return StopReason.max_tokens
        return None

    # lines

    async def fork(self) -> Self:
        """An independent line that goes on from here: what one does the other does not see. Nothing may be under way.

        Raises:
            CannotFork: the session cannot be forked.
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        try:
            other.session = await self.session.fork()
        except SourceError as error:
            raise CannotFork(error.what, where=error.where, remedy=error.remedy) from error
        other.agent, other.user = self.agent.fork(), self.user.fork()
        other.attending = cast("Attending", other.session) if self.attending is not None else None
        other.messages, other.spoken = list(self.messages), list(self.spoken)
        self.tree.open.add(other)
        return other

    async def end(self, stop: StopReason) -> int | None:
        """Closes the line; its last node, which becomes a leaf of the trace (None when nothing was said)."""
        if self.at is not None and self in self.tree.open:
            self.tree.stop[self.at] = stop
            self.tree.effects[self.at] = self.effects()
            self.tree.state[self.at] = self.session.digest()
        await self.drop()
        return self.at

    async def leave(self, stop: StopReason) -> None:
        """Closes the line: as a leaf, unless others went on from where it stands."""
        await (self.drop() if self.at is None or self.tree.followed(self.at) else self.end(stop))

    async def drop(self) -> None:
        """Closes the line without making its last node a leaf: others go on from it."""
        if self in self.tree.open:
            self.tree.open.remove(self)
            await self.session.close()

    # recording

    def _counted(self, answer: Message | Reply) -> Reply:
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        self.tree.tokens_in += reply.usage.tokens_in
        self.tree.tokens_out += reply.usage.tokens_out
        return reply

    def _add(self, reply: Reply, *, agent: bool, user: bool, sampled: bool = False) -> None:
        notes: Notes = dict(reply.notes)
        if reply.repairs:
            notes["repairs"] = list(reply.repairs)
        if reply.error is not None:
            notes["error"] = {"kind": reply.error.value, "detail": reply.detail}
        message = reply.message if self.attending is None else self.attending.hear(reply.message)
        self._append(message, Node(self.at, message, sampled=sampled, tokens=reply.tokens, notes=notes), agent, user)

    def _append(self, message: Message, node: Node, agent: bool, user: bool) -> None:
        self.tree.nodes.append(node)
        self.at = len(self.tree.nodes) - 1
        if agent:
            self.messages.append(message)
        if user:
            self.spoken.append(message)

    async def _make(self, message: Message, actor: str) -> None:
        for call in message.calls:
            mark = self.session.calls
            own = self.own.get(call.name) if self.own and actor == "agent" else None
            result = await self.session.call(call, actor) if own is None else own.result(call)
            failed = result.error is not None
            self.calls += 1
            self.tree.calls += 1
            self.tree.errors += failed
            self.errors_in_row = self.errors_in_row + 1 if failed else 0
            noted = self.attending.notes() if self.attending is not None and own is None else {}
            # of a call that failed nothing is looked for, unless a wrapper may have lost the answer to a write that was made
            unchanged = own is not None or call.name in self._reads or (failed and not noted)
            effects = () if unchanged else self.session.effects(mark)
            told = Message("tool", result=result)
            told = told if self.attending is None else self.attending.hear(told)
            node = Node(self.at, told, effects=effects, notes={WRAPPER: noted} if noted else {})
            self._append(told, node, actor == "agent", actor == "user")
