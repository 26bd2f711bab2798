"""BFCL's multi-turn check: after each turn with gold calls the state is gold's, and what these calls returned was seen.

Upstream replays the model's calls and gold's, each time, on instances it builds each time. Here gold's are run once for
a task and what they returned is kept; a class's instance is built only when the model's calls on it leave gold's
sequence (the classes are deterministic, so before that its state and its results are gold's own), from a snapshot.
Nothing is shared between checks but what is never written to, so any number may run at once; upstream keeps instances
in module globals by the model's name, and a second check of an entry goes on from the first one's end.

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/multi_turn_eval` (code).
"""

from __future__ import annotations

import copy
import inspect
import io
import json
import pickle
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from decimal import localcontext
from functools import lru_cache
from typing import Any, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import ToolCall

EMPTY = "multi_turn:empty_turn_model_response"
STATE = "multi_turn:instance_state_mismatch"
RESPONSE = "multi_turn:execution_response_mismatch"

_ALONE = threading.RLock()  # mpmath has one precision for the whole process
_FORBIDDEN = frozenset({"kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run"})


class Failure(Struct, frozen=True):
    """Why an entry is failed: upstream's name for it, the turn, and what differs."""

    source: str
    turn: int
    names: tuple[str, ...] = ()
    count: int = 0


class Snapshot:
    """An object as it was, from which copies are made. Classes of a room have no place to be imported from: they are
    kept aside.
    """

    def __init__(self, value: object) -> None:
        self._classes: list[type] = []
        out = io.BytesIO()
        try:
            _Pickler(out, self._classes).dump(value)
            self._bytes: bytes | None = out.getvalue()
        except Exception:  # the boundary: foreign objects that cannot be pickled are copied
            self._bytes, self._value = None, copy.deepcopy(value)

    def copy(self) -> Any:
        if self._bytes is None:
            return copy.deepcopy(self._value)
        return _Unpickler(io.BytesIO(self._bytes), self._classes).load()


def _class_at(index: int) -> type:  # pragma: no cover - stands in pickles, where `_Unpickler` puts its own list
    raise LookupError(index)


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, classes: list[type]) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL)
        self._classes = classes

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, type):
            return NotImplemented
        if obj not in self._classes:
            self._classes.append(obj)
        return _class_at, (self._classes.index(obj),)


class _Unpickler(pickle.Unpickler):
    def __init__(self, given: io.BytesIO, classes: list[type]) -> None:
        super().__init__(given)
        self._classes = classes

    def find_class(self, module_name: str, global_name: str) -> Any:
        return self._classes.__getitem__ if global_name == "_class_at" else super().find_class(module_name, global_name)


class Step(Struct, frozen=True):
    """A gold call on one class, and what it returned."""

    written: str
    name: str
    arguments: dict[str, Json]
    text: str


class Kept:
    """What is kept of a task: its snapshots, gold's calls on each class with their results, and where each turn ends.

    Nothing of it is made before a check gets there. Each part is made once, or twice to the same when two threads want
    it at once; gold's calls are run under a lock.

    Args:
        classes: those involved, by name.
        make: an instance of one, in the task's initial state.
        gold: calls of each turn.
        alone: classes whose calls change what the whole process shares.
    """

    def __init__(self, classes: dict[str, type], make: Callable[[str], Any], gold: Sequence[Sequence[ToolCall]], alone: frozenset[str]) -> None:
        self.owner = _owners(classes)
        self.alone = alone
        self.gold = gold
        self.steps: dict[str, list[Step]] = {name: [] for name in classes}
        self._make = make
        self._wanted: list[Counter[str]] = []
        self._ends: list[dict[str, int]] = []
        self._live: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._snapshots: dict[str, Snapshot] = {}
        self._golden: dict[tuple[str, int], Any] = {}
        self._differing: dict[tuple[str, int, int], tuple[str, ...]] = {}

    def until(self, turn: int) -> tuple[Counter[str], dict[str, int]]:
        """What gold's calls of a turn returned, and how many calls each class has had after it."""
        if len(self._ends) <= turn:
            with self._lock:
                while len(self._ends) <= turn:
                    self._wanted.append(Counter(map(self._step, self.gold[len(self._ends)])))
                    self._ends.append({name: len(steps) for name, steps in self.steps.items()})
        return self._wanted[turn], self._ends[turn]

    def _step(self, call: ToolCall) -> str:
        name = self.owner.get(call.name)
        if name is None:
            return undefined(call.name)
        if name not in self._live:
            self._live[name] = self.fresh(name)
        text = self.run(self._live[name], name, call.name, call.arguments)
        self.steps[name].append(Step(written(call), call.name, call.arguments, text))
        return text

    def fresh(self, name: str) -> Any:
        """A new instance in its initial state. The first one made is never run: it may share things with its module."""
        snapshot = self._snapshots.get(name)
        if snapshot is None:
            snapshot = self._snapshots[name] = Snapshot(self._make(name))
        return snapshot.copy()

    def run(self, instance: Any, owner: str, name: str, arguments: dict[str, Json]) -> str:
        """What a call returns, as upstream compares it."""
        if owner not in self.alone:
            return _outcome(instance, name, arguments)
        with precision_kept():
            return _outcome(instance, name, arguments)

    def after(self, name: str, steps: int) -> Any:
        """A class's instance after some of gold's calls on it, on which no more will be made."""
        instance = self._golden.get((name, steps))
        if instance is None:
            instance = self.replayed(name, steps)
            self._golden[name, steps] = instance
        return instance

    def replayed(self, name: str, steps: int) -> Any:
        """As `after`, a new one."""
        instance = self.fresh(name)
        for step in self.steps[name][:steps]:
            self.run(instance, name, step.name, step.arguments)
        return instance

    def differing(self, name: str, left: int, right: int) -> tuple[str, ...]:
        """What of a class differs between two places of gold's own sequence."""
        key = (name, left, right)
        if key not in self._differing:
            self._differing[key] = differing(self.after(name, left), self.after(name, right))
        return self._differing[key]


