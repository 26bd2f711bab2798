"""The scripted oracle: a perfect agent that sees only what an agent may see.

It hears what the user says (`Hearing`), serves one want after another by the world's own procedures
(`worlds/guide.py`), asks for what is missing, looks ids up with tools, confirms before it writes, and says why when
something cannot be done. A user who has yet to check or to decide is waited for, and asked again. With `error_rate` it
sometimes sends the procedure's wrong arguments first, is refused by the world, and corrects itself. It plans nothing
from the goal: it is handed none.

A service that fails is asked again, a few times: after a timeout, a failed connection, an answer that is no JSON or
is not what the tool's `returns` schema promises. (A tool that answers in the same unpromised way twice in a row is
taken at its word; when nothing can be made of that, the request is given up.) A tool that it needs and is not shown
it asks the user for, once, and goes on when it has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from artificer.agents.base import Agent, View
from artificer.agents.hearing import Hearing, affirms, wavers
from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec, compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.worlds.guide import Ask, Call, Confirm, Guide, Procedure, Step, Tell

_ASKS = (
    "Which {label} do you mean? Could you tell me more about the {label}?",
    "Could you give me the {label}, please?",
    "I need to know the {label} before I can go on. What is it?",
    "To help with that, please tell me the {label}. What is it exactly?",
    "What {label} is it? Any detail helps.",
)
_CONFIRMS = (
    "Shall I go ahead?",
    "Do you want me to go ahead?",
    "May I proceed?",
    "Is that right, and shall I proceed?",
    "Should I go ahead with that?",
)
_CLOSERS = ("Is there anything else?", "Anything else I can do?", "Can I help with anything else?", "Is there anything else you need?")
_REPAIRS = ("That was refused: {detail}. I will correct the call.", "The tool did not accept that ({detail}). Trying again with the right arguments.")
_WAITS = ("Of course, take your time.", "No problem, I will wait.", "Sure, no rush.")
_LOST = "A tool answered something that I cannot make sense of, so I could not finish this."
_LACKS = "I have no function for this, which is called {name} where I know it. Could you give me that function?"
_PASSING = frozenset({ErrorKind.timeout, ErrorKind.transport, ErrorKind.bad_output})
_TRIES = 4
"""How often a call is made in all when the service fails."""


class _Desk:
    """A procedure's view of the conversation about one want."""

    def __init__(self, hearing: Hearing, want: int, memory: dict[str, Json]) -> None:
        self._hearing = hearing
        self._want = want
        self._memory = memory

    def heard(self, prefix: str = "") -> dict[str, Json]:
        return self._hearing.heard(self._want, prefix)

    def everywhere(self, prefix: str) -> dict[str, Json]:
        return self._hearing.everywhere(prefix)

    def learned(self) -> bool:
        return self._hearing.learned

    def remembered(self) -> dict[str, Json]:
        return self._memory


