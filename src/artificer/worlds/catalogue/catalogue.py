"""A catalogue: thousands of tools, and which of them a request needs.

Three ways to search. `words` is BM25 (`bm25`), always there. `meaning` is the cosine of embeddings, when the `text` extra is installed. `both` fuses
the two rankings by reciprocal rank (Cormack, Clarke and Buettcher, SIGIR 2009):

    score(tool) = sum over rankings r of  1 / (60 + rank_r(tool))

with ranks from 1, over the first `DEPTH` of each ranking; a tool that a ranking does not have gets nothing from it. Ties stand in the order of names.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, cast, get_args

from msgspec import Struct

from artificer.core.canon import Json, digest
from artificer.core.errors import ArtificerError, SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.base import Problem
from artificer.worlds.catalogue.bm25 import Index, Scored
from artificer.worlds.catalogue.embeddings import Embedder, Vectors, static
from artificer.worlds.catalogue.filters import Where
from artificer.worlds.catalogue.names import suspicious
from artificer.worlds.catalogue.stored import Stored, pack, unpack
from artificer.worlds.catalogue.words import words

Mode = Literal["words", "meaning", "both"]
MODES: tuple[Mode, ...] = get_args(Mode)
FUSION = 60
DEPTH = 25
NAME_WEIGHT = 2
"""How often a tool's name counts among its words."""


class Found(Struct, frozen=True):
    """A tool that fits a query, and how well by the measure of the mode."""

    tool: ToolSpec
    score: float


