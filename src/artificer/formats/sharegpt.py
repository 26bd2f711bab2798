"""ShareGPT: `conversations` of `from` and `value`, with calls and results as turns of their own, as LLaMA-Factory and axolotl read it.

A call's turn (`function_call`) holds `{"name", "arguments"}` or a list of them, a result's turn (`observation`) its text; `tools` is a text with the
tools, `system` the system prompt. A text before a call's turn belongs to the same message; a thought stands in the text, between `<think>` and
`</think>`. Calls have no ids: results follow the order of the calls. Read besides: `role` and `content` for `from` and `value`, and the names for
speakers that are in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.calls.mend import Mender
from artificer.formats.calls.mend import Unreadable as NoValue
from artificer.formats.calls.reading import THINK, Reading, broken
from artificer.formats.holding import answered
from artificer.formats.joined import AS_MANY, UNEVEN, each, json_list
from artificer.formats.jsontext import Unreadable, loads
from artificer.formats.parts import (
    OPENAIS,
    as_given,
    bare_tool,
    call_of,
    extra,
    extras,
    linear,
    node,
    plain,
    result_of,
    result_text,
    text_of,
    tools_of,
)

_ROW = frozenset({"conversations", "conversation", "tools", "system", "id"})
_TURN = frozenset({"from", "value", "role", "content", "weight"})
ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "system": "system",
    "function_call": "call",
    "tool_call": "call",
    "function-call": "call",
    "observation": "tool",
    "tool": "tool",
    "tool_response": "tool",
    "function_response": "tool",
    "function-response": "tool",
    "function": "tool",
}
_THOUGHT = re.compile(r"<think>\n?(.*?)\n?</think>\n{0,2}", re.DOTALL)
UNREAD = "calls that cannot be read: kept as text"


def turns(row: Any) -> list[Any]:
    """The turns of a row."""
    found = row.get("conversations", row.get("conversation"))
    if not isinstance(found, list):
        raise TypeError("conversations are a list")
    return cast("list[Any]", found)


def spoken(turn: Any) -> tuple[str, str]:
    """Who speaks in a turn, and what.

    Raises:
        ValueError: it has calls beside its text, as OpenAI's messages have them.
    """
    if turn.get("tool_calls") or turn.get("function_call"):
        raise ValueError(OPENAIS)
    who = turn["from"] if "from" in turn else turn["role"]
    said = turn["value"] if "value" in turn else turn["content"]
    return who, said if isinstance(said, str) else plain(said)


def fits(row: Any) -> float:
    """Turns with known speakers; less where a call's turn is written as OpenHands writes it (`qwen3_coder` reads that)."""
    found = turns(row)
    if not found or not all(spoken(turn)[0] in ROLES for turn in found):
        return 0.0
    if any(ROLES[who] == "call" and "<function=" in text and text[:1] not in "{[" for who, text in map(spoken, found)):
        return 0.5
    return 0.95 if "from" in found[0] else 0.85


def count(row: Any) -> int:
    """The system prompt; of each turn its calls, its results, or its thought and its text. A text that only carries a thought is none."""
    found = 1 if row.get("system") else 0
    said = [spoken(turn) for turn in turns(row)]
    calls = 0
    for at, (who, text) in enumerate(said):
        kind = ROLES.get(who)
        if kind == "call":
            calls = _called(text)
            found += calls
            continue
        if kind == "assistant":
            thought, rest = thought_in(text)
            found += (thought is not None) + (1 if rest or (thought is None and _following(said, at) != "call") else 0)
        elif kind == "tool" and calls > 1:
            found += len(each(text, calls)) or 1 if _following(said, at) != "tool" else 1
        else:
            found += 1
        calls = calls if kind is None else 0
    return found


def _following(said: Sequence[tuple[str, str]], at: int) -> str | None:
    """What the next turn is, of those whose speaker is known."""
    return next((ROLES[who] for who, _ in said[at + 1 :] if who in ROLES), None)


def _called(text: str) -> int:
    """How many calls a call's turn holds: the length of a list, else one, whatever it is."""
    return len(calls_in(text, Account())) or 1 if text.lstrip(" \t\r\n")[:1] == "[" else 1