class Oracle(Agent):
    """See the module docstring.

    Args:
        guide: how this world's requests are served.
        hearing: tells which facts the user's words contained.
        ops: the op of each want, by index; read only for wants that were brought up.
        rng: for the choice of words and for injected errors.
        error_rate: how often a call that could plausibly go wrong does so first.
    """

    def __init__(self, guide: Guide, hearing: Hearing, ops: tuple[str, ...], rng: Random, error_rate: float = 0.0) -> None:
        self._guide = guide
        self._hearing = hearing
        self._ops = ops
        self._rng = rng
        self._error_rate = error_rate
        self._memory: dict[str, Json] = {}
        self._served = 0
        self._running: Procedure | None = None
        self._waiting: Step | None = None
        self._retry: Call | None = None
        self._told: list[str] = []
        self._calls = 0
        self._tries = 0
        self._held: Call | None = None
        """A call that waits for its tool."""
        self._lacked: set[str] = set()
        self._agreed: Confirm | None = None
        """What the user last agreed to, until it is done."""
        self._odd: dict[str, Json] = {}
        """What tools answered last, where that was not as promised."""
        self._strange = False
        """Whether an unpromised answer was ever taken."""
        self._chance = rng.getstate()
        self._seen: list[tuple[View, int]] = []
        """What it acted on: views, and how many messages they held then."""

    async def act(self, view: View) -> Message:
        if view.aside:  # a search's words are for models
            view = msgspec.structs.replace(view, messages=view.messages[: -view.aside], aside=0)
        return self._decide(view)

    def fork(self) -> Oracle:
        """Procedures cannot be copied under way, so the copy lives through the same conversation."""
        chance = Random()
        chance.setstate(self._chance)
        other = Oracle(self._guide, Hearing(self._hearing.facts), self._ops, chance, self._error_rate)
        for view, count in self._seen:
            other._decide(msgspec.structs.replace(view, messages=view.messages[:count]))
        return other

    def _decide(self, view: View) -> Message:
        self._seen.append((view, len(view.messages)))
        self._hearing.listen(view.messages, view.since)
        if self._retry is not None:
            return self._correct(view)
        if isinstance(self._waiting, Call) and self._failed(view.messages[-1].result, self._waiting.name, view.tools):
            self._tries += 1
            return self._call(self._waiting.name, self._waiting.arguments)
        if self._held is not None:
            return self._resumed(view)
        if isinstance(self._waiting, Ask | Confirm) and not self._hearing.learned and wavers(view.messages[-1].text):
            self._told.append(self._rng.choice(_WAITS))
            return self._speak(self._waiting)
        answer = self._answer(view.messages[-1]) if self._waiting is not None else None
        while True:
            step = self._advance(answer)
            answer = None
            if step is None:
                return self._closing()
            if isinstance(step, Tell):
                self._told.append(step.text)
                continue
            self._waiting = step
            if isinstance(step, Call):
                return self._send(step) if self._has(step.name, view) else self._lack(step)
            return self._speak(step)

    def _has(self, name: str, view: View) -> bool:
        return not view.tools or name in self._lacked or any(tool.name == name for tool in view.tools)

    def _lack(self, call: Call) -> Message:
        """Asks for a tool; its call waits."""
        self._held = call
        self._lacked.add(call.name)
        self._told.append(_LACKS.format(name=call.name))
        return Message("assistant", self._flush(), author="oracle")

    def _resumed(self, view: View) -> Message:
        """After a tool was asked for: the call, once the user has again agreed to what it does."""
        call = self._held
        assert call is not None
        if self._agreed is not None and any(tool.name == call.name and tool.effect != "read" for tool in view.tools):
            confirm, self._agreed = self._agreed, None
            return self._speak(confirm)
        self._held = None
        return self._send(call)

    def _advance(self, answer: Any) -> Step | None:
        """The next step of the running procedure, or the first of the next want's; None when every want brought up is
        served."""
        while True:
            if self._running is None:
                if self._served >= len(self._hearing.wants):
                    return None
                want = self._hearing.wants[self._served]
                self._served += 1
                self._running = self._guide.procedure(self._ops[want], _Desk(self._hearing, want, self._memory))
                answer = None
            self._waiting = None
            try:
                return self._running.send(answer)
            except StopIteration:
                self._running = None
                answer = None
            except (LookupError, TypeError, AttributeError, ValueError):
                if not self._strange:
                    raise  # a mistake in the procedure
                self._told.append(_LOST)
                self._running = None
                answer = None

    def _answer(self, last: Message) -> Any:
        """What the waiting step gets: a result, a yes or no, or nothing."""
        if isinstance(self._waiting, Call):
            return last.result
        if isinstance(self._waiting, Confirm):
            agreed = affirms(last.text)
            self._agreed = self._waiting if agreed else None
            return agreed
        return None

    def _failed(self, result: ToolResult | None, name: str, tools: Sequence[ToolSpec]) -> bool:
        """Whether the service failed in a way that may pass, so that the call is worth another try."""
        if result is None:
            return False
        if result.error is not None:
            return result.error in _PASSING and self._tries < _TRIES
        if promised(name, result.content, tools):
            self._odd.pop(name, None)
            return False
        taken = self._tries >= _TRIES or (name in self._odd and self._odd[name] == result.content)
        self._odd[name] = result.content
        self._strange = self._strange or taken
        return not taken

    def _send(self, call: Call) -> Message:
        self._tries = 1
        if call.wrong is not None and self._rng.random() < self._error_rate:
            self._retry = call
            return self._call(call.name, call.wrong)
        return self._call(call.name, call.arguments)

    def _correct(self, view: View) -> Message:
        """After an injected error: acknowledges the refusal and sends the right call."""
        call, self._retry = self._retry, None
        assert call is not None
        result = view.messages[-1].result
        detail = (result.detail or "") if result is not None else ""
        self._told.append(self._rng.choice(_REPAIRS).format(detail=detail.rstrip(".")))
        return self._call(call.name, call.arguments)

    def _call(self, name: str, arguments: dict[str, Json]) -> Message:
        self._calls += 1
        return Message("assistant", self._flush(), calls=(ToolCall(f"c{self._calls}", name, arguments),), author="oracle")

    def _speak(self, step: Ask | Confirm) -> Message:
        if isinstance(step, Ask):
            self._told.append(self._rng.choice(_ASKS).format(label=step.label))
        else:
            self._told += [step.text, self._rng.choice(_CONFIRMS)]
        return Message("assistant", self._flush(), author="oracle")

    def _closing(self) -> Message:
        if not self._told:
            self._told.append("I am not sure what you need.")
        self._told.append(self._rng.choice(_CLOSERS))
        return Message("assistant", self._flush(), author="oracle")

    def _flush(self) -> str:
        text = " ".join(self._told)
        self._told.clear()
        return text


def promised(name: str, content: Json, tools: Sequence[ToolSpec]) -> bool:
    """Whether a tool's answer is what its `returns` schema says; true when it says nothing that can be held against
    it.
    """
    returns = next((tool.returns for tool in tools if tool.name == name), None)
    if returns is None:
        return True
    try:
        return compile_schema(returns, name).is_valid(content)
    except (SourceError, ValueError, TypeError, OverflowError, RecursionError):
        return True
