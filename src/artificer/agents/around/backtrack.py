"""`| backtrack`: a failed call is taken out of what the agent within sees, and it tries again (Tool-Star, arXiv 2505.16410).

The conversation goes back to before the message whose calls all failed, up to `times` of these until the user speaks
again (published: 1 a sample); later failures stay in sight. A failed call has changed nothing in the world, so
nothing is hidden that is still true; a program that raised after calls of its own stays in sight. Since a
greedy model
would say the same again, the rules tell what was tried and how it failed, unless `hint=no` (published: a
resample at a
temperature). The trace keeps every message; the notes say how many are hidden (`backtracked`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import msgspec

from artificer.agents.around.debug import error_of
from artificer.agents.asking import Asking, choice, number, renumbered, taken, with_rules
from artificer.agents.base import Agent, View
from artificer.agents.code_text import ends
from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.models.base import Reply

_HINT = "An attempt was undone because it failed; do something else.\nTried: {tried}\nIt failed with: {error}"


class Backtrack(Agent):
    """See the module docstring. It keeps nothing: what is hidden follows from the messages."""

    def __init__(self, inner: Agent, times: int, hint: bool) -> None:
        self._inner = inner
        self._times = times
        self._hint = hint

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        kept, hidden = undone(view.messages, self._times)
        shown = msgspec.structs.replace(view, messages=kept)
        if hidden:
            asking.notes["backtracked"] = len(hidden)
            shown = with_rules(shown, *(_HINT.format(tried=tried, error=error) for tried, error in hidden)) if self._hint else shown
        reply = asking.paid(taken(await self._inner.act(shown)))
        return asking.passed(msgspec.structs.replace(reply, message=renumbered(reply.message, view)))

    def fork(self) -> Self:
        return type(self)(self._inner.fork(), self._times, self._hint)


def undone(messages: Sequence[Message], times: int) -> tuple[list[Message], list[tuple[str, str]]]:
    """The messages without the failures that are hidden, and those of the present turn as (call, error)."""
    kept: list[Message] = []
    hidden: list[tuple[str, str]] = []
    used = at = 0
    while at < len(messages):
        message = messages[at]
        end = at + 1
        while message.calls and end < len(messages) and messages[end].role == "tool":
            end += 1
        if message.role == "user":
            used, hidden = 0, []
        if message.calls and used < times and all(_harmless(one) for one in messages[at + 1 : end]) and end > at + 1:
            used += 1
            errors = "; ".join(error_of(one.result) for one in messages[at + 1 : end] if one.result is not None)
            hidden.append((ends("; ".join(_said(call) for call in message.calls), 1000), ends(errors, 1000)))
        else:
            kept += messages[at:end]
        at = end
    return kept, hidden


def _harmless(message: Message) -> bool:
    """Whether a call failed and left nothing behind."""
    result = message.result
    if result is None or not error_of(result):
        return False
    content = cast("dict[str, Json]", result.content) if isinstance(result.content, dict) else {}
    return result.error is not None or not any(content.get(name) for name in ("calls", "files", "deleted"))


def _said(call: ToolCall) -> str:
    return f"{call.name} {msgspec.json.encode(call.arguments).decode()}"


def around(inner: Agent, times: str = "1", hint: str = "yes") -> Backtrack:
    """Options: `times` until the user speaks again, `hint` (yes, no): tell what was tried."""
    return Backtrack(inner, number(times, "times", 1, 1000), choice(hint, "hint", ("yes", "no")) == "yes")
