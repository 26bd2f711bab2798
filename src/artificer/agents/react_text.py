"""ReAct text: `Thought: ...`, then `Action: TOOL` and `Action Input: {JSON}`, or `Answer: ...`. Read with tolerance.

What is mended is named: an observation that the model made up (everything from there on is cut), a second action,
an answer without its label, `Final Answer:`, the function `Finish` of ToolLLM's prompts (its `final_answer` is the
answer), a code fence around the arguments. Reading is linear in the text.
"""

from __future__ import annotations

import re

from msgspec import Struct

from artificer.agents.asking import arguments_of, cut_at, json_in
from artificer.core.canon import Json
from artificer.models.dialect import parse

_LABEL = re.compile(r"^[ \t*#]*(Thought|Action Input|Action|Final Answer|Answer)[ \t*]*(?:\d{1,3}[ \t]*)?:[ \t*]*", re.MULTILINE | re.IGNORECASE)
_MADE_UP = ("\nObservation:", "\nobservation:", "\nOBSERVATION:")
_FINISH = "finish"
GAVE_UP = "I could not find a way to do this."


class Said(Struct, frozen=True):
    """One ReAct step: a thought, and an action or an answer; or the problem with it."""

    thought: str = ""
    name: str | None = None
    arguments: dict[str, Json] = {}
    answer: str | None = None
    problem: str = ""


def read_react(text: str, repairs: list[str]) -> Said:
    """The step that a text states."""
    body = cut_at(text, _MADE_UP, repairs)
    labels = list(_LABEL.finditer(body))
    if not labels:
        return _unlabelled(body.strip(), repairs)
    thought, action = body[: labels[0].start()].strip(), ""
    if thought:
        repairs.append("text before the first label")
    for index, label in enumerate(labels):
        kind = label.group(1).lower()
        end = labels[index + 1].start() if index + 1 < len(labels) else len(body)
        part = body[label.end() : end].strip()
        if kind == "thought" and not action:
            thought = f"{thought}\n{part}".strip()
        elif kind in ("answer", "final answer"):
            if kind == "final answer":
                repairs.append("'Final Answer:' for 'Answer:'")
            whole = body[label.end() :].strip()
            return Said(thought, answer=whole) if whole else Said(thought, problem="the answer is empty")
        elif kind == "action" and not action:
            action = part
        elif kind == "action input" and action:
            if index + 1 < len(labels):
                repairs.append("more than one step")
            return _action(thought, action, part, repairs)
    if action:
        return _action(thought, action, "", repairs)
    return Said(thought, problem="after a Thought there must be an Action with its Action Input, or an Answer")


def _unlabelled(body: str, repairs: list[str]) -> Said:
    parsed = parse(body)
    if parsed.calls:
        repairs += [*parsed.repairs, "a JSON call for a step", *["more than one step"] * (len(parsed.calls) > 1)]
        arguments, problem = arguments_of(parsed.calls[0].arguments)
        return Said(parsed.text, problem=problem) if arguments is None else Said(parsed.text, parsed.calls[0].name, arguments)
    if parsed.error is not None:
        return Said(problem=parsed.detail or parsed.error.value)
    if not body:
        return Said(problem="the reply is empty")
    repairs.append("no label")
    return Said(answer=body)


def _action(thought: str, action: str, given: str, repairs: list[str]) -> Said:
    name = action.splitlines()[0].strip(" `*\"'.()")[:200]
    if "```" in given:
        repairs.append("code fence")
    value, _ = json_in(given)
    if value is None and not given.strip("` \n"):
        value = {}
        repairs.append("no Action Input")
    arguments, problem = arguments_of(value)
    if arguments is None:
        return Said(thought, problem=f"Action Input must be one JSON object: {problem}")
    if name.lower() == _FINISH:
        repairs.append("'Finish' for an answer")
        answer = arguments.get("final_answer")
        return Said(thought, answer=answer.strip() if isinstance(answer, str) and answer.strip() else GAVE_UP)
    return Said(thought, name, arguments) if name else Said(thought, problem="Action names no tool")


def react_text(thought: str | None, name: str = "", arguments: str = "", answer: str = "") -> str:
    """A step as text."""
    lines = [f"Thought: {thought}"] if thought else []
    lines += [f"Action: {name}", f"Action Input: {arguments}"] if name else []
    return "\n".join([*lines, f"Answer: {answer}"] if answer else lines)
