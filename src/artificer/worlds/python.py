"""`python:pkg.module`: typed functions and stateful classes as a world.

Schemas come from annotations (through msgspec) and docstrings; arguments are validated before they are converted to
the annotated types. A public class is a stateful tool set: each session has its own instance. Forks are exact: an
instance is copied by its own `__artificer_copy__`, `fork` or `copy` (the first that exists), else by deepcopy. Module
level functions should keep no state: module globals belong to every session.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Collection, Sequence
from types import ModuleType
from typing import Any, TypeVar, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import EffectKind, ToolSpec, compile_schema, refusal
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Forks, Problem, Rows, Session, World
from artificer.worlds.modules import EFFECT, Method, copier_of, load, offers
from artificer.worlds.observe import Tables, differences, jsonable, rows_of, state_digest

F = TypeVar("F", bound=Callable[..., Any])
_DETAIL = 500
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def tool(*, effect: EffectKind = "unknown") -> Callable[[F], F]:
    """Declares what a function or method does to the state: `@tool(effect="read")`."""

    def mark(function: F) -> F:
        vars(function)[EFFECT] = effect
        return function

    return mark


def open_world(rest: str, **options: str) -> PythonWorld:
    """The world of a module's name or of a path to a `.py` file.

    Raises:
        SourceError: the module cannot be imported, or offers nothing usable.
    """
    if options:
        raise SourceError(f"python: worlds take no options, got {sorted(options)!r}.", where=f"python:{rest}")
    return PythonWorld(load(rest), f"python:{rest}")


class PythonWorld(World):
    """A module's typed functions and classes. `policy` is the module's `POLICY`, if it is a text."""

    forks: Forks = "exact"

    def __init__(self, module: ModuleType, name: str) -> None:
        methods, problems = offers(module)
        if not methods:
            reasons = "; ".join(f"{problem.where}: {problem.what}" for problem in problems[:3])
            raise SourceError(
                f"{name!r} offers no typed function or class.{' ' + reasons if reasons else ''}",
                where=str(getattr(module, "__file__", name)),
                remedy="annotate the parameters of public functions or methods, and list them in __all__",
            )
        self.name = name
        self.problems: Sequence[Problem] = tuple(problems)
        self.policy = str(policy) if isinstance(policy := vars(module).get("POLICY"), str) else ""
        self.methods = {method.spec.name: method for method in methods}
        self.tools: Sequence[ToolSpec] = tuple(method.spec for method in methods)
        owners = sorted({method.owner for method in methods if method.owner}, key=lambda owner: owner.__name__)
        self._makers = [(owner, "seed" in inspect.signature(owner).parameters) for owner in owners]
        """The classes, and whether their constructors take a seed."""
        self.validators = {method.spec.name: compile_schema(method.spec.parameters, f"{name} {method.spec.name}") for method in methods}

    async def open(self, start: Start) -> PythonSession:
        """A session with fresh instances; a constructor that takes `seed` gets `start.seed`.

        Raises:
            SourceError: a constructor raised.
        """
        instances: dict[str, object] = {}
        for owner, seeded in self._makers:
            try:
                instances[owner.__name__] = owner(seed=start.seed) if seeded else owner()
            except Exception as error:
                raise SourceError(
                    f"{owner.__name__} cannot be made: {explain(error)}", where=self.name, remedy="let its constructor work without arguments"
                ) from error
        return PythonSession(self, instances)


class PythonSession(Session):
    """One instance of each class, private to the session."""

    def __init__(self, world: PythonWorld, instances: dict[str, object], calls: int = 0, seen: Sequence[tuple[int, Tables]] = ()) -> None:
        self._world = world
        self._instances = instances
        self._calls = calls
        self._seen: list[tuple[int, Tables]] = list(seen) or [(0, self._observe())]
        """Observations by the number of calls before them; only those that differ from the one before."""

    @property
    def calls(self) -> int:
        return self._calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        self._calls += 1
        refused = refusal(call, self._world.validators.get(call.name))
        return refused or await self._run(call, self._world.methods[call.name])

    async def _run(self, call: ToolCall, method: Method) -> ToolResult:
        reads = method.spec.effect == "read" or method.owner is None
        backup = None if reads else {name: duplicate(value) for name, value in self._instances.items()}
        try:
            value = method.invoke(self._instances, call.arguments)
            content = jsonable(await value if inspect.isawaitable(value) else value)
            msgspec.json.encode(content)
        except (Exception, SystemExit) as error:  # the boundary: whatever a tool raises is a result
            if backup is not None and self._observe() != self._seen[-1][1]:
                self._instances = backup
            return ToolResult(call.id, None, kind_of(error), explain(error))
        self._look()
        return ToolResult(call.id, content)

    def _look(self) -> None:
        tables = self._observe()
        if tables != self._seen[-1][1]:
            self._seen.append((self._calls, tables))

    def _observe(self) -> Tables:
        tables: Tables = {}
        for name, instance in self._instances.items():
            state = jsonable(_declared(instance))
            parts = cast("dict[str, Json]", state) if isinstance(state, dict) else {name: state}
            prefix = f"{name}." if len(self._instances) > 1 else ""
            tables |= {f"{prefix}{part}": value for part, value in parts.items()}
        return tables

    def rows(self, tables: Collection[str] | None = None) -> Rows:
        """See `worlds.base.Seen`."""
        return rows_of(self._observe(), tables)

    def objects(self) -> dict[str, dict[str, Json]]:
        """See `worlds.base.Attributed`."""
        found: dict[str, dict[str, Json]] = {}
        for name, instance in self._instances.items():
            state = jsonable(_declared(instance))
            found[name] = cast("dict[str, Json]", state) if isinstance(state, dict) else {"": state}
        return found

    async def fork(self) -> PythonSession:
        return PythonSession(self._world, {name: duplicate(value) for name, value in self._instances.items()}, self._calls, self._seen)

    def digest(self) -> str:
        return state_digest(self._observe())

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        before = next(tables for calls, tables in reversed(self._seen) if calls <= since or calls == 0)
        return differences(before, self._observe())

    async def close(self) -> None:
        self._instances = {}


def _declared(instance: object) -> object:
    """What an instance says its state is: `__artificer_state__`, else itself."""
    declared = getattr(instance, "__artificer_state__", None)
    return declared() if callable(declared) else instance


def duplicate(instance: object) -> object:
    """An independent copy: by the class's own copy method if it has one that takes nothing, else by deepcopy."""
    copier = copier_of(type(instance))
    return copy.deepcopy(instance) if copier is None else copier(instance)


def kind_of(error: BaseException) -> ErrorKind:
    """What a raised exception means in our taxonomy."""
    if isinstance(error, LookupError | FileNotFoundError):
        return ErrorKind.not_found
    if isinstance(error, PermissionError):
        return ErrorKind.forbidden
    if isinstance(error, TimeoutError):
        return ErrorKind.timeout
    if isinstance(error, ConnectionError):
        return ErrorKind.transport
    return ErrorKind.invalid_argument if isinstance(error, ValueError) else ErrorKind.internal


def explain(error: BaseException) -> str:
    """What an agent is told of an exception: its own words, no addresses, no traceback, at most 500 characters."""
    text = f"not found: {error.args[0]}" if isinstance(error, KeyError) and len(error.args) == 1 else str(error)
    text = _ADDRESS.sub("", text).encode("utf-8", "replace").decode().strip()
    return (text or type(error).__name__)[:_DETAIL]
