"""ToolAlpaca's files (tangqiaoyu/ToolAlpaca, `train_data.json`): one record an API with many worked instances.

    {"Name", "Function_Description": {name: text}, "Instances": [{"input", "output", "Final Thought",
     "intermediate_steps": [[[tool, arguments as text, what was written], observation], ...]}]}

Every instance becomes a trace: thoughts are reasoning, `Final Thought` and `output` the last message. Parameters are described in words
(`Parameters: {"page": "Integer. ..."}`) and become JSON Schema as far as they say a type; where `Documentation` (OpenAPI) has a schema for the whole
of what a function is given, that is taken. The evaluation files carry `Golden_Answers` (calls without results) for each of `Instructions`: each
becomes a question and its calls.

Written is one record a trace, with the documentation that makes the parameters exact: one question; thoughts, calls and results in turn; the answer.
More than that (several calls in one message beside results, a second question) is not written, by name.
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
from artificer.formats.base import HOLDS, Format, Item, toolset_digest
from artificer.formats.jsontext import Unreadable, loads
from artificer.formats.parts import arguments_text, call_of, extra, extras, linear, node, result_of, result_text, text_of
from artificer.formats.xlam import TYPES

_THOUGHT = re.compile(r"\s*(?:ASSISTANT )?(?:Thought:)?(.*?)\n\s*(?:ASSISTANT )?Action:", re.DOTALL)
_HINT = "\nHint: "
_INSTANCE = frozenset({"id", "input", "output", "Final Thought", "intermediate_steps", "golden"})
_PARAMETERS = re.compile(r"^Parameters: (\{.*\})\s*$", re.MULTILINE)


def fits(row: Any) -> float:
    """Functions in words and instances, or golden answers."""
    return 0.99 if "Function_Description" in row and ("Instances" in row or "Golden_Answers" in row) else 0.0


def opened(document: Any) -> Iterator[tuple[str, Any]]:
    """Each instance with the API that it is of."""
    tools = {name: document.get(name) for name in ("Name", "Function_Description", "Function_Projection", "Documentation")}
    for at, instance in enumerate(document.get("Instances") or ()):
        yield f" Instances[{at}]", tools | {"instance": instance, "at": at}
    answers: list[Any] = document.get("Golden_Answers") or []
    said_of: list[Any] = document.get("Instructions") or []
    if answers:
        for at, (said, calls) in enumerate(zip_longest(said_of, answers)):
            one = {"input": said, "golden": calls} | ({"id": document["id"]} if "id" in document and len(answers) == 1 else {})
            yield f" Golden_Answers[{at}]", tools | {"instance": one, "at": at}


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
        call = call_of(f"c{len(nodes)}.0", _name(tool), given, account)
        nodes.append(node(len(nodes) - 1, Message("assistant", "", thought(written), (call,))))
        nodes.append(node(len(nodes) - 1, Message("tool", result=_result(call.id, seen))))
    if one.get("output") is not None:
        last = one.get("Final Thought") if one["output"] != "" else None
        nodes.append(node(len(nodes) - 1, Message("assistant", _name(one["output"]), last)))
    tools = tuple(_tools(row))
    name = one.get("id", f"{row.get('Name')}-{row['at']}" if isinstance(row.get("Name"), str) else None)
    kept = extra(one, _INSTANCE)
    yield linear(nodes, (toolset_digest(tools), tools), name=name, lineage={"extra": kept} if kept else None)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name is text")
    return value


def _result(call_id: str, seen: Any) -> ToolResult:
    return result_of(call_id, seen) if isinstance(seen, str) else ToolResult(call_id, seen)


def _tools(row: Any) -> Iterator[ToolSpec]:
    exact = dict(_documented(row))
    for name, about in row["Function_Description"].items():
        if name == "components" or not isinstance(about, str):
            continue
        schema = exact.get(name)
        if schema is not None:
            yield ToolSpec(name, about.removesuffix(_words(schema)), schema)
            continue
        found = _PARAMETERS.search(about)
        yield ToolSpec(name, about, _schema(found[1]) if found else {"type": "object", "properties": {}})


def _documented(row: Any) -> Iterator[tuple[str, dict[str, Json]]]:
    """The schemas of functions whose arguments are the body of a request, and that alone; each once, whatever points to it."""
    taken = set[tuple[str, str]]()
    try:
        paths = loads(row["Documentation"].encode("utf-8", "surrogatepass"), Account())["paths"]
        for name, (path, method) in row["Function_Projection"].items():
            operation = paths[path][method]
            if (path, method) in taken or operation.get("parameters") or paths[path].get("parameters"):
                continue
            taken.add((path, method))
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            if isinstance(schema.get("type"), str) and "$ref" not in text_of(schema):
                yield name, schema
    except (Unreadable, KeyError, TypeError, AttributeError, ValueError):
        return


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


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The record of a branch.

    Raises:
        ValueError: it is more than a question, steps of one call each, and an answer.
    """
    said = [one.message for one in item.trace.nodes]
    if not said or said[0].role != "user" or any(one.role == "user" for one in said[1:]):
        raise ValueError("not one question")
    record: dict[str, Json] = {
        "Name": item.trace.world or "tools",
        "Function_Description": {tool.name: tool.description + _words(tool.parameters) for tool in item.tools} | {"components": ""},
        "Function_Projection": {tool.name: [f"/{tool.name}", "post"] for tool in item.tools},
        "Documentation": text_of({"openapi": "3.0.0", "info": {"title": "tools", "version": "1"}, "paths": dict(map(_path, item.tools))}),
    }
    question = said[0].text.rsplit(_HINT, 1)[0]
    if question != said[0].text:
        account.lose(HOLDS["words"])
    kept = extras(item.trace.lineage, _INSTANCE)
    if len(said) == 2 and said[1].role == "assistant" and said[1].calls and not said[1].text and said[1].reasoning is None:
        golden: list[Json] = [{"Action": call.name, "Action_Input": arguments_text(call)} for call in said[1].calls]
        yield record | {"Instructions": [question], "Golden_Answers": [golden], "id": item.trace.id}
        return
    yield record | {"Instances": [{"id": item.trace.id, "input": question} | _instance(said[1:], account) | kept]}


