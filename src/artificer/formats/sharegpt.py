"""ShareGPT: `conversations` of `from` and `value`, with calls and results as turns of their own, as LLaMA-Factory and axolotl read it.

A call's turn (`function_call`) holds `{"name", "arguments"}` or a list of them, a result's turn (`observation`) its text; `tools` is a text with the
tools, `system` the system prompt. A text before a call's turn belongs to the same message; a thought stands in the text, between `<think>` and
`</think>`. Calls have no ids: results follow the order of the calls. Read besides: `role` and `content` for `from` and `value`, and the names for
speakers that are in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.holding import answered
from artificer.formats.jsontext import Unreadable, loads
from artificer.formats.parts import OPENAIS, bare_tool, call_of, extra, extras, linear, node, plain, result_of, result_text, text_of, tools_of

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
    """The system prompt; of each turn its calls or its thought and its text. A text that only carries a thought is none."""
    found = 1 if row.get("system") else 0
    said = [spoken(turn) for turn in turns(row)]
    kinds = [ROLES.get(who, "") for who, _ in said]
    for at, (kind, (_, text)) in enumerate(zip(kinds, said, strict=True)):
        if kind == "call":
            found += _called(text)
        elif kind == "assistant":
            thought, rest = thought_in(text)
            joins = at + 1 < len(kinds) and kinds[at + 1] == "call"
            found += (thought is not None) + (1 if rest or (thought is None and not joins) else 0)
        else:
            found += 1
    return found


def _called(text: str) -> int:
    """How many calls a call's turn holds: the length of a list, else one, whatever it is."""
    return len(calls_in(text, Account())) if text.lstrip(" \t\r\n")[:1] == "[" else 1


def thought_in(text: str) -> tuple[str | None, str]:
    """A thought at the beginning of a text, and the rest."""
    found = _THOUGHT.match(text) if text.startswith("<think>") else None
    return (found[1], text[found.end() :]) if found else (None, text)


def with_thought(message: Message, account: Account) -> str:
    """A text with its thought before it."""
    if message.reasoning is None:
        return message.text
    if "</think>" in message.reasoning or message.reasoning[:1] == "\n" or message.reasoning[-1:] == "\n" or message.text[:1] == "\n":
        if "</think>" in message.reasoning:
            account.drop("thoughts that hold </think>", 1)
            return message.text
        account.lose("line breaks around a thought")
        return f"<think>\n{message.reasoning.strip(chr(10))}\n</think>\n\n{message.text.lstrip(chr(10))}"
    return f"<think>\n{message.reasoning}\n</think>\n\n{message.text}"


def told(message: Message) -> Message:
    """What a reader takes a message of the assistant for: line breaks around a thought are not kept, nor a thought that holds its own end."""
    if message.role != "assistant" or message.reasoning is None:
        return message
    thought, rest = thought_in(with_thought(message, Account()))
    return msgspec.structs.replace(message, reasoning=thought, content=rest)


def calls_in(text: str, account: Account, index: int = 0) -> tuple[ToolCall, ...]:
    """The calls of a turn; a text that is no call is kept as the arguments of a call without a name."""
    try:
        value = loads(text.encode("utf-8", "surrogatepass"), account)
    except Unreadable:
        return (call_of(f"c{index}.0", "", text, account),)
    records: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    return tuple([_call(record, f"c{index}.{at}", account) for at, record in enumerate(records)]) or (call_of(f"c{index}.0", "", text, account),)


def _call(record: Any, call_id: str, account: Account) -> ToolCall:
    outer = cast("dict[str, Any]", record) if isinstance(record, dict) else {}
    inner: Any = outer.get("function", outer)
    function = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    name: Any = function.get("name")
    given: Any = function.get("arguments", function.get("parameters")) if isinstance(name, str) else text_of(record)
    return call_of(call_id, name if isinstance(name, str) else "", given, account)


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    nodes: list[Node] = []
    if row.get("system"):
        nodes.append(node(-1, Message("system", plain(row["system"]))))
    for turn in turns(row):
        who, text = spoken(turn)
        kind = ROLES.get(who)
        if kind is None:
            account.drop(f"a turn of {str(who)[:40]!r}", 1)
            continue
        before = nodes[-1] if nodes else None
        if kind == "call" and before is not None and before.message.role == "assistant" and not before.message.calls:
            made = calls_in(text, account, len(nodes) - 1)
            message = Message("assistant", before.message.content, before.message.reasoning, made)
            nodes[-1] = Node(before.parent, message, sampled=before.sampled, notes=before.notes)
        elif kind == "call":
            nodes.append(node(len(nodes) - 1, Message("assistant", calls=calls_in(text, account, len(nodes))), notes=extra(turn, _TURN)))
        elif kind == "tool":
            nodes.append(node(len(nodes) - 1, Message("tool", result=result_of(answered(nodes), text)), notes=extra(turn, _TURN)))
        else:
            thought, rest = thought_in(text) if kind == "assistant" else (None, text)
            sampled = kind == "assistant" and turn.get("weight") != 0
            nodes.append(node(len(nodes) - 1, Message(cast("Any", kind), rest, thought), sampled=sampled, notes=extra(turn, _TURN)))
    kept = extra(row, _ROW)
    yield linear(nodes, tools_of(row.get("tools"), account), name=row.get("id"), lineage={"extra": kept} if kept else None)


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    row: dict[str, Json] = {"id": item.trace.id, "conversations": []}
    spoken_turns: list[dict[str, Json]] = []
    for one in item.trace.nodes:
        spoken_turns += _turns(one, account)
    row["conversations"] = spoken_turns
    if item.tools:
        row["tools"] = text_of([bare_tool(tool) for tool in item.tools])
    yield row | extras(item.trace.lineage, _ROW) if item.trace.lineage else row


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
        records = [{"name": call.name, "arguments": call.arguments} for call in message.calls]
        made.append({"from": "function_call", "value": text_of(records[0] if len(records) == 1 else records)})
    return made


FORMAT = Format(
    "sharegpt",
    "ShareGPT turns with calls and observations (LLaMA-Factory, axolotl)",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "sampled", "reasoning", "parallel", "beside", "errors", "results", "system", "opening", "empty", "tools"]),
    ("results that do not follow the order of their calls", "line breaks around a thought"),
    told=told,
)
