"""What models write, by hand-worked tables: ReAct steps, programs, plans; and that no text whatever breaks a reader."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.agents.asking import arguments_of, depth, json_in
from artificer.agents.code_text import blocks_text, ends, output_text, read_program, subtasks_in
from artificer.agents.plans import Fault, Step, code_of, faults_of, filled, read_plan
from artificer.agents.react_text import GAVE_UP, Said, read_react
from artificer.core.messages import ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind


def tool(name: str, required=(), optional=(), returns=None, kind: str = "string") -> ToolSpec:
    properties = {slot: {"type": kind} for slot in (*required, *optional)}
    parameters = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return ToolSpec(name, name, parameters, returns)


REACT = [
    ('Thought: look\nAction: find\nAction Input: {"q": "a"}', Said("look", "find", {"q": "a"}), []),
    ("Thought: done\nAnswer: It is 4.", Said("done", answer="It is 4."), []),
    ("Thought: t\nFinal Answer: yes", Said("t", answer="yes"), ["'Final Answer:' for 'Answer:'"]),
    ("Answer: two\nlines\nAction: none", Said(answer="two\nlines\nAction: none"), []),
    ('Action: f\nAction Input: {"a": 1}\nObservation: 3\nThought: so\nAnswer: 3', Said("", "f", {"a": 1}), ["cut at 'Observation:'"]),
    ('Action: f\nAction Input: {}\nAction: g\nAction Input: {"b": 2}', Said("", "f"), ["more than one step"]),
    ('**Thought:** t\n**Action:** `f`\n**Action Input:** ```json\n{"a": 1}\n```', Said("t", "f", {"a": 1}), ["code fence"]),
    ("Thought 1: t\nAction 1: f\nAction Input 1: {}", Said("t", "f"), []),
    ("Action: f", Said("", "f"), ["no Action Input"]),
    ("Action: f\nAction Input: a, b", Said(problem="Action Input must be one JSON object: the arguments are no JSON object"), []),
    ('Action: f\nAction Input: {"a": NaN}', Said(problem="Action Input must be one JSON object: the arguments are no JSON object"), []),
    ('Action: Finish\nAction Input: {"return_type": "give_answer", "final_answer": "4"}', Said(answer="4"), ["'Finish' for an answer"]),
    ('Action: Finish\nAction Input: {"return_type": "give_up_and_restart"}', Said(answer=GAVE_UP), ["'Finish' for an answer"]),
    ("It is 4.", Said(answer="It is 4."), ["no label"]),
    ('{"name": "f", "arguments": {"a": 1}}', Said("", "f", {"a": 1}), ["a JSON call for a step"]),
    ('{"name": "f", "arguments": {}}\n{"name": "g", "arguments": {}}', Said("", "f"), ["a JSON call for a step", "more than one step"]),
    ('{"name": "f", "arguments": {', Said("", "f"), ["open bracket", "a JSON call for a step"]),
    ('{"name": "f", "arguments": 3', Said(problem="a call was begun but is not valid JSON"), []),
    ("Thought: hm", Said("hm", problem="after a Thought there must be an Action with its Action Input, or an Answer"), []),
    ("", Said(problem="the reply is empty"), []),
    ("Answer:", Said(problem="the answer is empty"), []),
    ("Let me see.\nAction: f\nAction Input: {}", Said("Let me see.", "f"), ["text before the first label"]),
]


@pytest.mark.parametrize(("text", "step", "repairs"), REACT)
def test_react_steps(text, step, repairs):
    named: list[str] = []
    assert read_react(text, named) == step
    assert named == repairs


PROGRAMS = [
    ("tora", "I add.\n```python\nprint(1+1)\n```", ("I add.", "print(1+1)", None), []),
    ("tora", "```python\nprint(1)\n```\n```output\n1\n```\nIt is $\\boxed{1}$.", ("", "print(1)", None), ["cut at '```output'"]),
    ("tora", "It is \\boxed{2}.", ("", None, "It is \\boxed{2}."), []),
    ("tora", "Use this:\n```python\nf()\n```\nIt adds.", ("", None, "Use this:\n```python\nf()\n```\nIt adds."), []),
    (
        "tora",
        "```python\na=1\n```\nthen\n```python\nprint(2)\n```",
        ("```python\na=1\n```\nthen", "print(2)", None),
        ["only the last program is run"],
    ),
    ("tora", "x\n```py\nprint(1)", ("x", "print(1)", None), ["open fence"]),
    ("tora", "```python\n```", ("", "", None), []),
    ("deepeyes", "<think>t</think><code>\n```python\nprint(1)\n```\n</code>", ("t", "print(1)", None), []),
    ("deepeyes", "t</think>\n<code>\n```python\nprint(1)\n```", ("t", "print(1)", None), []),
    ("deepeyes", "<think>t</think><answer>4</answer>", ("t", None, "4"), []),
    ("deepeyes", "<answer>4", ("", None, "4"), ["no </think>", "open <answer>"]),
    ("deepeyes", "<think>a</think><answer>4</answer><code>x</code>", ("a", None, "4"), ["text after </answer>"]),
]


@pytest.mark.parametrize(("form", "text", "expected", "repairs"), PROGRAMS)
def test_programs(form, text, expected, repairs):
    named: list[str] = []
    written = read_program(text, form, named)
    assert (written.thought, written.code, written.answer) == expected
    assert named == repairs


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<think>t</think><code>print(1)</code>", "<code> must hold a fence ```python ... ```"),
        ("<think>t</think>4", "one of <code>, <tool_call> or <answer> must follow <think>"),
        ("<think>t</think><tool_call>{]</tool_call>", '<tool_call> must hold {"name": ..., "arguments": {...}}'),
        ('<think>t</think><tool_call>{"name": "f", "arguments": 3}</tool_call>', "the arguments are no JSON object"),
        ("<think>t</think><answer> </answer>", "the answer is empty"),
    ],
)
def test_tags_that_cannot_be_read_say_why(text, problem):
    assert read_program(text, "deepeyes", []).problem == problem


def test_outputs_are_shown_as_published():
    raised = ToolResult("c", {"stdout": "a\n", "error": 'Traceback\n  File "x"\nZeroDivisionError: division by zero'})
    assert output_text(raised) == "a\nZeroDivisionError: division by zero"
    assert blocks_text(ToolResult("c", {"stdout": "a\n", "stderr": "w\n", "result": "3"})) == "<output>\nstdout:\na\n3\nstderr:\nw\n</output>"
    assert output_text(ToolResult("c", None, ErrorKind.timeout, "Timeout Error")) == "Timeout Error"
    assert ends("a" * 300 + "b" * 300, 400) == "a" * 200 + "..." + "b" * 200
    assert ends("a" * 400, 400) == "a" * 400
    assert subtasks_in("Plan\ns1: find the area\n- s2: add them\nnot s3") == {"s1": "find the area", "s2": "add them"}


SUM = tool("sum", ("a", "b"), returns={"type": "object", "properties": {"total": {"type": "integer"}}, "additionalProperties": False}, kind="integer")
SHOW = tool("show", ("value",), ("note",))
PLAN = (Step(0, "sum", {"a": 1, "b": 2}), Step(1, "show", {"value": "<node-0>.total"}))


def test_a_plan_is_the_same_as_json_and_as_a_program():
    as_json = '{"nodes": [{"id": 0, "name": "sum", "args": {"a": 1, "b": 2}}, {"id": 1, "name": "show", "args": {"value": "<node-0>.total"}}]}'
    assert read_plan(f"RESULT: {as_json} ok", "json") == PLAN
    assert code_of(PLAN) == 'output0 = sum(a=1, b=2)\noutput1 = show(value=output0["total"])'
    assert read_plan(f"```python\n{code_of(PLAN)}\n```", "code") == PLAN
    assert read_plan(f"```python\ndef solve():\n    {code_of(PLAN[:1])}\n    return output0\n```", "code") == PLAN[:1]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(max_size=8)
    | st.just("<node-0>.total")
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
names = st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda name: not __import__("keyword").iskeyword(name))


@given(st.lists(st.tuples(names, st.dictionaries(names, values, max_size=3)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_plan_survives_being_written_as_a_program(steps):
    plan = tuple(Step(index, name, args) for index, (name, args) in enumerate(steps))
    assert read_plan(f"```python\n{code_of(plan)}\n```", "code") == plan


VERIFIED = [
    ((Step(0, "add", {}),), "tools", "there is no tool 'add'"),
    ((Step(0, "sum", {"a": 1}),), "sum's arguments", "missing b"),
    ((Step(0, "show", {"value": "x", "loud": True}),), "show's arguments", "not known: loud"),
    ((PLAN[0], Step(1, "show", {"value": "<node-0>.sum"})), "show's arguments", "sum returns no 'sum', but total"),
    ((Step(0, "show", {"value": "<node-1>"}), Step(1, "sum", {"a": 1, "b": 2})), "show's arguments", "<node-1> is no earlier node"),
    ((Step(0, "sum", {"a": "1", "b": 2}),), "sum's arguments", "is not of type"),
    ((Step(12, "sum", {"a": 1, "b": 2}), Step(13, "show", {"value": "got <node-12>.total!"})), None, ""),
]


@pytest.mark.parametrize(("plan", "code", "detail"), VERIFIED)
def test_verification_names_the_first_fault(plan, code, detail):
    fault = faults_of(plan, [SUM, SHOW])
    assert (fault.code if fault else None) == code
    assert detail in (fault.detail if fault else "")


PARSED = [
    ('{"nodes": [{"id": 0, "name": "f", "args": {}}', "json", "json"),
    ('{"nodes": []}', "json", "json"),
    ('{"name": "f", "arguments": {"a": 1}}', "json", "json"),
    ('{"nodes": [{"id": "a", "name": "f", "args": {}}]}', "json", "json"),
    ('{"nodes": [{"id": 0, "name": "f"}, {"id": 0, "name": "f"}]}', "json", "json"),
    ("```python\noutput0 = f(1)\n```", "code", "f's arguments"),
    ("```python\noutput0 = f(a=g())\n```", "code", "f's arguments"),
    ("```python\nimport os\n```", "code", "unknown"),
    ("```python\noutput0 = os.system(a=1)\n```", "code", "unknown"),
    ("```python\noutput0 = = f\n```", "code", "unknown"),
    ("```python\noutput0 = f(a=" + "[" * 5000 + ")\n```", "code", "unknown"),
    ("```python\noutput0 = f(a=" + "-" * 15000 + "1)\n```", "code", "unknown"),
    ("```python\n" + "x" * 30000 + "\n```", "code", "unknown"),
]


@pytest.mark.parametrize(("text", "form", "code"), PARSED)
def test_plans_that_cannot_be_read_say_why(text, form, code):
    fault = read_plan(text, form)
    assert isinstance(fault, Fault)
    assert (fault.rung, fault.code) == ("parse", code)


def test_text_without_a_plan_is_none():
    assert read_plan("Which one do you mean?", "json") is None
    assert read_plan('{"other": 1}', "json") is None
    assert read_plan("Which one do you mean?", "code") is None


def test_references_are_filled_in_once():
    outputs = {0: {"rows": [{"id": 7}], "total": 3, "text": "<node-0>.total"}}
    assert filled({"a": "<node-0>.rows[0].id", "b": ["<node-0>.total", "n=<node-0>.total"], "c": "<node-0>.text"}, outputs) == {
        "a": 7,
        "b": [3, "n=3"],
        "c": "<node-0>.total",  # what a tool returned is no reference
    }
    assert filled("<node-0>", outputs) == outputs[0]
    for missing in ("<node-0>.none", "<node-0>.rows[1]", "<node-1>", "<node-0>.total.x"):
        with pytest.raises(LookupError):
            filled(missing, outputs)


def test_arguments_have_their_limits():
    nested: object = {}
    for _ in range(100):
        nested = {"a": nested}
    assert depth(nested) == 65
    assert arguments_of(nested) == (None, "the arguments are nested deeper than 64 levels")
    assert arguments_of({"a": "\ud800"})[0] is None
    assert arguments_of('{"a": 1}') == ({"a": 1}, "")
    assert json_in("{" * 100_000) == (None, 0)
    assert json_in('x {"a": [1]} y')[0] == {"a": [1]}
    assert json_in("[1] {}", list)[0] == [1]


PIECES = [
    *("Thought:", "Action:", "Action Input:", "Answer:", "Observation:", "\n", "{", "}", '"', "boxed", "\ud800", "\0"),
    *("```python\n", "```", "\n```", "<think>", "</think>", "<code>", "</code>", "<answer>", "<tool_call>"),
    *('{"nodes": [', '{"name": "f", "arguments": {}}', "output0 = f(a=", ")", "s1: a\n", "a: ", "**", " ", "Action: a\n"),
]
hostile = st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@given(hostile)
@settings(max_examples=400, deadline=None)
def test_no_text_breaks_a_reader(text):
    step = read_react(text, [])
    assert [step.name is not None, step.answer is not None, bool(step.problem)].count(True) == 1
    for form in ("tora", "dotamath", "deepeyes"):
        written = read_program(text, form, [])
        assert [written.code is not None, written.name is not None, written.answer is not None, bool(written.problem)].count(True) == 1
    for form in ("json", "code"):
        read_plan(text, form)


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_no_long_time(piece):
    text = piece * (100_000 // len(piece))
    read_react(text, [])
    read_program(text, "tora", [])
    read_program(text, "deepeyes", [])
    read_plan(text, "json")
    read_plan(text, "code")
    subtasks_in(text)
