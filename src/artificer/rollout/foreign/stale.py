"""What a conversation says of results that are no more.

When results are replaced by what the world gives now, what follows them may quote what is gone: "it arrives on the
3rd", a call with an id that no order has. A message is stale when it says or passes on a value that only the old
result had, or when it answers a call that had failed and now does not (or had given nothing and now gives something;
and the other way round). What it concludes from values without naming them cannot be seen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from artificer.checks.grounded import Known
from artificer.checks.values import freeze
from artificer.core.canon import Json, scalars
from artificer.core.messages import Message, ToolResult
from artificer.core.trace import Node
from artificer.rollout.foreign.alike import clipped
from artificer.rollout.foreign.failed import failure

_PIECE = re.compile(r"\w+(?:[.,:-]\w+)*")
_WHOLE = 60
"""Texts up to so many letters are quoted whole; of longer ones, words."""
_WORD = 4
_MOST = 500
"""Values that are followed at a time; more are a change of everything."""


class Stale(Struct, frozen=True):
    """A message that no longer fits what stands before it: its node, and why."""

    at: int
    why: str


def stale(before: Sequence[Node], after: Sequence[Node], path: Sequence[int], differing: Collection[int], policy: str = "") -> list[Stale]:
    """The messages of a branch that quote what is gone.

    Args:
        before: the nodes as they are recorded. after: as they are to be.
        path: the branch's node indices.
        differing: the results that say something else.
        policy: the world's, which the agent was told.
    """
    found: list[Stale] = []
    known = Known(policy, {})
    gone: dict[object, Json] = {}
    turned = ""
    for index in path:
        message, recorded = after[index].message, before[index].message.result
        if message.result is not None and recorded is not None:
            known.learn_result(message.result)
            if index in differing:
                turned = turned or _turned(recorded, message.result)
                left = {freeze(piece) for piece in _pieces(message.result)}
                gone |= {frozen: piece for piece in _pieces(recorded) if (frozen := freeze(piece)) not in left}
                if len(gone) > _MOST:
                    turned, gone = turned or "too much has changed to be followed", {}
        elif message.role != "assistant":
            known.hear(message.text)
        else:
            why = turned or _quotes(message, gone, known)
            if why:
                found.append(Stale(index, why))
            turned = ""
    return found


def _turned(recorded: ToolResult, now: ToolResult) -> str:
    """How a result has turned into its opposite."""
    failed, fails = failure(recorded) is not None, failure(now) is not None
    if failed != fails:
        return "it answers a call that failed and does not now" if failed else "it answers a call that went well and fails now"
    if recorded.error is not None and now.error is not None and recorded.error != now.error:
        return "it answers a call that fails for another reason now"
    if not failed and _nothing(recorded.content) != _nothing(now.content):
        return "it answers a result that was empty and is not now" if _nothing(recorded.content) else "it answers a result that is empty now"
    return ""


def _nothing(content: Json) -> bool:
    return content is None or content in ("", [], {}, "[]", "{}", "null", "None")


def _quotes(message: Message, gone: dict[object, Json], known: Known) -> str:
    """What a message says or passes on of what is gone and nothing else has shown."""
    if not gone:
        return ""
    said = Known("", {})
    said.hear(message.text)
    said.hear(message.reasoning or "")
    passed = [scalar for call in message.calls for scalar in scalars(call.arguments)]
    frozen = {freeze(scalar) for scalar in passed}
    for scalar in passed:
        if isinstance(scalar, str):
            said.hear(scalar)
    for key, value in gone.items():
        if (key in frozen or said.somewhere(value)) and not known.somewhere(value):
            return f"{'it passes on' if key in frozen else 'it says'} {clipped(value)}, which no result shows now"
    return ""


def _pieces(result: ToolResult) -> Iterator[Json]:
    """What of a result can be quoted: its values; of long texts, and of a result that is a text, the words; of what is
    told of a failure, only what has digits."""
    for value in scalars(result.content):
        if value is None or isinstance(value, bool) or value == "":
            continue
        if not isinstance(value, str):
            yield value
            continue
        if len(value) <= _WHOLE:
            yield value
        if value is result.content or len(value) > _WHOLE:
            for piece in _PIECE.findall(value):
                if len(piece) >= _WORD or _digits(piece):
                    yield piece
    for piece in _PIECE.findall(result.detail or ""):
        if _digits(piece):
            yield piece


def _digits(piece: str) -> bool:
    return any(letter.isdigit() for letter in piece)
