"""How templates are told conversations, and what they leave out in silence."""

from __future__ import annotations

import pytest
from tests.training.test_chat_rows import TOOL, branch, template_of, tokenizer_of

from artificer.core.canon import stable_id
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node, Tokens, Trace
from artificer.training.chat.aligning import REASONING, REWRITTEN, TEXT, THOUGHT
from artificer.training.chat.merged import merged_of
from artificer.training.chat.rows import CONTEXT, render
from artificer.training.chat.telling import BROKEN, CALLS, IDS, RESULTS, SPACED, TOOLS, UNREADABLE
from artificer.training.chat.template import Template

WAYS = {
    "mistral": {"short"},
    "deepseek_v3": {"text"},
    "deepseek_r1_distill": {"none", "text"},
    "kimi_k2": {"named"},
    "vision": {"parts"},
    "qwen25": set(),
    "llama31": set(),
    "gemma3": set(),
}


@pytest.mark.parametrize("family", WAYS)
def test_each_family_is_told_as_it_wants(family):
    assert template_of(family).telling.ways == WAYS[family]


def test_calls_are_known_by_names_that_are_counted():
    text = template_of("kimi_k2").text([node.message for node in branch()], (TOOL,), prompt=False)
    assert "<|tool_call_begin|>functions.find_order:0<|tool_call_argument_begin|>" in text
    assert "## Return of functions.find_order:1\n" in text


def with_ids(*ids: str) -> list[Node]:
    """The little branch with other ids of calls."""
    nodes = branch()
    for at, one in zip((1, 3), ids, strict=True):
        nodes[at] = Node(at - 1, Message("assistant", calls=(ToolCall(one, "find_order", {"id": 7}),)), sampled=True)
        nodes[at + 1] = Node(at, Message("tool", result=ToolResult(one, "open")))
    return nodes


NINE = stable_id("call", "call_1")[-9:]
"""What `call_1` is told as where nine letters and digits are wanted."""


@pytest.mark.parametrize(
    ("family", "ids", "told", "others"),
    [
        ("mistral", ("callAAAA4", "000000000"), ("callAAAA4", "000000000"), 0),
        ("mistral", ("callAAAA4", "call_1"), ("callAAAA4", NINE), 1),
        ("mistral", (NINE, "call_1"), (NINE, stable_id("call", "call_1", 1)[-9:]), 1),
        ("mistral", ("call_1", NINE), (NINE, stable_id("call", NINE)[-9:]), 2),
        ("mistral", ("c\u00e4ll12345", "call-1234"), None, 2),
        ("kimi_k2", ("functions.find_order:3", "functions.find_order:7"), ("functions.find_order:3", "functions.find_order:7"), 0),
        ("kimi_k2", ("functions.find_order:1", "call_1"), ("functions.find_order:1", "functions.find_order:2"), 1),
        ("qwen25", ("a b", "c"), ("a b", "c"), 0),
    ],
)
def test_ids_that_a_template_takes_stay_what_they_are(family, ids, told, others):
    template, nodes = template_of(family), with_ids(*ids)
    records = template.records([node.message for node in nodes])
    shown = tuple(records[at]["tool_calls"][0]["id"] for at in (1, 3))
    assert shown == tuple(records[at]["tool_call_id"] for at in (2, 4))
    assert len({*shown}) == 2
    assert shown == told or told is None
    assert template.records([node.message for node in nodes[:3]]) == records[:3]
    for found in (render(nodes, template, (TOOL,)), merged_of(Trace("t", "t", "", "", tuple(nodes)), template, (TOOL,))):
        assert found.shortened[IDS] == others
        assert not found.missing


def test_a_list_where_a_template_takes_no_none():
    source = "{% for tool in tools %}{{ tool.function.name }}{% endfor %}{% for m in messages %}{{ m.role + ':' + m.content + '</s>' }}{% endfor %}"
    template = Template(tokenizer_of("qwen25"), source + "{% if add_generation_prompt %}assistant:{% endif %}")
    assert template.telling.ways == {"list"}
    assert template.text([Message("user", "Hi")], (), prompt=True) == "user:Hi</s>assistant:"


def test_the_way_does_not_depend_on_what_was_rendered_before():
    messages = [Message("user", "Hi"), Message("assistant", "", calls=(ToolCall("c", "find_order", {"id": 7}),))]
    first, second = template_of("mistral"), template_of("mistral")
    with_calls = first.text(messages, (TOOL,), prompt=False)
    second.text(messages[:1], (), prompt=False)
    assert second.text(messages, (TOOL,), prompt=False) == with_calls


SILENT = "{% for m in messages if m.role in ('user', 'assistant') %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
SILENT += "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"


def test_answers_behind_results_that_are_not_shown_are_refused():
    template = Template(tokenizer_of("qwen25"), SILENT)
    assert template.telling.unseen == {TOOLS, CALLS, RESULTS}
    said = [node for node in branch() if not node.message.calls]
    result = Message("tool", result=ToolResult("c1", {"state": "open"}))
    nodes = [said[0], type(said[0])(0, result), type(said[0])(1, Message("assistant", "It is open."), sampled=True)]
    found = render(nodes, template, (TOOL,))
    assert (found.rows, found.missing) == ([], {RESULTS: 1})
    found = render(nodes, template, (TOOL,), hidden="drop")
    assert found.shortened == {TOOLS: 1, RESULTS: 1}


def test_text_that_is_not_shown_is_refused():
    """A template of a vision model, told of texts, writes empty messages: nobody is to learn silence."""
    source = SILENT.replace("m.content", "(m.content if m.role == 'user' else '')")
    found = render(branch(tools=False), Template(tokenizer_of("qwen25"), source))
    assert found.missing == {"the template does not show the text of a message": 2}


