"""Runs as tables: what a row of each is, and how traces, tasks and rejects become rows. `docs/query.md` says what each column is.

The columns and their types are the fields of the structs below: text, 64-bit integers, floats, truth values, lists of text. What is free in form
(arguments, results, lineage) is JSON text. A number that does not fit is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.messages import Message, Text, ToolResult
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.run.store import Rejected

SCHEMA = 1
"""The version of these tables; it changes with their columns."""


class TraceRow(Struct, frozen=True):
    """A trace. `passed`, `score` and `stop` are those of its answer; `passed` is null where nobody judged it."""

    run: str
    key: str
    id: str
    task_id: str
    world: str
    toolset: str
    passed: bool | None
    score: float | None
    stop: str | None
    messages: int
    branches: int
    turns: int | None
    calls: int | None
    errors: int | None
    tokens_in: int | None
    tokens_out: int | None
    seed: str
    source_file: str | None
    source_row: str | None
    source_format: str | None
    lineage: str


class MessageRow(Struct, frozen=True):
    """A node of a trace."""

    run: str
    key: str
    node: int
    parent: int | None
    role: str
    author: str | None
    content: str
    reasoning: str | None
    attachments: int
    calls: int
    sampled: bool
    at: str | None
    state: str | None
    effects: int
    tokens: int | None


class CallRow(Struct, frozen=True):
    """A call with what came of it."""

    run: str
    key: str
    node: int
    position: int
    id: str
    role: str
    name: str
    arguments: str
    answered: bool
    result_node: int | None
    result: str | None
    error: str | None
    detail: str | None


class VerdictRow(Struct, frozen=True):
    """The judgement of a branch."""

    run: str
    key: str
    leaf: int | None
    answer: bool
    passed: bool
    score: float
    stop: str | None


class CheckRow(Struct, frozen=True):
    """A part of a judgement."""

    run: str
    key: str
    leaf: int | None
    position: int
    name: str
    passed: bool
    score: float
    mode: str | None
    evidence: tuple[str, ...]
    kinds: tuple[str, ...]
    numbers: str


class RejectRow(Struct, frozen=True):
    """A dropped row."""

    run: str
    key: str
    stage: str
    reason: str
    detail: str
    item: str


class TaskRow(Struct, frozen=True):
    """A task."""

    run: str
    key: str
    id: str
    world: str
    prompt: str
    wants: int
    ops: tuple[str, ...]
    outcomes: tuple[str, ...]
    gold_calls: int | None
    checks: tuple[str, ...]
    tools: tuple[str, ...] | None
    tags: tuple[str, ...]
    difficulty: str
    lineage: str


class ToolRow(Struct, frozen=True):
    """A tool of a tool set."""

    run: str
    toolset: str
    name: str
    description: str
    parameters: str


TABLES: dict[str, tuple[type[Struct], tuple[str, ...]]] = {
    "traces": (TraceRow, ("run", "key")),
    "messages": (MessageRow, ("run", "key", "node")),
    "calls": (CallRow, ("run", "key", "node", "position")),
    "verdicts": (VerdictRow, ("run", "key", "leaf")),
    "checks": (CheckRow, ("run", "key", "leaf", "position")),
    "rejects": (RejectRow, ("run", "key", "stage")),
    "tasks": (TaskRow, ("run", "key")),
    "tools": (ToolRow, ("run", "toolset", "name")),
}
"""Each table with its row and what it is sorted by."""
OF_TRACES = frozenset({"traces", "messages", "calls", "verdicts", "checks"})

_SQL = {
    "str": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "tuple[str, ...]": "VARCHAR[]",
}


def columns(table: str) -> dict[str, str]:
    """A table's columns with their SQL types, in order."""
    return {name: _SQL[str(kind).removesuffix(" | None")] for name, kind in TABLES[table][0].__annotations__.items()}


_encode = msgspec.json.Encoder().encode


def _json(value: Any) -> str:
    return _encode(value).decode()


def whole(value: int) -> int | None:
    """A whole number that fits into 64 bits."""
    return value if -(1 << 63) <= value < 1 << 63 else None


