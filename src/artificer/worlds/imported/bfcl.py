"""`bfcl:multi_turn_base` (and `_miss_func`, `_miss_param`, `_long_context`): the stateful classes of the Berkeley
Function Calling Leaderboard, loaded from an installed `bfcl-eval`.

A session holds instances of the classes that a task involves; its state is their public attributes, as upstream's own
checker compares them. Tasks are upstream's: fixed user turns, gold calls for each. Of the package only the classes,
their documents and the data files are touched, not its model handlers (which need 130 packages).

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/multi_turn_eval`.
"""

from __future__ import annotations

import copy
import datetime
import inspect
import pickle
from collections.abc import Iterator, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Constraint, Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.formats.bfcl_schemas import from_bfcl
from artificer.worlds.base import Played, Problem
from artificer.worlds.imported.bfcl_turns import EMPTY, RESPONSE, STATE, Kept, check, precision_kept
from artificer.worlds.imported.literals import call_of
from artificer.worlds.imported.rooms import Room, installed, records_of
from artificer.worlds.imported.schemas import arguments_schema, declared
from artificer.worlds.imported.session import ImportedWorld, Refused, State
from artificer.worlds.imported.standins import SortedSet, clock
from artificer.worlds.observe import Tables, jsonable, state_digest

CATEGORIES = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")
INSTALL = "pip install --no-deps bfcl-eval"
_NOW = datetime.datetime(2024, 9, 1, 10, 30)  # the moment its trading class calls now
_MOST_KEPT = 1_000  # tasks of which the check keeps gold's results
_WHY: dict[str, tuple[ErrorKind, str]] = {
    EMPTY: (ErrorKind.no_call, "no call was made"),
    STATE: (ErrorKind.wrong_value, "the state differs from gold's: {names}"),
    RESPONSE: (ErrorKind.missing_effect, "{count} result(s) of gold's calls were never seen"),
}
_CLASSES = "bfcl_eval.constants.executable_backend_config"
_PROMPTS = "bfcl_eval.constants.default_prompts"


class _Entry(Struct, frozen=True):
    """A line of `BFCL_v4_multi_turn_*.json`."""

    id: str
    question: list[list[dict[str, str]]]
    initial_config: dict[str, Json]
    involved_classes: list[str]
    missed_function: dict[str, list[str]] = {}


class _Gold(Struct, frozen=True):
    """A line of `possible_answer/BFCL_v4_multi_turn_*.json`."""

    id: str
    ground_truth: list[list[str]]


class _Doc(Struct, frozen=True):
    """A line of `multi_turn_func_doc/*.json`."""

    name: str
    description: str
    parameters: dict[str, Json]
    response: dict[str, Json] | None = None


def open_world(rest: str, **options: str) -> ImportedWorld:
    """The world of a category.

    Raises:
        SourceError: no such category, or `bfcl-eval` is not installed or not as expected.
        MissingExtra: a library that its classes need is not installed.
    """
    if options:
        raise SourceError(f"bfcl: worlds take no options, got {sorted(options)!r}.", where=f"bfcl:{rest}")
    if rest not in CATEGORIES:
        raise SourceError(
            f"'bfcl:{rest}' is none of the stateful categories.", remedy=f"write one of {', '.join(f'bfcl:{one}' for one in CATEGORIES)}"
        )
    folder = installed("bfcl_eval", INSTALL, f"bfcl:{rest}")
    source = Bfcl(rest, room_of(folder), folder)
    return BfclWorld(f"bfcl:{rest}", source, source.tools, problems=source.problems)


@cache
def room_of(folder: Path) -> Room:
    """The room of an installed `bfcl_eval`; its classes read no clock here."""
    bare = ["bfcl_eval.constants", "bfcl_eval.eval_checker", "bfcl_eval.eval_checker.multi_turn_eval"]
    return Room("bfcl_eval", folder, instead={"datetime": clock(_NOW)}, builtins={"set": SortedSet}, bare=bare)


