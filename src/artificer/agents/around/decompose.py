"""`| decompose`: a planner splits the task, each part is worked on by itself (EnterpriseOps-Gym's decomposing orchestrator,
arXiv 2603.13594).

After the user's first words the planner writes 2 to 5 subtasks with what each depends on. A fresh agent within works on
one after another, in an order that respects this: it sees the user's words, its subtask, the findings of those before
it, and its own calls, not theirs. What it says at the end is the finding. When all are done, an agent that sees all
findings speaks to the user; later turns are its own, with the findings in its rules. Number of parts, dependencies
and shared findings are published; prompts, and that all happens within the first turn, are ours. A split that cannot
be read means none. Notes hold subtasks and findings (`decompose`).
"""

from __future__ import annotations

from typing import Any, Self, cast

import msgspec
from msgspec import Struct

from artificer.agents.asking import Asking, json_in, renumbered, said, taken, toolbox, transcript, turn_start, with_rules
from artificer.agents.base import Agent, View
from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.models.base import GONE, Model, Reply, Request, Sampling

_PROMPT = """You split a task for agents with tools; you call none yourself. Write 2 to 5 subtasks that together do what the
user asks, each with what it needs from others. Plan only from what is said below. Reply with one JSON object:
{"subtasks": [{"id": 1, "task": "...", "needs": []}, {"id": 2, "task": "...", "needs": [1]}]}"""
_PART = "Work on this part of the task alone: {task}\nSay what you found or did as soon as it is done; another agent speaks to the user."
_LAST = "The parts of the task were worked on. Tell the user what came of it, or do what is left."
_FINDINGS = "Findings so far:\n{findings}"
MOST = 5
SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "subtasks": {
            "type": "array",
            "minItems": 2,
            "maxItems": MOST,
            "items": {
                "type": "object",
                "properties": {"id": {"type": "integer"}, "task": {"type": "string"}, "needs": {"type": "array", "items": {"type": "integer"}}},
                "required": ["id", "task", "needs"],
            },
        }
    },
    "required": ["subtasks"],
}


class Subtask(Struct, frozen=True):
    """A part of the task: its number, what is to be done, the numbers of those that must come before."""

    id: int
    task: str
    needs: tuple[int, ...] = ()


class Decompose(Agent):
    """See the module docstring."""

    def __init__(self, inner: Agent, model: Model) -> None:
        self._fresh = inner
        """Never acts; copies of it do."""
        self._inner = inner.fork()
        self._model = model
        self._left: list[Subtask] | None = None
        """What is still to be worked on; None before the split."""
        self._findings: list[str] = []
        self._since = 0
        """The first message that belongs to the present part."""

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        if self._left is None:
            gone = await self._split(view, asking)
            if gone is not None:
                return gone
        while self._left:
            part = self._left[0]
            start = turn_start(view.messages)
            seen = [*view.messages[:start], *view.messages[max(self._since, start) :]]
            shown = with_rules(msgspec.structs.replace(view, messages=seen), _PART.format(task=part.task), self._told())
            reply = asking.paid(taken(await self._inner.act(shown)))
            if reply.error is not None or reply.message.calls:
                return asking.passed(msgspec.structs.replace(reply, message=renumbered(reply.message, view)))
            self._left.pop(0)
            self._findings.append(f"{part.task}: {reply.message.text}")
            asking.notes.setdefault("findings", []).append({"subtask": part.id, "finding": reply.message.text})
            self._since, self._inner = len(view.messages), self._fresh.fork()
        rules = (_LAST, self._told()) if self._findings else ()
        return asking.passed(asking.paid(taken(await self._inner.act(with_rules(view, *rules)))))

    def fork(self) -> Self:
        other = type(self)(self._fresh, self._model)
        other._inner = self._inner.fork()
        other._left = None if self._left is None else list(self._left)
        other._findings, other._since = list(self._findings), self._since
        return other

    async def _split(self, view: View, asking: Asking) -> Reply | None:
        rules = f"Rules:\n{view.policy}\n\n" if view.policy else ""
        asked = f"{rules}Tools:\n{toolbox(view.tools)}\n\nWhat was said:\n{transcript(view.messages)}"
        request = Request((Message("system", _PROMPT), Message("user", asked)), sampling=Sampling(max_tokens=1024), schema=SCHEMA)
        reply = await asking.ask(self._model, request)
        if reply.error in GONE:
            return asking.gone(reply)
        self._left = subtasks_of(said(reply, []))
        self._since = len(view.messages)
        asking.notes["decompose"] = [msgspec.to_builtins(part) for part in self._left]
        return None

    def _told(self) -> str:
        return _FINDINGS.format(findings="\n".join(f"- {finding}" for finding in self._findings)) if self._findings else ""


def subtasks_of(text: str) -> list[Subtask]:
    """The subtasks of a reply, each after those it needs (a circle is cut where it stands first); none when there are not two."""
    value, _ = json_in(text)
    listed: Any = cast("dict[str, Any]", value).get("subtasks") if isinstance(value, dict) else None
    try:
        parts = msgspec.convert(listed, list[Subtask])[:MOST]
    except (msgspec.ValidationError, RecursionError):
        return []
    left = {part.id: part for part in parts if part.task.strip()}
    ordered: list[Subtask] = []
    while left:
        ready = next((part for part in left.values() if not any(need in left for need in part.needs)), next(iter(left.values())))
        ordered.append(left.pop(ready.id))
    return ordered if len(ordered) > 1 else []


def around(inner: Agent, model: Model) -> Decompose:
    """Option: `model` who splits."""
    return Decompose(inner, model)
