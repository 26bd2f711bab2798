"""`| search:k=5`: a world with more tools than an agent can be shown. It sees `search_tools` and the tools found so far, and no other.

Every tool stays callable by everybody but the agent; an agent that calls one which no search has shown is told that there is no such tool. What was
found belongs to the session: it forks with it, and is no part of the world's state (no effect, no digest). Put it last among wrappers: one that
renames tools and stands outside would not rename those that a result tells of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema, refusal
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.catalogue.catalogue import MODES, Catalogue, Mode
from artificer.worlds.catalogue.docs import Level, documented, level_of
from artificer.worlds.catalogue.filters import Where, read_where
from artificer.worlds.catalogue.words import words
from artificer.worlds.guide import Call, Demand, Desk, Dropped, Guide, Procedure, Request, Step
from artificer.worlds.wrappers.base import Wrapped, WrappedGuide, WrappedSession, whole

SEARCH = "search_tools"
_LONGEST = 2000


def wrap(world: World, k: str = "5", level: str = "summary", demos: str = "2", mode: str = "words", where: str = "", index: str = "") -> World:
    """A world whose tools must be searched for.

    Args:
        k: how many tools a search finds at most.
        level: how much a result tells of each tool (`worlds.catalogue.docs`). Found tools are also shown as tools from then on.
        demos: how many examples, at the level `demos`.
        mode: `words` (BM25), `meaning` or `both` (these need the extra `text`).
        where: a TOML file of conditions; tools that do not satisfy them are never found.
        index: a file in which the index is kept. It is made when there is none.

    Raises:
        SourceError: an option cannot be used, or the file holds other tools.
        MissingExtra: the mode needs what is not installed.
    """
    given = {"k": k, "level": level, "demos": demos, "mode": mode, "where": where, "index": index}
    usual = {"k": "5", "level": "summary", "demos": "2", "mode": "words", "where": "", "index": ""}
    if mode not in MODES:
        raise SourceError(f"{mode!r} is no way to search", where="mode", remedy=f"use one of {', '.join(MODES)}")
    if any(tool.name == SEARCH for tool in world.tools):
        raise SourceError(f"the world has a tool {SEARCH!r} already", where=world.name, remedy="search once, or rename the tool")
    conditions = read_where(where) if where else None
    options = {name: value for name, value in given.items() if value != usual[name]}
    return Searched(
        world,
        options,
        _catalogue(world, mode, index),
        whole(k, "k", 1, 100),
        level_of(level),
        whole(demos, "demos", 0, 100),
        conditions,
    )


def _catalogue(world: World, mode: Mode, index: str) -> Catalogue:
    if not index:
        return Catalogue(world.tools, mode=mode)
    if Path(index).exists():
        kept = Catalogue.load(index, mode=mode)
        if kept.digest() != Catalogue.digest_of(world.tools):
            raise SourceError("the index is of other tools than the world has", where=index, remedy="remove it, and it is made again")
        return kept
    made = Catalogue(world.tools, mode=mode)
    made.save(index)
    return made


class Searched(Wrapped):
    """See `wrap`. `tools` are all there are, `search_tools` first; what an agent sees is what its session shows."""

    def __init__(self, inner: World, options: dict[str, str], catalogue: Catalogue, k: int, level: Level, demos: int, where: Where | None) -> None:
        super().__init__(inner, "search", options)
        self.catalogue = catalogue
        self.k = k
        self.where = where
        self.how = level, demos
        self.searching = search_tool(len(inner.tools), k)
        self.validator = compile_schema(self.searching.parameters, SEARCH)
        self.tools: Sequence[ToolSpec] = (self.searching, *inner.tools)
        self.by_name = {tool.name: tool for tool in inner.tools}
        self.problems = (*inner.problems, *catalogue.problems())
        self.guide: Guide | None = SearchingGuide(self, WrappedGuide(self, inner.guide)) if inner.guide is not None else None

    def guided(self, guide: Guide) -> Guide:
        return SearchingGuide(self, super().guided(guide))

    def session(self, inner: Session, start: Start) -> SearchedSession:
        return SearchedSession(self, inner, start)

    def found(self, query: str, limit: int) -> list[ToolSpec]:
        """The tools a search finds."""
        return [hit.tool for hit in self.catalogue.search(query, min(limit, self.k), self.where)]


class SearchedSession(WrappedSession):
    """A session in which tools must be found before they are called."""

    world: Searched

    def __init__(self, world: Searched, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self.state["found"] = []

    @property
    def found(self) -> list[str]:
        """Names of the tools found so far, in the order in which they were."""
        return self.state["found"]

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        if call.name == SEARCH:
            return self._search(call)
        if actor == "agent" and call.name not in self.found:
            return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name[:64]!r} among those found; {SEARCH} finds tools")
        return await self.pass_on(call, actor)

    def _search(self, call: ToolCall) -> ToolResult:
        refused = refusal(call, self.world.validator)
        if refused is not None:
            return refused
        hits = self.world.found(call.arguments["query"], int(call.arguments.get("limit", self.world.k)))
        told = self.shown_as(hits)
        self.found.extend(tool.name for tool in told if tool.name not in self.found)
        return ToolResult(call.id, {"tools": [_record(tool) for tool in told]})

    def shown_as(self, tools: Sequence[ToolSpec]) -> list[ToolSpec]:
        """Tools as a result tells of them: what the world within would show of them, at this wrapper's level."""
        seen = self._attending.shown(tools) if self._attending is not None else tools
        return [documented(tool, *self.world.how) for tool in seen]

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        found = set(self.found)
        return [self.world.searching, *super().shown([tool for tool in tools if tool.name in found])]


