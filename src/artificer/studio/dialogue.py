"""A trace as a conversation that can be read: what was said, which tools were called, what they changed, and how it was judged."""

from __future__ import annotations

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect, Task
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, Notes, Verdict
from artificer.studio.html import Child, Html, h

_LONG = 6000


def dialogue(task: Task, trace: Trace) -> Html:
    """One branch of a trace: the one that a search chose, else the last leaf's."""
    leaf = trace.answer if trace.answer is not None else trace.leaves()[-1]
    nodes = trace.branch(leaf)
    verdict = trace.verdicts.get(leaf)
    branches = f" · the answer of {len(trace.leaves())} branches" if "chosen" in trace.lineage else ""
    wants = "; ".join(f"{want.op} ({want.outcome}{f': {want.reason}' if want.reason else ''})" for want in task.goal.wants)
    return h(
        "article",
        {"class": "card"},
        h("p", {"class": "meta"}, f"{trace.world} · {trace.id}{branches} · ", h("code", None, wants)),
        h("div", {"class": "talk"}, *_turns(nodes)),
        _effects("Net effects", trace.effects.get(leaf, ())),
        _verdict(verdict) if verdict is not None else None,
    )


def _turns(nodes: list[Node]) -> list[Child]:
    results = {node.message.result.call_id: node for node in nodes if node.message.result is not None}
    out: list[Child] = []
    for node in nodes:
        message = node.message
        if message.role in ("user", "assistant") and message.text:
            out.append(_said(message, node.notes))
        out += [_call(call, results.get(call.id), message.role == "user") for call in message.calls]
    return out


def _said(message: Message, notes: Notes) -> Html:
    who = f"{message.role}" + (f" ({message.author})" if message.author else "") + (f" · {message.at}" if message.at else "")
    if notes.get("wrapper") == {"before": True}:
        who += " · put before the conversation"
    return h("div", {"class": f"say {message.role}"}, h("small", None, who), message.text)


def _call(call: ToolCall, answered: Node | None, own: bool = False) -> Html:
    """A call; `own`: the user made it, with a tool of their own, and the agent does not see it."""
    result = answered.message.result if answered is not None else None
    refused = result is None or result.error is not None
    line = f"{call.name}({', '.join(f'{name}={_json(value)}' for name, value in call.arguments.items())})"
    outcome = "no answer" if result is None else f"refused: {result.error}" if result.error is not None else None
    return h(
        "div",
        {"class": "call refused" if refused else "call"},
        h("details", None, h("summary", None, line, h("small", None, " · the user's own tool") if own else None), _result(result)),
        h("div", {"class": "fx bad"}, f"{outcome}: {result.detail or ''}" if result is not None else outcome) if outcome else None,
        h("p", {"class": "meta"}, f"wrappers: {_json(answered.notes['wrapper'])}") if answered is not None and "wrapper" in answered.notes else None,
        _effects("", answered.effects) if answered is not None and answered.effects else None,
    )


def _result(result: ToolResult | None) -> Html | None:
    if result is None:
        return None
    shown = result.detail or "" if result.error is not None else _pretty(result.content)
    return h("pre", None, shown if len(shown) <= _LONG else f"{shown[:_LONG]}\n… {len(shown) - _LONG:,} more characters")


def _effects(title: str, effects: tuple[Effect, ...]) -> Html | None:
    if not effects:
        return h("p", {"class": "meta"}, f"{title}: none") if title else None
    lines: list[Child] = [h("b", None, f"{title}: ")] if title else []
    for effect in effects:
        cells: list[Child] = [f"{effect.change} {effect.table}[{', '.join(_json(part) for part in effect.key)}] "]
        for name, (old, new) in effect.columns.items():
            cells += [f" {name}: ", h("del", None, _json(old)) if effect.change != "insert" else None, " "]
            cells.append(h("ins", None, _json(new)) if effect.change != "delete" else None)
        lines.append(h("div", None, *cells))
    return h("div", {"class": "fx"}, *lines)


def _verdict(verdict: Verdict) -> Html:
    return h("ul", {"class": "checks"}, *(_check(part) for part in verdict.parts))


def _check(part: CheckResult) -> Html:
    mark = "✓" if part.passed else "✗"
    return h("li", {"class": "good" if part.passed else "bad", "title": "; ".join(part.evidence) or None}, f"{mark} {part.name.replace('_', ' ')}")


def _json(value: Json) -> str:
    return msgspec.json.encode(value).decode()


def _pretty(value: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()
