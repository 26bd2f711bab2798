"""Agent Data Protocol 1.x: trajectories of actions and observations (neulab/agent-data-protocol, schema 1.2.0).

Written: one trajectory a line, with the tools of the trace under `details.tools`, and what ADP has no field for
beside (`residue`), so that whole traces come back, trees too. The link rules are upstream's: a call directly followed
by an observation has an id; ids are unique; a result has the id of an earlier call; one result for each call; each
call with an id has its result; a message has none. Where a trace breaks them (a call that was never answered, an id
used twice) the ids are changed in the visible part alone.

Read besides: 1.0 and 1.1, `available_apis`, observations from the time before `agent` and `environment`, web and
image observations (what a web page had is kept as a result or a message with its fields), JSON observations, and
files that break the link rules, which `problems` lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Image, Message, Part, Text, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import ALL, Format, Item
from artificer.formats.holding import one_branch
from artificer.formats.parts import call_of, extra, fields, image, linear, node, openai_tool, plain, result_of, result_text, texts, tools_of
from artificer.formats.residue import KEY, beside, extra_events, restored

VERSION = "1.2.0"
_ROW = frozenset({"schema_version", "id", "content", "available_custom_tools", "available_apis", "available_code_languages", "details"})
_CALLS = ("api_action", "code_action")
_OBSERVATIONS = ("text_observation", "image_observation", "web_observation", "json_observation")
_KNOWN = frozenset({"class_", "function", "kwargs", "description", "reasoning_content", "tool_call_id", "content", "source", "name", "language"})
_ROLES = {"user": "user", "system": "system", "agent": "assistant", "assistant": "assistant", "environment": "user"}


def fits(row: Any) -> float:
    """Content whose items say their class."""
    content = row["content"]
    return 0.98 if isinstance(row["id"], str) and content and all("class_" in item for item in content) else 0.0


def count(row: Any) -> int:
    """One for each action and observation, and one more for each thought that stands beside what was done."""
    return sum([_count(item) for item in row["content"]]) + extra_events(row.get("details", {}).get(KEY))


def _count(item: Any) -> int:
    kind = item.get("class_")
    if kind in _CALLS:
        return 1 + (item.get("reasoning_content") is not None) + bool(item.get("description"))
    if kind == "message_action":
        thought = item.get("reasoning_content") is not None
        return thought + bool(item.get("content") or not thought) + bool(item.get("description"))
    return 1


def problems(row: Any) -> list[str]:
    """The link rules that a trajectory breaks, each with the index of the item."""
    found: list[str] = []
    called: dict[str, int] = {}
    answered: dict[str, int] = {}
    content: list[Any] = row["content"]
    for index, item in enumerate(content):
        kind, name = item.get("class_"), item.get("tool_call_id")
        if kind in _CALLS and name is None and index + 1 < len(content) and content[index + 1].get("class_") in _OBSERVATIONS:
            found.append(f"content[{index}]: a call directly followed by an observation has no tool_call_id")
        if name is None:
            continue
        if kind == "message_action":
            found.append(f"content[{index}]: a message has the tool_call_id {name!r}")
        elif kind in _CALLS:
            if name in called:
                found.append(f"content[{index}]: the tool_call_id {name!r} was used at content[{called[name]}]")
            called.setdefault(name, index)
        elif name not in called:
            found.append(f"content[{index}]: no earlier call has the tool_call_id {name!r}")
        elif name in answered:
            found.append(f"content[{index}]: the call {name!r} was answered at content[{answered[name]}]")
        else:
            answered[name] = index
    found += [f"content[{index}]: the call {name!r} has no result" for name, index in called.items() if name not in answered]
    languages = row.get("available_code_languages")
    used = {item.get("language") for item in content if item.get("class_") == "code_action"}
    if languages is not None and set(languages) != used:
        found.append(f"available_code_languages: {sorted(languages)} are named, {sorted(str(one) for one in used)} are used")
    return found


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace of a trajectory."""
    details = fields(row.get("details"))
    seen = _seen(row, details, account)
    yield restored(seen, details[KEY], account) if KEY in details else seen


