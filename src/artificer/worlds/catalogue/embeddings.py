"""Static word embeddings, the optional half of retrieval. The only module that loads numpy, and only when vectors are wanted.

A text's vector is the mean of its tokens' vectors: 256 numbers of a fixed table, no network and no neural net. The table and its tokeniser are read
from the files of the PyPI package `wordllama`, which is located and never imported. What is compared is the cosine; equal ones stand in the order of
keys.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from artificer.core.errors import MissingExtra
from artificer.worlds.catalogue.bm25 import Scored
from artificer.worlds.catalogue.words import LONGEST, normal

Embedder = Callable[[Sequence[str]], Any]
"""Texts to vectors: a sequence of rows of numbers (or a numpy array), one a text, all of one length."""

PACKAGE = "wordllama"
_TABLE = "l2_supercat_256.safetensors"
_TOKENS = "l2_supercat_tokenizer_config.json"
_WANTED = "Searching tools by meaning"
_DIGITS = 6
_TOKENS_READ = 512


def static(texts: Sequence[str]) -> Any:
    """The embedder of the `text` extra: an array (texts, 256). A text without tokens is the zero vector.

    Raises:
        MissingExtra: it is not installed.
    """
    tokeniser, table, numpy = _loaded()
    found = numpy.zeros((len(texts), table.shape[1]), dtype="float32")
    for row, encoded in enumerate(tokeniser.encode_batch([normal(text[:LONGEST]) for text in texts], add_special_tokens=False)):
        if encoded.ids:
            found[row] = table[encoded.ids].mean(axis=0)
    return found


@lru_cache(maxsize=1)
def _loaded() -> tuple[Any, Any, Any]:
    """The tokeniser, the table (tokens, 256), and numpy."""
    try:
        import numpy
        import safetensors.numpy as safetensors
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("text", _WANTED) from error
    reader: Any = Tokenizer
    tokeniser = reader.from_file(str(_shipped(_TOKENS)))
    tokeniser.enable_truncation(_TOKENS_READ)
    tokeniser.no_padding()
    weights: Any = safetensors
    (table,) = weights.load_file(_shipped(_TABLE)).values()
    return tokeniser, table.astype("float32"), numpy


def _shipped(name: str) -> Path:
    try:
        entries = files(PACKAGE) or []
    except PackageNotFoundError:
        entries = []
    for entry in entries:
        if entry.name == name:
            return Path(str(entry.locate()))
    raise MissingExtra("text", _WANTED)


class Vectors:
    """The vectors of keyed texts.

    Args:
        embed: what makes them; `static` by default.

    Raises:
        MissingExtra: numpy is not installed.
    """

    def __init__(self, embed: Embedder = static) -> None:
        try:
            import numpy
        except ImportError as error:
            raise MissingExtra("text", _WANTED) from error
        self._np: Any = numpy
        self._embed = embed
        self._texts: dict[str, str] = {}
        self._rows: dict[str, Any] = {}
        self._keys: list[str] = []
        self._matrix: Any = None

    def add(self, key: str, text: str) -> None:
        """Adds a text; its vector is made when one is first asked for."""
        self._texts[key] = text
        self._rows.pop(key, None)
        self._matrix = None

    def remove(self, key: str) -> None:
        """Removes a text."""
        self._texts.pop(key, None)
        self._rows.pop(key, None)
        self._matrix = None

    def search(self, query: str, k: int | None = 10, among: Container[str] | None = None) -> list[Scored]:
        """The k texts nearest to the query by cosine, best first; cosines are rounded, so that ties are ties on every machine."""
        if not self._texts:
            return []
        matrix = self._ready()
        scores = self._np.round(matrix @ self._unit([query])[0], _DIGITS)
        if among is not None:
            rows = self._np.array([row for row, key in enumerate(self._keys) if key in among], dtype="int64")
        elif k is not None and k < len(scores):
            rows = self._np.flatnonzero(scores >= self._np.partition(scores, -k)[-k])  # the k best, and all that equal the last of them
        else:
            rows = self._np.arange(len(scores))
        order: list[int] = rows[self._np.argsort(-scores[rows], kind="stable")][:k].tolist()  # keys are sorted: stable breaks ties by key
        return [Scored(self._keys[row], float(scores[row])) for row in order]

    def _ready(self) -> Any:
        if self._matrix is None:
            missing = sorted(key for key in self._texts if key not in self._rows)
            made = self._unit([self._texts[key] for key in missing]) if missing else ()
            self._rows.update(zip(missing, made, strict=True))
            self._keys = sorted(self._texts)
            self._matrix = self._np.stack([self._rows[key] for key in self._keys])
        return self._matrix

    def _unit(self, texts: Sequence[str]) -> Any:
        vectors = self._np.asarray(self._embed(texts), dtype="float32")
        lengths = self._np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / self._np.where(lengths == 0, 1, lengths)
