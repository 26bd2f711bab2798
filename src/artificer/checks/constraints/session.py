"""A session that keeps a task's rules: a call that breaks one is refused before it runs, and an answer that breaks one
is given back.

It stands around whatever session there is, follows the conversation (`worlds.base.Attending`), and judges every message
of the agent once, when it is heard; the calls of the message that break a rule are then answered here and reach no
world. Who plays an episode asks for `feedback` when everybody else is done. All of it depends on the messages alone, so
a replay refuses the same calls with the same words.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self, cast

import msgspec

from artificer.checks.constraints.prompt import render
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.steps import State, Tools, Violation, by_name, called, ended, spoke
from artificer.checks.constraints.written import write
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind, Notes
from artificer.worlds.base import Attending, Session

AUTHOR = "constraints"
"""Of the messages that give an answer back."""
TOLD = 10
"""Violations of one call or answer that are told."""


def kept(session: Session, rules: Rules | None, tools: Sequence[ToolSpec]) -> Session:
    """The session, around it one that keeps the rules; the same when there are none.

    Args:
        tools: that the task offers.
    """
    return session if rules is None else Keeping(session, rules, tools)


def refusal(violations: Sequence[Violation], rules: Rules) -> str:
    """What an agent is told of a call or an answer: each rule it breaks, and what would be allowed."""
    return "\n".join(f"not allowed by the rule `{write(rules.rules[one.rule])}`: {one.why}" for one in violations[:TOLD])


class Keeping(Session):
    """See the module docstring.

    Args:
        inner: the session of the world, with its wrappers.
        rules: to keep.
        tools: that there are.
    """

    def __init__(self, inner: Session, rules: Rules, tools: Sequence[ToolSpec]) -> None:
        self.inner = inner
        self.rules = rules
        self._tools: Tools = by_name(tools)
        self._attending = inner if isinstance(inner, Attending) else None
        self._state = State()
        self._refused: list[tuple[str, str, str | None]] = []
        """The calls of the last message: id, name, refusal."""
        self._next = 0
        """Which of them comes next."""
        self._due: str | None = None
        """What is wrong with the agent's last words, if they were its answer."""
        self._given = 0
        """Answers given back so far."""
        self._noted: Notes = {}

    def offer(self, tools: Sequence[ToolSpec]) -> None:
        """Takes in tools that somebody else answers (a search, say), and that are there all the same."""
        self._tools = {**self._tools, **by_name(tools)}

    def feedback(self) -> str | None:
        """Why the agent's last words cannot be its final answer, for a message of `AUTHOR`; None when they can, or when
        answers were given back as often as they may be.
        """
        spent = self.rules.repairs is not None and self._given >= self.rules.repairs
        return None if spent else self._due

    # the session

    @property
    def calls(self) -> int:
        return self.inner.calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        if actor == "agent":
            why = self._judged(call)
            if why is not None:
                self._noted = {AUTHOR: {"refused": why}}
                return ToolResult(call.id, None, ErrorKind.forbidden, why)
        result = await self.inner.call(call, actor)
        self._noted = self._attending.notes() if self._attending is not None else {}
        return result

    def _judged(self, call: ToolCall) -> str | None:
        """Why a call is refused. Calls come in the order of their message; one that no message made is one of its own."""
        for at in range(self._next, len(self._refused)):
            id_, name, why = self._refused[at]
            if (id_, name) == (call.id, call.name):
                self._next = at + 1
                return why
        self._hear_calls((call,))
        self._next = 1
        return self._refused[0][2]

    async def fork(self) -> Self:
        other = copy.copy(self)
        other.inner = await self.inner.fork()
        other._attending = cast("Attending", other.inner) if self._attending is not None else None
        return other

    def digest(self) -> str:
        return self.inner.digest()

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        return self.inner.effects(since)

    async def close(self) -> None:
        await self.inner.close()

    # the conversation

    def before(self) -> tuple[Message, ...]:
        told = (Message("system", render(self.rules.rules)),) if self.rules.told and self.rules.rules else ()
        return (*told, *(self._attending.before() if self._attending is not None else ()))

    def hear(self, message: Message) -> Message:
        if message.role == "user" and message.author == AUTHOR:
            message = msgspec.structs.replace(message, content=self._due or "")  # on replay: what must stand there
            self._given += 1
            self._due = None
        if self._attending is not None:
            message = self._attending.hear(message)
        if message.role == "assistant":
            self._due = None
            if message.calls:
                self._hear_calls(message.calls)
            else:
                self._state = spoke(self._state)
                wrong = ended(self._state, self.rules, message.text)
                self._due = _given_back(wrong, self.rules) if wrong else None
        return message

    def _hear_calls(self, calls: Sequence[ToolCall]) -> None:
        self._state, wrong = called(self._state, self.rules, self._tools, calls)
        by_call: dict[int, list[Violation]] = {}
        for one in wrong:
            by_call.setdefault(one.call or 0, []).append(one)
        self._refused = [(call.id, call.name, refusal(by_call[at], self.rules) if at in by_call else None) for at, call in enumerate(calls)]
        self._next = 0

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        return self._attending.shown(tools) if self._attending is not None else tools

    def notes(self) -> Notes:
        return self._noted


def _given_back(wrong: Sequence[Violation], rules: Rules) -> str:
    return f"This cannot be the final answer yet:\n{refusal(wrong, rules)}"