def _seen(row: Any, details: Any, account: Account) -> Item:
    nodes: list[Node] = []
    content: list[Any] = row["content"]
    index, answered = 0, {item.get("tool_call_id") for item in content if item.get("class_") in _OBSERVATIONS}
    while index < len(content):
        item = content[index]
        kind = item["class_"]
        if kind in _CALLS:
            index = _turn(content, index, nodes, answered, account)
            continue
        if kind == "message_action":
            _said(item, nodes)
        elif kind in _OBSERVATIONS:
            nodes.append(node(len(nodes) - 1, _observed(item, content, index), notes=_notes(item)))
        else:
            account.drop(f"an item of the class {str(kind)[:40]!r}", 1)
        index += 1
    tools = tools_of(details.get("tools"), account)
    kept: dict[str, Any] = {key: value for key, value in details.items() if key not in (KEY, "tools")}
    kept = ({"details": kept} if kept else {}) | extra(row, _ROW)
    for name in ("available_custom_tools", "available_apis"):
        offered = row.get(name)
        if offered is not None and offered != [tool.name for tool in tools[1]]:
            kept[name] = offered
    return linear(nodes, tools, name=row["id"], lineage={"extra": kept} if kept else None)


def _turn(content: list[Any], index: int, nodes: list[Node], answered: set[Any], account: Account) -> int:
    """Calls behind each other are one message: the second and later ones have no thought of their own. The index behind them."""
    calls: list[ToolCall] = []
    notes: dict[str, Any] = {}
    first = content[index]
    while index < len(content) and content[index]["class_"] in _CALLS:
        item = content[index]
        if calls and (item.get("reasoning_content") is not None or item.get("description")):
            break
        calls.append(_call(item, content, index, account))
        found = _notes(item)
        if found:
            notes[calls[-1].id] = found
        index += 1
    message = Message("assistant", plain(first.get("description")), _optional(first.get("reasoning_content")), tuple(calls))
    nodes.append(node(len(nodes) - 1, message, notes={"items": notes} if notes else None))
    return index


def _call(item: Any, content: list[Any], index: int, account: Account) -> ToolCall:
    call_id = item.get("tool_call_id")
    call_id = call_id if isinstance(call_id, str) else f"content-{index}"
    if item["class_"] == "api_action":
        return call_of(call_id, _name(item["function"]), item["kwargs"], account)
    return ToolCall(call_id, f"execute_{_name(item['language'])}", {"code": _name(item["content"])})


def _said(item: Any, nodes: list[Node]) -> None:
    about, thought = plain(item.get("description")), _optional(item.get("reasoning_content"))
    if about:  # a thought that is shown, and then a message: two messages, as one text could not be taken apart again
        nodes.append(node(len(nodes) - 1, Message("assistant", about), notes={"description": True}))
    nodes.append(node(len(nodes) - 1, Message("assistant", plain(item.get("content")), thought), notes=_notes(item)))


def _observed(item: Any, content: list[Any], index: int) -> Message:
    call_id = item.get("tool_call_id")
    before: Any = content[index - 1] if index else {}
    answers = isinstance(call_id, str) or (before.get("class_") in _CALLS and item.get("source") != "user")
    kind = item["class_"]
    if answers:
        call_id = call_id if isinstance(call_id, str) else f"content-{index - 1}"
        if kind == "text_observation":
            return Message("tool", result=result_of(call_id, _name(item["content"])), author=_optional(item.get("name")))
        return Message("tool", result=ToolResult(call_id, _fields(item)))
    role = _ROLES.get(item.get("source", "user"), "user")
    if kind == "text_observation":
        return Message(cast("Any", role), _name(item["content"]), author=_optional(item.get("name")))
    if kind == "image_observation":
        return Message(cast("Any", role), (image(_name(item["content"])),))
    fields = _fields(item)
    shown = fields.pop("image_observation", None)
    parts: list[Part] = [Text("\n".join(f"{key}: {value}" for key, value in fields.items() if value is not None))]
    if isinstance(shown, dict):
        parts.append(image(_name(cast("dict[str, Any]", shown)["content"])))
    return Message("user", tuple(parts))


def _fields(item: Any) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("class_", "tool_call_id", "reward", "source")}


def _notes(item: Any) -> dict[str, Any]:
    found = extra(item, _KNOWN)
    if item["class_"] == "web_observation":
        found = {"web": {key: value for key, value in found.items() if value is not None}} if found else {}
    if item["class_"] in _OBSERVATIONS and item.get("source") in ("environment", "assistant") and item.get("tool_call_id") is None:
        found["source"] = item["source"]
    return {key: value for key, value in found.items() if value is not None}


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a field that must be text is not")
    return value


