"""BFCL's files: questions, possible answers and results of the Berkeley Function Calling Leaderboard (v1 to v4).

A question gives what is said first and the tools. Later turns of a question are not said yet: they stay in the
lineage, unless the row says what happens between them (`ground_truth` beside, as we write it, or the log of a result).
An answer gives the reference's calls as messages that nobody sampled: of the values that it allows the first. A result
gives what a model did, with the results of calls and the users' turns where the log was kept.

Written is a question with its `function` and, where an assistant acted, the calls as `ground_truth`: BFCL's checker
runs calls itself, and has no place for results, nor for what an assistant says or thinks. A row that was read and not
changed is written as it stood.

Source: gorilla/berkeley-function-call-leaderboard, `bfcl_eval` (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, cast

import msgspec

from artificer.core.canon import Json, digest
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.formats import bfcl_log
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, message_events, says, toolset_digest
from artificer.formats.bfcl_calls import allowed, count_truth, given, is_turns, python_text, step, steps_of, truth_messages
from artificer.formats.bfcl_schemas import from_bfcl, to_bfcl
from artificer.formats.parts import NO_PARAMETERS, linear, listed, node, plain

_OWN = "trace_id"
"""Where a trace's id stands that BFCL's reader could not take: it reads a category and a number out of an id."""
_FIELDS = "$fields"
_OTHERS = ("messages", "conversations", "conversation", "prompt", "query")
_CATEGORY = re.compile(
    r"(?:live_)?(?:simple|multiple|parallel|parallel_multiple|irrelevance|relevance|simple_python|simple_java|simple_javascript)_\d+(?:-\d+-\d+)?"
    r"|multi_turn_(?:base|miss_func|miss_param|long_context)_\d+|(?:memory|web_search)\w{0,40}_\d+(?:-\w{1,40}-\d+)?"
)
SAID = "what an assistant says and thinks: BFCL holds its calls"
RESULTS = "results of calls: BFCL's checker runs them itself"
SAMPLED = "which assistant messages a model produced: what is written is a reference"
STEPS = "which calls of a turn were made at once"


def fits(row: Any) -> float:
    """A question in turns with functions or classes, possible answers, or a result, under an id."""
    if not isinstance(row.get("id"), str):
        return 0.0
    if any(name in row for name in _OTHERS):
        return 0.0
    if "question" in row:
        turns = row["question"]
        good = isinstance(turns, list) and all(isinstance(turn, list | dict) for turn in cast("list[Any]", turns))
        return 0.98 if good and ("function" in row or "involved_classes" in row or "ground_truth" in row) else 0.0
    named = _CATEGORY.fullmatch(row["id"]) is not None
    if isinstance(row.get("ground_truth"), list):
        return 0.95 if named else 0.5
    return (0.95 if named else 0.35) if isinstance(row.get("result"), list | str) else 0.0


def _turns(row: Any) -> list[list[Any]]:
    """The messages of each turn; old files have those of the only turn."""
    turns = row["question"]
    if isinstance(turns, list) and turns and all(isinstance(one, dict) for one in cast("list[Any]", turns)):
        return [cast("list[Any]", turns)]
    if not isinstance(turns, list) or not all(isinstance(turn, list) for turn in cast("list[Any]", turns)):
        raise TypeError("a question is a list of turns")
    return cast("list[list[Any]]", turns)


def _truth(row: Any) -> list[Any] | None:
    truth = row.get("ground_truth")
    if not isinstance(truth, list | None):
        raise TypeError("possible answers are a list")
    return cast("list[Any] | None", truth)


def count(row: Any) -> int:
    """The messages that are said, and the calls of a reference or result."""
    if "question" in row:
        turns, truth = _turns(row), _truth(row)
        return sum([len(turn) for turn in (turns if truth is not None else turns[:1])]) + (count_truth(truth) if truth is not None else 0)
    if "ground_truth" in row:
        return count_truth(_truth(row) or [])
    log = bfcl_log.turns_of(row.get("inference_log"))
    if log:
        return bfcl_log.count(log)
    return sum([message_events(step(one, "c", Account())) for one in steps_of(row["result"])])


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace of a question, of an answer, or of a result."""
    item = _seen(row, account)
    made = _row(item, Account())
    kept = {key: value for key, value in row.items() if key not in (_OWN, _FIELDS) and (key not in made or made[key] != value)}
    if set(made) | set(kept) != set(row):
        kept[_FIELDS] = list(row)
    if kept:
        item = Item(msgspec.structs.replace(item.trace, lineage={"extra": kept}), item.tools)
    yield item


