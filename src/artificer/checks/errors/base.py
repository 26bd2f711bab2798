"""What the classifier says: one error of one step, with its place and its evidence."""

from __future__ import annotations

from msgspec import Struct

from artificer.core.verdicts import ErrorKind


class StepError(Struct, frozen=True, omit_defaults=True):
    """Something that went wrong at a step of an agent.

    Args:
        at: the message, by its place among the episode's nodes. What was left undone stands at the agent's last message.
        kind: what.
        why: a sentence for a person.
        call: which of the message's calls, None for its words or the whole.
        tool: the tool's name, where it is a call.
    """

    at: int
    kind: ErrorKind
    why: str
    call: int | None = None
    tool: str = ""
