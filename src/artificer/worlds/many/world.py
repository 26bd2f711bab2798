"""Several worlds as one: tools by name, each session one session of every source.

Whatever a source says of itself is said under its name: the effect on `track` of the source `shop` is one on `shop.track`, and the ids that tools
show and take (`x-ref`) are named alike. The state is the states together; what forks worst decides how the whole forks.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, digest
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind, Notes
from artificer.worlds.base import TOOL_NAME, Attending, Forks, Problem, Session, World
from artificer.worlds.catalogue.names import suspicious
from artificer.worlds.many.file import Entry, ManyFile, matches
from artificer.worlds.many.guide import ManyGuide

_WORST: tuple[Forks, ...] = ("none", "replay", "exact")


class Source(Struct, frozen=True):
    """A source and its world."""

    entry: Entry
    world: World


class Route(Struct, frozen=True):
    """Where a tool of ours is: the source's name, and the tool as it is known there."""

    source: str
    own: ToolSpec


class ManyWorld(World):
    """See the module docstring.

    Raises:
        SourceError: two tools have one name, or there is none.
    """

    def __init__(self, name: str, file: ManyFile, sources: Sequence[Source]) -> None:
        self.name = name
        self.sources = {source.entry.name: source for source in sources}
        self.routes: dict[str, Route] = {}
        self.outward: dict[tuple[str, str], ToolSpec] = {}
        """By source and name there: a tool as it is here."""
        problems: list[Problem] = []
        for source in sources:
            problems += [Problem(f"{source.entry.name}: {problem.where}", problem.what) for problem in source.world.problems]
            problems += self._take(source, file)
        if not self.routes:
            raise SourceError("none of the sources offers a tool", where=name, remedy="look at `only` and `hide`")
        self.tools: Sequence[ToolSpec] = tuple(self.outward.values())
        self.problems: Sequence[Problem] = (*problems, *suspicious(self.routes))
        policies = {source.entry.name: source.world.policy.strip() for source in sources if source.world.policy.strip()}
        joined = "\n\n".join(f"# {named}\n{text}" for named, text in policies.items())
        self.policy = file.policy if file.policy is not None else joined
        forks = {source.world.forks for source in sources}
        self.forks: Forks = next(kind for kind in _WORST if kind in forks)
        guides = {source.entry.name: source.world.guide for source in sources if source.world.guide is not None}
        self.guide = ManyGuide(guides, self.outward) if guides else None

    def _take(self, source: Source, file: ManyFile) -> list[Problem]:
        """Takes in the tools of a source; what could not be taken."""
        entry, problems = source.entry, list[Problem]()
        taken = [tool for tool in source.world.tools if entry.takes(tool.name)]
        for tool in taken:
            name = f"{entry.prefix}{tool.name}"
            if name in self.routes:
                other = self.routes[name].source
                what = f"the sources {other!r} and {entry.name!r} both have a tool {name!r}"
                raise SourceError(what, where=self.name, remedy=f'give one of them a prefix, e.g. prefix = "{entry.name}_"')
            if not TOOL_NAME.fullmatch(name):
                problems.append(Problem(f"{entry.name}: {tool.name}", f"left out: with its prefix {name!r} is no name of a tool"))
                continue
            self.routes[name] = Route(entry.name, tool)
            self.outward[entry.name, tool.name] = _renamed(tool, name, entry.name, file)
        for pattern in (*entry.only, *entry.hide):
            if not any(matches(tool.name, (pattern,)) for tool in source.world.tools):
                problems.append(Problem(f"{entry.name}: {pattern}", "names no tool of the source"))
        return problems

    async def open(self, start: Start) -> ManySession:
        """One session of every source, with the start's seed."""
        async with AsyncExitStack() as opened:
            parts: dict[str, Session] = {}
            for name, source in self.sources.items():
                parts[name] = await source.world.open(Start(seed=start.seed))
                opened.push_async_callback(parts[name].close)
            opened.pop_all()
        return ManySession(self, parts)

    async def close(self) -> None:
        async with AsyncExitStack() as closing:
            for source in self.sources.values():
                closing.push_async_callback(source.world.close)


