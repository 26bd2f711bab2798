"""Ids of what is written behind something: tokenizers of SentencePiece's kind put spaces in front of texts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.test_chat_rows import branch, tokenizer_of
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from artificer.core.messages import Message
from artificer.core.trace import Node, Trace
from artificer.training.chat.encoding import Encoding
from artificer.training.chat.merged import merged_of
from artificer.training.chat.rows import CONTEXT, render
from artificer.training.chat.template import Template

TEXTS = ["the order is open, look at the order", "It is open. Thanks Bye. Cancel 7.", "ASSISTANT: USER:"]
CHAT = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
CHAT += "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
VICUNA = "{% for m in messages %}{{ m.role.upper() + ': ' + m.content }}{{ eos_token if m.role == 'assistant' else ' ' }}{% endfor %}"
VICUNA += "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m.content + '[/INST]' if m.role == 'user' else ' ' + m.content + eos_token }}{% endfor %}"
)


def pieces(kind, source):
    """A tokenizer of SentencePiece's kind: a space in front of the whole (`first`), or of every piece between control tokens (`each`)."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    if kind == "first":
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    made.train_from_iterator(TEXTS * 5, trainers.BpeTrainer(vocab_size=500, special_tokens=known, show_progress=False, max_token_length=12))
    made = Tokenizer.from_str(json.dumps(json.loads(made.to_str()) | {"added_tokens": []}))
    special = [mark for mark in ("[INST]", "[/INST]", "<|im_start|>", "<|im_end|>") if mark in source]
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>", additional_special_tokens=special)
    wrapped.chat_template = source
    return wrapped


KINDS = [
    pytest.param(pieces(kind, source), id=f"{kind}-{name}") for kind in ("first", "each") for name, source in (("chat", CHAT), ("mistral", MISTRAL))
]


@pytest.mark.parametrize("tokenizer", KINDS)
@pytest.mark.parametrize("made", [render, lambda nodes, template: merged_of(Trace("t", "t", "", "", tuple(nodes)), template)])
def test_rows_are_what_the_whole_is(tokenizer, made):
    nodes, template = branch(tools=False), Template(tokenizer)
    (row,) = made(nodes, template).rows
    text = template.text([node.message for node in nodes], (), prompt=False)
    assert row.ids == tuple(tokenizer.encode(text, add_special_tokens=False))[: len(row.ids)]
    owned = template.said([token for token, owner in zip(row.ids, row.owner, strict=True) if owner == 1])
    assert owned.strip() in ("It is open.<|im_end|>", "It is open.</s>")


@pytest.mark.parametrize("kind", ["first", "each"])
def test_where_a_token_would_lie_across_the_border_the_prompt_stays_what_it_is(kind):
    tokenizer = pieces(kind, VICUNA)
    nodes, template = branch(tools=False), Template(tokenizer)
    row = render(nodes, template).rows[0]
    prompt = tokenizer.encode(template.text([nodes[0].message], (), prompt=True), add_special_tokens=False)
    start = row.owner.index(1)
    assert list(row.ids[:start]) == prompt
    whole = tokenizer.encode(template.text([node.message for node in nodes[:2]], (), prompt=False), add_special_tokens=False)
    assert whole[:start] != prompt  # a token lies across
    written = tokenizer.convert_ids_to_tokens([token for token, owner in zip(row.ids, row.owner, strict=True) if owner == 1])
    assert "".join(written).replace("▁", " ") == " It is open.</s>"


@pytest.mark.parametrize("tokenizer", KINDS)
def test_ids_behind_a_text_say_the_text(tokenizer):
    encoding = Encoding(tokenizer)

    @given(st.text("aopen. \n7", max_size=12), st.text("aopen. \n7", min_size=1, max_size=12))
    @settings(max_examples=60, deadline=None)
    def holds(before, text):
        found = encoding.behind(before, text)
        if before and found is not None:
            assert tokenizer.decode(encoding.ids(before) + found).endswith(text)

    holds()


@given(st.lists(st.sampled_from(["<|im_end|>", "<|im_start|>", "<think>", "the order", " ", "\n", "\n\n", "é", "\U0001f600", "7"]), max_size=12))
@settings(max_examples=100, deadline=None)
def test_pieces_of_byte_level_tokenizers_are_the_whole(parts):
    tokenizer = tokenizer_of("qwen3")
    text = "".join(parts)
    encoding = Encoding(tokenizer)
    assert encoding.ids(text) == tuple(tokenizer.encode(text, add_special_tokens=False))
    assert encoding.said(encoding.ids(text)) == text


def test_nobody_owns_what_stands_behind_the_end():
    """Command R opens the next turn of the assistant at once, Phi writes another end: a model does neither."""
    opens = "{% for m in messages %}{{ '<|im_start|>' + ('' if m.role == 'assistant' else m.role) + m.content + '<|im_end|>' }}{% endfor %}{{ '<|im_start|>' }}"
    ends = CHAT.replace("{% if add", "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}{% if add")
    for source in (opens, ends):
        tokenizer = tokenizer_of("qwen25")
        template = Template(tokenizer, source, ends=[tokenizer.convert_tokens_to_ids("<|im_end|>")])
        rows = render(branch(tools=False), template).rows
        owned = [
            template.said([token for token, one in zip(row.ids, row.owner, strict=True) if one == at])
            for row in rows
            for at in {*row.owner} - {CONTEXT}
        ]
        assert owned == ["It is open.<|im_end|>", "Bye.<|im_end|>"]


def test_a_turn_that_only_a_finished_message_opens_is_refused():
    source = CHAT.replace("{% if add_generation_prompt %}", "{% if add_generation_prompt and messages | length == 1 %}")
    found = render(branch(tools=False), Template(tokenizer_of("qwen25"), source))
    assert found.missing == {"a finished message opens a turn that its prompt does not open": 1}


def test_reasoning_in_front_of_the_text():
    template = Template(tokenizer_of("qwen25"), inline=True)
    said = [Message("user", "Hi"), Message("assistant", "Ho.", "Greet </think> back.")]
    nodes = [Node(None, said[0]), Node(0, said[1], sampled=True)]
    (row,) = render(nodes, template).rows
    owned = template.said([token for token, owner in zip(row.ids, row.owner, strict=True) if owner == 1])
    assert owned == "<think>\nGreet < /think> back.\n</think>\n\nHo.<|im_end|>"
