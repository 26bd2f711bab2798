"""Plans: small graphs of tool calls, as JSON or as a Python program, and the ladder parse, verify (m&m's, arXiv
2403.11085).

A node is `{"id": 0, "name": TOOL, "args": {...}}`. The literal `<node-0>.key` inside an argument stands for a part of
an earlier node's output; ours may go deeper (`<node-0>.rows[0].id`) and may stand for the whole (`<node-0>`). As a
program the same is a line `output0 = TOOL(arg=value)`, and references are `output0`, `output0["key"]`, `output0.key`.
Programs are parsed, never run: only single assignments of plain keyword calls with literals are taken, anything else
is an error that says so (published: it is dropped).

Verified is what the published rules say: the tool exists; no argument is missing or extra; every reference is to an
earlier node and to a key that tool promises to return; and instead of the curators' tool graph, that values fit the
tool's schema. Node ids are whole integers (published: one digit).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

from msgspec import Struct

from artificer.agents.asking import arguments_of, json_in
from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec, compile_schema, validate_arguments
from artificer.models.dialect import parse

MOST_NODES = 64
MOST_CODE = 20_000
_REF = re.compile(r"<node-(\d{1,4})>((?:\.[A-Za-z_]\w{0,63}|\[\d{1,6}\]){0,16})")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
_OUTPUT = re.compile(r"output(\d{1,4})")


class Step(Struct, frozen=True):
    """One node."""

    id: int
    name: str
    args: dict[str, Json]


class Fault(Struct, frozen=True):
    """Why a plan was refused: the rung (`parse`, `verify`, `execute`), the published error code, and words for the model."""

    rung: str
    code: str
    detail: str


Plan = tuple[Step, ...]


# parsing


def read_plan(text: str, form: str) -> Plan | Fault | None:
    """The plan a text holds; a fault when one was meant but cannot be read; None when the text is none."""
    return _read_code(text) if form == "code" else _read_json(text)


def _read_json(text: str) -> Plan | Fault | None:
    value, _ = json_in(text)
    if not isinstance(value, dict) or "nodes" not in value:
        meant = '"nodes"' in text or parse(text).calls
        return Fault("parse", "json", 'the plan is not valid JSON of the form {"nodes": [...]}') if meant else None
    nodes = cast("dict[str, Any]", value)["nodes"]
    if not isinstance(nodes, list) or not nodes:
        return Fault("parse", "json", '"nodes" must be a list of at least one node')
    return _numbered([_node(node, index) for index, node in enumerate(cast("list[Any]", nodes))])


def _node(node: Any, index: int) -> Step | Fault:
    record = cast("dict[str, Any]", node) if isinstance(node, dict) else {}
    name, number = record.get("name"), record.get("id", index)
    arguments, problem = arguments_of(record.get("args", record.get("arguments", {})))
    if not isinstance(name, str) or isinstance(number, bool) or not isinstance(number, int):
        return Fault("parse", "json", f'node {index} must be {{"id": an integer, "name": a tool, "args": an object}}')
    return Fault("parse", "json", f"node {index}: {problem}") if arguments is None else Step(number, name[:200], arguments)


def _numbered(steps: Sequence[Step | Fault]) -> Plan | Fault:
    fault = next((step for step in steps if isinstance(step, Fault)), None)
    if fault is not None:
        return fault
    plan = tuple(step for step in steps if isinstance(step, Step))
    if len(plan) > MOST_NODES:
        return Fault("parse", "json", f"a plan has at most {MOST_NODES} nodes")
    if len({step.id for step in plan}) < len(plan):
        return Fault("parse", "json", "two nodes have the same id")
    return plan


def _read_code(text: str) -> Plan | Fault | None:
    begin = text.find("```")
    if begin < 0:
        return None
    code = text[begin + 3 :].partition("```")[0]
    code = code.partition("\n")[2] if not code.startswith("\n") else code
    if len(code) > MOST_CODE:
        return Fault("parse", "unknown", f"the program is longer than {MOST_CODE} characters")
    try:
        with warnings.catch_warnings():  # an odd escape in a model's text is nobody's business
            warnings.simplefilter("ignore")
            body = ast.parse(code.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Fault("parse", "unknown", f"the program is not valid Python: {str(error)[:200]}")
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef):  # def solve():
        body = [line for line in body[0].body if not isinstance(line, ast.Return)]
    if not body:
        return Fault("parse", "unknown", "the program is empty")
    try:
        return _numbered([_line(line) for line in body])
    except RecursionError:
        return Fault("parse", "unknown", "the program is nested too deeply")


def _line(line: ast.stmt) -> Step | Fault:
    target = line.targets[0] if isinstance(line, ast.Assign) and len(line.targets) == 1 else None
    called = line.value if isinstance(line, ast.Assign) else None
    match = _OUTPUT.fullmatch(target.id) if isinstance(target, ast.Name) else None
    if match is None or not isinstance(called, ast.Call) or not isinstance(called.func, ast.Name):
        return Fault("parse", "unknown", f"line {line.lineno} is not of the form output0 = tool(argument=value)")
    if called.args or any(keyword.arg is None for keyword in called.keywords):
        return Fault("parse", f"{called.func.id[:200]}'s arguments", f"line {line.lineno}: give every argument by its name")
    try:
        given = {cast("str", keyword.arg): _value(keyword.value) for keyword in called.keywords}
    except ValueError as error:
        return Fault("parse", f"{called.func.id[:200]}'s arguments", f"line {line.lineno}: {error}")
    arguments, problem = arguments_of(given)
    if arguments is None:
        return Fault("parse", f"{called.func.id[:200]}'s arguments", f"line {line.lineno}: {problem}")
    return Step(int(match.group(1)), called.func.id[:200], arguments)


def _value(node: ast.expr) -> Json:
    """A literal, or a reference as its text.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float, bool, type(None))):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if all(isinstance(key, str) for key in keys):
            return {cast("str", key): _value(item) for key, item in zip(keys, node.values, strict=True)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _value(node.operand)
        if isinstance(inner, (int, float)) and not isinstance(inner, bool):
            return -inner
    if isinstance(node, ast.JoinedStr):
        return "".join(str(_value(part.value if isinstance(part, ast.FormattedValue) else part)) for part in node.values)
    return _reference(node)


def _reference(node: ast.expr) -> str:
    path = ""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute):
            path = f".{node.attr}{path}"
        else:
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            path = f"[{key}]{path}" if isinstance(key, int) else f".{key}{path}"
        node = node.value
    match = _OUTPUT.fullmatch(node.id) if isinstance(node, ast.Name) else None
    whole = f"<node-{match.group(1)}>{path}" if match is not None else ""
    if not whole or not _REF.fullmatch(whole):
        raise ValueError("an argument must be a literal or a part of an earlier output")
    return whole