class Bfcl:
    """A category: its classes, documents and tasks."""

    typed = False  # code-mode: upstream checks no types, and some of its gold closes a ticket by a name where its document wants a number

    def __init__(self, category: str, room: Room, folder: Path) -> None:
        self.category = category
        self.long_context = "long_context" in category
        self._folder = folder / "data"
        self._room = room
        config = room.load(_CLASSES)
        modules: dict[str, str] = dict(config.CLASS_FILE_PATH_MAPPING)
        documents: dict[str, str] = dict(config.MULTI_TURN_FUNC_DOC_FILE_MAPPING)
        self._stateless = frozenset(cast("list[str]", config.STATELESS_CLASSES))
        self.entries: list[_Entry] = records_of(self._folder / f"BFCL_v4_{category}.json", _Entry, INSTALL)
        self.gold: dict[str, _Gold] = {
            gold.id: gold for gold in records_of(self._folder / "possible_answer" / f"BFCL_v4_{category}.json", _Gold, INSTALL)
        }
        used = sorted({name for entry in self.entries for name in entry.involved_classes})
        unknown = [name for name in used if name not in modules or name not in documents]
        if unknown:
            raise SourceError(f"bfcl_eval has no class {unknown[0]!r}", where=str(folder), remedy=f"{INSTALL} --upgrade")
        self.classes: dict[str, type] = {name: getattr(room.load(modules[name]), name) for name in used}
        self.owner: dict[str, str] = {}
        self.parameters: dict[str, Sequence[str]] = {}
        self.problems: list[Problem] = []
        self._kept: dict[str, tuple[Start, tuple[Want, ...], Kept]] = {}
        self.tools: tuple[ToolSpec, ...] = tuple(
            tool
            for name in used
            for doc in records_of(self._folder / "multi_turn_func_doc" / documents[name], _Doc, INSTALL)
            if (tool := self._tool(name, doc))
        )
        self.setup = ToolSpec("load_scenario", "Puts the classes of a task into their initial state.", _SETUP)

    def _tool(self, owner: str, doc: _Doc) -> ToolSpec | None:
        method = getattr(self.classes[owner], doc.name, None)
        if not callable(method) or doc.name.startswith("_"):
            self.problems.append(Problem(doc.name, f"documented, but {owner} has no such method"))
            return None
        if doc.name in self.owner:
            self.problems.append(Problem(doc.name, f"of {owner}: the name is taken by {self.owner[doc.name]}"))
            return None
        self.owner[doc.name] = owner
        self.parameters[doc.name] = [name for name in inspect.signature(method).parameters if name != "self"]
        returns = from_bfcl(doc.response) if doc.response else None
        schema = arguments_schema(from_bfcl(doc.parameters))
        return ToolSpec(doc.name, doc.description, schema, returns, declared(doc.name), {"class": owner})

    def begin(self, arguments: dict[str, Json] | None) -> _Classes:
        """New instances, in the scenario given or in their own first state."""
        chosen: list[str] = sorted(self.classes) if arguments is None else arguments["classes"]
        return _Classes({name: self._instance(name, arguments) for name in chosen}, self.owner)

    def _instance(self, name: str, arguments: dict[str, Json] | None) -> Any:
        if name not in self.classes:
            raise LookupError(f"no class {name!r}")
        instance: Any = self.classes[name]()
        if name not in self._stateless:
            config: dict[str, Json] = {} if arguments is None else arguments["config"]
            long_context = self.long_context if arguments is None else arguments["long_context"]
            instance._load_scenario(_copied(config.get(name, {})), long_context=long_context)
        return instance

    def tasks(self) -> Iterator[Task]:
        """Upstream's tasks in its order."""
        updated = str(self._room.load(_PROMPTS).DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC)
        for entry in self.entries:
            yield self._task(entry, updated)

    def _task(self, entry: _Entry, updated: str) -> Task:
        lineage: dict[str, Json] = {"source": "bfcl-eval", "id": entry.id}
        turns: list[tuple[ToolCall, ...]] = []
        try:
            given: list[list[str]] = self.gold[entry.id].ground_truth if entry.id in self.gold else []
            if len(given) != len(entry.question):
                raise ValueError(f"{len(entry.question)} turns, but gold calls for {len(given)}")
            for at, texts in enumerate(given):
                turns.append(tuple(ToolCall(f"g{at}.{index}", *call_of(text, self.parameters)) for index, text in enumerate(texts)))
        except ValueError as error:
            lineage["wrong_gold"] = str(error)
        wrong = "wrong_gold" in lineage
        said = ["\n".join(message.get("content", "") for message in turn) or updated for turn in entry.question]
        wants = tuple(self._want(entry, at, () if wrong else turns[at]) for at in range(len(said)))
        scenario: dict[str, Json] = {
            "classes": entry.involved_classes,
            "config": {name: part for name, part in entry.initial_config.items() if name in entry.involved_classes},
            "long_context": self.long_context,
        }
        tools = tuple(tool.name for tool in self.tools if self.owner[tool.name] in entry.involved_classes)
        return Task(
            id=entry.id,
            world=f"bfcl:{self.category}",
            start=Start(setup=(ToolCall("start", self.setup.name, scenario),)),
            prompt=said[0] if said else "",
            goal=Goal(wants, (), (), {f"open:{at}": text for at, text in enumerate(said)}),
            checks=("upstream",),
            gold=None if wrong else tuple(call for turn in turns for call in turn),
            constraints=(Constraint("withheld", {"until_turn": entry.missed_function}),) if entry.missed_function else (),
            tools=tools,
            difficulty={"turns": float(len(said)), "calls": float(sum(map(len, turns)))},
            tags=("bfcl", self.category, *entry.involved_classes),
            lineage=lineage,
        )

    def _want(self, entry: _Entry, at: int, gold: tuple[ToolCall, ...]) -> Want:
        if gold:
            return Want("turn", gold=gold)
        later = any(int(turn) > at for turn in entry.missed_function)
        return Want("turn", outcome="unclear", reason="missing_function" if later else "missing_parameter")

    def judge(self, task: Task, before: State, after: State, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        """As `judged`: the states are not needed."""
        return self.judged(task, played)

    def judged(self, task: Task, played: Sequence[Played]) -> CheckResult:
        """Upstream's multi-turn check: after each turn with gold calls, the state is gold's, and every result of this
        turn's gold calls is among the agent's results so far.
        """
        if "wrong_gold" in task.lineage:
            return CheckResult("upstream", 0.0, False, (f"there is no gold to compare with: {task.lineage['wrong_gold']}",), mode="code")
        turns: list[list[ToolCall]] = [[] for _ in task.goal.wants]
        for one in played:
            if 0 <= one.turn < len(turns):
                turns[one.turn].append(one.call)
        failure = check(self.kept(task), turns)
        if failure is None:
            return CheckResult("upstream", 1.0, True, mode="code")
        kind, why = _WHY[failure.source]
        text = f"turn {failure.turn + 1}: {why.format(names=', '.join(failure.names[:8]), count=failure.count)}"
        return CheckResult("upstream", 0.0, False, (text, failure.source), (kind,), mode="code")

    def kept(self, task: Task) -> Kept:
        """What is kept of a task; made when it is first asked for, or when its start or its gold are others."""
        found = self._kept.get(task.id)
        if found is not None and (found[0] is task.start or found[0] == task.start) and (found[1] is task.goal.wants or found[1] == task.goal.wants):
            return found[2]
        arguments = task.start.setup[0].arguments if task.start.setup else None
        chosen: list[str] = sorted(self.classes) if arguments is None else arguments["classes"]
        classes = {name: self.classes[name] for name in chosen}
        kept = Kept(classes, lambda name: self._instance(name, arguments), [want.gold for want in task.goal.wants], self._stateless)
        while len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[task.id] = (task.start, task.goal.wants, kept)
        return kept


class BfclWorld(ImportedWorld):
    """Judges without a session: the check makes what it needs."""

    def judge(self, task: Task, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        return cast("Bfcl", self.source).judged(task, played)


class _Classes:
    """Instances by the name of their class."""

    def __init__(self, instances: dict[str, Any], owner: dict[str, str]) -> None:
        self.instances = instances
        self._owner = owner

    def run(self, name: str, arguments: dict[str, Json], reads: bool) -> object:
        instance = self.instances.get(self._owner[name])
        if instance is None:
            raise LookupError(f"the tool {name!r} is not part of this task")
        with precision_kept():
            value = _numbers(getattr(instance, name)(**copy.deepcopy(arguments)))
        content = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        if content.get("error"):
            raise Refused(str(content["error"]), jsonable(content))
        return cast("object", value)

    def tables(self) -> Tables:
        return {f"{name}.{part}": value for name, instance in self.instances.items() for part, value in _visible(instance, ()).items()}

    def copy(self) -> _Classes:
        return _Classes(copy.deepcopy(self.instances), self._owner)

    def digest(self) -> str:
        return state_digest(self.tables())


def _visible(value: Any, path: tuple[int, ...]) -> Any:
    """Public attributes, all the way down; what leads back to where one came from (a folder's parent) is left out."""
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)
        return {str(key): _visible(part, path) for key, part in entries.items()}
    if isinstance(value, list | tuple):
        return [_visible(part, path) for part in cast("Sequence[Any]", value)]
    fields: dict[str, Any] | None = getattr(value, "__dict__", None)
    if fields is None or callable(value) or isinstance(value, Set):
        return jsonable(cast("object", value))
    inside = (*path, id(value))
    return {name: _visible(part, inside) for name, part in fields.items() if not name.startswith("_") and id(part) not in inside}


def _copied(value: Json) -> Json:
    """A copy of plain data, in a fifth of the time `deepcopy` takes."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def _numbers(value: Any) -> Any:
    """A result with numbers of other libraries (mpmath's) as floats."""
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)
        return {key: _numbers(part) for key, part in entries.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in cast("list[Any]", value)]
    foreign = hasattr(value, "__float__") and not isinstance(value, int | float)
    return float(value) if foreign else value


_SETUP: dict[str, Json] = {
    "type": "object",
    "properties": {
        "classes": {"type": "array", "items": {"type": "string"}},
        "config": {"type": "object"},
        "long_context": {"type": "boolean"},
    },
    "required": ["classes", "config", "long_context"],
    "additionalProperties": False,
}
