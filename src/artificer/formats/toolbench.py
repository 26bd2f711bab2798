"""ToolBench's answer files: one JSON document a query with the whole search tree (`tree.tree`), as its DFSDT and its
chains write it (OpenBMB/ToolBench, `data_example/answer`). Only read.

A decision is up to three nodes of the tree: Thought, Action (the tool), Action Input (the arguments, what was observed,
and a status code). It becomes one message of the assistant, with the thought as its reasoning, and one result; a thought
that nothing followed becomes a message alone. The synthetic tool `Finish` stays a call. System prompt and user's words
stand in `train_messages` where the search was won, else the query alone is the user's.

A leaf passes when it gave an answer: that is the source's own "win", which says that the search ended, not that the
answer is right. Status codes, `pruned` and Elo values stay in notes. Files whose search was a single chain (`CoT@n`,
`trys`) hold no tree that could be read: their rows are left out by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolResult
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.parts import call_of, content_named, node, result_of, tools_of

ANSWERED, GAVE_UP = 3, 4
CODES = {
    1: ErrorKind.unknown_tool,
    2: ErrorKind.invalid_argument,
    5: ErrorKind.timeout,
    6: ErrorKind.not_found,
    7: ErrorKind.forbidden,
    8: ErrorKind.forbidden,
    9: ErrorKind.transport,
    10: ErrorKind.transport,
    11: ErrorKind.bad_output,
    12: ErrorKind.transport,
}
"""The source's status codes as kinds of errors. 0 is a success, 3 an answer, 4 giving up."""
_NODE = frozenset({"children", "node_type", "description", "observation", "io_state", "messages"})


def fits(row: Any) -> float:
    """A tree and what was generated of it."""
    return 0.99 if isinstance(row.get("answer_generation"), dict) and isinstance(row["tree"]["tree"]["children"], list) else 0.0


def count(row: Any) -> int:
    """Prompt, query, thoughts, calls and what was observed."""
    found = len(_opening(row["answer_generation"]))
    for one in _walk(row["tree"]["tree"]):
        kind = one["node_type"]
        if kind == "Thought":
            found += 1
        elif kind == "Action Input":
            found += 2
        elif kind == "Action" and not one["children"]:
            found += 1
    return found


def _walk(root: Any) -> Iterator[Any]:
    """All nodes but the root, which holds nothing."""
    waiting: list[Any] = list(root["children"])
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one["children"])


def _opening(generated: Any) -> list[Message]:
    """The system prompt and the user's words."""
    given: Any = generated.get("train_messages") or []
    first: list[Any] = given[0][:2] if given else []
    found = [Message(one["role"], one["content"]) for one in first if one["role"] in ("system", "user") and isinstance(one["content"], str)]
    return found if len(found) == 2 else [Message("user", _text(generated["query"]))]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a query is text")
    return value


class _At(Struct, frozen=True):
    """A node of the tree that is to be read: the trace's node it follows, and the thought and the tool that wait for arguments."""

    node: Any
    parent: int
    thought: str | None = None
    tool: str | None = None
    kept: Any = None


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The tree of a row."""
    generated = row["answer_generation"]
    nodes: list[Node] = []
    for message in _opening(generated):
        nodes.append(node(len(nodes) - 1, message, sampled=False))
    stop: dict[int, StopReason] = {}
    waiting = [_At(child, len(nodes) - 1) for child in reversed(row["tree"]["tree"]["children"])]
    while waiting:
        at = waiting.pop()
        waiting.extend(reversed(_read(at, nodes, stop, account)))
    lineage: dict[str, Json] = {
        "extra": {name: generated[name] for name in ("finish_type", "final_answer", "query_count", "total_tokens") if name in generated}
        | ({"win": row["win"]} if "win" in row else {})
        | ({"search": row["forward_args"]} if isinstance(row.get("forward_args"), dict) else {})
    }
    tools = tools_of(generated.get("function"), account)
    trace = Trace("", "", "", tools[0], tuple(nodes), lineage=lineage)
    verdicts = {leaf: _verdict(stop.get(leaf)) for leaf in trace.leaves()}
    yield content_named(Item(Trace("", "", "", tools[0], tuple(nodes), verdicts, stop, lineage=lineage), tools[1]))


def _verdict(stop: StopReason | None) -> Verdict:
    answered = stop is StopReason.agent_done
    return Verdict.of((CheckResult("gave_an_answer", float(answered), answered, () if answered else ("the branch ended without an answer",)),))


def _read(at: _At, nodes: list[Node], stop: dict[int, StopReason], account: Account) -> list[_At]:
    """Reads one node of the tree; those behind it that wait."""
    one, kind = at.node, at.node["node_type"]
    words: Any = one.get("description")
    if kind != "Action Input" and at.tool is not None:
        raise ValueError("an action is followed by its input")
    if kind == "Thought":
        if at.thought is not None:  # a thought behind a thought: the first stands alone
            nodes.append(node(at.parent, Message("assistant", "", at.thought), notes=at.kept))
            at = _At(one, len(nodes) - 1)
        return _behind(at, _text(words), None, nodes, stop)
    if kind == "Action":
        return _behind(at, at.thought, _text(words), nodes, stop)
    if kind != "Action Input":
        raise ValueError("a node of a tree is a Thought, an Action or an Action Input")
    call = call_of(f"c{len(nodes)}", at.tool or "", _text(words), account)
    nodes.append(node(at.parent, Message("assistant", "", at.thought, (call,))))
    kept = {name: value for name, value in one.items() if name not in _NODE}
    nodes.append(node(len(nodes) - 1, Message("tool", result=_result(call.id, one)), notes=kept))
    here = len(nodes) - 1
    if not one["children"]:
        code = one.get("observation_code")
        stop[here] = StopReason.agent_done if code == ANSWERED else StopReason.gave_up if code == GAVE_UP else _ended(one)
    return [_At(child, here) for child in one["children"]]


def _ended(one: Any) -> StopReason:
    return StopReason.pruned if one.get("pruned") else StopReason.max_depth


def _behind(at: _At, thought: str | None, tool: str | None, nodes: list[Node], stop: dict[int, StopReason]) -> list[_At]:
    """What follows a thought or an action; one that nothing follows becomes a message."""
    children = at.node["children"]
    kept = {name: value for name, value in at.node.items() if name in ("pruned", "Elo")}
    if not children:
        message = Message("assistant", "", thought) if tool is None else Message("assistant", f"Action: {tool}", thought)
        nodes.append(node(at.parent, message, notes=kept))
        stop[len(nodes) - 1] = _ended(at.node)
        return []
    if len(children) > 1 and thought is not None:  # shared by several: said once
        nodes.append(node(at.parent, Message("assistant", "", thought), notes=kept))
        return [_At(child, len(nodes) - 1, None, tool, kept) for child in children]
    return [_At(child, at.parent, thought, tool, kept) for child in children]


def _result(call_id: str, one: Any) -> ToolResult:
    seen: Any = one.get("observation")
    text = seen if isinstance(seen, str) else ""
    code = one.get("observation_code")
    kind = CODES.get(code) if isinstance(code, int) else None
    return ToolResult(call_id, error=kind, detail=text) if kind is not None else result_of(call_id, text)


FORMAT = Format(
    "toolbench",
    "ToolBench's answer trees (only read)",
    fits,
    count,
    parse,
    losses=("states of the tools' side (`io_state`), and the messages that the search repeated at each node",),
)
