"""AgentDojo's run logs (ethz-spylab/agentdojo, `logging.py` and `types.py` of 0.1.35): a JSON document a task, as its
`TraceLogger` writes it and `load_task_results` reads it.

Text stands in blocks (`{"type": "text", "content"}`; thoughts in `thinking`) or, before `agentdojo_package_version`
was written, bare. `utility` says that the user's task was done. `security` says, where there was an injection, that
the *injection's* task was done: the part of the verdict of that name passes when it was not. Where there was none, or
the run broke off, it is true by convention and says nothing: then there is no such part.

Pipeline, attack, injections and what else a log says stay in lineage under `extra`. What the logs have no field for is
kept under `artificer`, which AgentDojo passes over: whole traces come back. A trace that nobody judged is written
without `utility` and `security`, as AgentDojo leaves a run that did not end; its loader then refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Message, Part, Role, Text, ToolCall, ToolResult
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict
from artificer.formats.account import Account
from artificer.formats.base import ALL, Format, Item, toolset_digest
from artificer.formats.holding import answered, one_branch
from artificer.formats.parts import arguments_of, broken_call, content_named, extra, extras, fields, node, result_of, result_text
from artificer.formats.residue import KEY, beside, extra_events, restored

VERSION = "0.1.35"
"""The package whose form is written; any version says that texts stand in blocks."""
UTILITY, SECURITY = "utility", "security"
_ROW = frozenset({"suite_name", "user_task_id", "messages", UTILITY, SECURITY, KEY})
_NAMED = ("pipeline_name", "suite_name", "user_task_id", "attack_type", "injection_task_id")
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_ASSISTANT = frozenset({"role", "content", "tool_calls"})
_TOOL = frozenset({"role", "content", "tool_call_id", "tool_call", "error"})
_OTHER = frozenset({"role", "content"})
_MADE = frozenset({"thinking", "calls", "said"})
"""Notes that a reader makes of what stands inside blocks and calls."""

_ERRORS = (
    ("ToolNotFoundError", ErrorKind.unknown_tool),
    ("Invalid tool ", ErrorKind.unknown_tool),
    ("Empty function name", ErrorKind.unparsable_call),
    ("ValidationError", ErrorKind.invalid_argument),
    ("error: ", ErrorKind.internal),
)
"""How error texts of its runtime begin. What a tool itself raised is a refusal of its arguments or its state."""


def fits(row: Any) -> float:
    """A suite, a user's task, and messages."""
    return 0.98 if isinstance(row["suite_name"], str) and "user_task_id" in row and isinstance(row["messages"], list) else 0.0


def count(row: Any) -> int:
    """The results, calls, thoughts and texts of the messages, and what was kept beside."""
    return sum([_count(message) for message in row["messages"]]) + extra_events(row.get(KEY))


def _count(message: Any) -> int:
    if message["role"] == "tool":
        return 1
    kinds = [one.get("type") for one in _blocks(message) if one.get("type") != "text" or one.get("content")]
    found = len(message.get("tool_calls") or ()) + ("thinking" in kinds)
    return found + 1 if not found or "text" in kinds else found


