# ruff: noqa: E501
"""Hand-worked texts: what models of each family really write, what they get wrong, and what is no call at all."""

from __future__ import annotations

import pytest

from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.formats.calls import dialect
from artificer.formats.calls.auto import guess

SEARCH = ToolSpec("search", "", {"type": "object", "properties": {"query": {"type": "string"}, "k": {"type": "integer"}}, "required": ["query"]})
CALL = (ToolCall("c1", "f", {"x": 1, "y": "a b", "z": None, "on": True, "l": [1, "2"], "r": {"k": 0.5}}),)

WRITTEN = {
    "json": '{"name":"f","arguments":{"x":1,"y":"a b","z":null,"on":true,"l":[1,"2"],"r":{"k":0.5}}}',
    "hermes": '<tool_call>\n{"name":"f","arguments":{"x":1,"y":"a b","z":null,"on":true,"l":[1,"2"],"r":{"k":0.5}}}\n</tool_call>',
    "qwen3_coder": "<tool_call>\n<function=f>\n<parameter=x>\n1\n</parameter>\n<parameter=y>\na b\n</parameter>\n<parameter=z>\nNone\n</parameter>\n"
    '<parameter=on>\nTrue\n</parameter>\n<parameter=l>\n[1,"2"]\n</parameter>\n<parameter=r>\n{"k":0.5}\n</parameter>\n</function>\n</tool_call>',
    "llama": '{"name":"f","parameters":{"x":1,"y":"a b","z":null,"on":true,"l":[1,"2"],"r":{"k":0.5}}}',
    "llama4": '[f(x=1, y="a b", z=None, on=True, l=[1, "2"], r={"k": 0.5})]',
    "mistral": '[TOOL_CALLS][{"name":"f","arguments":{"x":1,"y":"a b","z":null,"on":true,"l":[1,"2"],"r":{"k":0.5}}}]',
    "mistral_named": '[TOOL_CALLS]f[ARGS]{"x":1,"y":"a b","z":null,"on":true,"l":[1,"2"],"r":{"k":0.5}}',
    "react": 'Action: f\nAction Input: {"x":1,"y":"a b","z":null,"on":true,"l":[1,"2"],"r":{"k":0.5}}',
    "xml": '<function_calls>\n<invoke name="f">\n<parameter name="x">1</parameter>\n<parameter name="y">a b</parameter>\n<parameter name="z">None</parameter>\n'
    '<parameter name="on">True</parameter>\n<parameter name="l">[1,"2"]</parameter>\n<parameter name="r">{"k":0.5}</parameter>\n</invoke>\n</function_calls>',
}  # fmt: skip


@pytest.mark.parametrize("family", WRITTEN)
def test_the_form_of_a_call(family):
    message = Message("assistant", calls=CALL)
    assert dialect(family).write(message) == WRITTEN[family]
    assert dialect(family).parse(WRITTEN[family]).calls == CALL
    assert dialect("auto").parse(WRITTEN[family]).calls == CALL


ONE = [("f", {"x": 1})]
TWO = [("f", {"x": 1}), ("shop.g", {"y": "b"})]


