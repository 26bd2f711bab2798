"""Programs in a model's text: fences, tags, and how the outputs of programs are shown back.

Three published forms. `tora` (arXiv 2309.17452): text, then a fence `python`; the output comes back in a fence
`output`. `dotamath` (2407.04078): the same, but the text splits the problem into subtasks `s1, s2, ...` and the
program prints one labelled line for each. `deepeyes` (2511.05271): `<think>`, then `<code>` with a fence, or
`<tool_call>`, or `<answer>`.
"""

from __future__ import annotations

import re
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.agents.asking import arguments_of, cut_at, json_in
from artificer.core.canon import Json
from artificer.core.messages import ToolResult

Form = Literal["tora", "dotamath", "deepeyes"]
_OPEN = re.compile(r"```[ \t]{0,8}(?:python|py)[^\n`]{0,40}\n", re.IGNORECASE)
_SUBTASK = re.compile(r"^[ \t*-]{0,8}(s\d{1,3})[ \t*]{0,4}[:.)=][ \t*]{0,4}(\S[^\n]{0,400})", re.MULTILINE)


class Written(Struct, frozen=True):
    """What a reply does: runs a program, calls a tool, or speaks; or the problem with it."""

    thought: str = ""
    code: str | None = None
    name: str | None = None
    arguments: dict[str, Json] = {}
    answer: str | None = None
    problem: str = ""


def read_program(text: str, form: Form, repairs: list[str]) -> Written:
    """Reads a reply. Whatever a form's stop strings would have cut off is cut off, and named."""
    if form == "deepeyes":
        return _tagged(text, repairs)
    body = cut_at(text, ("```output",), repairs).rstrip()
    if not body:
        return Written(problem="the reply is empty")
    blocks = _blocks(body)
    if not blocks or blocks[-1].end < len(body):
        return Written(answer=body)  # ToRA: text that does not end with a program is the end
    if len(blocks) > 1:
        repairs.append("only the last program is run")
    if not blocks[-1].closed:
        repairs.append("open fence")
    return Written(body[: blocks[-1].start].strip(), code=blocks[-1].code)


class _Block(Struct, frozen=True):
    """A fenced program: where it stands, what it holds, whether its fence is closed."""

    start: int
    end: int
    code: str
    closed: bool = True


def _blocks(text: str) -> list[_Block]:
    """The programs of a text, in one pass. A fence that is never closed goes to the end."""
    found: list[_Block] = []
    at = 0
    while (opening := _OPEN.search(text, at)) is not None:
        closing = text.find("\n```", opening.end() - 1)
        if closing < 0:
            return [*found, _Block(opening.start(), len(text), text[opening.end() :], closed=False)]
        at = closing + 4
        found.append(_Block(opening.start(), at, text[opening.end() : max(closing, opening.end())]))
    return found


def _tagged(text: str, repairs: list[str]) -> Written:
    body = cut_at(text, ("<tool_response>", "<output>"), repairs)
    thought, ended, rest = body.partition("</think>")  # the turn may have been opened with <think> for the model
    if not ended:
        thought, rest = "", body
        repairs.append("no </think>")
    thought = thought.strip().removeprefix("<think>").strip()
    found = [(rest.find(f"<{tag}>"), tag) for tag in ("code", "tool_call", "answer") if f"<{tag}>" in rest]
    if not found:
        return Written(thought, problem="one of <code>, <tool_call> or <answer> must follow <think>")
    at, tag = min(found)
    inner, closed, after = rest[at + len(tag) + 2 :].partition(f"</{tag}>")
    if not closed and tag != "code":  # generation is stopped at the closing tag, which then may be missing
        repairs.append(f"open <{tag}>")
    if after.strip():
        repairs.append(f"text after </{tag}>")
    if tag == "answer":
        return Written(thought, answer=inner.strip()) if inner.strip() else Written(thought, problem="the answer is empty")
    return _code(thought, inner) if tag == "code" else _tool_call(thought, inner)


def _code(thought: str, inner: str) -> Written:
    blocks = _blocks(inner)
    return Written(thought, code=blocks[0].code) if blocks else Written(thought, problem="<code> must hold a fence ```python ... ```")


def _tool_call(thought: str, inner: str) -> Written:
    value, _ = json_in(inner)
    record = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    name = record.get("name")
    arguments, problem = arguments_of(record.get("arguments", {}))
    if not isinstance(name, str) or not name or arguments is None:
        return Written(thought, problem=problem or '<tool_call> must hold {"name": ..., "arguments": {...}}')
    return Written(thought, name=name, arguments=arguments)


# outputs


def output_text(result: ToolResult) -> str:
    """What a program printed, as one text; of an error the last line, as ToRA shows it."""
    if result.error is not None:
        return _last_line(result.detail or result.error.value)
    if not isinstance(result.content, dict):
        return str(result.content)
    fields = cast("dict[str, Json]", result.content)
    parts = [str(fields.get(name) or "").rstrip() for name in ("stdout", "stderr", "result")]
    error = _last_line(str(fields.get("error") or ""))
    return "\n".join(part for part in (*parts, error) if part)


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def blocks_text(result: ToolResult) -> str:
    """What a program printed, standard output and standard error apart, as DeepEyesV2 shows it."""
    fields = cast("dict[str, Json]", result.content) if isinstance(result.content, dict) else {}
    out = "\n".join(str(fields[name]).rstrip() for name in ("stdout", "result") if fields.get(name))
    wrong = "\n".join(str(part).rstrip() for part in (fields.get("stderr"), fields.get("error"), result.detail) if part)
    return f"<output>\nstdout:\n{out}\nstderr:\n{wrong}\n</output>"


def ends(text: str, most: int) -> str:
    """Text with its middle cut out: the first half of `most` characters, `...`, the last half (ToRA: 200 + 200)."""
    half = most // 2
    return text if most == 0 or len(text) <= most else f"{text[:half]}...{text[-half:]}"


# DotaMath's records


def subtasks_in(text: str) -> dict[str, str]:
    """`s1: find the area` and so on: the subtasks that a text declares, in order."""
    return {match.group(1): match.group(2).strip() for match in _SUBTASK.finditer(text)}
