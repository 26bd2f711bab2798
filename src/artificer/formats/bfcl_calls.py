"""Calls as BFCL writes them: allowed values (`ground_truth`), Python text, and what models gave (`result`).

A reference allows several values for each argument; the first is the one that is read, and "" among them says that
the argument may be left out. Nothing of a text is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.account import Account
from artificer.formats.calls import python
from artificer.formats.parts import arguments_text, broken_call, call_of, fields, listed

_NAMED = re.compile(r"\s*([A-Za-z_][\w.]{0,127})\s*\(")
EMPTY = "arguments that are an empty text: BFCL reads them as left out"


# references


def is_turns(truth: Any) -> bool:
    """Whether a reference is a list of Python calls for each turn."""
    return bool(truth) and all(isinstance(turn, list) for turn in truth)


def count_truth(truth: Any) -> int:
    """The events of a reference: its calls; a turn (or an answer) without calls is an empty message, a text is one."""
    if is_turns(truth):
        return sum([max(1, len(turn)) for turn in truth])
    if truth and all(isinstance(answer, str) for answer in truth):
        return len(truth) if _are_calls(truth) else 1
    return max(1, sum([len(fields(entry)) for entry in listed(truth)]))


def _are_calls(answers: Sequence[str]) -> bool:
    """Whether texts are calls (of the categories that were executed) rather than answers that are accepted."""
    return all(_NAMED.match(text) and text.rstrip().endswith(")") for text in answers)


def truth_messages(truth: Any, tools: Sequence[ToolSpec], account: Account) -> list[Message]:
    """What a reference does: a message for each turn.

    Raises:
        TypeError: it is no reference.
    """
    if is_turns(truth):
        return [
            Message("assistant", calls=tuple([_python_call(text, f"c{at}.{n}", tools, account) for n, text in enumerate(turn)]))
            for at, turn in enumerate(truth)
        ]
    answers = listed(truth)
    if answers and all(isinstance(answer, str) for answer in answers):
        calls = [_python_call(text, f"c0.{at}", tools, account) for at, text in enumerate(answers)] if _are_calls(answers) else []
        return [Message("assistant", "" if calls else answers[0], calls=tuple(calls))]
    pairs = [(name, fields(allowed)) for entry in answers for name, allowed in fields(entry).items()]
    known = {tool.name: cast("dict[str, Json]", tool.parameters.get("properties") or {}) for tool in tools}
    calls = [ToolCall(f"c0.{at}", name, _first_of(allowed, known.get(name))) for at, (name, allowed) in enumerate(pairs)]
    return [Message("assistant", calls=tuple(calls))]


def _first_of(allowed: dict[str, Any], known: dict[str, Json] | None = None, *, inside: bool = False) -> dict[str, Json]:
    """Arguments of the first values that are allowed. Those that may only be left out are, and those that may be and are
    not `known` (some references name parameters that the function does not have). What stands `inside` an allowed
    object is a plain value.
    """
    chosen: dict[str, Json] = {}
    for name, values in allowed.items():
        good = [value for value in listed(values) if value != ""]
        strange = known is not None and name not in known
        if good and not (strange and len(good) < len(values)):
            chosen[name] = good[0] if inside else _inner(good[0])
    return chosen


def _inner(value: Any) -> Json:
    """An allowed object, or list of objects, has allowed values in its turn; only on this level."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        return _first_of(inner, inside=True) if all(isinstance(one, list) for one in inner.values()) else inner
    return [_inner(one) for one in cast("list[Any]", value)] if _objects(value) else value


def _objects(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(one, dict) for one in cast("list[Any]", value))


def allowed(call: ToolCall, account: Account) -> dict[str, Json]:
    """A call as a reference that allows only its own values."""
    return {call.name: _allowed(call.arguments, account, 0)}


def _allowed(arguments: dict[str, Json], account: Account, deep: int) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for name, value in arguments.items():
        if value == "":
            account.lose(EMPTY)
        made[name] = [_outer(value, account) if not deep else value]
    return made


def _outer(value: Json, account: Account) -> Json:
    if isinstance(value, dict):
        return _allowed(cast("dict[str, Json]", value), account, 1)
    return [_allowed(one, account, 1) for one in cast("list[Any]", value)] if _objects(value) else value


# Python text


def _python_call(text: Any, call_id: str, tools: Sequence[ToolSpec], account: Account) -> ToolCall:
    """A call from its text; kept as it stands where its arguments have no names, or it is none."""
    if not isinstance(text, str):
        raise TypeError("a call is text")
    parsed = python.parse(f"[{text}]", "x", tools)
    if len(parsed.calls) == 1 and not parsed.text and parsed.error is None:
        return ToolCall(call_id, parsed.calls[0].name, parsed.calls[0].arguments)
    named = _NAMED.match(text)
    return broken_call(named[1] if named else "", call_id, text, account)


def python_text(call: ToolCall) -> str:
    """A call as Python text."""
    kept = call.arguments.get("$text")
    if len(call.arguments) == 1 and isinstance(kept, str):
        return kept
    return python.write(Message("assistant", calls=(call,)))[1:-1]


# results


def step(given: Any, prefix: str, account: Account) -> Message:
    """What a model gave at one step: calls by name, or a text, which may be of calls.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(given, str):
        parsed = python.parse(given, prefix)
        return parsed.message if parsed.calls and parsed.error is None else Message("assistant", given)
    if isinstance(given, dict):
        given = [given]
    pairs = [(name, arguments) for entry in listed(given) for name, arguments in fields(entry).items()]
    return Message("assistant", calls=tuple([call_of(f"{prefix}.{at}", name, arguments, account) for at, (name, arguments) in enumerate(pairs)]))


def steps_of(result: Any) -> list[Any]:
    """The steps of a result: one where a single turn was asked, else those of all turns."""
    if isinstance(result, list) and result and all(isinstance(turn, list) for turn in cast("list[Any]", result)):
        return [one for turn in cast("list[list[Any]]", result) for one in turn]
    if result is None:
        raise TypeError("no result")
    return [result]


def given(message: Message) -> Json:
    """A message as a result: calls by name, else its text."""
    if message.calls:
        return [{call.name: arguments_text(call)} for call in message.calls]
    return message.text