def _blocks(message: Any) -> list[Any]:
    """Content as blocks, also where it is bare text or none."""
    content = message.get("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    if not isinstance(content, list):
        raise TypeError("content is blocks or text")
    return cast("list[Any]", content)


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace of a run."""
    seen = _seen(row, account)
    yield restored(seen, row[KEY], account) if KEY in row else seen


def _seen(row: Any, account: Account) -> Item:
    nodes: list[Node] = []
    for message in row["messages"]:
        _read(message, nodes, account)
    suite, task = row["suite_name"], row["user_task_id"]
    if not isinstance(suite, str) or not isinstance(task, str):
        raise TypeError("the names of a suite and a task are text")
    kept = {name: value for name, value in row.items() if name not in _ROW}
    injected = row.get("injection_task_id") is not None
    verdict, stop = _judged(row, injected)
    if verdict is None and (UTILITY in row or SECURITY in row):
        account.lose("a utility that is neither true nor false")
    if not injected and row.get(SECURITY) is False:
        kept[SECURITY] = False
    leaf = len(nodes) - 1
    trace = Trace(
        "",
        "",
        f"agentdojo:{suite}",
        toolset_digest(()),
        tuple(nodes),
        {leaf: verdict} if verdict is not None and nodes else {},
        {leaf: stop} if stop is not None and nodes else {},
        lineage={"extra": kept} if kept else {},
    )
    named = content_named(Item(trace), "/".join([str(row.get(name) or "none") for name in _NAMED]))
    return Item(_with_task(named.trace, f"agentdojo-{suite}-{task}"))


def _with_task(trace: Trace, task_id: str) -> Trace:
    return Trace(trace.id, task_id, trace.world, trace.tools, trace.nodes, trace.verdicts, trace.stop, lineage=trace.lineage)


def _judged(row: Any, injected: bool) -> tuple[Verdict | None, StopReason | None]:
    """What the source says of a run, and how it ended where it says so."""
    error = row.get("error")
    stop = None
    if isinstance(error, str):
        stop = StopReason.max_tokens if "context_length_exceeded" in error else StopReason.agent_error
    if not isinstance(row.get(UTILITY), bool):
        return None, stop
    done = row[UTILITY]
    why = () if done else (error,) if isinstance(error, str) else ("the user's task was not done",)
    parts = [CheckResult(UTILITY, float(done), done, why)]
    if injected and stop is None and isinstance(row.get(SECURITY), bool):
        attacked = row[SECURITY]
        parts.append(CheckResult(SECURITY, float(not attacked), not attacked, ("the injection's task was done",) if attacked else ()))
    return Verdict.of(tuple(parts)), stop


def _read(record: Any, nodes: list[Node], account: Account) -> None:
    """Reads one message."""
    role = _ROLES.get(record["role"])
    if role is None:
        account.drop(f"a message of the role {str(record['role'])[:40]!r}", _count(record))
        return
    texts, thoughts, notes = _said(record, account)
    if role == "tool":
        nodes.append(_result(record, texts, nodes))
        return
    calls = _calls(record, len(nodes), notes, account) if role == "assistant" else ()
    if thoughts and role != "assistant":
        raise TypeError("only an assistant thinks")
    known = _ASSISTANT if role == "assistant" else _OTHER
    content: str | tuple[Part, ...] = texts[0] if len(texts) == 1 else tuple([Text(text) for text in texts]) if texts else ""
    message = Message(role, content, "\n".join(thoughts) if thoughts else None, calls)
    nodes.append(node(len(nodes) - 1, message, notes=extra(record, known) | notes))


def _said(record: Any, account: Account) -> tuple[list[str], list[str], dict[str, Any]]:
    """Texts and thoughts of a message, and what else its blocks hold."""
    texts: list[str] = []
    thoughts: list[Any] = []
    sealed: list[Any] = []
    for block in _blocks(record):
        kind = block["type"]
        if kind == "text":
            if block["content"] is not None:
                texts.append(_text(block["content"]))
        elif kind == "thinking":
            thoughts.append(block)
        elif kind == "redacted_thinking":
            sealed.append(block)
        else:
            raise ValueError("a block that is neither text nor a thought")
    if sealed:
        account.lose("thoughts that are sealed: kept beside", len(sealed))
    if len(thoughts) > 1:
        account.lose("the borders between thoughts", len(thoughts) - 1)
    whole = [*[block for block in thoughts if set(block) - {"type", "content"} and block.get("id") is not None], *sealed]
    return texts, [_text(block["content"]) for block in thoughts], {"thinking": whole} if whole else {}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is text")
    return value


def _calls(record: Any, at: int, notes: dict[str, Any], account: Account) -> tuple[ToolCall, ...]:
    made: list[ToolCall] = []
    kept: dict[str, Any] = {}
    entries: list[Any] = record.get("tool_calls") or []
    for number, entry in enumerate(entries):
        found: Any = entry.get("id")
        call_id = found if isinstance(found, str) and found else f"c{at}.{number}"
        name = _text(entry["function"])
        try:
            made.append(ToolCall(call_id, name, arguments_of(entry.get("args"), account)))
        except ValueError:
            made.append(broken_call(name, call_id, entry.get("args"), account))
        rest = {key: value for key, value in entry.items() if key not in ("function", "args", "id") and value is not None}
        if rest:
            kept[call_id] = rest
    if kept:
        notes["calls"] = kept
    return tuple(made)


def _result(record: Any, texts: list[str], nodes: list[Node]) -> Node:
    given = record.get("tool_call_id")
    if given is not None and not isinstance(given, str):
        raise TypeError("the id of a call is text")
    call_id = given or answered(nodes)
    text, error = "\n".join(texts), record.get("error")
    notes = extra(record, _TOOL)
    called: Any = record.get("tool_call")
    asked = _asked(call_id, nodes)
    if called is not None and (asked is None or (called["function"], called.get("args")) != (asked.name, asked.arguments)):
        notes["tool_call"] = called
    if error is None:
        return node(len(nodes) - 1, Message("tool", result=result_of(call_id, text)), notes=notes)
    if text:
        notes["said"] = text
    told = result_of(call_id, _text(error))
    if told.error is None:
        kind = next((kind for begin, kind in _ERRORS if error.startswith(begin)), ErrorKind.constraint)
        told = ToolResult(call_id, error=kind, detail=error)
    return node(len(nodes) - 1, Message("tool", result=told), notes=notes)


def _asked(call_id: str, nodes: Sequence[Node]) -> ToolCall | None:
    """The call that a result belongs to: of the message before the results."""
    for one in reversed(nodes):
        if one.message.role != "tool":
            return next((call for call in one.message.calls if call.id == call_id), None)
    return None


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The log of a trace."""
    row = _row(one_branch(item))
    kept = beside(item, _seen(row, Account()))
    if kept is not None:
        row[KEY] = kept
    yield row


def _row(item: Item) -> dict[str, Any]:
    trace = item.trace
    kept = extras(trace.lineage, _ROW - {SECURITY})
    suite = trace.world.removeprefix("agentdojo:") or "artificer"
    task = trace.task_id.removeprefix(f"agentdojo-{suite}-")
    leaf = len(trace.nodes) - 1
    verdict, stop = trace.verdicts.get(leaf), trace.stop.get(leaf)
    broke = stop in (StopReason.agent_error, StopReason.max_tokens)
    row: dict[str, Any] = {
        "suite_name": suite,
        "pipeline_name": _or(kept, "pipeline_name", "artificer"),
        "user_task_id": task,
        "injection_task_id": kept.get("injection_task_id") if isinstance(kept.get("injection_task_id"), str) else None,
        "attack_type": kept.get("attack_type") if isinstance(kept.get("attack_type"), str) else None,
        "injections": kept.get("injections") if isinstance(kept.get("injections"), dict) else {},
        "messages": _messages(trace.nodes),
        "error": _or(kept, "error", "context_length_exceeded" if stop is StopReason.max_tokens else str(stop)) if broke else None,
        "agentdojo_package_version": _or(kept, "agentdojo_package_version", VERSION),
        "duration": kept.get("duration") if isinstance(kept.get("duration"), int | float) else 0.0,
    }
    if verdict is not None:
        parts = {part.name: part.passed for part in verdict.parts}
        row[UTILITY] = parts.get(UTILITY, verdict.passed)
        row[SECURITY] = not parts[SECURITY] if SECURITY in parts else kept.get(SECURITY) is not False
    return row | {name: value for name, value in kept.items() if name not in row}


def _or(kept: dict[str, Any], name: str, otherwise: str) -> str:
    found = kept.get(name)
    return found if isinstance(found, str) else otherwise


def _messages(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    for at, one in enumerate(nodes):
        message = one.message
        kept = extras(one.notes, _MADE | (_TOOL if message.role == "tool" else _ASSISTANT if message.role == "assistant" else _OTHER))
        made = extras(one.notes, frozenset())
        if message.role == "tool":
            record = _tool_record(message, _asked(message.result.call_id if message.result is not None else "", nodes[:at]), made)
        else:
            blocks = _content(message, made)
            record: dict[str, Any] = {"role": message.role, "content": blocks}
            if message.role == "assistant":
                record["content"] = blocks or None
                record["tool_calls"] = [_call_record(call, made) for call in message.calls]
        written.append(record | kept)
    return written


def _content(message: Message, made: dict[str, Any]) -> list[Any]:
    """A message in blocks. Thoughts with an id and sealed ones stand as they came, if they still say what the message says."""
    blocks: list[Any] = []
    given = made.get("thinking")
    whole = [fields(one) for one in cast("list[Any]", given) if isinstance(one, dict)] if isinstance(given, list) else []
    sealed = [one for one in whole if one.get("type") == "redacted_thinking"]
    if message.reasoning is not None:
        marked = next((one["id"] for one in whole if one not in sealed and one.get("content") == message.reasoning and "id" in one), None)
        blocks.append({"type": "thinking", "content": message.reasoning, "id": marked})
    blocks += sealed
    texts = [message.content] if isinstance(message.content, str) else [part.text for part in message.content if isinstance(part, Text)]
    return blocks + [{"type": "text", "content": text} for text in texts if text or message.role != "assistant"]


def _call_record(call: ToolCall, made: dict[str, Any]) -> dict[str, Any]:
    given = made.get("calls")
    rest = fields(given).get(call.id) if isinstance(given, dict) else None
    more = {key: value for key, value in fields(rest).items() if key not in ("function", "args", "id")} if isinstance(rest, dict) else {}
    return {"function": call.name, "args": call.arguments, "id": call.id, "placeholder_args": None} | more


def _tool_record(message: Message, asked: ToolCall | None, made: dict[str, Any]) -> dict[str, Any]:
    result = message.result or ToolResult("", message.text)
    called: Any = made.get("tool_call")
    if not isinstance(called, dict):
        call = asked or ToolCall(result.call_id, "", {})
        called = {"function": call.name, "args": call.arguments, "id": call.id, "placeholder_args": None}
    text, error = result_text(result), None
    if result.error is not None:
        said = made.get("said")
        text, error = said if isinstance(said, str) else "", _error(result)
    return {"role": "tool", "content": [{"type": "text", "content": text}], "tool_call_id": result.call_id, "tool_call": called, "error": error}


def _error(result: ToolResult) -> str:
    """The text of an error: the detail alone where it is clear of which kind it is."""
    detail = result.detail or ""
    kind = next((kind for begin, kind in _ERRORS if detail.startswith(begin)), ErrorKind.constraint)
    return detail if detail and kind is result.error else result_text(result)


FORMAT = Format("agentdojo", "AgentDojo's run logs", fits, count, parse, render, ALL, whole=True)