class Catalogue:
    """Tools by name, searchable.

    Args:
        tools: what is in it at first.
        mode: how `search` works unless told otherwise.
        embed: makes vectors for `meaning` and `both`.

    Raises:
        ArtificerError: two tools have one name.
        MissingExtra: vectors are asked for and cannot be made.
    """

    def __init__(self, tools: Iterable[ToolSpec] = (), *, mode: Mode = "words", embed: Embedder = static) -> None:
        self.mode: Mode = mode
        self._embed = embed
        self._tools: dict[str, ToolSpec] = {}
        self._index = Index()
        self._vectors: Vectors | None = None
        self._permitted: dict[bytes, frozenset[str]] = {}
        for tool in tools:
            self.add(tool)
        if mode != "words":
            self._vectors = self._embedded()

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[ToolSpec]:
        return iter(self._tools.values())

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __getitem__(self, name: str) -> ToolSpec:
        return self._tools[name]

    def add(self, tool: ToolSpec) -> None:
        """Adds a tool.

        Raises:
            ArtificerError: there is one of that name.
        """
        if tool.name in self._tools:
            raise ArtificerError(f"the catalogue has a tool {tool.name!r} already", remedy="rename one of the two, or remove the other first")
        self._index.add(tool.name, searchable(tool))
        self._tools[tool.name] = tool
        if self._vectors is not None:
            self._vectors.add(tool.name, told(tool))
        self._permitted.clear()

    def remove(self, name: str) -> None:
        """Removes a tool.

        Raises:
            ArtificerError: there is none of that name.
        """
        if name not in self._tools:
            raise ArtificerError(f"the catalogue has no tool {name!r}")
        self._index.remove(name)
        del self._tools[name]
        if self._vectors is not None:
            self._vectors.remove(name)
        self._permitted.clear()

    def search(self, query: str, k: int = 5, where: Where | None = None, mode: Mode | None = None) -> list[Found]:
        """The k tools that fit a query best, best first.

        Args:
            query: words, in any order; a sentence will do.
            k: how many at most.
            where: conditions that a tool must satisfy. They are applied before the k are chosen.
            mode: see the module docstring; the catalogue's own when None.
        """
        if k < 1:
            return []
        mode = mode or self.mode
        among = None if where is None else self._allowed(where)
        if mode == "words":
            ranked = self._index.search(words(query), k, among)
        elif mode == "meaning":
            ranked = self._embedded().search(query, k, among)
        else:
            depth = max(DEPTH, k)
            rankings = self._index.search(words(query), depth, among), self._embedded().search(query, depth, among)
            ranked = fused(rankings)[:k]
        return [Found(self._tools[hit.key], hit.score) for hit in ranked]

    def problems(self) -> list[Problem]:
        """Names that hide something or can be mistaken for others."""
        return suspicious(self._tools)

    def _allowed(self, where: Where) -> frozenset[str]:
        key = where.key()
        found = self._permitted.get(key)
        if found is None:
            if len(self._permitted) >= 64:
                self._permitted.clear()
            found = self._permitted[key] = frozenset(name for name, tool in self._tools.items() if where.holds(tool))
        return found

    def _embedded(self) -> Vectors:
        if self._vectors is None:
            vectors = Vectors(self._embed)
            for name, tool in self._tools.items():
                vectors.add(name, told(tool))
            self._vectors = vectors
        return self._vectors

    def digest(self) -> str:
        """The same for catalogues of the same tools, whatever their order and history."""
        return self.digest_of(self._tools.values())

    @staticmethod
    def digest_of(tools: Iterable[ToolSpec]) -> str:
        """What `digest` is of a catalogue of these tools."""
        return digest("catalogue", sorted(tools, key=lambda tool: tool.name))

    def save(self, path: str | Path) -> None:
        """Writes the tools and their index as one file, whole or not at all. Vectors are not kept: they are made again.

        Raises:
            ArtificerError: it cannot be written.
        """
        path = Path(path)
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(pack(Stored(tuple(self._tools.values()), self._index)))
                os.replace(name, path)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            raise ArtificerError(f"the index cannot be written: {error.strerror}", where=str(path), remedy="choose another place") from error

    @classmethod
    def load(cls, path: str | Path, *, mode: Mode = "words", embed: Embedder = static) -> Catalogue:
        """A saved catalogue.

        Raises:
            SourceError: the file cannot be read, is no such file, or is damaged.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise SourceError(f"the index cannot be read: {error.strerror}", where=str(path), remedy="check the path") from error
        stored = unpack(data, str(path))
        made = cls(mode="words", embed=embed)
        made.mode = mode
        made._tools = {tool.name: tool for tool in stored.tools}
        made._index = stored.index
        if mode != "words":
            made._vectors = made._embedded()
        return made


def fused(rankings: Sequence[Sequence[Scored]]) -> list[Scored]:
    """Rankings as one, by reciprocal rank; the formula stands in the module docstring."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, 1):
            scores[hit.key] = scores.get(hit.key, 0.0) + 1 / (FUSION + rank)
    return [Scored(key, score) for key, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))]


def searchable(tool: ToolSpec) -> list[str]:
    """The words a tool is found by: its name (counted `NAME_WEIGHT` times), description, parameters' names and descriptions, attributes."""
    return words(tool.name) * NAME_WEIGHT + words(_body(tool))


def told(tool: ToolSpec) -> str:
    """The text a tool is embedded by: the same, as it is written."""
    return f"{' '.join(words(tool.name))}. {_body(tool)}"


def _body(tool: ToolSpec) -> str:
    parts = [tool.description]
    properties = tool.parameters.get("properties")
    for name, schema in cast("dict[str, Json]", properties).items() if isinstance(properties, dict) else ():
        fields = cast("dict[str, Json]", schema) if isinstance(schema, dict) else {}
        parts += [name, *(str(fields[key]) for key in ("description", "x-label") if isinstance(fields.get(key), str))]
    parts += _texts(tool.attributes)
    return "\n".join(parts)


def _texts(value: Json, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple) and depth < 4:
        items = cast("Iterable[Json]", cast("dict[str, Json]", value).values() if isinstance(value, dict) else value)
        for item in items:
            yield from _texts(item, depth + 1)


__all__ = ["DEPTH", "FUSION", "MODES", "Catalogue", "Found", "Mode", "fused", "searchable", "told"]
