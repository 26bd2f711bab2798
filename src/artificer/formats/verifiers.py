"""Traces of verifiers 0.4 (`verifiers.v1`): a message graph as ours is, one JSON object a line.

A node is a node: its parent, its message, whether it was sampled, its tokens (`token_ids`, `mask`, `logprobs` of the
masked ones, `loss_weights`, `advantages`). Rewards become a verdict of the last leaf when they lie between 0 and 1.
What the graph has no field for is kept under `info.artificer`, so that whole traces come back; fields of verifiers'
own (calls, timing, runtime) are kept in lineage and written again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Image, Message, Text
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Tokens, Trace
from artificer.formats.account import Account
from artificer.formats.base import ALL, Format, Item
from artificer.formats.parts import (
    arguments_text,
    call_of,
    extra,
    fields,
    judged,
    listed,
    openai_parts,
    plain,
    result_of,
    result_text,
    speaks,
    tools_of,
)
from artificer.formats.residue import KEY, beside, extra_events, restored, unextended

_ROW = frozenset({"version", "id", "task", "tools", "nodes", "rewards", "info"})
_NODE = frozenset({"parent", "message", "sampled", "token_ids", "mask", "logprobs", "loss_weights", "advantages", "tools"})
_MESSAGE = frozenset({"role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name"})


def fits(row: Any) -> float:
    """Nodes with messages, and a task."""
    return 0.98 if "task" in row and row["nodes"] and all("role" in one["message"] for one in row["nodes"]) else 0.0


def count(row: Any) -> int:
    """The events of every node, and of what was kept beside."""
    return sum([_count(one["message"]) for one in row["nodes"]]) + extra_events(fields(row.get("info")).get(KEY))


def _count(message: Any) -> int:
    if message["role"] == "tool":
        return 1
    found = len(message.get("tool_calls") or ()) + (message.get("reasoning_content") is not None)
    return found + 1 if not found or speaks(message.get("content"), message["role"] == "user") else found


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace."""
    info = fields(row.get("info"))
    seen = _seen(row, info, account)
    yield restored(seen, info[KEY], account, unextended) if KEY in info else seen


def _seen(row: Any, info: Any, account: Account) -> Item:
    nodes = tuple([_node(one, index, account) for index, one in enumerate(row["nodes"])])
    records = listed(row.get("tools") or next((one["tools"] for one in row["nodes"] if one.get("tools")), None))
    toolset, tools = tools_of([_bare(record) for record in records], account)
    task = fields(row.get("task"))
    name = row["id"]
    if not isinstance(name, str):
        raise TypeError("an id is text")
    key = task.get("key")
    kept = {key: value for key, value in extra(row, _ROW).items() if value not in (None, [], {})}
    if set(task) - {"key"} and task != _task(name):
        kept["task"] = {key: value for key, value in task.items() if key != "key"}
    rest = {key: value for key, value in info.items() if key != KEY}
    kept |= {"info": rest} if rest else {}
    rewards = fields(row.get("rewards"))
    leaf = len(nodes) - 1
    verdict = judged({name: _score(reward) for name, reward in rewards.items() if reward is not None})
    if rewards and verdict is None:
        kept["rewards"] = rewards
    return Item(
        Trace(
            name,
            key if isinstance(key, str) else name,
            "",
            toolset,
            nodes,
            {leaf: verdict} if verdict is not None else {},
            lineage={"extra": kept} if kept else {},
        ),
        tools,
    )


def _score(reward: Any) -> tuple[float, float]:
    if not isinstance(reward, dict):
        return float(reward), 1.0
    found = fields(reward)
    return float(found["score"]), float(found.get("weight", 1.0))


def _bare(record: Any) -> Any:
    return {"name": record["name"], "description": record.get("description", ""), "parameters": record.get("parameters")}


def _node(one: Any, index: int, account: Account) -> Node:
    parent = one.get("parent")
    if parent is not None and not (isinstance(parent, int) and not isinstance(parent, bool) and 0 <= parent < index):
        raise ValueError("a node's parent does not come before it")
    kept = {key: value for key, value in extra(one, _NODE).items() if value not in (None, [], {})}
    message = one["message"]
    kept |= {key: value for key, value in extra(message, _MESSAGE).items() if value is not None}
    sampled = one.get("sampled", False) is True
    return Node(parent, _message(message, index, account), sampled=sampled, tokens=_tokens(one), notes={"extra": kept} if kept else {})