def thought_in(text: str) -> tuple[str | None, str]:
    """A thought at the beginning of a text, and the rest."""
    found = _THOUGHT.match(text) if text.startswith("<think>") else None
    return (found[1], text[found.end() :]) if found else (None, text)


def with_thought(message: Message, account: Account) -> str:
    """A text with its thought before it. A text that would itself read as a thought has its mark broken, as the dialects break theirs."""
    thought, text = message.reasoning, message.text
    if thought is not None and "</think>" in thought:
        account.drop("thoughts that hold </think>", 1)
        thought = None
    if thought is None:
        return text if thought_in(text)[0] is None else broken(text, THINK)
    if thought[:1] == "\n" or thought[-1:] == "\n" or text[:1] == "\n":
        account.lose("line breaks around a thought")
        thought, text = thought.strip("\n"), text.lstrip("\n")
    return f"<think>\n{thought}\n</think>\n\n{text}"


def told(message: Message) -> Message:
    """What a reader takes a message of the assistant for: line breaks around a thought are not kept, nor marks of thoughts within it or the text."""
    if message.role != "assistant" or (message.reasoning is None and not message.text.startswith("<think>")):
        return message
    thought, rest = thought_in(with_thought(message, Account()))
    return msgspec.structs.replace(message, reasoning=thought, content=rest)


def calls_in(text: str, account: Account, index: int = 0) -> tuple[ToolCall, ...]:
    """The calls of a turn, mended where they are a Python text; none where it cannot be read or one has no name."""
    try:
        value = loads(text.encode("utf-8", "surrogatepass"), account)
    except Unreadable:
        value = _mended(text, account)
    records: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    named = [_named(record) for record in records]
    if not all(named):
        return ()
    return tuple([call_of(f"c{index}.{at}", *one, account) for at, one in enumerate(named) if one is not None])


def _mended(text: str, account: Account) -> Json:
    """The JSON that a text was meant to be; None where it is none."""
    reading = Reading("", "")
    mender = Mender(text, reading)
    begun = mender.skip(0)
    try:
        value, end = mender.value(begun) if text[begun : begun + 1] in ("{", "[") else (None, 0)
    except NoValue:
        return None
    if mender.skip(end) < len(text):
        return None
    for repair in reading.repairs:
        account.lose(f"a text as it was written: mended ({repair})")
    return value


def _named(record: Any) -> tuple[str, Json] | None:
    """The name and the arguments of a call."""
    inner: Any = cast("dict[str, Any]", record).get("function", record) if isinstance(record, dict) else None
    function = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    name: Any = function.get("name")
    return (name, function.get("arguments", function.get("parameters"))) if isinstance(name, str) and name else None


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    nodes: list[Node] = []
    if row.get("system"):
        nodes.append(node(-1, Message("system", plain(row["system"]))))
    given = turns(row)
    said = [spoken(turn) for turn in given]
    for at, (turn, (who, text)) in enumerate(zip(given, said, strict=True)):
        kind = ROLES.get(who)
        if kind is None:
            account.drop(f"a turn of {str(who)[:40]!r}", 1)
        elif kind == "call":
            _call(nodes, text, extra(turn, _TURN), account)
        elif kind == "tool":
            calls = nodes[-1].message.calls if nodes else ()
            if len(calls) > 1 and _following(said, at) != "tool" and (found := _each(calls, text, account)):
                for one in found:
                    kept = extra(turn, _TURN) if one is found[0] else {}
                    nodes.append(node(len(nodes) - 1, Message("tool", result=one), notes=kept))
            else:
                nodes.append(node(len(nodes) - 1, Message("tool", result=result_of(answered(nodes), text)), notes=extra(turn, _TURN)))
        else:
            thought, rest = thought_in(text) if kind == "assistant" else (None, text)
            sampled = kind == "assistant" and turn.get("weight") != 0
            nodes.append(node(len(nodes) - 1, Message(cast("Any", kind), rest, thought), sampled=sampled, notes=extra(turn, _TURN)))
    kept = extra(row, _ROW)
    yield linear(nodes, tools_of(row.get("tools"), account), name=row.get("id"), lineage={"extra": kept} if kept else None)


