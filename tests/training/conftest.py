"""A tokenizer and a model made on the spot: bytes as tokens, two tiny layers, random weights from a seed."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from artificer.models.hf import Tokens  # noqa: E402


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(word, special=True) for word in ("<|im_start|>", "<|im_end|>")])
    return Tokens(transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>"))


@pytest.fixture
def model(tokens: Tokens) -> Any:
    torch.manual_seed(3)
    torch.set_num_threads(1)
    config = transformers.LlamaConfig(
        vocab_size=len(tokens.tokenizer),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=0.3,
        eos_token_id=tokens.end,
        bos_token_id=tokens.end,
        pad_token_id=tokens.end,
    )
    return transformers.LlamaForCausalLM(config).eval()