class SearchingGuide:
    """A guide for somebody who must search for a tool before its first use, by the words of its name.

    Args:
        world: where the tools are found.
        guide: how requests are served, in the names of that world.
    """

    def __init__(self, world: Searched, guide: Guide) -> None:
        self._world = world
        self._guide = guide

    def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        return self._guide.propose(session, rng, demand)

    def procedure(self, op: str, desk: Desk) -> Procedure:
        steps = self._guide.procedure(op, desk)
        known: list[str] = desk.remembered().setdefault("tools found", [])
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            yield from self._sought(step, known)
            answer = yield step

    def _sought(self, step: Step, known: list[str]) -> Generator[Step, Any, None]:
        """Searches for the tool of a step until it is found, in fewer words and then in more."""
        if not isinstance(step, Call):
            return
        for query in self._queries(step.name):
            if step.name in known:
                return
            result = yield Call(SEARCH, {"query": query})
            known += [name for name in _named(result) if name not in known]

    def _queries(self, name: str) -> list[str]:
        plain = " ".join(words(name))
        spec = self._world.by_name.get(name)
        return [plain, f"{plain} {spec.description}"[:_LONGEST]] if spec is not None and spec.description else [plain]


def _named(result: object) -> list[str]:
    """The names in a result, which on its way here may have been disturbed."""
    content: Json = result.content if isinstance(result, ToolResult) else None
    listed: Json = cast("dict[str, Json]", content).get("tools") if isinstance(content, dict) else None
    tools = cast("list[Json]", listed) if isinstance(listed, list) else []
    return [str(cast("dict[str, Json]", tool).get("name")) for tool in tools if isinstance(tool, dict)]


def search_tool(count: int, k: int) -> ToolSpec:
    """`search_tools`. Its query is in the agent's own words: nothing that had to be looked up (`x-free`)."""
    query: dict[str, Json] = {
        "type": "string",
        "minLength": 1,
        "maxLength": _LONGEST,
        "description": "what a tool should do, in a few words",
        "x-free": True,
    }
    limit: dict[str, Json] = {"type": "integer", "minimum": 1, "maximum": k, "description": f"how many at most ({k})", "x-free": True}
    parameters: dict[str, Json] = {
        "type": "object",
        "properties": {"query": query, "limit": limit},
        "required": ["query"],
        "additionalProperties": False,
    }
    tool: dict[str, Json] = {"type": "object", "properties": {"name": {"type": "string"}, "description": {"type": "string"}}}
    returns: dict[str, Json] = {"type": "object", "properties": {"tools": {"type": "array", "items": tool}}, "required": ["tools"]}
    about = f"Find tools for what has to be done, among {count}. Those found can be called from then on; none other can."
    return ToolSpec(SEARCH, about, parameters, returns, "read")


def _record(tool: ToolSpec) -> dict[str, Json]:
    """A tool as a result tells of it: what the level left of it."""
    told: dict[str, Json] = {"name": tool.name}
    if tool.description:
        told["description"] = tool.description
    if tool.parameters.keys() - {"type"}:
        told["parameters"] = tool.parameters
    if tool.returns is not None:
        told["returns"] = tool.returns
    return told


__all__ = ["SEARCH", "Searched", "SearchedSession", "search_tool", "wrap"]