def _renamed(tool: ToolSpec, name: str, source: str, file: ManyFile) -> ToolSpec:
    """A tool of a source as it is here: its name, ids under the source's name, attributes from the file."""
    attributes: dict[str, Json] = {"source": source, **tool.attributes}
    for given in file.attributes:
        if matches(name, given.tools):
            attributes |= given.set
    parameters = cast("dict[str, Json]", _placed(tool.parameters, source))
    returns = None if tool.returns is None else cast("dict[str, Json]", _placed(tool.returns, source))
    return msgspec.structs.replace(tool, name=name, parameters=parameters, returns=returns, attributes=attributes)


def _placed(schema: Json, source: str) -> Json:
    """A schema whose `x-ref`s name tables of a source."""
    if isinstance(schema, list):
        return [_placed(part, source) for part in cast("list[Json]", schema)]
    if not isinstance(schema, dict):
        return schema
    parts = cast("dict[str, Json]", schema)
    return {key: f"{source}.{part}" if key == "x-ref" and isinstance(part, str) else _placed(part, source) for key, part in parts.items()}


class ManySession(Session):
    """A session of every source."""

    def __init__(self, world: ManyWorld, parts: dict[str, Session], log: Sequence[tuple[str, int]] = ()) -> None:
        self.world = world
        self.parts = parts
        self._log = list(log)
        """Of every call: the source it went to, and how many calls that source had had before. Unknown tools go to ""."""

    @property
    def calls(self) -> int:
        return len(self._log)

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        route = self.world.routes.get(call.name)
        if route is None:
            self._log.append(("", 0))
            return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name[:64]!r}")
        part = self.parts[route.source]
        self._log.append((route.source, part.calls))
        return await part.call(ToolCall(call.id, route.own.name, call.arguments), actor)

    async def fork(self) -> ManySession:
        async with AsyncExitStack() as opened:
            parts: dict[str, Session] = {}
            for name, part in self.parts.items():
                parts[name] = await part.fork()
                opened.push_async_callback(parts[name].close)
            opened.pop_all()
        return ManySession(self.world, parts, self._log)

    def digest(self) -> str:
        return digest("many", {name: part.digest() for name, part in self.parts.items()})

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        marks: dict[str, int] = {}
        for source, before in self._log[since:]:
            marks.setdefault(source, before)
        found = [
            msgspec.structs.replace(effect, table=f"{name}.{effect.table}")
            for name, mark in marks.items()
            if name
            for effect in self.parts[name].effects(mark)
        ]
        return tuple(sorted(found, key=lambda effect: effect.table))  # within a table they are sorted by key already

    async def close(self) -> None:
        async with AsyncExitStack() as closing:
            for part in self.parts.values():
                closing.push_async_callback(part.close)

    # what sessions of wrapped sources add

    def _attending(self) -> dict[str, Attending]:
        return {name: part for name, part in self.parts.items() if isinstance(part, Attending)}

    def before(self) -> tuple[Message, ...]:
        return tuple(message for part in self._attending().values() for message in part.before())

    def hear(self, message: Message) -> Message:
        for part in self._attending().values():
            message = part.hear(message)
        return message

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        attending = self._attending()
        seen: list[ToolSpec] = []
        asked: set[str] = set()
        for tool in tools:
            source = self.world.routes[tool.name].source
            if source not in attending:
                seen.append(tool)
            elif source not in asked:
                asked.add(source)
                own = [self.world.routes[other.name].own for other in tools if self.world.routes[other.name].source == source]
                seen += [self._here(source, shown) for shown in attending[source].shown(own)]
        return seen

    def _here(self, source: str, shown: ToolSpec) -> ToolSpec:
        """A tool as a source shows it, under its name here."""
        here = self.world.outward[source, shown.name]
        own = self.world.routes[here.name].own
        if shown is own:
            return here
        told = {"parameters": _placed(shown.parameters, source), "returns": _placed(shown.returns, source)}
        return msgspec.structs.replace(shown, name=here.name, **told)

    def notes(self) -> Notes:
        last = self.parts.get(self._log[-1][0]) if self._log else None
        return last.notes() if isinstance(last, Attending) else {}