def code_of(plan: Plan) -> str:
    """A plan as a program."""
    return "\n".join(f"output{step.id} = {step.name}({', '.join(f'{name}={_source(value)}' for name, value in step.args.items())})" for step in plan)


def _source(value: Json) -> str:
    if isinstance(value, str):
        match = _REF.fullmatch(value)
        return f"output{match.group(1)}{_STEP.sub(_index, match.group(2))}" if match is not None else repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_source(item) for item in cast('list[Json]', value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_source(item)}" for key, item in cast("dict[str, Json]", value).items()) + "}"
    return repr(value)


def _index(step: re.Match[str]) -> str:
    return f'["{step.group(1)}"]' if step.group(1) else step.group(0)


# verifying


def faults_of(plan: Plan, tools: Sequence[ToolSpec]) -> Fault | None:
    """The first way in which a plan breaks the rules."""
    by_name = {tool.name: tool for tool in tools}
    earlier: dict[int, ToolSpec] = {}
    for step in plan:
        tool = by_name.get(step.name)
        if tool is None:
            return Fault("verify", "tools", f"node {step.id}: there is no tool {step.name!r}")
        fault = _references(step, earlier) or _arguments(step, tool)
        if fault is not None:
            return fault
        earlier[step.id] = tool
    return None


def _references(step: Step, earlier: Mapping[int, ToolSpec]) -> Fault | None:
    for text in _strings(step.args):
        for match in _REF.finditer(text):
            number, path = int(match.group(1)), match.group(2)
            if number not in earlier:
                return Fault("verify", f"{step.name}'s arguments", f"node {step.id}: <node-{number}> is no earlier node")
            returns = earlier[number].returns or {}
            known = returns.get("properties")
            promised = cast("dict[str, Json]", known) if isinstance(known, dict) and returns.get("additionalProperties") is not True else {}
            key = next((found.group(1) for found in _STEP.finditer(path)), None)
            if promised and key and path.startswith(".") and key not in promised:
                names = ", ".join(promised)
                return Fault("verify", f"{step.name}'s arguments", f"node {step.id}: {earlier[number].name} returns no {key!r}, but {names}")
    return None


