"""A world of imported objects: sessions over somebody else's state, observed from outside.

What differs between the sets is a `Source`: how a state begins, how a call is run on it, what of it can be seen. What
is the same is here: arguments are validated, a call that fails changes nothing, forks are exact copies, effects are
differences of what was observed before and after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol, cast

import msgspec

from artificer.core.canon import Json, rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start, Task
from artificer.core.tools import ArgumentError, ToolSpec, compile_schema, refusal, validate_arguments
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.worlds.base import Forks, Played, Problem, Rows, Session, World
from artificer.worlds.imported.standins import STREAM
from artificer.worlds.observe import Tables, differences, jsonable, rows_of
from artificer.worlds.python import explain, kind_of


class Refused(Exception):
    """A tool that says in its result that it did not do it; `content` is the result, the message what the agent is told."""

    def __init__(self, detail: str, content: Json) -> None:
        super().__init__(detail)
        self.content = content


class State(Protocol):
    """The objects of one session."""

    def run(self, name: str, arguments: dict[str, Json], reads: bool) -> object:
        """What the tool returns. May raise anything; `reads` says that the tool is declared to change nothing."""
        ...

    def tables(self) -> Tables:
        """What can be seen of the state."""
        ...

    def copy(self) -> State:
        """An independent copy."""
        ...

    def digest(self) -> str:
        """Of what can be seen."""
        ...


class Source(Protocol):
    """What a set brings."""

    typed: bool
    """Whether arguments must fit the published schemas; else only their names must, and what a tool makes of a value of
    another type is its own affair, as it is upstream."""
    setup: ToolSpec
    """The call that puts a session into a task's initial state; only `setup` may make it, before anything else."""

    def begin(self, arguments: dict[str, Json] | None) -> State:
        """A new state; `arguments` are those of the setup call, None for the world as it comes.

        Raises:
            ValueError, LookupError: they fit no state.
        """
        ...

    def tasks(self) -> Iterator[Task]:
        """The set's own tasks. Goals' effects are filled in by the world."""
        ...

    def judge(self, task: Task, before: State, after: State, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        """The set's own judgement of an episode.

        Args:
            before, after: the states; may be written to.
            says: what the agent said, in order.
        """
        ...


class ImportedWorld(World):
    """See the module docstring."""

    forks: Forks = "exact"

    def __init__(
        self,
        name: str,
        source: Source,
        tools: Sequence[ToolSpec],
        *,
        user_tools: Sequence[ToolSpec] = (),
        policy: str = "",
        problems: Sequence[Problem] = (),
    ) -> None:
        self.name = name
        self.source = source
        self.tools: Sequence[ToolSpec] = tuple(tools)
        self.user_tools: Sequence[ToolSpec] = tuple(user_tools)
        self.policy = policy
        self.problems: Sequence[Problem] = tuple(problems)
        self.by_name = {tool.name: tool for tool in (*tools, *user_tools)}
        self.agents = frozenset(tool.name for tool in tools)
        self.users = frozenset(tool.name for tool in user_tools)
        self.published = {tool.name: compile_schema(tool.parameters, f"{name} {tool.name}") for tool in self.by_name.values()}
        loose = {tool.name: compile_schema(_names_only(tool.parameters), f"{name} {tool.name}") for tool in self.by_name.values()}
        self.validators = self.published if source.typed else loose
        self.starts = compile_schema(source.setup.parameters, f"{name} {source.setup.name}")

    async def open(self, start: Start) -> ImportedSession:
        """A session in the world's own first state; a task's setup call then loads the task's."""
        return self.session(start.seed)

    def session(self, seed: int = 0) -> ImportedSession:
        """As `open`, outside an event loop."""
        return ImportedSession(self, self.source.begin(None), seed)

    def tasks(self) -> Iterator[Task]:
        """The set's own tasks; the goal's effects are those of its gold calls, executed.

        What is wrong with a set's gold stands in `Task.lineage`: `wrong_gold` says why there is none, `refused_gold`
        lists gold calls that the set's own tools refuse (some mean to be: a look-up that finds nothing),
        `mistyped_gold` those that do not fit the set's own schemas.

        Raises:
            SourceError: the data cannot be read.
        """
        for task in self.source.tasks():
            session = self.session(task.start.seed)
            for call in task.start.setup:
                began = session.perform(call, "setup")
                if began.error is not None:
                    raise SourceError(f"the initial state of the task {task.id!r} cannot be made: {began.detail}", where=self.name)
            mark = session.calls
            results = [(call, session.perform(call, "gold")) for call in task.gold or ()]
            refused = [f"{call.name}: {result.detail}" for call, result in results if result.error is not None]
            goal = msgspec.structs.replace(task.goal, effects=session.effects(mark))
            wrong = [f"{call.name}{error.path}: {error.detail}" for call in task.gold or () if (error := self._unfit(call)) is not None]
            notes = {name: found for name, found in (("refused_gold", refused), ("mistyped_gold", wrong)) if found}
            yield msgspec.structs.replace(task, world=self.name, goal=goal, lineage=task.lineage | notes)

    def _unfit(self, call: ToolCall) -> ArgumentError | None:
        return validate_arguments(self.published[call.name], call.arguments)

    def judge(self, task: Task, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        """The set's own judgement of an episode: its calls are run again on a fresh state, and that is judged."""
        session = self.session(task.start.seed)
        for call in task.start.setup:
            session.perform(call, "setup")
        before = session.state.copy()
        for one in played:
            session.perform(one.call, one.actor)
        return self.source.judge(task, before, session.state, played, says)


class ImportedSession(Session):
    """One copy of the state, private to the session."""

    def __init__(self, world: ImportedWorld, state: State, seed: int = 0, calls: int = 0, seen: Sequence[tuple[int, Tables]] = ()) -> None:
        self._world = world
        self.state = state
        self._seed = seed
        self._calls = calls
        self._seen: list[tuple[int, Tables]] = list(seen) or [(0, state.tables())]
        """Observations by the number of calls before them; only those that differ from the one before."""

    @property
    def calls(self) -> int:
        return self._calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        return self.perform(call, actor)

    def perform(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        """As `call`, outside an event loop."""
        self._calls += 1
        if call.name not in self._offered(actor):
            return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name!r}")
        refused = refusal(call, self._world.starts if actor == "setup" else self._world.validators[call.name])
        return refused or (self._begin(call) if actor == "setup" else self._run(call))

    def _offered(self, actor: str) -> frozenset[str]:
        """The tools an actor may call; gold calls are anybody's."""
        if actor == "setup":
            return frozenset({self._world.source.setup.name})
        if actor == "user":
            return self._world.users
        return self._world.agents | self._world.users if actor == "gold" else self._world.agents

    def _begin(self, call: ToolCall) -> ToolResult:
        try:
            self.state = self._world.source.begin(call.arguments)
        except Exception as error:  # the boundary: whatever foreign code raises is a result
            return ToolResult(call.id, None, kind_of(error), explain(error))
        self._look()
        return ToolResult(call.id, None)

    def _run(self, call: ToolCall) -> ToolResult:
        reads = self._world.by_name[call.name].effect == "read"
        backup = None if reads else self.state.copy()
        token = STREAM.set(rng("imported", self._seed, self._calls))
        try:
            content = jsonable(self.state.run(call.name, call.arguments, reads))
            msgspec.json.encode(content)
        except Refused as refusal:
            if not self._look():
                return ToolResult(call.id, None, ErrorKind.constraint, str(refusal)[:500])
            content = refusal.content  # it did something all the same
        except (Exception, SystemExit) as error:  # the boundary: whatever a tool raises is a result
            if backup is not None:
                self.state = backup
            return ToolResult(call.id, None, kind_of(error), explain(error))
        finally:
            STREAM.reset(token)
        self._look()
        return ToolResult(call.id, content)

    def _look(self) -> bool:
        """Observes; whether something has changed."""
        tables = self.state.tables()
        changed = tables != self._seen[-1][1]
        if changed:
            self._seen.append((self._calls, tables))
        return changed

    def rows(self, tables: Collection[str] | None = None) -> Rows:
        """See `worlds.base.Seen`."""
        return rows_of(self._seen[-1][1], tables)

    def objects(self) -> dict[str, dict[str, Json]]:
        """See `worlds.base.Attributed`: what is observed as `CLASS.ATTRIBUTE` is of that class, the rest of none (`""`)."""
        found: dict[str, dict[str, Json]] = {}
        for table, value in self._seen[-1][1].items():
            owner, _, name = table.rpartition(".")
            found.setdefault(owner, {})[name] = value
        return found

    async def fork(self) -> ImportedSession:
        return ImportedSession(self._world, self.state.copy(), self._seed, self._calls, self._seen)

    def digest(self) -> str:
        return self.state.digest()

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        before = next(tables for calls, tables in reversed(self._seen) if calls <= since or calls == 0)
        return differences(*_changed(before, self._seen[-1][1]))

    async def close(self) -> None:
        return None


def _names_only(schema: dict[str, Json]) -> dict[str, Json]:
    """A schema of arguments that takes any value under the right names."""
    return {**schema, "properties": {name: {} for name in schema.get("properties", {})}}


def _changed(before: Tables, after: Tables) -> tuple[Tables, Tables]:
    """Of two observations, the entries that differ: a table may hold thousands that do not."""
    left, right = dict(before), dict(after)
    for name in {*left, *right}:
        old, new = left.get(name), right.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            entries, others = cast("dict[str, Json]", old), cast("dict[str, Json]", new)
            differ = {key for key in {*entries, *others} if key not in entries or key not in others or entries[key] != others[key]}
            left[name] = {key: value for key, value in entries.items() if key in differ}
            right[name] = {key: value for key, value in others.items() if key in differ}
    return left, right
