"""What a run time says of a call that failed: short, about what is wrong, and silent about what would have been right.

The error simulator of Fission-GRPO (arXiv 2601.15625): a model sees the failed call, and the right one where it is known,
and names what is wrong. Its words are checked by code: no value of the right call that stands neither in the failed call
nor in the tool's specification may occur in them, nor the name of another tool. A model that fails or tells too much is
replaced by a fixed sentence, so that training never waits for it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Literal, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Request, Sampling
from artificer.worlds.emulated.player import read_answer

FALLBACK = "The call failed. Check the tool's name and its arguments, and try again."
_MOST = 300

PROMPT = """You write the error messages of a tool's run time. You are shown the tool, a call of it that went wrong, and what is known about why.
Write the one or two sentences that such software would report: which parameter, field or step is at fault and in what way (missing, of
another type, out of range, unknown, not allowed now). Say nothing of what the right value, call or next step would be, not even by
example. Answer with one JSON object: {"message": "<the error message>"}"""


class Feedback(Struct, frozen=True):
    """A message, who wrote it, and why it is the fixed one, if it is."""

    text: str
    source: Literal["model", "fallback"]
    reason: str = ""


async def feedback(
    model: Model | None,
    spec: ToolSpec,
    failed: ToolCall,
    kind: ErrorKind,
    detail: str = "",
    reference: ToolCall | None = None,
    *,
    tries: int = 2,
    timeout_s: float = 60.0,
) -> Feedback:
    """What is reported of a failed call.

    Args:
        model: None gives the fixed sentence.
        spec: of the tool that was called.
        kind, detail: what is known of the failure.
        reference: the right call; the model is shown it, the message must not tell it.
        tries: how often the model is asked.
        timeout_s: the longest one answer may take.
    """
    if model is None:
        return Feedback(FALLBACK, "fallback", "no model")
    shown = {
        "tool": {"name": spec.name, "description": spec.description, "parameters": spec.parameters},
        "error": {"kind": kind.value, "detail": detail},
    }
    shown["call"] = {"name": failed.name, "arguments": failed.arguments}
    if reference is not None:
        shown["right_call_never_to_be_told"] = {"name": reference.name, "arguments": reference.arguments}
    schema: dict[str, Json] = {"type": "object", "properties": {"message": {"type": "string", "maxLength": _MOST}}, "required": ["message"]}
    asked = [Message("system", PROMPT), Message("user", msgspec.json.encode(shown).decode())]
    reason = ""
    for turn in range(tries):
        try:
            async with asyncio.timeout(timeout_s):
                reply = await model.reply(Request(tuple(asked), sampling=Sampling(seed=turn), schema=schema))
        except TimeoutError:
            return Feedback(FALLBACK, "fallback", "the model did not answer in time")
        if reply.error is ErrorKind.transport or reply.error is ErrorKind.timeout:
            return Feedback(FALLBACK, "fallback", "the model could not be reached")
        answer, _, problem = read_answer(reply.raw or reply.message.text)
        text = cast("dict[str, Json]", answer).get("message") if not problem else None
        if not isinstance(text, str) or not 0 < len(text.strip()) <= _MOST:
            reason = problem or f"the message is no text of at most {_MOST} characters"
        elif told := leaked(text, spec, failed, reference):
            reason = f"it tells {told[0]}"
        else:
            return Feedback(text.strip(), "model")
        asked += [
            Message("assistant", (reply.raw or reply.message.text)[:2_000]),
            Message("user", f"That cannot be reported: {reason}. Write it again."),
        ]
    return Feedback(FALLBACK, "fallback", reason)


def leaked(text: str, spec: ToolSpec, failed: ToolCall, reference: ToolCall | None) -> tuple[str, ...]:
    """What a message tells of the right call that neither the failed call nor the tool's specification told."""
    if reference is None:
        return ()
    known = f"{canonical(failed.arguments).decode()} {canonical(spec.parameters).decode()} {spec.description}".casefold()
    values = [reference.name] if reference.name != failed.name else []
    values += _scalars(reference.arguments)
    said = text.casefold()
    return tuple(value for value in dict.fromkeys(values) if _stands(value.casefold(), said) and not _stands(value.casefold(), known))


def _stands(value: str, text: str) -> bool:
    """Whether a value occurs as words of its own."""
    return bool(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text))


def _scalars(value: Json, depth: int = 0) -> Iterator[str]:
    if depth > 8:
        return
    if isinstance(value, dict):
        for part in cast("dict[str, Json]", value).values():
            yield from _scalars(part, depth + 1)
    elif isinstance(value, list):
        for part in cast("list[Json]", value):
            yield from _scalars(part, depth + 1)
    elif value is not None and not isinstance(value, bool) and str(value).strip():
        yield str(value)
