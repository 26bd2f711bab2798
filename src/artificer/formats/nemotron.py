"""NVIDIA's data for post-training with tools, in the forms their cards describe (no row of theirs is copied here):

- Nemotron-Post-Training-Dataset: `messages` of role, content and `tool_calls`, and `metadata`, a JSON text whose
  `tools` are the tools; thoughts stand in the text between `<think>` and `</think>`. This form is written.
- Llama-Nemotron-Post-Training-Dataset: `input` (messages, or text) and `output`, `system_prompt` where there is one.
- NeMo Gym: `responses_create_params` with `input` and `tools`, a prompt for reinforcement learning; what is expected of
  the answer stays in lineage.
- When2Call: `tools`, each a JSON text, and calls in the text between `<TOOLCALL>` and `</TOOLCALL>`; rows with
  `chosen_response` and `rejected_response` are pairs.

Nemotron-Agentic and later sets are `chat` (tools in a column, `reasoning_content`). A message of a tool has no id in
the written form: results follow the order of calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.formats import chat, pairs, responses, sharegpt
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.jsontext import Unreadable, loads
from artificer.formats.parts import KEPT, extra, extras, linear, openai_tool, plain, text_of, tools_of, toolset_of

_ROW = frozenset({"uuid", "id", "messages", "metadata", "tools", "input", "output", "system_prompt"})
_MESSAGE = frozenset({"role", "content", "tool_calls", "name", "reasoning_content", "tool_call_id"})
_WRITTEN = _MESSAGE | {"weight"}
_CALLS = re.compile(r"<TOOLCALL>(.*?)</TOOLCALL>", re.DOTALL)
UNREAD = "calls that cannot be read: kept as text"


def fits(row: Any) -> float:
    """One of NVIDIA's forms."""
    if "instruction" in row:
        return 0.0
    if "responses_create_params" in row:
        return 0.96 if row["responses_create_params"]["input"] else 0.0
    messages = row.get("messages")
    if isinstance(messages, list) and messages and all("role" in one for one in cast("list[Any]", messages)):
        texts = isinstance(row.get("tools"), list) and bool(row["tools"]) and all(isinstance(one, str) for one in row["tools"])
        return 0.96 if texts or "chosen_response" in row or "tools" in _metadata(row, Account()) else 0.0
    asked = row.get("input")
    said = isinstance(row.get("output"), str) and ("system_prompt" in row or {"category", "reasoning"} <= row.keys())
    return 0.9 if said and isinstance(asked, str | list) and asked else 0.0


def _metadata(row: Any, account: Account) -> dict[str, Any]:
    """The metadata of a row, an object or its JSON text; empty where it is something else."""
    found = row.get("metadata")
    if isinstance(found, str) and len(found) <= KEPT and (known := _known(found)) is not None:
        return known
    if isinstance(found, str) and found.strip():
        try:
            found = loads(found.encode("utf-8", "surrogatepass"), account)
        except Unreadable:
            return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


@lru_cache(maxsize=64)
def _known(text: str) -> dict[str, Any] | None:
    """The metadata of a text that there is nothing to say of; None where there is, or it is no object."""
    said = Account()
    try:
        found = loads(text.encode("utf-8", "surrogatepass"), said)
    except Unreadable:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) and not said.lost else None


@lru_cache(maxsize=64)
def _known_tools(text: str) -> tuple[str, tuple[ToolSpec, ...]] | None:
    """The tool set in the text of such metadata; None where it holds none, or one that there is something to say of."""
    records = (_known(text) or {}).get("tools")
    try:
        return toolset_of(cast("list[Any]", records)) if isinstance(records, list) and records else None
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None


def _messages(row: Any) -> list[Any]:
    """The messages of a row, without its answers in pairs."""
    if "messages" in row:
        found = row["messages"]
        if not isinstance(found, list):
            raise TypeError("messages are a list")
        return cast("list[Any]", found)
    asked = row["input"]
    begun: list[Any] = [{"role": "user", "content": asked}] if isinstance(asked, str) else list(asked)
    if row.get("system_prompt"):
        begun.insert(0, {"role": "system", "content": row["system_prompt"]})
    return [*begun, {"role": "assistant", "content": row["output"]}]


def _answers(row: Any) -> list[Any]:
    found = [row[name] for name in ("chosen_response", "rejected_response") if name in row]
    return [{"role": "assistant", "content": one} if isinstance(one, str) else one for one in found]


def count(row: Any) -> int:
    """The results, calls, thoughts and texts of all messages."""
    if "responses_create_params" in row:
        return responses.count(row["responses_create_params"])
    return sum([_count(message) for message in [*_messages(row), *_answers(row)]])


def _count(message: Any) -> int:
    content = message.get("content")
    if message["role"] != "assistant" or not isinstance(content, str) or "<" not in content:
        return chat.count_message(message)
    thought, rest = sharegpt.thought_in(content) if message.get("reasoning_content") is None else (message["reasoning_content"], content)
    calls, rest = calls_in(rest, Account()) if not message.get("tool_calls") else (message["tool_calls"], rest)
    thinks = thought is not None or any(message.get(name) is not None for name in chat.THOUGHTS)
    return (thinks + len(calls) + (message.get("function_call") is not None) + bool(rest)) or 1


