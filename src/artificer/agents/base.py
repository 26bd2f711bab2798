"""What a side may see, and what it must be able to do.

A `View` is all that an agent or a user gets: visible messages, tools, rules. Goals, gold and checks are in none. Who
sees what is decided in one place, `artificer.rollout.episode`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from artificer.core.messages import Message
from artificer.core.tools import ToolSpec


class View(Struct, frozen=True):
    """What one side may see. `tools` are those it may call; `policy` is the rules it must obey (agents only). The first
    `since` messages stood there before the conversation began.
    """

    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    policy: str = ""
    since: int = 0


class Agent(Protocol):
    """Acts for the user. One object serves one episode."""

    async def act(self, view: View) -> Message:
        """The next assistant message: calls (with or without text), or text for the user."""
        ...


class User(Protocol):
    """A person, or a simulated one. One object serves one episode."""

    async def speak(self, view: View) -> Message | None:
        """The next user message, or None when the user is done."""
        ...
