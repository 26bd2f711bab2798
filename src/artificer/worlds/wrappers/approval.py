"""`| approval:policy=ask`: a person must approve before anything is changed.

The gate stands before every tool that is not declared to read. `always` approves, `never` refuses, `ask` approves
when the user agreed: the last thing they said is a yes to the question that the agent put right before it. A rule
file decides by tool and arguments; what it does not mention, `policy` decides:

    [[rule]]
    tool = "cancel_*"
    decide = "never"

    [[rule]]
    tool = "update_track"
    argument = "unit_price"
    above = 5
    decide = "ask"

A refused call never runs.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, flag

Decision = Literal["always", "never", "ask"]
_DECISIONS: dict[str, Decision] = {"always": "always", "never": "never", "ask": "ask"}
NEVER = "a person has to approve this call, and did not"
ASK = "a person has to approve this call: tell them exactly what you are about to change, ask, and call again after a yes"
_YES = re.compile(
    r"\b(yes|yeah|yep|yup|sure|ok|okay|correct|right|confirm(ed)?|go ahead|please do|do (it|that|so)|proceed|exactly|absolutely|definitely|"
    r"certainly|of course|perfect|agreed?|approved?|sounds good|looks (good|right)|that'?s fine)\b",
    re.IGNORECASE,
)
_NO = re.compile(r"\b(no|nope|not|don'?t|never|stop|wait|hold on|wrong|incorrect|instead|but|rather|cannot|can'?t|isn'?t)\b", re.IGNORECASE)


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """Decides calls of the tools that match `tool`; with `argument`, only those whose argument is as told."""

    tool: str
    decide: Decision
    argument: str | None = None
    above: float | None = None
    below: float | None = None
    equals: str | int | float | bool | None = None

    def covers(self, call: ToolCall) -> bool:
        if not fnmatch.fnmatchcase(call.name, self.tool):
            return False
        return self.argument is None or (self.argument in call.arguments and self._fits(call.arguments[self.argument]))

    def _fits(self, value: Json) -> bool:
        if self.equals is not None and value != self.equals:
            return False
        if self.above is None and self.below is None:
            return True
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


class _Rules(Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...] = ()


def wrap(world: World, *, policy: str = "ask", rules: str = "", told: str = "true") -> World:
    """The world behind a gate.

    Args:
        world: the world wrapped.
        policy: `always`, `never` or `ask`.
        rules: a TOML file of rules; the first that covers a call decides.
        told: whether the world's policy tells agents of the gate.

    Raises:
        SourceError: the policy is unknown, or the rules cannot be read or name no tool there is.
    """
    decision = _DECISIONS.get(policy)
    if decision is None:
        raise SourceError(f"approval: knows no policy {policy!r}.", where=world.name, remedy=f"use {', '.join(_DECISIONS)}")
    found = _read(Path(rules), world) if rules else ()
    return Approval(world, decision, found, {"policy": policy} | ({"rules": rules} if rules else {}) | {"told": told}, flag(told, "approval:told"))


def _read(path: Path, world: World) -> tuple[Rule, ...]:
    try:
        rules = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Rules).rule
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SourceError(
            f"the rules cannot be read: {error}", where=str(path), remedy='write [[rule]] with tool = "..." and decide = "ask"'
        ) from error
    for rule in rules:
        if not any(fnmatch.fnmatchcase(tool.name, rule.tool) for tool in world.tools):
            raise SourceError(
                f"a rule is about {rule.tool!r}, and no tool is called so.", where=str(path), remedy="name a tool, or a pattern of tools"
            )
    return rules


class Approval(Wrapped):
    """See the module docstring."""

    def __init__(self, inner: World, policy: Decision, rules: tuple[Rule, ...], options: dict[str, str], told: bool) -> None:
        super().__init__(inner, "approval", options)
        self.decision: Decision = policy
        self.rules = rules
        self.gated = frozenset(tool.name for tool in inner.tools if tool.effect != "read")
        if told and (policy != "always" or rules):
            line = "- Some changes must be approved by a person. Say what you will change, ask, and wait for a yes."
            self.policy = f"{inner.policy}\n\n{line}" if inner.policy else line

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)

    def decide(self, call: ToolCall) -> Decision:
        """What the rules, or the policy, say of a call."""
        for rule in self.rules:
            if rule.covers(call):
                return rule.decide
        return self.decision


class _Session(WrappedSession):
    def __init__(self, world: Approval, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self._gate = world
        self.state = {"asked": False, "agreed": False}

    def heard(self, message: Message) -> Message:
        if message.role == "user":
            self.state["agreed"] = self.state["asked"] and agrees(message.text)
            self.state["asked"] = False
        elif message.role == "assistant" and not message.calls:
            self.state["asked"] = "?" in message.text
        return message

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        decision = self._gate.decide(call) if call.name in self._gate.gated else "always"
        if decision == "always":
            return await self.pass_on(call, actor)
        if decision == "ask" and self.state["agreed"]:
            self.note("approved")
            return await self.pass_on(call, actor)
        self.note("refused")
        return ToolResult(call.id, None, ErrorKind.forbidden, NEVER if decision == "never" else ASK)


def agrees(text: str) -> bool:
    """Whether a reply is a yes, and nothing but."""
    return bool(_YES.search(text)) and not _NO.search(text.replace("\u2019", "'"))