def _path(tool: ToolSpec) -> tuple[str, Json]:
    body: Json = {"content": {"application/json": {"schema": tool.parameters}}}
    return f"/{tool.name}", {"post": {"operationId": tool.name, "description": tool.description, "requestBody": body}}


def _words(schema: dict[str, Json]) -> str:
    """Parameters in words, as they stand behind a description."""
    properties: Any = schema.get("properties")
    required: Any = schema.get("required")
    told: dict[str, Json] = {}
    needed = {name for name in cast("list[Any]", required) if isinstance(name, str)} if isinstance(required, list) else set[str]()
    for name, given in cast("dict[str, Any]", properties).items() if isinstance(properties, dict) else ():
        part = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        kind, about = part.get("type"), part.get("description")
        words = ["Required."] if name in needed else []
        words += [f"{kind.capitalize()}."] if isinstance(kind, str) else []
        told[name] = " ".join([*words, *([about] if isinstance(about, str) and about else [])])
    return f"\nParameters: {text_of(told)}"


def _instance(said: list[Message], account: Account) -> dict[str, Json]:
    """Steps and answer.

    Raises:
        ValueError: see `render`.
    """
    steps: list[Json] = []
    last = said[-1] if said and said[-1].role == "assistant" and not said[-1].calls else None
    rest = said[:-1] if last is not None else said
    for asked, answered in zip_longest(rest[::2], rest[1::2]):
        if asked.role != "assistant" or len(asked.calls) != 1 or answered is None or answered.result is None:
            raise ValueError("steps that are not one call and its result")
        if asked.text:
            account.drop(HOLDS["beside"], 1)
        (call,) = asked.calls
        given = arguments_text(call)
        written = f" {asked.reasoning or ''}\nASSISTANT Action: {call.name}\nASSISTANT Action Input: {given}"
        if asked.reasoning is None and thought(written) is not None:
            raise ValueError("its text reads as more than it says")
        if thought(written) != asked.reasoning:
            account.lose(HOLDS["words"])
            account.drop("what the text reads otherwise", int(asked.reasoning is not None and thought(written) is None))
        steps.append([[call.name, given, written], result_text(answered.result)])
    if last is None:
        return {"intermediate_steps": steps}
    if last.reasoning is not None and not last.text:
        raise ValueError("a last thought without an answer")
    return {"intermediate_steps": steps, "output": last.text, "Final Thought": last.reasoning}


FORMAT = Format(
    "toolalpaca",
    "ToolAlpaca: APIs in words with worked instances, or with golden answers",
    fits,
    count,
    parse,
    render,
    frozenset({"id", "reasoning", "parallel", "errors", "results", "empty", "tools"}),
    ("all but one question, steps of one call and its result each, and an answer; or one question and its calls", "white space around thoughts"),
    opened,
    file="array",
    bare=True,
)
