"""Static word embeddings, the optional half of retrieval. The only module that loads numpy and `static_model`, and only when vectors are wanted.

A text's vector is the mean of its words' vectors (Model2Vec's way): 64 numbers, no network. What is compared is the cosine; equal ones stand in the
order of keys.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from importlib import import_module
from typing import Any

from artificer.core.errors import MissingExtra
from artificer.worlds.catalogue.bm25 import Scored
from artificer.worlds.catalogue.words import LONGEST, normal

Embedder = Callable[[Sequence[str]], Any]
"""Texts to vectors: a sequence of rows of numbers (or a numpy array), one a text, all of one length."""

_DIGITS = 6
_BATCH = 1024


def static(texts: Sequence[str]) -> Any:
    """The embedder of the `text` extra.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        static_model: Any = import_module("static_model")
    except ImportError as error:
        raise MissingExtra("text", "Searching tools by embeddings") from error
    embed: Callable[[list[str]], list[list[float]]] = static_model.get_embeddings
    found: list[list[float]] = []
    for at in range(0, len(texts), _BATCH):
        found += embed([normal(text[:LONGEST]).replace("\0", " ") for text in texts[at : at + _BATCH]])
    return found


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
            raise MissingExtra("text", "Searching tools by embeddings") from error
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
        near = self._np.argsort(-scores, kind="stable")  # the keys are sorted: a stable order breaks ties by key
        found: list[Scored] = []
        order: list[int] = near.tolist()
        for row in order:
            if k is not None and len(found) == k:
                break
            if among is None or self._keys[row] in among:
                found.append(Scored(self._keys[row], float(scores[row])))
        return found

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