def rows_of(run: str, key: str, trace: Trace, wanted: frozenset[str]) -> Iterator[tuple[str, Struct]]:
    """The rows that a trace has in the tables that are wanted."""
    if "traces" in wanted:
        yield "traces", _trace(run, key, trace)
    if "messages" in wanted:
        for at, node in enumerate(trace.nodes):
            tokens = None if node.tokens is None else len(node.tokens.ids)
            message = node.message
            parent = None if node.parent is None else whole(node.parent)
            yield (
                "messages",
                MessageRow(
                    run, key, at, parent, message.role, message.author, said(message), message.reasoning, _attached(message),
                    len(message.calls), node.sampled, message.at, node.state, len(node.effects), tokens,
                ),
            )  # fmt: skip
    if "calls" in wanted:
        for row in _calls(run, key, trace):
            yield "calls", row
    for leaf in sorted(trace.verdicts) if "verdicts" in wanted else ():
        verdict, stop = trace.verdicts[leaf], trace.stop.get(leaf)
        yield "verdicts", VerdictRow(run, key, whole(leaf), leaf == trace.answer, verdict.passed, verdict.score, None if stop is None else stop.value)
    for leaf in sorted(trace.verdicts) if "checks" in wanted else ():
        for at, part in enumerate(trace.verdicts[leaf].parts):
            kinds = tuple([kind.value for kind in part.kinds])
            yield (
                "checks",
                CheckRow(
                    run, key, whole(leaf), at, part.name, part.passed, part.score, part.mode, part.evidence, kinds, _json(part.numbers),
                ),
            )  # fmt: skip


def _trace(run: str, key: str, trace: Trace) -> TraceRow:
    answer = trace.answer
    verdict = None if answer is None else trace.verdicts.get(answer)
    stop = None if answer is None else trace.stop.get(answer)
    lineage: dict[str, Any] = trace.lineage
    came: Any = lineage.get("from")
    origin = cast("dict[str, Any]", came) if isinstance(came, dict) else {}
    file, row, form = [None if origin.get(name) is None else str(origin[name]) for name in ("file", "row", "format")]
    took = trace.took
    return TraceRow(
        run, key, trace.id, trace.task_id, trace.world, trace.tools, trace.passed if trace.verdicts else None,
        None if verdict is None else verdict.score, None if stop is None else stop.value, len(trace.nodes), len(trace.leaves()),
        whole(took.turns), whole(took.calls), whole(took.errors), whole(took.tokens_in), whole(took.tokens_out),
        str(trace.seed), file, row, form, _json(lineage),
    )  # fmt: skip


def said(message: Message) -> str:
    """A message's text; of a tool what it answered: its text, or its JSON, or what it said of the failure."""
    result = message.result
    if result is None:
        return message.text
    if result.error is not None:
        return result.detail or ""
    return result.content if isinstance(result.content, str) else _json(result.content)


def _attached(message: Message) -> int:
    return 0 if isinstance(message.content, str) else sum(not isinstance(part, Text) for part in message.content)


def _calls(run: str, key: str, trace: Trace) -> Iterator[CallRow]:
    """Each call with its result: the first of its id among the tools' messages behind it; of calls with one id in a message each has its own."""
    owners = list[int | None]()
    results: dict[tuple[int, str], list[tuple[int, ToolResult]]] = {}
    for at, node in enumerate(trace.nodes):
        parent = node.parent if node.parent is not None and 0 <= node.parent < at else None
        behind = owners[parent] if parent is not None and trace.nodes[parent].message.role == "tool" else parent
        owners.append(behind)
        result = node.message.result
        if behind is not None and result is not None:
            results.setdefault((behind, result.call_id), []).append((at, result))
    for at, node in enumerate(trace.nodes):
        taken: dict[str, int] = {}
        for position, call in enumerate(node.message.calls):
            nth = taken[call.id] = taken.get(call.id, -1) + 1
            found = results.get((at, call.id), [])
            where, result = found[nth] if nth < len(found) else (None, None)
            error = None if result is None or result.error is None else result.error.value
            content = None if result is None or error is not None else _json(result.content)
            yield CallRow(
                run, key, at, position, call.id, node.message.role, call.name, _json(call.arguments),
                result is not None, where, content, error, None if result is None else result.detail,
            )  # fmt: skip


def reject_row(run: str, row: Rejected) -> RejectRow:
    """A dropped row as a row."""
    return RejectRow(run, row.key, row.stage, row.reason, row.detail, _json(row.item))


def task_row(run: str, key: str, task: Task) -> TaskRow:
    """A task as a row."""
    wants = task.goal.wants
    ops, outcomes = tuple([want.op for want in wants]), tuple([want.outcome for want in wants])
    gold = None if task.gold is None else len(task.gold)
    return TaskRow(
        run, key, task.id, task.world, task.prompt, len(wants), ops, outcomes, gold, task.checks, task.tools, task.tags,
        _json(task.difficulty), _json(task.lineage),
    )  # fmt: skip


def tool_row(run: str, toolset: str, tool: ToolSpec) -> ToolRow:
    """A tool as a row."""
    return ToolRow(run, toolset, tool.name, tool.description, _json(tool.parameters))