def _arguments(step: Step, tool: ToolSpec) -> Fault | None:
    known = tool.parameters.get("properties")
    properties = cast("dict[str, Json]", known) if isinstance(known, dict) else {}
    open_ended = tool.parameters.get("additionalProperties") is not False and not properties
    extra = [name for name in step.args if name not in properties and not open_ended]
    lacking = [name for name in cast("list[str]", tool.parameters.get("required") or []) if name not in step.args]
    where = f"{step.name}'s arguments"
    if lacking or extra:
        what = [f"missing {', '.join(lacking)}"] * bool(lacking) + [f"not known: {', '.join(name[:64] for name in extra)}"] * bool(extra)
        return Fault("verify", where, f"node {step.id}: {'; '.join(what)}")
    plain = {name: value for name, value in step.args.items() if not any(_REF.search(text) for text in _strings(value))}
    try:
        schema: dict[str, Json] = {**tool.parameters, "required": [name for name in plain if name in properties]}
        wrong = validate_arguments(compile_schema(schema, tool.name), plain)
    except SourceError:  # the world reports such tools; there is nothing to hold arguments against
        return None
    return None if wrong is None else Fault("verify", where, f"node {step.id}: {wrong.path or 'arguments'}: {wrong.detail}")


def _strings(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in cast("list[Json]", value) for text in _strings(item)]
    if isinstance(value, dict):
        return [text for item in cast("dict[str, Json]", value).values() for text in _strings(item)]
    return []


# filling in


def filled(value: Json, outputs: Mapping[int, Json]) -> Json:
    """A value with its references replaced: alone it keeps its type, within a text it becomes text.

    Raises:
        LookupError: an output has no such part.
    """
    if isinstance(value, str):
        whole = _REF.fullmatch(value)
        if whole is not None:
            return _part(whole, outputs)
        return _REF.sub(lambda match: str(_part(match, outputs)), value)
    if isinstance(value, list):
        return [filled(item, outputs) for item in cast("list[Json]", value)]
    if isinstance(value, dict):
        return {key: filled(item, outputs) for key, item in cast("dict[str, Json]", value).items()}
    return value


def _part(match: re.Match[str], outputs: Mapping[int, Json]) -> Json:
    value: Any = outputs[int(match.group(1))]
    for step in _STEP.finditer(match.group(2)):
        key: str | int = step.group(1) or int(step.group(2))
        if isinstance(value, dict) and isinstance(key, str) and key in value:
            value = cast("dict[str, Json]", value)[key]
        elif isinstance(value, list) and isinstance(key, int) and key < len(cast("list[Json]", value)):
            value = cast("list[Json]", value)[key]
        else:
            raise LookupError(f"the output of node {match.group(1)} has no {match.group(0)}")
    return value