@pytest.mark.parametrize(
    ("family", "text", "calls", "words"),
    [
        ("hermes", 'Sure.\n<tool_call>\n{"arguments": {"x": 1}, "name": "f"}\n</tool_call> ', ONE, "Sure."),
        ("hermes", '<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>\n<tool_call>{"name": "shop.g", "arguments": {"y": "b"}}</tool_call>', TWO, ""),
        ("hermes", '<tool_call>\n{"name": "f", "arguments": {"t": "</tool_call>"}}\n</tool_call>', [("f", {"t": "</tool_call>"})], ""),
        ("hermes", "The <tool_call> tag opens a call.", [], "The <tool_call> tag opens a call."),
        ("qwen3_coder", "I look.\n<tool_call>\n<function=f>\n<parameter=x>\n1\n</parameter>\n</function>\n</tool_call>", ONE, "I look."),
        ("qwen3_coder", "<tool_call>\n<function=f>\n</function>\n</tool_call>", [("f", {})], ""),
        ("qwen3_coder", "<tool_call>\n<function=f>\n<parameter=code>\nif a < b:\n  print('\\n')\n</parameter>\n</function>\n</tool_call>", [("f", {"code": "if a < b:\n  print('\\n')"})], ""),
        ("qwen3_coder", '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>', ONE, ""),
        ("llama", '<|python_tag|>{"name": "f", "parameters": {"x": 1}}<|eom_id|>', ONE, ""),
        ("llama", '{"name": "f", "parameters": {"x": 1}}; {"name": "shop.g", "parameters": {"y": "b"}}', TWO, ""),
        ("llama", '{"type": "function", "name": "f", "parameters": {"x": 1}}<|eot_id|>', ONE, ""),
        ("llama", '<|python_tag|>brave_search.call(query="a b")<|eom_id|>', [("brave_search", {"query": "a b"})], ""),
        ("llama", '<function=f>{"x": 1}</function>', ONE, ""),
        ("llama4", '[f(x=1), shop.g(y="b")]<|eot|>', TWO, ""),
        ("llama4", "<|python_start|>[f(x=1)]<|python_end|>", ONE, ""),
        ("python", "[f(x=-1, y=[1.5, 'a'], z={'k': None})]", [("f", {"x": -1, "y": [1.5, "a"], "z": {"k": None}})], ""),
        ("python", '[f(t="""a\n"b" c""", r=r"\\d")]', [("f", {"t": 'a\n"b" c', "r": "\\d"})], ""),
        ("mistral", '[TOOL_CALLS] [{"name": "f", "arguments": {"x": 1}}]</s>', ONE, ""),
        ("mistral", '[TOOL_CALLS]f{"x": 1}', ONE, ""),
        ("mistral", 'Yes.[TOOL_CALLS]f[ARGS]{"x": 1}[TOOL_CALLS]shop.g[ARGS]{"y": "b"}</s>', TWO, "Yes."),
        ("react", 'Thought: look\nAction: f\nAction Input: {"x": 1}\n', ONE, ""),
        ("react", "Thought: done\nFinal Answer: It is\nfive.", [], "It is\nfive."),
        ("react", 'Action:\n```json\n{"action": "f", "action_input": {"x": 1}}\n```', None, ""),
        ("xml", 'Ok\n<function_calls>\n<invoke name="f">\n<parameter name="x">1</parameter>\n</invoke>\n</function_calls>', ONE, "Ok"),
        ("xml", '<minimax:tool_call>\n<invoke name="f">\n<parameter name="x">1</parameter>\n</invoke>\n</minimax:tool_call>', ONE, ""),
        ("xml", '<tool_call><name>f</name><arguments>{"x": 1}</arguments></tool_call>', ONE, ""),
        ("xml", "<tool_use><tool_name>f</tool_name><parameters><x>1</x></parameters></tool_use>", ONE, ""),
        ("xml", '<invoke name="f"><parameter name="h">&lt;b&gt; &amp;amp; <i>x</i></parameter></invoke>', [("f", {"h": "<b> &amp; <i>x</i>"})], ""),
    ],
)  # fmt: skip
def test_what_the_family_writes_needs_no_repair(family, text, calls, words):
    read = dialect(family).parse(text)
    assert read.error is None, read.detail
    assert [(call.name, call.arguments) for call in read.calls] == (ONE if calls is None else calls)
    assert read.text == words
    assert read.repairs == (() if calls is not None else ("code fence",))
    guessed = dialect("auto").parse(text)
    assert [(call.name, call.arguments) for call in guessed.calls] == [(call.name, call.arguments) for call in read.calls]


