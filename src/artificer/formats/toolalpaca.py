"""ToolAlpaca's files (tangqiaoyu/ToolAlpaca, `train_data.json`): one record an API with many worked instances.

    {"Name", "Function_Description": {name: text}, "Instances": [{"input", "output", "Final Thought",
     "intermediate_steps": [[[tool, arguments as text, what was written], observation], ...]}]}

Every instance becomes a trace: thoughts are reasoning, `Final Thought` and `output` the last message. Parameters are described in words
(`Parameters: {"page": "Integer. ..."}`) and become JSON Schema as far as they say a type. The evaluation files carry `Golden_Answers` (calls without
results) for each of `Instructions`: each becomes a question and its calls. Only read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, toolset_digest
from artificer.formats.parts import call_of, linear, node, result_of
from artificer.formats.xlam import TYPES

_THOUGHT = re.compile(r"\s*(?:ASSISTANT )?(?:Thought:)?(.*?)\n\s*(?:ASSISTANT )?Action:", re.DOTALL)
_HINT = "\nHint: "
_PARAMETERS = re.compile(r"^Parameters: (\{.*\})\s*$", re.MULTILINE)


def fits(row: Any) -> float:
    """Functions in words and instances, or golden answers."""
    return 0.99 if "Function_Description" in row and ("Instances" in row or "Golden_Answers" in row) else 0.0


def opened(document: Any) -> Iterator[tuple[str, Any]]:
    """Each instance with the API that it is of."""
    tools = {"Name": document.get("Name"), "Function_Description": document["Function_Description"]}
    for at, instance in enumerate(document.get("Instances") or ()):
        yield f" Instances[{at}]", tools | {"instance": instance, "at": at}
    answers: list[Any] = document.get("Golden_Answers") or []
    said_of: list[Any] = document.get("Instructions") or []
    if answers:
        for at, (said, calls) in enumerate(zip_longest(said_of, answers)):
            yield f" Golden_Answers[{at}]", tools | {"instance": {"input": said, "golden": calls}, "at": at}


def count(row: Any) -> int:
    """The question; of each step a thought where there is one, the call and what was observed; the last thought and the answer."""
    one = row["instance"]
    if "golden" in one:
        return 1 + max(1, len(one["golden"]))
    found = 1 + sum(2 + (thought(step[0][2]) is not None) for step in one.get("intermediate_steps") or ())
    if one.get("output") is not None:
        found += 1 + (one.get("Final Thought") is not None and one["output"] != "") if one["output"] != "" else 1
    return found


def thought(written: Any) -> str | None:
    """What was thought before the action, in what was written."""
    found = _THOUGHT.match(written) if isinstance(written, str) else None
    return found[1].strip() if found and found[1].strip() else None


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace of an instance."""
    one = row["instance"]
    said = one["input"]
    if not isinstance(said, str):
        raise TypeError("an instruction is text")
    nodes: list[Node] = [node(-1, Message("user", said.rsplit(_HINT, 1)[0]))]
    if "golden" in one:
        calls = tuple(call_of(f"c1.{at}", _name(call["Action"]), call.get("Action_Input"), account) for at, call in enumerate(one["golden"]))
        nodes.append(node(0, Message("assistant", calls=calls)))
    for step in one.get("intermediate_steps") or ():
        (tool, given, written), seen = step
        call = call_of(f"c{len(nodes)}", _name(tool), given, account)
        nodes.append(node(len(nodes) - 1, Message("assistant", "", thought(written), (call,))))
        nodes.append(node(len(nodes) - 1, Message("tool", result=_result(call.id, seen))))
    if one.get("output") is not None:
        last = one.get("Final Thought") if one["output"] != "" else None
        nodes.append(node(len(nodes) - 1, Message("assistant", _name(one["output"]), last)))
    tools = tuple(_tools(row["Function_Description"]))
    name = f"{row.get('Name')}-{row['at']}" if isinstance(row.get("Name"), str) else None
    yield linear(nodes, (toolset_digest(tools), tools), name=name)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name is text")
    return value


def _result(call_id: str, seen: Any) -> ToolResult:
    return result_of(call_id, seen) if isinstance(seen, str) else ToolResult(call_id, seen)


def _tools(described: Any) -> Iterator[ToolSpec]:
    for name, about in described.items():
        if name == "components" or not isinstance(about, str):
            continue
        found = _PARAMETERS.search(about)
        yield ToolSpec(name, about, _schema(found[1]) if found else {"type": "object", "properties": {}})


def _schema(written: str) -> dict[str, Json]:
    """Parameters from their description: "Required. Integer. ..." says what can be known."""
    try:
        given: Any = msgspec.json.decode(written)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {"type": "object", "properties": {}}
    properties: dict[str, Json] = {}
    required: list[Json] = []
    for name, about in cast("dict[str, Any]", given).items() if isinstance(given, dict) else ():
        text = str(about)
        words: list[str] = re.findall(r"[A-Za-z]+", text[:200])[:2]
        kind = next((TYPES[word.lower()] for word in words if word.lower() in TYPES), None)
        properties[name] = {**({"type": kind} if kind else {}), "description": text}
        if words and words[0] == "Required":
            required.append(name)
    schema: dict[str, Json] = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {})


FORMAT = Format("toolalpaca", "ToolAlpaca: APIs in words with worked instances (only read)", fits, count, parse, opened=opened)
