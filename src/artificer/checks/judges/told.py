"""What judges are shown of an episode, as text: a line a message, results cut, nothing that an agent did not see or say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from artificer.checks.values import clip
from artificer.core.messages import Message
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind

_LONG = 1500


def conversation_text(nodes: Sequence[Node]) -> str:
    """The messages, numbered from 0, each as a JSON record on its own line."""
    return "\n".join(f"{at} {_written(_record(node.message))}" for at, node in enumerate(nodes))


def _written(value: object) -> str:
    """A value as JSON; what a file could not hold is said to be that."""
    try:
        return msgspec.json.encode(value).decode()
    except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError):
        return "(cannot be written)"


def _record(message: Message) -> dict[str, object]:
    if message.result is not None:
        result = message.result
        shown = result.content if result.error is None else f"error {result.error.value}: {result.detail or ''}"
        text = shown if isinstance(shown, str) else _written(shown)
        return {"tool": clip(text, _LONG)}
    record: dict[str, object] = {message.role: clip(message.text, _LONG)} if message.text or not message.calls else {}
    if message.calls:
        record["calls"] = [{"name": clip(call.name), "arguments": call.arguments} for call in message.calls]
    return record


def nothing_stated(check: str, name: str) -> CheckResult:
    """The result where the task states nothing to judge."""
    return CheckResult(check, 0.0, False, (f"the task states no {name}",))


def undecided(check: str, why: Sequence[str], numbers: dict[str, int | float], kinds: Sequence[ErrorKind] = ()) -> CheckResult:
    """The result of a judge that could not decide: never a pass, and counted, so that rewards and statistics leave it out."""
    return CheckResult(check, 0.0, False, tuple(why), tuple(kinds), numbers | {"undecided": max(1, int(numbers.get("undecided", 1)))})