class _Line:
    """One class during a check: in step with gold, or live."""

    __slots__ = ("_kept", "_live", "_name", "_steps", "at")

    def __init__(self, kept: Kept, name: str) -> None:
        self._kept = kept
        self._name = name
        self._steps = kept.steps[name]
        self._live: Any = None
        self.at = 0

    def call(self, call: ToolCall) -> str:
        if self._live is None:
            if self.at < len(self._steps) and self._steps[self.at].written == written(call):
                self.at += 1
                return self._steps[self.at - 1].text
            self._live = self._kept.replayed(self._name, self.at)
        return self._kept.run(self._live, self._name, call.name, call.arguments)

    def differing(self, end: int) -> tuple[str, ...]:
        """The attributes that are not gold's after `end` of its calls."""
        if self._live is not None:
            return differing(self._live, self._kept.after(self._name, end))
        return () if self.at == end else self._kept.differing(self._name, self.at, end)


def check(kept: Kept, turns: Sequence[Sequence[ToolCall]]) -> Failure | None:
    """Upstream's verdict on the calls of each turn; None when they pass."""
    lines = {name: _Line(kept, name) for name in kept.steps}
    have: Counter[str] = Counter()
    for at, gold in enumerate(kept.gold):
        calls = turns[at] if at < len(turns) else ()
        if gold and not calls:
            return Failure(EMPTY, at)
        wanted, ends = kept.until(at)
        for call in calls:
            owner = kept.owner.get(call.name)
            have[lines[owner].call(call) if owner is not None else undefined(call.name)] += 1
        if not gold:
            continue
        names = tuple(f"{name}.{part}" for name, line in lines.items() for part in line.differing(ends[name]))
        if names:
            return Failure(STATE, at, tuple(sorted(names)))
        missing = sum(max(0, count - have[text]) for text, count in wanted.items())
        if missing:
            return Failure(RESPONSE, at, count=missing)
    return None


def differing(left: Any, right: Any) -> tuple[str, ...]:
    """The public attributes that differ, by the objects' own equality."""
    mine, theirs = cast("dict[str, Any]", vars(left)), cast("dict[str, Any]", vars(right))
    missing = object()
    return tuple(name for name in theirs if not name.startswith("_") and bool(mine.get(name, missing) != theirs[name]))


def written(call: ToolCall) -> str:
    """A call as Python writes it: tells 1, 1.0 and True apart. Too deep to be written, it is like no other."""
    try:
        return f"{call.name}({call.arguments!r})"
    except (RecursionError, ValueError):
        return ""


def undefined(name: str) -> str:
    """What upstream gets for a function that is not there."""
    if name in _FORBIDDEN:
        return f"Error during execution: Function call {name} is not allowed."
    return f"Error during execution: name '{name}' is not defined"


def _owners(classes: dict[str, type]) -> dict[str, str]:
    """The class of each public method; the last that has it, as upstream."""
    owners: dict[str, str] = {}
    for name, of in classes.items():
        owners |= dict.fromkeys(_methods(of), name)
    return owners


@lru_cache(maxsize=256)
def _methods(of: type) -> tuple[str, ...]:
    """The public methods of a class that upstream lets a model call."""
    found = (name for name, _ in inspect.getmembers(of, inspect.isfunction))
    return tuple(name for name in found if not name.startswith("_") and name not in _FORBIDDEN)


def _outcome(instance: Any, name: str, arguments: dict[str, Json]) -> str:
    nested = any(isinstance(value, list | dict) for value in arguments.values())
    method = cast("Callable[..., object]", getattr(instance, name))
    try:
        return _text(method(**(copy.deepcopy(arguments) if nested else arguments)))
    except Exception as error:  # the boundary: upstream's classes raise what they like
        return f"Error during execution: {error}"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if type(value) is not dict:
        return str(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return str(cast("object", value))


@contextmanager
def precision_kept() -> Generator[None]:
    """Upstream's sums set the precision of `decimal` and of mpmath for the whole process: here, for the call alone."""
    library: Any = sys.modules.get("mpmath")
    with _ALONE, localcontext(), library.workdps(library.mp.dps) if library is not None else nullcontext():
        yield
