"""ATIF 1.0 to 1.8, the Agent Trajectory Interchange Format of Harbor (RFC 0001); 1.7 is written.

An agent's step holds what it said and called, and the results of these calls as its observation. `trajectory_id` is
the trace's id; token ids and log-probabilities of a step are those of its message; a step copied from elsewhere
(`is_copied_context`) is not sampled; `timestamp` is the world's clock. What ATIF has no field for is kept under
`extra.artificer`, so that whole traces come back. Embedded trajectories of subagents become traces of their own,
which name their parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import File, Image, Message, Part, Text, ToolResult
from artificer.core.trace import Node, Tokens
from artificer.formats.account import Account
from artificer.formats.base import ALL, Format, Item
from artificer.formats.holding import one_branch
from artificer.formats.parts import call_of, extra, fields, linear, node, openai_tool, plain, result_of, result_text, tools_of
from artificer.formats.residue import KEY, beside, extra_events, restored

VERSION = "ATIF-v1.7"
_ROOT = frozenset({"schema_version", "trajectory_id", "agent", "steps", "extra", "subagent_trajectories"})
_KEPT = ("session_id", "notes", "final_metrics", "continued_trajectory_ref")
_STEP = frozenset(
    {"step_id", "timestamp", "source", "message", "reasoning_content", "tool_calls", "observation", "is_copied_context", "extra", "metrics"}
)

_ROLES: dict[str, Any] = {"system": "system", "user": "user", "agent": "assistant"}
_SOURCES = {"system": "system", "user": "user", "assistant": "agent", "tool": "system"}
_MEDIA = ("image/jpeg", "image/png", "image/gif", "image/webp")


def fits(row: Any) -> float:
    """A version that says so, or steps with sources."""
    if str(row.get("schema_version", "")).startswith("ATIF"):
        return 1.0
    return 0.9 if row["steps"] and all(step["source"] in _ROLES and "step_id" in step for step in row["steps"]) else 0.0


def count(row: Any) -> int:
    """The messages, thoughts, calls and results of the steps, and of embedded trajectories."""
    inner = sum([count(one) for one in row.get("subagent_trajectories") or ()])
    return inner + sum([_count(step) for step in row["steps"]]) + extra_events(fields(row.get("extra")).get(KEY))


def _count(step: Any) -> int:
    results = len(_results(step))
    found = len(step.get("tool_calls") or ()) + (step.get("reasoning_content") is not None)
    return results + found + (1 if _speaks(step) or not (found or results) else 0)


def _results(step: Any) -> list[Any]:
    observation = step.get("observation")
    return observation["results"] if observation else []


def _speaks(step: Any) -> bool:
    message, user = step.get("message"), step["source"] == "user"
    return (
        any(part.get("text") or (user and part.get("type") == "image") for part in cast("list[Any]", message))
        if isinstance(message, list)
        else bool(message)
    )


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace of a trajectory, and those of its subagents."""
    seen = _seen(row, account)
    kept = fields(row.get("extra")).get(KEY)
    yield restored(seen, kept, account) if kept is not None else seen
    for inner in row.get("subagent_trajectories") or ():
        yield from parse({**inner, "extra": {**(inner.get("extra") or {}), "subagent_of": row.get("trajectory_id")}}, account)


def _seen(row: Any, account: Account) -> Item:
    nodes: list[Node] = []
    for step in row["steps"]:
        _read_step(step, nodes, account)
    agent = fields(row.get("agent"))
    tools = tools_of(agent.get("tool_definitions"), account)
    kept: dict[str, Any] = {key: value for key, value in row.items() if key not in _ROOT and value is not None}
    root = {key: value for key, value in fields(row.get("extra")).items() if key != KEY}
    about = {key: value for key, value in agent.items() if key != "tool_definitions" and value is not None}
    if root:
        kept["extra"] = root
    if about and about != _AGENT:
        kept["agent"] = about
    return linear(nodes, tools, name=row.get("trajectory_id") or row.get("session_id"), lineage={"extra": kept} if kept else None)


def _read_step(step: Any, nodes: list[Node], account: Account) -> None:
    role = _ROLES[step["source"]]
    results = _results(step)
    calls = tuple([call_of(call["tool_call_id"], call["function_name"], call["arguments"], account) for call in step.get("tool_calls") or ()])
    thought = step.get("reasoning_content")
    if _speaks(step) or calls or thought is not None or not results:
        message = Message(role, _content(step.get("message"), account), thought, calls, at=step.get("timestamp"))
        tokens = _tokens(step.get("metrics") or {})
        made = node(len(nodes) - 1, message, sampled=role == "assistant" and step.get("is_copied_context") is not True, notes=_notes(step))
        nodes.append(Node(made.parent, message, sampled=made.sampled, tokens=tokens, notes=made.notes))
    elif _notes(step):
        account.lose("fields of a step that is only an observation", len(_notes(step)))
    for result in results:
        nodes.append(_read_result(result, len(nodes) - 1))


def _read_result(result: Any, parent: int) -> Node:
    content = result.get("content")
    call_id = result.get("source_call_id") or ""
    if isinstance(content, list):
        whole: list[Any] = cast("list[Any]", content)
        texts = all(part.get("type") == "text" for part in whole)
        found = result_of(call_id, plain(whole)) if texts else ToolResult(call_id, whole)
    else:
        found = result_of(call_id, plain(content))
    return node(parent, Message("tool", result=found), notes=extra(result, frozenset({"source_call_id", "content"})))