def _seen(row: Any, account: Account) -> Item:
    name = row.get(_OWN, row["id"])
    if not isinstance(name, str):
        raise TypeError("an id is text")
    tools = tuple([_tool(record) for record in listed(row.get("function"))])
    if "question" in row:
        nodes = _question(row, tools, account)
    elif "ground_truth" in row:
        nodes = _chain(truth_messages(_truth(row) or [], tools, account), False)
    else:
        log = bfcl_log.turns_of(row.get("inference_log"))
        said = [step(one, f"c{at}", account) for at, one in enumerate(steps_of(row["result"]))]
        nodes = bfcl_log.nodes_of(log, account) if log else _chain(said, True)
    return linear(nodes, (toolset_digest(tools), tools), name=name)


def _tool(record: Any) -> ToolSpec:
    name, about = record["name"], record.get("description")
    if not isinstance(name, str) or not isinstance(about, str | None):
        raise TypeError("a tool's name and description are text")
    parameters = from_bfcl(record.get("parameters")) or NO_PARAMETERS
    return ToolSpec(name, about or "", {key: value for key, value in parameters.items() if key != "required" or value})


def _question(row: Any, tools: Sequence[ToolSpec], account: Account) -> list[Node]:
    turns, truth = _turns(row), _truth(row)
    if truth is None:
        return [node(at - 1, _asked(one), sampled=False) for at, one in enumerate(turns[0] if turns else [])]
    steps = truth_messages(truth, tools, account)
    if not is_turns(truth):
        turns = [[one for turn in turns for one in turn]]
    nodes: list[Node] = []
    for turn, done in zip_longest(turns, steps):
        for message in [_asked(one) for one in turn or ()] + ([done] if done is not None else []):
            nodes.append(node(len(nodes) - 1, message, sampled=False))
    return nodes


def _asked(record: Any) -> Message:
    role = record["role"]
    if role not in ("system", "user", "assistant"):
        raise ValueError("an unknown role")
    return Message(role, plain(record.get("content")))


def _chain(said: Sequence[Message], sampled: bool) -> list[Node]:
    return [node(at - 1, message, sampled=sampled) for at, message in enumerate(said)]


# writing


class _Turn(msgspec.Struct):
    """What is asked in a turn, and what an assistant then does."""

    asked: list[Message] = []
    done: list[Node] = []


def render(item: Item, account: Account) -> Iterable[Json]:
    """The question of a branch, with the assistant's calls as its reference; or the row that it was read from."""
    extra = item.trace.lineage.get("extra")
    kept = cast("dict[str, Any]", extra) if isinstance(extra, dict) else {}
    made = _row(item, Account())
    whole = {**made, **{key: value for key, value in kept.items() if key != _FIELDS}}
    names = kept.get(_FIELDS)
    if isinstance(names, list):
        whole = {key: whole[key] for key in cast("list[Any]", names) if key in whole}
    if kept and _same(whole, item):
        yield whole
        return
    made = _row(item, account)
    yield made | {key: value for key, value in kept.items() if key not in (*made, _FIELDS, "question", "function", "ground_truth", "result", "id")}


def _same(row: dict[str, Any], item: Item) -> bool:
    """Whether a row says what a trace says, sampled or not included."""
    try:
        seen = _seen(row, Account())
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return seen.trace.nodes == item.trace.nodes and seen.tools == item.tools and seen.trace.id == item.trace.id