def _call(nodes: list[Node], text: str, kept: dict[str, Any], account: Account) -> None:
    """A turn of calls: they belong to the text before them; a turn that cannot be read is a text."""
    before = nodes[-1] if nodes else None
    joined = before is not None and before.message.role == "assistant" and not before.message.calls
    calls = calls_in(text, account, len(nodes) - joined)
    if not calls:
        account.lose(UNREAD)
        joined = joined and before is not None and not before.message.content
        if joined and not text and before is not None and before.message.reasoning is not None:
            account.drop("turns of calls with nothing in them", 1)
            return
    if before is not None and joined:
        message = Message("assistant", before.message.content if calls else text, before.message.reasoning, calls)
        nodes[-1] = Node(before.parent, message, sampled=before.sampled, notes=before.notes)
    else:
        nodes.append(node(len(nodes) - 1, Message("assistant", "" if calls else text, calls=calls), notes=kept))


def _each(calls: Sequence[ToolCall], text: str, account: Account) -> list[ToolResult]:
    """A result for each of several calls, where a text is a list as long; none where it is not."""
    found = each(text, len(calls))
    if not found and json_list(text):
        account.lose(UNEVEN)
    return [result_of(call.id, one) for call, one in zip(calls, found, strict=False)]


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch.

    Raises:
        ValueError: a call has no name, or one result would be read as several.
    """
    row: dict[str, Json] = {"id": item.trace.id, "conversations": []}
    spoken_turns: list[dict[str, Json]] = []
    nodes = item.trace.nodes
    for at, one in enumerate(nodes):
        spoken_turns += _turns(one, account)
        if len(one.message.calls) > 1:
            told_apart(nodes, at)
    row["conversations"] = spoken_turns
    if item.tools:
        row["tools"] = text_of([bare_tool(tool) for tool in item.tools])
    yield row | extras(item.trace.lineage, _ROW) if item.trace.lineage else row


def told_apart(nodes: Sequence[Node], at: int) -> None:
    """Nothing, where no result alone behind the calls of a node would be read as the results of all of them.

    Raises:
        ValueError: one would.
    """
    behind = nodes[at + 1 : at + 3]
    if [one.message.role == "tool" for one in behind] in ([True], [True, False]):
        result = behind[0].message.result
        if result is not None and each(result_text(result), len(nodes[at].message.calls)):
            raise ValueError(AS_MANY)


def call_text(calls: Sequence[ToolCall]) -> str:
    """Calls as a turn has them: one record, or a list of them.

    Raises:
        ValueError: one has no name.
    """
    records: list[Json] = []
    for call in calls:
        if not call.name:
            raise ValueError("a call without a name")
        records.append({"name": call.name, "arguments": as_given(call)})
    return text_of(records[0] if len(records) == 1 else records)


def _turns(one: Node, account: Account) -> list[dict[str, Json]]:
    message, notes = one.message, extras(one.notes, _TURN)
    if message.role == "tool":
        return [{"from": "observation", "value": result_text(message.result or ToolResult("", message.text))} | notes]
    if message.role != "assistant":
        return [{"from": "human" if message.role == "user" else "system", "value": message.text} | notes]
    weight: dict[str, Json] = {} if one.sampled else {"weight": 0}
    text = with_thought(message, account)
    made = [{"from": "gpt", "value": text} | weight | notes] if text or notes or weight or not message.calls else []
    if message.calls:
        made.append({"from": "function_call", "value": call_text(message.calls)})
    return made


FORMAT = Format(
    "sharegpt",
    "ShareGPT turns with calls and observations (LLaMA-Factory, axolotl)",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "sampled", "reasoning", "parallel", "beside", "errors", "results", "system", "opening", "empty", "tools"]),
    ("results that do not follow the order of their calls", "line breaks around a thought", "several results in one turn: each has its own"),
    told=told,
)
