"""`mcp:COMMAND`, `mcp:http(s)://URL` and `mcp:FILE.json`: any Model Context Protocol servers as one world (official SDK 2.x).

Over stdio every session has server processes of its own, and so a private state; it forks by starting afresh and
replaying its calls, and a replay whose results differ is refused. A server behind a URL is one for everybody: its
sessions cannot be forked, and the world says so (unless it keeps a state for each connection: `state=session`). What a
session changed is observed by probes (`McpWorld.probes`): read calls that are repeated after every call that may
write. Whatever a server does (dies, hangs, prints junk, floods) is a result with an error, and its process tree is
ended with the session.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from artificer.core.errors import SourceError
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema
from artificer.worlds.base import Offer, Problem, World
from artificer.worlds.mcp_listing import Listing, catalogue, listing_of, mark_of
from artificer.worlds.mcp_rig import Rig, Rigs
from artificer.worlds.mcp_session import McpSession
from artificer.worlds.mcp_target import Source, acting, source_of
from artificer.worlds.servers import WORKSPACE


def open_world(rest: str, **options: str) -> McpWorld:
    """The world of a command, a URL, several of these (`&&`), or a `{"mcpServers": {...}}` file. Starts the servers once to learn their tools.

    Args:
        rest: a command as typed in a terminal (`{scratch}` is the session's private folder), an http(s) URL, or a file's path.
        options: `template` (folder that fills `{scratch}`), `env.NAME` (of commands), `header.NAME` (of URLs), `state` (`process` or
            `folder` for commands, `shared` or `session` for URLs), `names` (`plain` or `prefixed`), `probes` (a JSON file: a list of
            probes, or an object that holds one, as a stored data-flow graph does); in seconds `timeout` (of a call without a sign of
            life), `timeout.TOOL`, `longest` (of a call that reports progress) and `start_timeout`; `restarts` (of a session's
            servers), `max_bytes` of a result. Values may refer to the environment: `env:NAME` (a secret), `${NAME}`.

    Raises:
        SourceError: a server does not start, does not answer, or none offers a usable tool; a secret is in plain text.
    """
    source = source_of(rest, options)
    return McpWorld(source, _aside(_inspect(source)))


def _aside(work: Coroutine[Any, Any, list[Listing]]) -> list[Listing]:
    """Runs a coroutine in a thread with a loop of its own, since worlds are made by plain functions that may themselves run within a loop."""
    outcome: list[list[Listing] | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="artificer-mcp-inspect")
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


async def _inspect(source: Source) -> list[Listing]:
    rig = await Rigs(source).take(source.template, 0)
    try:
        return list(await asyncio.gather(*(listing_of(link, source.limits) for link in rig.links)))
    finally:
        await rig.close()


class McpWorld(World):
    """The tools of one or several servers. `probes` observe their state; dataflow discovery finds them, or the user sets them."""

    def __init__(self, source: Source, listings: Sequence[Listing]) -> None:
        self.name = source.name
        self.source = source
        self.probes = source.probes
        self.forks = source.forks
        found = catalogue(source.name, listings, prefixed=source.prefixed)
        self.tools: Sequence[ToolSpec] = found.tools
        self.offers: Sequence[Offer] = found.offers
        self.routes = found.routes
        shared = [
            Problem(target.url or target.name, "a server behind a URL keeps one state for all sessions; they are not private and cannot be forked")
            for target in source.targets
            if target.state == "shared"
        ]
        self.problems: Sequence[Problem] = (*found.problems, *shared)
        self.marks = [mark_of(listing.tools) for listing in listings]
        note = f"The files you work on are in {WORKSPACE}." if source.needs_scratch else ""
        self.policy = "\n".join(part for part in (found.policy, note) if part)
        self._check_names()
        self.specs = {spec.name: spec for spec in found.tools}
        self.validators = {spec.name: compile_schema(spec.parameters, spec.name) for spec in found.tools}
        self.returns = {spec.name: compile_schema(spec.returns, spec.name) for spec in found.tools if spec.returns is not None}
        self._rigs = Rigs(source)

    def _check_names(self) -> None:
        unknown = sorted({probe.name for probe in self.probes} - self.routes.keys())
        if unknown:
            raise SourceError(f"the probes name tools that the server does not offer: {unknown!r}.", where=self.name, remedy="name tools it lists")
        unknown = sorted(self.source.limits.tool_s.keys() - self.routes.keys())
        if unknown:
            raise SourceError(f"timeout.NAME names tools that the server does not offer: {unknown!r}.", where=self.name, remedy="name tools it lists")

    async def open(self, start: Start) -> McpSession:
        """A session with servers of its own (stdio), or a connection of its own (URL).

        Raises:
            SourceError: a server does not start.
        """
        session = McpSession(self, await self.take(start), start)
        try:
            await session.look()
        except BaseException:
            await session.close()
            raise
        return session

    def acting(self, options: Mapping[str, str]) -> McpWorld:
        """The same world for sessions with other headers and environment, e.g. `{"header.X-User": "ben"}`. Close it as well.

        Raises:
            SourceError: an option is neither `header.NAME` nor `env.NAME`, or a secret is in plain text.
        """
        twin = copy.copy(self)
        twin.source = acting(self.source, options)
        twin._rigs = Rigs(twin.source)
        return twin

    async def take(self, start: Start, folder: str | None = None) -> Rig:
        """Running servers for a session, on a copy of `folder` (the template when None). Raises: SourceError."""
        return await self._rigs.take(folder or self.source.template, start.seed)

    async def give_back(self, rig: Rig) -> None:
        """Ends a session's servers, or keeps them for the next session."""
        await self._rigs.give_back(rig)

    def note(self, where: str, what: str) -> None:
        """Adds a problem that was met in a session, once."""
        problem = Problem(where or self.name, what)
        if problem not in self.problems:
            self.problems = (*self.problems, problem)

    async def close(self) -> None:
        """Ends the servers that were kept."""
        await self._rigs.close()