def calls_in(text: str, account: Account) -> tuple[list[Any], str]:
    """The calls between marks in OpenAI's form, and the text without them; a text that cannot be read stays as it is."""
    if "<TOOLCALL>" not in text:
        return [], text
    found: list[Any] = []
    try:
        for block in _CALLS.findall(text):
            value = loads(block.strip().encode("utf-8", "surrogatepass"), account)
            records: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
            for record in records:
                if not isinstance(record["name"], str):
                    raise TypeError("a name is text")
                found.append({"function": {"name": record["name"], "arguments": record.get("arguments", record.get("parameters"))}})
    except (Unreadable, KeyError, TypeError, AttributeError):
        account.lose(UNREAD)
        return [], text
    if not found:
        account.lose(UNREAD)
        return [], text
    return found, _CALLS.sub("", text).strip()


def _said(message: Any, account: Account) -> Any:
    """A message in OpenAI's form: thoughts and calls out of the text."""
    content = message.get("content")
    if message["role"] != "assistant" or not isinstance(content, str) or "<" not in content:
        return message
    made = dict(message)
    if message.get("reasoning_content") is None:
        thought, content = sharegpt.thought_in(content)
        made |= {"reasoning_content": thought} if thought is not None else {}
    if not message.get("tool_calls"):
        calls, content = calls_in(content, account)
        made |= {"tool_calls": calls} if calls else {}
    return made | {"content": content}


def _numbered(messages: list[Any]) -> list[Any]:
    """Messages whose results name their calls: without an id they follow the order of the calls."""
    open_calls: list[str] = []
    made: list[Any] = []
    for index, message in enumerate(messages):
        if message["role"] != "tool":
            calls: list[Any] = message.get("tool_calls") or []
            open_calls = [call["id"] if isinstance(call.get("id"), str) and call["id"] else f"c{index}.{at}" for at, call in enumerate(calls)]
        elif not isinstance(message.get("tool_call_id"), str):
            message = {**message, "tool_call_id": open_calls.pop(0) if open_calls else ""}
        made.append(message)
    return made


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row, or its pair of answers."""
    if "responses_create_params" in row:
        rest = {name: value for name, value in row.items() if name not in ("responses_create_params", "uuid", "input")}
        yield from responses.parse(rest | row["responses_create_params"] | {"id": row.get("uuid") or row.get("id")}, account)
        return
    metadata = _metadata(row, account)
    records: Any = metadata.get("tools") or row.get("tools")
    if isinstance(records, list):
        texts = cast("list[Any]", records)
        records = [loads(one.encode("utf-8", "surrogatepass"), account) if isinstance(one, str) else one for one in texts]
    said = _numbered([_said(message, account) for message in _messages(row)])
    name = row.get("uuid") or row.get("id")
    if "chosen_response" in row:
        chosen, rejected = ([_said(one, account)] for one in _answers(row))
        kept = extra(row, _ROW | {"chosen_response", "rejected_response"})
        yield from pairs.parse(kept | {"id": name, "prompt": said, "chosen": chosen, "rejected": rejected, "tools": records}, account)
        return
    kept = extra(row, _ROW)
    rest = {key: value for key, value in metadata.items() if key != "tools"}
    kept |= {"metadata": rest} if rest else {"metadata": row["metadata"]} if not metadata and row.get("metadata") else {}
    text = row.get("metadata")
    tools = _known_tools(text) if isinstance(text, str) and len(text) <= KEPT else None
    yield linear(chat.messages_of(said, account), tools or tools_of(records, account), name=name, lineage={"extra": kept} if kept else None)


# writing


def told(message: Message) -> Message:
    """What a reader takes a message for: thoughts and calls that stand in a text are read."""
    if message.role != "assistant" or (message.reasoning is None and isinstance(message.content, str) and message.content[:1] != "<"):
        return message
    thought, rest = sharegpt.thought_in(sharegpt.with_thought(message, Account()))
    return msgspec.structs.replace(message, reasoning=thought, content=rest)


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch.

    Raises:
        ValueError: a text holds marks of calls.
    """
    trace = item.trace
    messages: list[Json] = []
    for index, one in enumerate(trace.nodes):
        message = one.message
        record = chat.message_record(one)
        kept = extras(one.notes, _WRITTEN) if one.notes else {}
        if message.role == "assistant":
            if "<TOOLCALL>" in message.text and not message.calls:
                raise ValueError("a text that holds marks of calls")
            record["content"] = sharegpt.with_thought(message, account)
        elif not isinstance(record["content"], str):
            record["content"] = message.text
        calls = cast("list[dict[str, Json]]", record.get("tool_calls") or [])
        shown: dict[str, Json] = {"role": record["role"], "content": plain(record["content"])}
        if message.role == "assistant":
            shown["tool_calls"] = [call | {"id": f"c{index}.{at}"} for at, call in enumerate(calls)]
        messages.append(shown | kept if kept else shown)
    extra_fields = extras(trace.lineage, _ROW - {"metadata"})
    given = extra_fields.pop("metadata", None)
    metadata: dict[str, Json] = cast("dict[str, Json]", given) if isinstance(given, dict) else {}
    row: dict[str, Json] = {"uuid": trace.id, "messages": messages}
    if isinstance(given, dict) or given is None or item.tools:
        row["metadata"] = text_of({**metadata, "tools": [openai_tool(tool) for tool in item.tools]})
    else:
        row["metadata"] = given
    yield row | extra_fields


FORMAT = Format(
    "nemotron",
    "NVIDIA's post-training rows with tools in their metadata (Nemotron, When2Call)",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "reasoning", "parallel", "beside", "errors", "results", "system", "opening", "empty", "tools", "adjacent"]),
    ("results that do not follow the order of their calls", "line breaks around a thought"),
    told=told,
)