def _optional(value: Any) -> str | None:
    return None if value is None else _name(value)


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The trajectory of a trace."""
    row = _row(one_branch(item))
    seen = _seen(row, row["details"], account)
    kept = beside(item, seen)
    if kept is not None:
        row["details"][KEY] = kept
    yield row


def _row(item: Item) -> dict[str, Any]:
    content = list(_items(item.trace.nodes))
    _link(content)
    details: dict[str, Json] = {"tools": [openai_tool(tool) for tool in item.tools]} if item.tools else {}
    row: dict[str, Any] = {"schema_version": VERSION, "id": item.trace.id, "content": content, "details": details}
    if item.tools:
        row["available_custom_tools"] = [tool.name for tool in item.tools]
    return row


def _items(nodes: Iterable[Node]) -> Iterator[dict[str, Any]]:
    for one in nodes:
        message = one.message
        if message.result is not None:
            yield _text(result_text(message.result), "environment", message.author) | {"tool_call_id": message.result.call_id}
        elif message.role == "tool":
            yield _text(message.text, "environment", message.author)
        elif message.role == "assistant" and not message.calls:
            said: dict[str, Any] = {"class_": "message_action", "content": message.text, "description": None}
            yield said | ({"reasoning_content": message.reasoning} if message.reasoning is not None else {})
        elif message.role == "assistant":
            for at, call in enumerate(message.calls):
                made: dict[str, Any] = {"class_": "api_action", "function": call.name, "kwargs": call.arguments, "tool_call_id": call.id}
                made["description"] = (message.text or None) if at == 0 else None
                yield made | ({"reasoning_content": message.reasoning} if at == 0 and message.reasoning is not None else {})
        else:
            yield from _shown(message)


def _shown(message: Message) -> Iterator[dict[str, Any]]:
    source = "user" if message.role == "user" else "environment"
    pictures = (
        [part for part in message.content if isinstance(part, Image)] if message.role == "user" and not isinstance(message.content, str) else []
    )
    if message.text or not pictures:
        yield _text(message.text, source, message.author)
    for part in pictures:
        yield {"class_": "image_observation", "content": part.uri, "annotations": None, "source": "user"}


def _text(content: str, source: str, name: str | None) -> dict[str, Any]:
    return {"class_": "text_observation", "content": content, "source": source, "name": name}


def _link(content: list[dict[str, Any]]) -> None:
    """Makes the ids keep upstream's rules: unique, answered exactly once, and none at all on calls without a result."""
    used: set[str] = set()
    waiting: dict[str, str] = {}
    for item in content:
        name = item.get("tool_call_id")
        if item["class_"] in _CALLS:
            new = _unused(str(name), used)
            used.add(new)
            waiting[str(name)] = item["tool_call_id"] = new
        elif name is not None:
            item["tool_call_id"] = waiting.pop(name, None)
    for new in waiting.values():  # never answered: upstream wants a result, so the call has no id, or an empty result where an observation follows
        index = next(at for at, item in enumerate(content) if item.get("tool_call_id") == new and item["class_"] in _CALLS)
        if index + 1 < len(content) and content[index + 1]["class_"] in _OBSERVATIONS:
            content.insert(index + 1, _text("", "environment", None) | {"tool_call_id": new, "name": "unanswered"})
        else:
            content[index]["tool_call_id"] = None
    answered = {item.get("tool_call_id") for item in content if item["class_"] in _OBSERVATIONS}
    for item in content:  # an id that was used again: the first call's result never came
        if item["class_"] in _CALLS and item["tool_call_id"] is not None and item["tool_call_id"] not in answered:
            item["tool_call_id"] = None
    assert texts(used)


def _unused(name: str, used: set[str]) -> str:
    new, again = name, 2
    while new in used:
        new, again = f"{name}-{again}", again + 1
    return new


def metadata(tools: Iterable[Any]) -> dict[str, Json]:
    """`metadata.json` of a data set: the tools of all its traces, each name once."""
    named = {tool.name: openai_tool(tool) for tool in tools}
    return {"custom_tools": list(named.values()), "code_enabled": [], "browser_enabled": False}


FORMAT = Format(
    "adp",
    "Agent Data Protocol 1.x trajectories",
    fits,
    count,
    parse,
    render,
    ALL,
    whole=True,
)
