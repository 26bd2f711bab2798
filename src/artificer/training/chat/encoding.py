"""Texts to ids and back, for tokenizers of both kinds.

Byte-level tokenizers (GPT-2's kind: Qwen, Llama 3, SmolLM) cut a text at its control tokens before anything else, look at no
piece's neighbours, and give every text back as it was. Others (SentencePiece's kind: Llama 2, Mistral, Phi-3) put a space in front of a
text, or of each of its pieces, so that a text has other ids by itself than behind another: theirs are taken from the whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any


class Encoding:
    """A tokenizer, asked for ids. Nothing is added at the ends of a text.

    Args:
        tokenizer: one of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._added = {token.content: index for index, token in tokenizer.added_tokens_decoder.items()}
        self._mark = re.compile("(" + "|".join(map(re.escape, sorted(self._added, key=len, reverse=True))) + ")") if self._added else None
        self._clean = self._mark is not None and _cuts_cleanly(tokenizer)
        self._piece = lru_cache(maxsize=8192 if self._clean else 64)(self._whole)

    def _whole(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def ids(self, text: str) -> tuple[int, ...]:
        """The ids of a text. A piece that was encoded once is remembered, since turns of one conversation share most of their text."""
        if not self._clean or self._mark is None:
            return self._piece(text)
        found: list[int] = []
        for at, part in enumerate(self._mark.split(text)):
            if at % 2:
                found.append(self._added[part])
            elif part:
                found.extend(self._piece(part))
        return tuple(found)

    def behind(self, before: str, text: str) -> tuple[int, ...] | None:
        """The ids of a text that is written behind another one, whose ids stay what they are by itself; None when that cannot be said.

        Where the ids of both together begin with those of the first, it is the rest. Where a token of theirs lies across the
        border, it is what the text is behind another neighbour, with which that is not so.
        """
        if self._clean or not before:
            return self.ids(text)
        for neighbour in (before, self._tokenizer.eos_token, "\n"):
            first, both = self.ids(neighbour or ""), self.ids((neighbour or "") + text)
            rest = both[len(first) :]
            if first and both[: len(first)] == first and (neighbour is before or self.said(rest) == text):
                return rest
        return None

    def said(self, ids: Sequence[int]) -> str:
        """What ids say, control tokens too."""
        if self._clean or self._tokenizer.eos_token_id is None:
            return self._tokenizer.decode(list(ids), skip_special_tokens=False)
        # a space at the beginning of all is left out by decoders of this kind: here it is not at the beginning
        end = [self._tokenizer.eos_token_id]
        return self._tokenizer.decode(end + list(ids), skip_special_tokens=False)[len(self._tokenizer.decode(end, skip_special_tokens=False)) :]


def _cuts_cleanly(tokenizer: Any) -> bool:
    """Whether encoding the pieces between added tokens gives what encoding the whole gives."""
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return False
    told: Any = json.loads(backend.to_str())
    if any(token.get("lstrip") or token.get("rstrip") or token.get("single_word") for token in told["added_tokens"]):
        return False
    steps: Any = told.get("pre_tokenizer") or {}
    kinds: list[Any] = steps.get("pretokenizers", [steps])
    by_bytes = any(one.get("type") == "ByteLevel" for one in kinds) and not any(one.get("add_prefix_space") for one in kinds)
    return by_bytes and told.get("normalizer") in (None, {"type": "NFC"}) and told["model"].get("type") == "BPE"
