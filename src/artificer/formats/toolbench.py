"""ToolBench's answer files (OpenBMB/ToolBench, `data_example/answer`; THUNLP-MT/StableToolBench has the same): one JSON document a query.

Three shapes are read. Depth-first search (`DFS_woFilter_w2`) dumps its whole tree under `tree.tree`; single chains (`CoT@n`) dump each attempt under
`trys`; what ToolEval's converter makes of either holds the branch that it took under `answer.answer_details`, many queries in one document. Attempts
become branches of one trace. The first shape is written (`toolbench_tree`).

A decision is up to three nodes of the tree: Thought, Action (the tool), Action Input (the arguments, what was observed,
and a status code). It becomes one message of the assistant, with the thought as its reasoning, and one result; a thought
that nothing followed becomes a message alone. The synthetic tool `Finish` stays a call. System prompt and user's words
stand in `train_messages` where the search was won, else the query alone is the user's.

A leaf passes when it gave an answer: that is the source's own "win", which says that the search ended, not that the
answer is right. Status codes, `pruned` and Elo values stay in notes. `train_messages` and `compare_candidates` repeat what the tree holds; they are
read where there is nothing else. What the tree has no place for is kept under `artificer` beside it, so that whole traces come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolResult
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, StopReason, Verdict
from artificer.formats import chat, toolbench_tree
from artificer.formats.account import Account
from artificer.formats.base import ALL, Format, Item
from artificer.formats.parts import call_of, content_named, node, result_of, tools_of
from artificer.formats.residue import KEY, beside, extra_events, restored
from artificer.formats.toolbench_tree import ANSWERED, CODES, GAVE_UP, NODE


def fits(row: Any) -> float:
    """A tree, or attempts, and what was generated of them; or converted answers by their queries' ids."""
    if isinstance(row.get("answer_generation"), dict):
        return 0.99 if "trys" in row or isinstance(row["tree"]["tree"]["children"], list) else 0.0
    return 0.98 if row and all(_converted(one) for one in row.values()) else 0.0


def _converted(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("answer"), dict) and "answer_details" in one["answer"]


def opened(document: Any) -> Iterator[tuple[str, Any]]:
    """The document itself, or each of its converted answers."""
    if "answer_generation" in document or not any(_converted(one) for one in document.values()):
        yield "", document
        return
    for name, one in document.items():
        yield f" {name[:40]}", {"id": name, **one}


def count(row: Any) -> int:
    """Prompt, query, thoughts, calls and what was observed; what was kept beside."""
    return _events(row) + extra_events(row.get(KEY))


def _events(row: Any) -> int:
    if "answer" in row:
        return 1 + sum({"tool": 2, "assistant": 1}.get(one["role"], 0) for one in _walk(row["answer"]["answer_details"], "next"))
    roots = _roots(row)
    if roots is None:
        return sum(chat.count_message(one) for one in _told(row["answer_generation"]))
    found = len(_opening(row["answer_generation"]))
    for one in _walk(roots):
        kind = one["node_type"]
        if kind == "Thought":
            found += 1
        elif kind == "Action Input":
            found += 2
        elif kind == "Action" and not one["children"]:
            found += 1
    return found


def _walk(first: Any, behind: str = "children") -> Iterator[Any]:
    """All nodes of a forest."""
    waiting: list[Any] = list(first)
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one[behind])


def _roots(row: Any) -> list[Any] | None:
    """The nodes that a row's tree begins with; None where there is none, but messages."""
    if "tree" in row:
        return row["tree"]["tree"]["children"]
    if "answer" in row:
        return _of_converted(row["answer"]["answer_details"])
    chains = [one["chain"] for one in row.get("trys") or ()]
    if not chains and row["answer_generation"].get("train_messages"):
        return None
    return [_linked(chain) for chain in chains or row.get("compare_candidates") or () if chain]


def _linked(chain: Any) -> Any:
    """The nodes of a chain, each the child of the one before it."""
    behind: list[Any] = []
    for one in reversed(chain):
        behind = [{**one, "children": behind}]
    return behind[0]