def said(*messages: Message) -> list[Node]:
    return [Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate((Message("user", "Hi"), *messages))]


@pytest.mark.parametrize(
    ("text", "thought", "name", "arguments"),
    [
        ("I look.", "I must find_order.", "find_order", {"id": 7}),
        ("I find_order.", "Look.", "find_order", {"id": 7}),
        ("find_order", "find_order", "find_order", {"of": "find_order"}),
        ("name", "a", "f", {"name": "f"}),
    ],
)
def test_what_is_not_shown_is_told_from_what_reads_the_same(text, thought, name, arguments):
    nodes = said(Message("assistant", text, thought, (ToolCall("c1", name, arguments),)))
    for family, reasons in {"qwen3": (), "qwen25": (REASONING,), "llama31": (REASONING, TEXT)}.items():
        template = template_of(family)
        found = render(nodes, template, (TOOL,))
        assert found.missing == dict.fromkeys(reasons[:1], 1), family
        assert render(nodes, template, (TOOL,), hidden="drop").shortened == dict.fromkeys(reasons, 1)
    assert render(nodes, template_of("gemma3"), (TOOL,), hidden="drop").missing == {"the template does not show all calls of a message": 1}


TAKES = """{% for m in messages %}{% set parts = m.content.split('</think>') -%}
{% set thought = m.reasoning_content or (parts[0].split('<think>')[-1].strip() if parts | length > 1 else '') -%}
{{ '<|im_start|>' + m.role + '\\n' + ('<think>\\n' + thought + '\\n</think>\\n\\n' if thought else '') + parts[-1] + '<|im_end|>\\n' }}{% endfor -%}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""


@pytest.mark.parametrize("text", ["<think>foo</think>Hello", "<think>\nfoo\n</think>\nHello"])
def test_a_thought_that_a_template_takes_out_of_the_text_is_named(text, tokens):
    template = Template(tokens.tokenizer, TAKES)
    assert render(said(Message("assistant", text)), template, hidden="drop").missing == {THOUGHT: 1}
    (row,) = render(said(Message("assistant", "Hello", "foo")), template).rows
    assert template.said(row.ids).endswith("assistant\n<think>\nfoo\n</think>\n\nHello<|im_end|>")


def test_a_text_that_a_template_changes_is_named():
    template = Template(tokenizer_of("qwen25"), SILENT.replace("m.content", "m.content.replace('  ', ' ')"))
    assert render(said(Message("assistant", "Two  spaces")), template).missing == {REWRITTEN: 1}


def test_marks_that_a_space_breaks_are_said():
    nodes = said(Message("assistant", "<think>foo</think>Hello"), Message("user", "<think>"), Message("assistant", "Bye."))
    template = template_of("qwen25")
    for found in (render(nodes, template), merged_of(Trace("t", "t", "", "", tuple(nodes)), template)):
        assert "< think>foo< /think>Hello" in template.said(found.rows[0].ids)
        assert (found.missing, found.shortened) == ({}, {SPACED: 1})


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ 'x' * 999999999 }}",
        "{{ ['x'] * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ range(999999999) | list }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ '%999999999d' % 1 }}",
    ],
)
def test_hostile_templates_are_one_message(hostile):
    with pytest.raises(ArtificerError, match="the chat template refuses the conversation"):
        Template(tokenizer_of("qwen25"), hostile).text([Message("user", "Hi")], (), prompt=False)


BROKEN_CALLS = [
    (ToolCall("c1", "find_order", {"$text": "not json"}), BROKEN),
    (ToolCall("c1", "find_order", {"$text": [7]}), BROKEN),
    (ToolCall("c1", "unreadable_call", {"text": "find_order(", "problem": "the arguments are no JSON object"}), UNREADABLE),
]


@pytest.mark.parametrize("family", ["qwen25", "deepseek_v3"])
@pytest.mark.parametrize(("call", "reason"), BROKEN_CALLS)
def test_a_call_that_could_not_be_read_is_not_learnt_in_words_that_nobody_wrote(family, call, reason):
    template, nodes = template_of(family), branch()
    nodes[1] = Node(0, Message("assistant", calls=(call,)), sampled=True)
    for found in (render(nodes, template, (TOOL,), hidden="drop"), merged_of(Trace("t", "t", "", "", tuple(nodes)), template, (TOOL,))):
        assert found.missing == {reason: 1}
        assert [sorted({*row.owner} - {CONTEXT}) for row in found.rows] == [[3, 5, 7]]
        assert "$text" not in template.said(found.rows[0].ids)


def test_what_was_written_for_arguments_stands_in_the_context():
    messages = [Message("user", "Hi"), Message("assistant", calls=(BROKEN_CALLS[0][0],))]
    assert "find_order<|tool_sep|>not json<|tool_call_end|>" in template_of("deepseek_v3").text(messages, (TOOL,), prompt=False)


def test_a_call_that_could_not_be_read_is_learnt_from_its_own_tokens():
    template, nodes = template_of("qwen25"), branch()
    written = template.ids("<tool_call>\nfind_order(\n</tool_call><|im_end|>")
    nodes[1] = Node(0, Message("assistant", calls=(BROKEN_CALLS[2][0],)), sampled=True, tokens=Tokens(written))
    found = render(nodes, template, (TOOL,))
    assert not found.missing
    assert tuple([token for token, owner in zip(found.rows[0].ids, found.rows[0].owner, strict=True) if owner == 1]) == written