def _notes(step: Any) -> dict[str, Any]:
    kept = {key: value for key, value in step.items() if key not in _STEP and value is not None}
    if step.get("extra"):
        kept["extra"] = step["extra"]
    metrics = fields(step.get("metrics"))
    rest = {key: value for key, value in metrics.items() if key not in ("completion_token_ids", "logprobs") and value is not None}
    found = {call["tool_call_id"]: call["extra"] for call in step.get("tool_calls") or () if call.get("extra")}
    return kept | ({"metrics": rest} if rest else {}) | ({"calls": found} if found else {})


def _tokens(metrics: Any) -> Tokens | None:
    ids, logprobs = metrics.get("completion_token_ids"), metrics.get("logprobs")
    if ids is None:
        return None
    if not all(isinstance(one, int) for one in ids):
        raise TypeError("token ids are whole numbers")
    return Tokens(tuple(ids), tuple(map(float, logprobs)) if logprobs is not None and len(logprobs) == len(ids) else None)


def _content(message: Any, account: Account) -> str | tuple[Part, ...]:
    if not isinstance(message, list):
        return plain(message)
    parts: list[Part] = []
    for part in cast("list[Any]", message):
        if part["type"] == "text":
            parts.append(Text(part["text"]))
        elif part["type"] == "image":
            parts.append(Image(part["source"]["path"], part["source"]["media_type"]))
        else:
            parts.append(File(part["source"]["path"], part["source"]["media_type"]))
    return tuple(parts)


# writing

_AGENT = {"name": "artificer", "version": "1"}


def render(item: Item, account: Account) -> Iterable[Json]:
    """The trajectory of a trace."""
    row = _row(one_branch(item))
    kept = beside(item, _seen(row, Account()))
    if kept is not None:
        row["extra"] = {**row.get("extra", {}), KEY: kept}
    yield row


def _row(item: Item) -> dict[str, Any]:
    kept = item.trace.lineage.get("extra")
    extras: dict[str, Any] = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    about = extras.get("agent")
    agent: dict[str, Any] = dict(cast("dict[str, Any]", about)) if isinstance(about, dict) and {"name", "version"} <= about.keys() else dict(_AGENT)
    if item.tools:
        agent["tool_definitions"] = [openai_tool(tool) for tool in item.tools]
    row: dict[str, Any] = {"schema_version": VERSION, "trajectory_id": item.trace.id, "agent": agent, "steps": _steps(item.trace.nodes)}
    row |= {key: extras[key] for key in _KEPT if isinstance(extras.get(key), dict if key == "final_metrics" else str)}
    if isinstance(extras.get("extra"), dict) and KEY not in extras["extra"]:
        row["extra"] = extras["extra"]
    return row


def _steps(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    open_calls: set[str] = set()
    for one in nodes:
        message = one.message
        if message.role == "tool" and message.result is not None:
            result = message.result
            shown: dict[str, Any] = {"content": result_text(result)}
            if steps and result.call_id in open_calls:
                open_calls.discard(result.call_id)
                steps[-1].setdefault("observation", {"results": []})["results"].append({"source_call_id": result.call_id, **shown})
                continue
            steps.append({"source": "system", "message": "", "observation": {"results": [shown]}})
        else:
            steps.append(_step(one))
        open_calls = {call.id for call in message.calls} if message.role == "assistant" else set()
    for number, step in enumerate(steps, 1):
        step["step_id"] = number
    return steps


def _step(one: Node) -> dict[str, Any]:
    message = one.message
    step: dict[str, Any] = {"source": _SOURCES[message.role], "message": _shown(message)}
    if message.at is not None and _is_time(message.at):
        step["timestamp"] = message.at
    if message.role != "assistant":
        return step
    if message.reasoning is not None:
        step["reasoning_content"] = message.reasoning
    if message.calls:
        step["tool_calls"] = [{"tool_call_id": call.id, "function_name": call.name, "arguments": call.arguments} for call in message.calls]
    if not one.sampled:
        step["is_copied_context"] = True
    kept = one.notes.get("extra")
    extras: dict[str, Any] = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    if isinstance(extras.get("model_name"), str):
        step["model_name"] = extras["model_name"]
    if isinstance(extras.get("extra"), dict):
        step["extra"] = extras["extra"]
    if one.tokens is not None:
        metrics: dict[str, Any] = {"completion_token_ids": list(one.tokens.ids)}
        if one.tokens.logprobs is not None:
            metrics["logprobs"] = list(one.tokens.logprobs)
        step["metrics"] = metrics
    return step


def _shown(message: Message) -> Json:
    if isinstance(message.content, str):
        return message.content
    return [
        {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image", "source": {"media_type": part.mime, "path": part.uri}}
        for part in message.content
        if isinstance(part, Text) or (isinstance(part, Image) and part.mime in _MEDIA)
    ]


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


FORMAT = Format("atif", "ATIF 1.7, Harbor's trajectories (1.0 to 1.8 are read)", fits, count, parse, render, ALL, whole=True)