def _of_converted(details: Any) -> list[Any]:
    """Converted nodes as the search's: a call is an Action and its input; system and user say nothing there."""
    first: list[Any] = []
    waiting: list[tuple[Any, list[Any]]] = [(one, first) for one in reversed(details)]
    while waiting:
        one, place = waiting.pop()
        inner: list[Any] = []
        if one["role"] == "tool":
            call = one["message"]
            given = {"node_type": "Action Input", "description": call["arguments"], "observation": call["response"], "children": inner}
            if call["name"] == "Finish":
                given["observation_code"] = GAVE_UP if "give_up" in _text(call["arguments"]) else ANSWERED
            place.append({"node_type": "Action", "description": call["name"], "children": [given]})
        elif one["role"] == "assistant":
            place.append({"node_type": "Thought", "description": one["message"], "children": inner})
        elif one["role"] in ("system", "user"):
            inner = place
        else:
            raise ValueError("a converted node is of the system, the user, the assistant or a tool")
        waiting.extend((following, inner) for following in reversed(one["next"]))
    return first


def _told(generated: Any) -> list[Any]:
    """The messages of the longest step, with the thought beside a call, or in a message before it, as a thought."""
    told: list[Any] = []
    for one in generated["train_messages"][-1]:
        thought = one.get("content") or None
        if one.get("function_call") and thought is None and told and told[-1]["role"] == "assistant" and not told[-1].get("function_call"):
            thought = told.pop().get("content")
        told.append({**one, "content": None, "reasoning_content": thought} if one.get("function_call") and thought is not None else one)
    return told


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
    seen = _seen(row, account)
    yield restored(seen, row[KEY], account) if KEY in row else seen


def _seen(row: Any, account: Account) -> Item:
    converted = "answer" in row
    generated = row["answer"] | {"query": row["query"], "function": row.get("available_tools")} if converted else row["answer_generation"]
    roots = _roots(row)
    nodes: list[Node] = []
    stop: dict[int, StopReason] = {}
    if roots is None:
        nodes = chat.messages_of(_told(generated), account)
    else:
        for message in _opening(generated):
            nodes.append(node(len(nodes) - 1, message, sampled=False))
        waiting = [_At(child, len(nodes) - 1) for child in reversed(roots)]
        while waiting:
            at = waiting.pop()
            waiting.extend(reversed(_read(at, nodes, stop, account)))
    lineage = _lineage(row, generated)
    tools = tools_of(generated.get("function"), account)
    trace = Trace("", "", "", tools[0], tuple(nodes), lineage=lineage)
    verdicts = {leaf: _verdict(stop.get(leaf)) for leaf in trace.leaves()} if roots is not None else {}
    return content_named(Item(Trace("", "", "", tools[0], tuple(nodes), verdicts, stop, lineage=lineage), tools[1]), row.get("id"))


def _lineage(row: Any, generated: Any) -> dict[str, Json]:
    kept = {name: generated[name] for name in ("finish_type", "final_answer", "query_count", "total_tokens", "method") if name in generated}
    kept |= {"win": row["win"]} if "win" in row else {}
    kept |= {"search": row["forward_args"]} if isinstance(row.get("forward_args"), dict) else {}
    return {"extra": kept} if kept else {}


def render(item: Item, account: Account) -> Iterable[Json]:
    """The document of a trace.

    Raises:
        ValueError: the tree is too deep.
    """
    row = toolbench_tree.document(item, account)
    kept = beside(item, _seen(row, Account()))
    if kept is not None:
        row[KEY] = kept
    yield row


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
    kept = {name: value for name, value in one.items() if name not in NODE}
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
    "ToolBench's answers: search trees, chains (only read), converted answers (only read)",
    fits,
    count,
    parse,
    render,
    ALL,
    ("states of the tools' side (`io_state`), and the messages that the search repeated at each node",),
    opened,
    whole=True,
)
