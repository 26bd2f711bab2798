"""`tau2:retail`, `tau2:airline`, `tau2:telecom`: the domains of tau2-bench, from an installed `inspect-evals` or from a
clone of the official repository (`root=PATH`).

In telecom both sides act: the user has a phone. Its tools are the world's `user_tools`, called with `actor="user"`,
and after every call the phone learns what the network did. Tasks are upstream's; `split=` chooses among them (`base`
by default), `policy=workflow` telecom's other manual.

Source: sierra-research/tau2-bench, `src/tau2/domains`, `src/tau2/evaluator`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from inspect import isfunction
from pathlib import Path
from typing import Any, cast

import msgspec

from artificer.core.canon import Json, digest
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.worlds.base import Played
from artificer.worlds.imported.rooms import installed
from artificer.worlds.imported.session import ImportedWorld, State
from artificer.worlds.imported.shelves import Shelf
from artificer.worlds.imported.tau2_data import DOMAINS, INSTALL, Assertion, Call, Criteria, Data, InitialData, Record, places
from artificer.worlds.imported.tau2_kits import Kit, Toolkits, official, packaged
from artificer.worlds.observe import Tables, state_digest

_OPTIONS = ("root", "split", "policy")
ROOT = "TAU2_ROOT"
"""Environment variable that names the clone when the option does not."""


def open_world(rest: str, **options: str) -> ImportedWorld:
    """The world of a domain.

    Args:
        rest: `retail`, `airline` or `telecom`.
        options: `root` (a clone of the official repository; else the environment's `TAU2_ROOT`, else the installed
            package), `split` of the tasks, `policy` (`manual` or `workflow`, telecom only).

    Raises:
        SourceError: no such domain or option, or neither package nor clone is there.
        MissingExtra: a library that the classes need is not installed.
    """
    where = f"tau2:{rest}"
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise SourceError(f"tau2: worlds do not take the option {unknown[0]!r}", where=where, remedy=f"use one of {', '.join(_OPTIONS)}")
    if rest not in DOMAINS:
        raise SourceError(f"{where!r} is none of the domains", remedy=f"write one of {', '.join(f'tau2:{one}' for one in DOMAINS)}")
    manual = options.get("policy", "manual")
    if manual not in ("manual", "workflow"):
        raise SourceError(f"there is no policy {manual!r}", where=where, remedy="write policy=manual or policy=workflow")
    named = options.get("root") or os.environ.get(ROOT)
    root = Path(named).expanduser().resolve() if named else None
    kit = official(rest, root) if root is not None else packaged(rest, installed("inspect_evals", INSTALL, where))
    source = Tau2(rest, kit, Data(rest, places(root)), options.get("split", "base"))
    return ImportedWorld(where, source, kit.tools["assistant"], user_tools=kit.tools.get("user", ()), policy=source.policy(manual))


class Tau2:
    """A domain: its classes, databases and tasks."""

    typed = True

    def __init__(self, domain: str, kit: Kit, data: Data, split: str) -> None:
        self.domain = domain
        self.kit = kit
        self._data = data
        self._split = split
        self._databases = {"assistant": kit.databases["assistant"].model_validate(data.object("db.json", "db.json.gz", "db.toml"))}
        if "user" in kit.classes:
            self._databases["user"] = kit.databases["user"].model_validate(data.object("user_db.toml", "user_db.json"))
        self._shelves = {side: _shelved(database) for side, database in self._databases.items()}
        self.setup = ToolSpec("load_task", "Puts the databases into a task's initial state.", _SETUP)

    def policy(self, manual: str) -> str:
        """What the agent is told: telecom's is the main policy and a manual."""
        if self.domain != "telecom":
            return self._data.text("policy.md", "policy.txt")
        name = "tech_support_manual" if manual == "manual" else "tech_support_workflow"
        main, support = self._data.text("main_policy.md", "main_policy.txt"), self._data.text(f"{name}.md", f"{name}.txt")
        return f"<main_policy>\n{main}\n</main_policy>\n<tech_support_policy>\n{support}\n</tech_support_policy>"

    def begin(self, arguments: dict[str, Json] | None) -> Desk:
        """Fresh databases, with a task's data merged in and its preparations made."""
        kits = {side: self.kit.make(cls, _twin(self._databases[side], self._shelves[side])) for side, cls in self.kit.classes.items()}
        desk = Desk(self.kit, kits)
        given = arguments or {}
        data = msgspec.convert(given.get("data") or {}, InitialData)
        for side, part in (("assistant", data.agent_data), ("user", data.user_data)):
            if part:
                desk.merge(side, part)
        self.kit.sync(kits)
        for action in msgspec.convert(given.get("actions") or [], list[Call]):
            desk.function(action)
        return desk

    def tasks(self) -> Iterator[Task]:
        """The tasks of the chosen split."""
        for record in self._data.records(self._split):
            yield self._task(record)

    def _task(self, record: Record) -> Task:
        criteria = record.evaluation_criteria or Criteria()
        initial = record.initial_state
        lineage: dict[str, Json] = {"source": "tau2-bench", "id": record.id, "criteria": msgspec.to_builtins(criteria)}
        actions = criteria.actions or []
        known = {tool.name for tools in self.kit.tools.values() for tool in tools}
        strange = sorted({action.name for action in actions} - known)
        if strange:
            lineage["wrong_gold"] = f"there is no tool {strange[0]!r}"
        if initial is not None and initial.message_history:
            lineage["history"] = initial.message_history
        gold = None if strange else tuple(ToolCall(action.action_id, action.name, action.arguments) for action in actions)
        told = tuple((text,) for text in criteria.communicate_info or ())
        told_user, opening = _scenario(record)
        return Task(
            id=f"tau2-{self.domain}-{record.id}",
            world=f"tau2:{self.domain}",
            start=Start(setup=(ToolCall("start", self.setup.name, _start(record)),)),
            prompt=opening,
            goal=Goal((Want("scenario", tell=told, gold=gold or ()),), (), (), {"open:0": opening, "scenario": told_user}),
            checks=("upstream",),
            gold=gold,
            difficulty={"calls": float(len(actions))},
            tags=("tau2", self.domain),
            lineage=lineage,
        )

    def judge(self, task: Task, before: State, after: State, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        """Upstream's reward: the product of the components that the task names (see `_COMPONENTS`).

        NL_ASSERTION needs a judging model and is left to it: the evidence says so.
        """
        criteria = msgspec.convert(task.lineage["criteria"], Criteria)
        assert isinstance(before, Desk)
        assert isinstance(after, Desk)
        evidence: list[str] = []
        kinds: list[ErrorKind] = []
        numbers: dict[str, int | float] = {}
        if "wrong_gold" in task.lineage and {"DB", "ACTION"} & set(criteria.reward_basis):
            return CheckResult("upstream", 0.0, False, (f"there is no gold to compare with: {task.lineage['wrong_gold']}",), mode="code")
        if "DB" in criteria.reward_basis:
            for action in criteria.actions or ():
                before.attempt(action.name, action.arguments)
            left, right = after.tables(), before.tables()
            wrong = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
            _note("DB", [f"{name} differs from gold's" for name in wrong], ErrorKind.wrong_value, evidence, kinds, numbers)
        if "ENV_ASSERTION" in criteria.reward_basis:
            broken = [one.message or one.func_name for one in criteria.env_assertions or () if not after.holds(one)]
            _note("ENV_ASSERTION", broken, ErrorKind.missing_effect, evidence, kinds, numbers)
        if "ACTION" in criteria.reward_basis:
            missing = [action.name for action in criteria.actions or () if not any(_matches(action, one) for one in played)]
            _note("ACTION", missing, ErrorKind.missing_effect, evidence, kinds, numbers)
        if "COMMUNICATE" in criteria.reward_basis:
            heard = [text.lower().replace(",", "") for text in says]
            untold = [text for text in criteria.communicate_info or () if not any(text.lower() in text_heard for text_heard in heard)]
            _note("COMMUNICATE", untold, ErrorKind.not_told, evidence, kinds, numbers)
        if "NL_ASSERTION" in criteria.reward_basis and criteria.nl_assertions:
            numbers["nl_assertions_not_judged"] = len(criteria.nl_assertions)
        return CheckResult("upstream", float(not kinds), not kinds, tuple(evidence[:20]), tuple(kinds), numbers, "code")


def _note(component: str, wrong: list[str], kind: ErrorKind, evidence: list[str], kinds: list[ErrorKind], numbers: dict[str, int | float]) -> None:
    numbers[component] = float(not wrong)
    evidence += [f"{component}: {text}" for text in wrong]
    if wrong and kind not in kinds:
        kinds.append(kind)


def _matches(action: Any, one: Played) -> bool:
    """Upstream's comparison. # code-mode: without `compare_args`, only the keys of the call that was made are compared."""
    if one.call.name != action.name or (one.actor == "user") != (action.requestor == "user"):
        return False
    keys = one.call.arguments.keys() if action.compare_args is None else action.compare_args
    return all(one.call.arguments.get(key) == action.arguments.get(key) for key in keys)


def _scenario(record: Record) -> tuple[str, str]:
    """What the user is told to play, as one text, and what they open with."""
    told = record.user_scenario.instructions
    parts = {"instructions": told} if isinstance(told, str) else {name: text for name, text in told.items() if text}
    if record.user_scenario.persona:
        parts["persona"] = record.user_scenario.persona
    opening = str(parts.get("reason_for_call") or record.ticket or parts.get("instructions") or "")
    return "\n\n".join(f"{name.replace('_', ' ')}: {text}" for name, text in parts.items()), opening


def _start(record: Record) -> dict[str, Json]:
    initial = record.initial_state
    data = msgspec.to_builtins(initial.initialization_data) if initial is not None and initial.initialization_data is not None else None
    actions: list[Json] = msgspec.to_builtins(initial.initialization_actions or []) if initial is not None else []
    return {"data": data, "actions": actions}


class Desk:
    """A session's toolkits, one a side."""

    def __init__(self, kit: Kit, kits: Toolkits) -> None:
        self._kit = kit
        self.kits = kits
        self._sides = {tool.name: side for side, tools in kit.tools.items() for tool in tools}
        self._reads = {tool.name for tools in kit.tools.values() for tool in tools if tool.effect == "read"}

    def run(self, name: str, arguments: dict[str, Json], reads: bool) -> object:
        shelves = [value for kit in self.kits.values() for value in _fields(kit.db).values() if isinstance(value, Shelf)]
        for shelf in shelves:
            shelf.reading = reads
        try:
            result = self._kit.use(self.kits, self._sides[name], name, copy.deepcopy(arguments))
            content = _data(result)
        finally:
            for shelf in shelves:
                shelf.reading = False
        self._kit.sync(self.kits)
        return content

    def attempt(self, name: str, arguments: dict[str, Json]) -> None:
        """A gold call, which upstream lets fail; as in a session, one that fails changes nothing."""
        backup = self.copy()
        try:
            self.run(name, arguments, name in self._reads)
        except Exception:  # the boundary, as upstream has it
            self.kits = backup.kits

    def function(self, call: Call) -> object:
        """Runs a function of a toolkit that need not be a tool: only those its own class defines.

        Raises:
            LookupError: there is none of that name.
        """
        kit = self.kits.get(call.env_type)
        own: Any = _fields(cast("object", type(kit))).get(call.func_name)
        if kit is None or call.func_name.startswith("_") or not isfunction(own):
            raise LookupError(f"the {call.env_type} side has no function {call.func_name!r}")
        result = own(kit, **copy.deepcopy(call.arguments))
        self._kit.sync(self.kits)
        return result

    def holds(self, assertion: Assertion) -> bool:
        """Whether what must hold at the end does."""
        return self.function(assertion) is assertion.assert_value

    def merge(self, side: str, data: dict[str, Json]) -> None:
        """Merges data into a side's database, deeply."""
        kit = self.kits[side]
        kit.db = type(kit.db).model_validate(_merged(kit.db.model_dump(), data))

    def digest(self) -> str:
        tables = self.tables()
        for side, kit in self.kits.items():
            marks = {name: value.marks() for name, value in _fields(kit.db).items() if isinstance(value, Shelf)}
            tables |= {f"user.{name}" if side == "user" else name: mark for name, mark in marks.items()}
        return state_digest(tables)

    def tables(self) -> Tables:
        tables: Tables = {}
        for side, kit in self.kits.items():
            prefix = "user." if side == "user" else ""
            rest = {name for name, value in _fields(kit.db).items() if not isinstance(value, Shelf)}
            shown = cast("dict[str, Json]", kit.db.model_dump(mode="json", include=rest)) if rest else {}
            tables |= {f"{prefix}{name}": _rows(name, value) for name, value in shown.items()}
            tables |= {f"{prefix}{name}": value.seen() for name, value in _fields(kit.db).items() if isinstance(value, Shelf)}
        return tables

    def copy(self) -> Desk:
        return Desk(self._kit, {side: _copied(kit) for side, kit in self.kits.items()})


def _fields(instance: object) -> dict[str, Any]:
    """The attributes of an object, by reference."""
    return vars(instance)


def _copied(kit: Any) -> Any:
    """A toolkit over a copy of its database."""
    made = copy.copy(kit)
    _fields(made).update({name: copy.deepcopy(value) for name, value in _fields(kit).items() if name != "db"})
    _fields(made)["db"] = _twin(kit.db, {name: value for name, value in _fields(kit.db).items() if isinstance(value, Shelf)})
    return made


def _shelved(database: Any) -> dict[str, Shelf]:
    """The tables of a database that are dictionaries of objects, as shelves."""
    shown = database.model_dump(mode="json")
    shelves: dict[str, Shelf] = {}
    for name, value in _fields(database).items():
        entries = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if entries and all(hasattr(entry, "model_dump") for entry in entries.values()):
            marks = {key: digest(entry) for key, entry in shown[name].items()}
            shelves[name] = Shelf(entries, shown[name], marks, lambda entry: entry.model_dump(mode="json"))
    return shelves


def _twin(database: Any, shelves: dict[str, Shelf]) -> Any:
    """A copy of a database: its shelves by twins, the rest deeply."""
    made = copy.copy(database)
    _fields(made).update({name: copy.deepcopy(value) for name, value in _fields(database).items() if name not in shelves})
    _fields(made).update({name: shelf.twin() for name, shelf in shelves.items()})
    return made


def _rows(name: str, value: Json) -> Json:
    """A list of objects that carry their table's own id, by that id (`lines` by `line_id`); else as it is."""
    key = f"{name.removesuffix('s')}_id"
    items = cast("list[dict[str, Json]]", value) if isinstance(value, list) else []
    if items and all(isinstance(item, dict) and isinstance(item.get(key), str) for item in items):  # pyright: ignore[reportUnnecessaryIsInstance]
        rows: dict[str, Json] = {item[key]: item for item in items}
        return rows if len(rows) == len(items) else items
    return cast("Json", value)


def _data(result: object) -> object:
    """A result that is JSON text, as data; models and dates become JSON on the way."""
    if isinstance(result, str) and result[:1] in ("{", "["):
        try:
            return msgspec.json.decode(result)
        except msgspec.MsgspecError:
            return result
    return result


def _merged(old: Json, new: Json) -> Json:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    left, right = cast("dict[str, Json]", old), cast("dict[str, Json]", new)
    return left | {name: _merged(left.get(name), part) for name, part in right.items()}


_SETUP: dict[str, Json] = {
    "type": "object",
    "properties": {"data": {"type": ["object", "null"]}, "actions": {"type": "array", "items": {"type": "object"}}},
    "required": ["data", "actions"],
    "additionalProperties": False,
}