@pytest.mark.parametrize(
    ("family", "text", "repair"),
    [
        ("hermes", '<tool_call>\n{"name": "f", "arguments": {"x": 1}}', "missing closing tag"),
        ("hermes", '<tool_call>\n{"name": "f", "arguments": {"x": 1}', "open bracket"),
        ("hermes", "<tool_call>\n{'name': 'f', 'arguments': {'x': 1}}\n</tool_call>", "single quotes"),
        ("hermes", '<tool_call>\n{"name": "f", "arguments": {"x": 1,}}\n</tool_call>', "trailing comma"),
        ("hermes", '<tool_call>\n{"name": "f", "arguments": {"x": 1}}}\n</tool_call>', "needless bracket"),
        ("hermes", '<tool_call>\n{name: "f", arguments: {x: 1}}\n</tool_call>', "bare key"),
        ("hermes", '<tool_call>\n```json\n{"name": "f", "arguments": {"x": 1}}\n```\n</tool_call>', "code fence"),
        ("hermes", '<tool_call>\n{"name": "f", "arguments": "{\\"x\\": 1}"}\n</tool_call>', "arguments as a string"),
        ("hermes", '{"name": "f", "arguments": {"x": 1}}', "no tags"),
        ("hermes", '{"name": "f", "arguments": {"x": 1}}\n</tool_call>', "no tags"),
        ("hermes", '<tool_call>\n{"name": "f", "arguments": {"x": 2, "x": 1}}\n</tool_call>', "repeated key"),
        ("qwen3_coder", "<function=f>\n<parameter=x>\n1\n</parameter>\n</function>\n</tool_call>", "missing opening tag"),
        ("qwen3_coder", "<tool_call>\n<function=f>\n<parameter=x>\n1\n</function>\n</tool_call>", "missing closing tag"),
        ("qwen3_coder", "<tool_call>\n<function=f>\n<parameter=x>\n1", "cut text"),
        ("llama", '{"name": "f", "parameters": {"x": 1}', "open bracket"),
        ("llama", '```json\n{"name": "f", "parameters": {"x": 1}}\n```', "code fence"),
        ("python", "f(x=1)", "no list around the calls"),
        ("python", "[f(x=1", "open bracket"),
        ("python", "```python\n[f(x=1)]\n```", "code fence"),
        ("mistral", '[{"name": "f", "arguments": {"x": 1}}]', "no mark of a call"),
        ("mistral", 'f[ARGS]{"x": 1}', "no mark of a call"),
        ("mistral", '[TOOL_CALLS][{"name": "f", "arguments": {"x": 1}}', "open bracket"),
        ("react", 'Action: f\nAction Input: ```json\n{"x": 1}\n```', "code fence"),
        ("react", 'Action: f\nAction Input: {"x": 1}\nObservation: 5\nFinal Answer: 5', "invented observation"),
        ("react", '**Action:** f\n**Action Input:** {"x": 1}', "bold labels"),
        ("react", 'Action: `f`\nAction Input: {"x": 1}', "marks around the name"),
        ("react", 'Action: f\nAction Input: {"x": 1}\nFinal Answer: 5', "answer beside the call"),
        ("xml", '<function_calls>\n<invoke name="f">\n<parameter name="x">1</parameter>', "missing closing tag"),
        ("xml", '<invoke name="f">\n<parameter name="x">1', "cut text"),
    ],
)  # fmt: skip
def test_repairs_are_made_and_named(family, text, repair):
    read = dialect(family).parse(text)
    assert [(call.name, call.arguments) for call in read.calls] == ONE, read.detail
    assert repair in read.repairs


@pytest.mark.parametrize(
    ("text", "value", "repair"),
    [
        ("[f(x=true, y=null)]", {"x": True, "y": None}, "JSON constants"),
        ("[f(x=(1, 2))]", {"x": [1, 2]}, "tuple"),
        ('[f(x="\\d")]', {"x": "\\d"}, "wrong escape"),
        ('[f(x="a\nb")]', {"x": "a\nb"}, "line break in a text"),
        ('[f(x="abc', {"x": "abc"}, "cut text"),
        ("[f(x=1, x=2)]", {"x": 2}, "repeated key"),
    ],
)
def test_python_repairs(text, value, repair):
    read = dialect("python").parse(text)
    assert [call.arguments for call in read.calls] == [value], read.detail
    assert repair in read.repairs


@pytest.mark.parametrize(
    ("text", "value", "repair"),
    [
        ('{"name": "f", "arguments": {"x": True, "y": None}}', {"x": True, "y": None}, "Python constants"),
        ('{"name": "f", "arguments": {"x": "a\nb"}}', {"x": "a\nb"}, "line break in a text"),
        ('{"name": "f", "arguments": {"x": "\\d \\u00e9"}}', {"x": "\\d é"}, "wrong escape"),
        ('{"name": "f", "arguments": {"x": "\\ud800!"}}', {"x": "\ufffd!"}, "lone surrogate"),
        ('{"name": "f", "arguments": {"x": "cut he', {"x": "cut he"}, "cut text"),
        ('{"tool": "f", "arguments": {"x": 1}}', {"x": 1}, "key 'tool' for the name"),
    ],
)
def test_json_repairs(text, value, repair):
    read = dialect("json").parse(text)
    assert [call.arguments for call in read.calls] == [value], read.detail
    assert repair in read.repairs


def test_code_in_an_argument_keeps_its_fences():
    code = "```python\nprint(1)\n```"
    for family in ("json", "hermes", "react", "python"):
        message = Message("assistant", calls=(ToolCall("c1", "write", {"text": code}),))
        assert dialect(family).parse(dialect(family).write(message)).calls == message.calls


