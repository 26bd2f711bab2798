"""A small tokenizer, made on the spot: bytes, a few merges, and whatever control tokens a template has."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""Where words end, about as Llama 3 and Qwen have it: line breaks stay together."""


def tokenizer_for(source: str, special: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with a chat template, and control tokens besides `<s>` and `</s>`."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORDS), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    text = ["the order is open, look at the order\n\n", '{"name": "find_order", "arguments": {"id": 7}}\n\n\n', " assistant user tool\n"]
    made.train_from_iterator(text * 4, trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    marks = sorted({*special, "<s>", "</s>"})
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", additional_special_tokens=marks)
    wrapped.add_tokens(["<think>", "</think>", "<tool_call>", "</tool_call>"])
    wrapped.chat_template = source
    return wrapped
