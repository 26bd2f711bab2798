"""Messages as tau2-bench writes them (`tau2.data_model.message`), in simulations and in the history of a task.

Both sides may call tools: a call says who asks for it (`requestor`), and so does its result. A result has no id but
the call's, and is text; a failure is a mark beside it, without a kind. Audio is not read: of a spoken message its
script is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind
from artificer.formats.account import Account
from artificer.formats.parts import call_of, extra, extras, node, result_of, result_text

_SYSTEM = frozenset({"role", "content", "turn_idx"})
_SIDE = frozenset({"role", "content", "tool_calls", "turn_idx", "is_audio"})
_TOOL = frozenset({"role", "id", "content", "requestor", "error", "turn_idx", "tool_messages"})
_UNSAID: dict[str, Any] = {"is_final_chunk": True, "contains_speech": True}
"""Fields that say nothing with these values, nor with none."""
FAILED = ErrorKind.constraint
"""tau2 says that a call failed, not how; as in its worlds here (`worlds.imported`), a refusal of a tool is a rule of the state."""


def count(messages: Any) -> int:
    """The events of messages: results, calls, texts, and messages with nothing in them."""
    return sum([_count(message) for message in messages])


def _count(message: Any) -> int:
    if message["role"] == "tool":
        return len(message["tool_messages"]) if "tool_messages" in message else 1
    calls = len(message.get("tool_calls") or ())
    return calls + 1 if not calls or _said(message) else calls


def _said(message: Any) -> str:
    said = message.get("audio_script_gold") if message.get("is_audio") is True else message.get("content")
    if said is not None and not isinstance(said, str):
        raise TypeError("what is said is text")
    return said or ""


def nodes_of(messages: Iterable[Any], account: Account, behind: Sequence[Node] = ()) -> list[Node]:
    """Messages as nodes behind each other, and behind those that are given."""
    nodes = list(behind)
    for index, record in enumerate(messages):
        role = record["role"]
        if role == "tool":
            for result in record.get("tool_messages", [record]):
                nodes.append(node(len(nodes) - 1, Message("tool", result=_result(result)), notes=_kept(result, _TOOL, index)))
            continue
        if role not in ("system", "user", "assistant"):
            raise ValueError("an unknown role")
        if record.get("is_audio") is True:
            account.lose("audio of messages: the script is read")
        calls = tuple([_call(call, f"c{index}.{at}", account) for at, call in enumerate(record.get("tool_calls") or ())])
        kept = _kept(record, _SYSTEM if role == "system" else _SIDE, index)
        nodes.append(node(len(nodes) - 1, Message(role, _said(record), calls=calls), notes=kept))
    return nodes


def _call(call: Any, otherwise: str, account: Account) -> ToolCall:
    name, call_id = call["name"], call.get("id")
    if not isinstance(name, str) or not isinstance(call_id, str | None):
        raise TypeError("a call's name and id are text")
    return call_of(call_id or otherwise, name, call.get("arguments"), account)


def _result(record: Any) -> ToolResult:
    call_id, content = record.get("id"), record.get("content")
    if not isinstance(call_id, str | None) or not isinstance(content, str | None):
        raise TypeError("a result's id and content are text")
    if record.get("error") is True:
        return ToolResult(call_id or "", error=FAILED, detail=content)
    return result_of(call_id or "", content or "")


def _kept(record: Any, known: frozenset[str], index: int) -> dict[str, Any]:
    """Fields beside what was said: costs, times, usage."""
    kept = {key: value for key, value in extra(record, known).items() if value is not None and _UNSAID.get(key, _UNSAID) != value}
    at = record.get("turn_idx")
    return kept if at is None or at == index else {**kept, "turn_idx": at}


def records_of(nodes: Sequence[Node]) -> list[Json]:
    """Nodes behind each other as messages."""
    theirs: set[str] = set()
    records: list[Json] = []
    for index, one in enumerate(nodes):
        message = one.message
        known = _SIDE
        made: dict[str, Json]
        if message.role == "tool":
            made, known = _tool(message, theirs), _TOOL
        elif message.role == "system":
            made, known = {"role": "system", "content": message.text}, _SYSTEM
        else:
            made = {"role": message.role, "content": message.text or None}
            if message.calls:
                made["tool_calls"] = [
                    {"id": call.id, "name": call.name, "arguments": call.arguments, "requestor": message.role} for call in message.calls
                ]
                ids = {call.id for call in message.calls}
                theirs = theirs | ids if message.role == "user" else theirs - ids
        made["turn_idx"] = index
        records.append({"timestamp": None, **made, **extras(one.notes, known - {"turn_idx"})})
    return records


def _tool(message: Message, theirs: set[str]) -> dict[str, Json]:
    result = message.result
    if result is None:
        return {"role": "tool", "id": "", "content": message.text}
    content = result.detail if result.error is not None else result_text(result)
    made: dict[str, Json] = {"role": "tool", "id": result.call_id, "content": content, "error": result.error is not None}
    return {**made, "requestor": "user" if result.call_id in theirs else "assistant"}
