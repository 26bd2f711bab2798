"""The judgement of a published benchmark, by the benchmark's own rules: what `World.judge` of an imported world says."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.constraints.session import AUTHOR
from artificer.core.messages import ToolCall
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult
from artificer.worlds.base import Played


class Upstream(Struct, frozen=True):
    """Passes when the world the task came with says so. Fails where the world brings no judgement."""

    name: str = "upstream"

    async def __call__(self, episode: Episode) -> CheckResult:
        played, says = heard(episode.nodes)
        found = episode.own(episode.task, played, says) if episode.own is not None else None
        return found or CheckResult(self.name, 0.0, False, ("this world brings no judgement of its own",))


def heard(nodes: Sequence[Node]) -> tuple[list[Played], list[str]]:
    """The calls that were answered, with their turns, and what the agent said."""
    played: list[Played] = []
    says: list[str] = []
    waiting: dict[str, ToolCall] = {}
    turn = -1
    own: set[str] = set()
    for node in nodes:
        message = node.message
        turn += message.role == "user" and not message.calls and message.author != AUTHOR
        waiting |= {call.id: call for call in message.calls}
        if message.calls:
            own = {call.id for call in message.calls} if message.role == "user" else set[str]()
        if message.role == "assistant" and message.text:
            says.append(message.text)
        if message.result is not None and (call := waiting.pop(message.result.call_id, None)) is not None:
            played.append(Played(max(turn, 0), call, "user" if call.id in own else "agent", message.result.error is not None))
    return played, says