def _message(record: Any, index: int, account: Account) -> Message:
    role, content = record["role"], record.get("content")
    shown = openai_parts(cast("list[Any]", content), account) if isinstance(content, list) else plain(content)
    if role == "tool":
        return Message("tool", result=result_of(str(record.get("tool_call_id", "")), plain(content)))
    if role not in ("system", "user", "assistant"):
        raise ValueError("an unknown role")
    calls = tuple([call_of(call["id"], call["name"], call["arguments"], account) for call in record.get("tool_calls") or ()])
    return Message(role, shown, record.get("reasoning_content"), calls)


def _tokens(one: Any) -> Tokens | None:
    ids = one.get("token_ids")
    if not ids:
        return None
    mask = [bool(here) for here in one.get("mask") or [False] * len(ids)]
    if len(mask) != len(ids):
        raise ValueError("the mask is not as long as the tokens")
    weights = {str(name): tuple(map(float, stream)) for name, stream in fields(one.get("loss_weights")).items()}
    logprobs = _spread(one.get("logprobs"), mask)
    advantages = _spread(one.get("advantages"), mask)
    if not all(mask):
        weights["mask"] = tuple([float(here) for here in mask])
    if advantages is not None:
        weights["advantage"] = advantages
    return Tokens(tuple(ids), logprobs, weights)


def _spread(stream: Any, mask: list[bool]) -> tuple[float, ...] | None:
    """A stream over sampled tokens as one over all: 0 elsewhere."""
    if not stream:
        return None
    if len(stream) != sum(mask):
        raise ValueError("a stream is not as long as the sampled tokens")
    values = iter(stream)
    return tuple([float(next(values)) if here else 0.0 for here in mask])


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The trace as verifiers dumps it."""
    row = _row(item)
    kept = beside(item, _seen(row, row["info"], Account()), unextended)
    if kept is not None:
        row["info"] = {**row["info"], KEY: kept}
    yield row


def _task(name: str) -> dict[str, Any]:
    return {"type": "Task", "data": {"name": name, "idx": 0, "prompt": ""}}


def _row(item: Item) -> dict[str, Any]:
    trace = item.trace
    given = trace.lineage.get("extra")
    kept: dict[str, Any] = dict(cast("dict[str, Any]", given)) if isinstance(given, dict) else {}
    task = kept.pop("task", None)
    info = kept.pop("info", None)
    verdict = trace.verdicts.get(len(trace.nodes) - 1)
    made: dict[str, Any] = {
        "version": 1,
        "id": trace.id,
        "task": {**(cast("dict[str, Any]", task) if isinstance(task, dict) else _task(trace.id)), "key": trace.task_id},
        "agent": {"config": {}},
        "tools": [_tool(tool) for tool in item.tools],
        "nodes": [_record(one) for one in trace.nodes],
        "rewards": {"artificer": {"score": verdict.score, "weight": 1.0}} if verdict is not None else {},
        "info": dict(cast("dict[str, Any]", info)) if isinstance(info, dict) else {},
        "is_completed": True,
        "ok": True,
    }
    return made | {key: value for key, value in kept.items() if key not in _ROW}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _record(one: Node) -> dict[str, Any]:
    message = one.message
    record: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.role == "tool":
        record["tool_call_id"] = message.result.call_id if message.result is not None else ""
        record["content"] = message.text if message.result is None else result_text(message.result)
    if message.role == "assistant":
        if message.reasoning is not None:
            record["reasoning_content"] = message.reasoning
        if message.calls:
            record["tool_calls"] = [
                {"id": call.id, "type": "function", "name": call.name, "arguments": arguments_text(call)} for call in message.calls
            ]
    found: dict[str, Any] = {"parent": one.parent, "message": record, "sampled": one.sampled}
    if one.tokens is not None and one.tokens.ids:
        size = len(one.tokens.ids)
        found |= {"token_ids": list(one.tokens.ids), "mask": [one.sampled] * size}
        if one.sampled and one.tokens.logprobs is not None:
            found["logprobs"] = list(one.tokens.logprobs)
        if one.tokens.weights:
            found["loss_weights"] = {name: list(stream) for name, stream in one.tokens.weights.items()}
    return found


def _content(message: Message) -> Json:
    if isinstance(message.content, str):
        return message.content
    if message.role == "assistant":
        return message.text
    return [
        {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image_url", "image_url": {"url": part.uri}}
        for part in message.content
        if isinstance(part, Text | Image)
    ]


FORMAT = Format("verifiers", "traces of verifiers 0.4: message graphs with tokens", fits, count, parse, render, ALL, whole=True)
