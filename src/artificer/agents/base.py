"""What a side may see, and what it must be able to do.

A `View` is all that an agent or a user gets: visible messages, tools, rules. Goals, gold and checks are in none. Who
sees what is decided in one place, `artificer.rollout.line`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, Self

from msgspec import Struct

from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.models.base import Reply


class View(Struct, frozen=True):
    """What one side may see. `tools` are those it may call; `policy` is the rules it must obey (agents only). The first
    `since` messages stood there before the conversation began.

    A search may ask more than once at one point: `draw` numbers these attempts (whatever is random in an agent must
    depend on it), and `temperature`, when set, says how varied they should be. The last `aside` messages are a search's
    own words for this attempt alone.
    """

    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    policy: str = ""
    since: int = 0
    draw: int = 0
    temperature: float | None = None
    aside: int = 0


class Agent(Protocol):
    """Acts for the user. One object serves one episode. Subclass it."""

    async def act(self, view: View) -> Message | Reply:
        """The next assistant message: calls (with or without text), or text for the user. A `Reply` where there is
        something to record besides: tokens, repairs, notes; with the error `transport` or `timeout` when the model
        behind the agent is gone.
        """
        ...

    def fork(self) -> Self:
        """A copy that goes on by itself. Models, worlds and guides are shared between copies."""
        return copy.deepcopy(self)


class User(Protocol):
    """A person, or a simulated one. One object serves one episode. Subclass it."""

    async def speak(self, view: View) -> Message | Reply | None:
        """The next user message, or None when the user is done. A message with calls makes these with the user's own
        tools (`view.tools`), and the user is asked again.
        """
        ...

    def fork(self) -> Self:
        """A copy that goes on by itself."""
        return copy.deepcopy(self)