def _row(item: Item, account: Account) -> dict[str, Any]:
    turns = _split(item.trace.nodes)
    calls = [[call for one in turn.done for call in one.message.calls] for turn in turns]
    done = [one for turn in turns for one in turn.done if one.message.role == "assistant"]
    single = len(turns) == 1 and sum(bool(one.message.calls) for one in done) <= 1
    alone = not any(turn.asked for turn in turns)
    row: dict[str, Any] = {"id": item.trace.id}
    if alone and done and any(one.sampled for one in done):
        _account_for(turns, account, result=True)
        return row | {"result": given(done[0].message) if len(done) == 1 else [[given(one.message) for one in done]]}
    category = _category(single, len(item.tools), sum(map(len, calls)), bool(done))
    if _CATEGORY.fullmatch(item.trace.id) is None:
        row = {"id": f"{category}_{int(digest(item.trace.id)[:10], 16)}", _OWN: item.trace.id}
    if not alone or not turns:
        row["question"] = [[{"role": one.role, "content": one.text} for one in turn.asked] for turn in turns]
    if item.tools:
        row["function"] = [
            {"name": tool.name, "description": tool.description, "parameters": to_bfcl(tool.parameters, account)} for tool in item.tools
        ]
    elif "question" in row:
        row["function"] = []
    answered = [turn for turn in turns if turn.done]
    if answered:
        text = done[0].message.text if done and not calls[0] and single and not done[0].sampled else ""
        if text and len(done) == 1:
            row["ground_truth"] = [text]
        elif single:
            row["ground_truth"] = [allowed(call, account) for call in calls[0]]
        else:
            row["ground_truth"] = [[python_text(call) for call in calls[at]] for at in range(len(answered))]
        _account_for(turns, account, kept=bool(text and len(done) == 1))
    return row


def _split(nodes: Sequence[Node]) -> list[_Turn]:
    """Turns: a message that is not the assistant's begins one when something was done since the last. Where nothing is
    asked at all, each message of the assistant is a turn.
    """
    alone = all(one.message.role in ("assistant", "tool") for one in nodes)
    turns: list[_Turn] = []
    for at, one in enumerate(nodes):
        ours = one.message.role in ("assistant", "tool") and not _told(nodes, at)
        begins = bool(turns and turns[-1].done) and (not ours or (alone and one.message.role == "assistant"))
        if not turns or begins:
            turns.append(_Turn([], []))
        if ours:
            turns[-1].done.append(one)
        else:
            turns[-1].asked.append(one.message)
    return turns


def _told(nodes: Sequence[Node], at: int) -> bool:
    """Whether a message is what an assistant is said to have said before: part of what is asked."""
    one, following = nodes[at], nodes[at + 1 : at + 2]
    message = one.message
    if one.sampled or message.role != "assistant" or message.calls or message.reasoning is not None or not message.text:
        return False
    return bool(following) and following[0].message.role in ("system", "user")


def _account_for(turns: Sequence[_Turn], account: Account, *, result: bool = False, kept: bool = False) -> None:
    """Names what of the assistant's side is not written."""
    for turn in turns:
        results = sum(one.message.role == "tool" for one in turn.done)
        calls = sum(len(one.message.calls) for one in turn.done)
        texts = sum(says(one.message) for one in turn.done if one.message.role == "assistant")
        found = sum(message_events(one.message) for one in turn.done)
        account.drop(RESULTS, results)
        written = sum(len(one.message.calls) or 1 for one in turn.done if one.message.role == "assistant") if result else calls or bool(turn.done)
        account.drop(SAID, found - results - written)
        if not result and not calls and texts and not kept:
            account.lose(SAID)
        if not result and sum(bool(one.message.calls) for one in turn.done) > 1:
            account.lose(STEPS)
        if not result and any(one.sampled for one in turn.done):
            account.lose(SAMPLED)


def _category(single: bool, tools: int, calls: int, done: bool) -> str:
    """The category that a question belongs to by what it offers and wants."""
    if not single:
        return "multi_turn_base"
    if done and not calls:
        return "irrelevance"
    if calls > 1:
        return "parallel_multiple" if tools > 1 else "parallel"
    return "multiple" if tools > 1 else "simple_python"


FORMAT = Format(
    "bfcl",
    "BFCL's questions, possible answers and results",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "parallel", "tools", "opening", "system", "words", "empty", "sampled"]),
    (
        "results of calls, and what an assistant says or thinks",
        "which messages were sampled: calls are written as a reference",
        "an empty text as an argument, which BFCL reads as left out",
        "parameters of several types, and an empty list of required ones",
    ),
)