@pytest.mark.parametrize(
    "inside",
    ["__import__('os').system('true')", "open('x')", "a", "1+1", "-'a'", "lambda: 1", "[i for i in x]", "f'{1}'", "b'x'", "x.y", "{1, 2}", "...", "1j", "1e999",
     "'%s' % 1", "g(1)", "[1][0]", "*a", "(yield)", "x:=1", "not 1", "{1: 2}", "'a' 'b' * 9**9**9"],
)  # fmt: skip
def test_only_literals_pass_and_nothing_is_evaluated(inside):
    read = dialect("python").parse(f"[f(x={inside})]")
    assert (read.calls, read.error) == ((), ErrorKind.unparsable_call)


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("hermes", "<tool_call>\nsearch for a\n</tool_call>"),
        ("hermes", '<tool_call>\n{"name": "f", "arguments": nonsense}\n</tool_call>'),
        ("hermes", '<tool_call>{"name": "f", "arguments": {}}</tool_call><tool_call>{"name": </tool_call>'),
        ("qwen3_coder", "<tool_call>\n<function=f>\nhello\n<parameter=x>\n1\n</parameter>\n</function>\n</tool_call>"),
        ("llama", "<|python_tag|>import os\nos.listdir()"),
        ("mistral", "[TOOL_CALLS]nothing here"),
        ("react", "Action Input: {}"),
        ("react", "Action: f\nAction Input: five"),
        ("xml", "<tool_call><arguments>{}</arguments></tool_call>"),
    ],
)
def test_a_call_that_cannot_be_read_is_an_error_and_no_call_stands(family, text):
    read = dialect(family).parse(text)
    assert (read.calls, read.error, read.text) == ((), ErrorKind.unparsable_call, text)
    assert read.detail


def test_the_tools_help_to_read():
    tools = (SEARCH,)
    assert dialect("react").parse("Action: search[a b]", tools=tools).calls[0].arguments == {"query": "a b"}
    assert dialect("react").parse("Action: search\nAction Input: a b", tools=tools).repairs == ("bare text for the arguments",)
    read = dialect("python").parse('[search("a", 3)]', tools=tools)
    assert (read.calls[0].arguments, read.repairs) == ({"query": "a", "k": 3}, ("positional arguments",))
    assert dialect("python").parse('[search("a", 3)]').error is ErrorKind.unparsable_call
    text = "<search><query>5</query><k>5</k></search>"
    assert dialect("xml").parse(text, tools=tools).calls[0].arguments == {"query": "5", "k": 5}
    text = "<tool_call>\n<function=search>\n<parameter=query>\n5\n</parameter>\n</function>\n</tool_call>"
    assert dialect("qwen3_coder").parse(text, tools=tools).calls[0].arguments == {"query": "5"}
    assert dialect("qwen3_coder").parse(text).calls[0].arguments == {"query": 5}


def test_ids_of_mistral():
    message = Message("assistant", calls=(ToolCall("a1B2c3D4e", "f", {}), ToolCall("c2", "f", {})))
    for family in ("mistral", "mistral_named"):
        assert dialect(family).parse(dialect(family).write(message)).calls == message.calls
    twice = '[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{}[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{}'  # fmt: skip
    read = dialect("mistral").parse(twice)
    assert ([call.id for call in read.calls], read.repairs) == (["abcdefghi", "c2"], ("repeated id",))


@pytest.mark.parametrize(
    ("text", "reasoning", "words"),
    [
        ("<think>\nhm\n</think>\n\nHello", "hm", "Hello"),
        ("hm\n</think>\nHello", "hm", "Hello"),
        ("<think>never ends", "never ends", ""),
        ("Use <think> tags.", None, "Use <think> tags."),
    ],
)
def test_reasoning(text, reasoning, words):
    for family in ("json", "hermes", "auto", "python"):
        read = dialect(family).parse(text)
        assert (read.reasoning, read.text) == (reasoning, words)
    assert dialect("hermes").parse('<think><tool_call>{"name": "f", "arguments": {}}</tool_call></think>No.').calls == ()


def test_the_guess_is_named():
    assert guess("Hello [TOOL_CALLS] <tool_call>") == "mistral"
    assert guess("<think>[TOOL_CALLS]</think>\n<tool_call>") == "hermes"
    assert guess("I see [f(x)] in the text") == "json"
    assert dialect("auto").parse('<tool_call>{"name": "f", "arguments": {}}</tool_call>').repairs == ("read as hermes",)
    assert dialect("auto").parse("The <tool_call> tag opens a call.").repairs == ()
