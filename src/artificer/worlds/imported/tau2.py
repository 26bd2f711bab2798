"""`tau2:retail`, `tau2:airline`, `tau2:telecom`: the domains of tau2-bench, from an installed `inspect-evals` or from a
clone of the official repository (`root=PATH`).

In telecom both sides act: the user has a phone. Its tools are the world's `user_tools`, called with `actor="user"`,
and after every call the phone learns what the network did. Tasks are upstream's; `split=` chooses among them (`base`
by default), `policy=workflow` telecom's other manual.

Source: sierra-research/tau2-bench, `src/tau2/domains`, `src/tau2/evaluator`.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from inspect import isfunction
from pathlib import Path
from typing import Any, cast

import msgspec

from artificer.core.canon import Json, digest, rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.worlds.base import Played
from artificer.worlds.imported.rooms import installed
from artificer.worlds.imported.session import ImportedWorld, State
from artificer.worlds.imported.shelves import Shelf
from artificer.worlds.imported.standins import STREAM
from artificer.worlds.imported.tau2_data import DOMAINS, INSTALL, Assertion, Call, Criteria, Data, InitialData, Record, places
from artificer.worlds.imported.tau2_kits import Kit, Toolkits, official, packaged
from artificer.worlds.imported.tau2_reward import Part, acted, communicated, found, mode_of, product, unjudged
from artificer.worlds.observe import Tables, state_digest
from artificer.worlds.python import explain

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
    return Tau2World(where, source, kit.tools["assistant"], user_tools=kit.tools.get("user", ()), policy=source.policy(manual))


class Tau2World(ImportedWorld):
    """A domain as a world. In `code`, calls are run as the evaluator runs them, and not in a session as well."""

    def judge(self, task: Task, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        if mode_of(task) != "code":
            return super().judge(task, played, says)
        begun = self.source.begin(next((call.arguments for call in task.start.setup), None))
        return self.source.judge(task, begun, begun, played, says)


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
        lineage: dict[str, Json] = {"source": "tau2-bench", "id": record.id, "criteria": msgspec.to_builtins(record.evaluation_criteria)}
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
            checks=("tau2",),
            gold=gold,
            difficulty={"calls": float(len(actions))},
            tags=("tau2", self.domain),
            lineage=lineage,
        )

    def judge(self, task: Task, before: State, after: State, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        """Upstream's reward: the product of the parts that the task names, in the mode that it states (see `tau2_reward`).

        In `code` the calls are run as the evaluator runs them; else the state is the session's own. NL_ASSERTION needs
        a judge: it is undecided here. A task whose gold names a tool that there is not is never passed, in any mode: the
        evaluator would take the state before it for gold's.
        """
        assert isinstance(before, Desk)
        assert isinstance(after, Desk)
        mode = mode_of(task)
        stated = task.lineage["criteria"]
        if stated is None:
            return CheckResult("upstream", 1.0, True, ("the task states no criteria",), mode=mode)
        criteria = msgspec.convert(stated, Criteria)
        if "wrong_gold" in task.lineage and {"DB", "ACTION"} & set(criteria.reward_basis):
            return CheckResult("upstream", 0.0, False, (f"there is no gold to compare with: {task.lineage['wrong_gold']}",), mode=mode)
        state = self._state_as_evaluated(criteria, before, played) if mode == "code" else self._state(criteria, before, after)
        parts = [
            *state,
            acted(criteria.actions or (), played, mode),
            communicated(criteria.communicate_info or (), says, mode),
            unjudged(criteria.nl_assertions or ()),
        ]
        return product("upstream", parts, criteria.reward_basis, mode)

    def _state_as_evaluated(self, criteria: Criteria, gold: Desk, played: Sequence[Played]) -> list[Part]:
        """DB and ENV_ASSERTION as `EnvironmentEvaluator` has them, what raises there included: then there is no reward."""
        if criteria.actions is None and criteria.env_assertions is None:  # code-mode: whatever was done
            return [Part("DB", 1.0), Part("ENV_ASSERTION", 1.0)]
        try:
            desk = gold.copy()
            desk.evaluated(played)
            for action in criteria.actions or ():
                gold.raw(action.requestor, action.name, action.arguments, "gold")
            wrong = desk.unlike(gold)
            broken = [_named(one) for one in criteria.env_assertions or () if not desk.holds(one)]
        except Exception as error:  # the boundary: foreign code on what a model made of its state
            failed = f"upstream's evaluator fails here: {type(error).__name__}: {explain(error)}"
            return [Part(name, 0.0, (failed,), ErrorKind.wrong_value) for name in ("DB", "ENV_ASSERTION")]
        return [_database(wrong), found("ENV_ASSERTION", broken, ErrorKind.missing_effect)]

    def _state(self, criteria: Criteria, gold: Desk, after: Desk) -> list[Part]:
        """The two as they are meant: gold's calls are coupled as everybody's, and one that fails changes nothing."""
        for action in criteria.actions or ():
            gold.attempt(action.name, action.arguments)
        left, right = after.tables(), gold.tables()
        wrong = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
        broken: list[str] = []
        for one in criteria.env_assertions or ():
            try:
                holds = after.holds(one)
            except Exception as error:  # the boundary, as above
                broken.append(f"{_named(one)} cannot be decided: {type(error).__name__}: {explain(error)}")
            else:
                broken += [] if holds else [_named(one)]
        return [_database(wrong), found("ENV_ASSERTION", broken, ErrorKind.missing_effect)]


def _database(wrong: Sequence[str]) -> Part:
    return found("DB", (f"{name} differs from gold's" for name in wrong), ErrorKind.wrong_value)


def _named(assertion: Assertion) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in assertion.arguments.items())
    return assertion.message or f"{assertion.func_name}({given}) does not hold"


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
        token = STREAM.set(rng("tau2", "gold", name))
        try:
            self.run(name, arguments, name in self._reads)
        except Exception:  # the boundary, as upstream has it
            self.kits = backup.kits
        finally:
            STREAM.reset(token)

    def evaluated(self, played: Sequence[Played]) -> None:
        """Runs calls as `Environment.set_state` does: those of known tools that write, and no others.

        A call that the session refused and the tools would take (its arguments fit no schema, a fault was played) has
        changed nothing, and is undone; upstream raises when a call comes out otherwise than it was recorded.
        """
        for one in played:
            if one.call.name not in self._sides or one.call.name in self._reads:
                continue
            side = "user" if one.actor == "user" else "assistant"
            backup = self.copy() if one.failed else None
            if not self.raw(side, one.call.name, one.call.arguments, "replay"):
                continue
            if backup is not None:
                self.kits = backup.kits
                continue
            self._couple()
        self._kit.sync(self.kits)

    def raw(self, side: str, name: str, arguments: dict[str, Json], what: str) -> bool:
        """Runs a call as the evaluator does; whether it went through.

        # code-mode: arguments are not validated, what a failing call has changed stays, and nothing is coupled: gold is
        never coupled at all. New ids are drawn anew for gold, so that two states that hold some are never equal.
        """
        if name in self._reads:
            return True  # it changes nothing, which the evaluator takes for granted too
        token = STREAM.set(rng("tau2", what, name))
        try:
            self._kit.use(self.kits, side, name, copy.deepcopy(arguments))
        except Exception:  # the boundary, as upstream has it
            return False
        finally:
            STREAM.reset(token)
        return True

    def _couple(self) -> None:
        with suppress(Exception):  # the boundary, as upstream has it: what fails here is the call's failure
            self._kit.sync(self.kits)

    def unlike(self, other: Desk) -> list[str]:
        """The tables of which upstream's hash differs: that of `json.dumps(model_dump(), sort_keys=True, default=str)`."""
        found: list[str] = []
        for side, kit in self.kits.items():
            mine, theirs = _fields(kit.db), _fields(other.kits[side].db)
            for name, value in mine.items():
                their = theirs[name]
                if isinstance(value, Shelf) and isinstance(their, Shelf):
                    differ = bool(value.unlike(their, lambda left, right: _hashed(left) == _hashed(right)))
                else:
                    differ = _hashed(kit.db, name) != _hashed(other.kits[side].db, name)
                found += [f"user.{name}" if side == "user" else name] if differ else []
        return sorted(found)

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
        """Whether what must hold at the end does.

        Raises:
            ValueError: what the function says is neither true nor false.
        """
        said = self.function(assertion)
        if not isinstance(said, bool):
            raise ValueError(f"{assertion.func_name} says {type(said).__name__}")
        return said is assertion.assert_value

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


def _hashed(model: Any, *names: str) -> str:
    """What upstream hashes of an object, or of some of its fields: 1 and 1.0 differ, dates and keys do not matter."""
    shown = model.model_dump(warnings=False, **({"include": set(names)} if names else {}))
    return json.dumps(shown, sort_keys=True, default=str)


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
