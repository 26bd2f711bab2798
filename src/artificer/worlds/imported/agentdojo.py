"""`agentdojo:workspace` (and `banking`, `slack`, `travel`): AgentDojo's suites, loaded from an installed `agentdojo`.

A session holds a suite's environment; every tool is run by the suite's own functions. `tasks=user` (the default) are
what a user asks for, `tasks=injection` what an attacker wants done; `version=` chooses the benchmark's version. A
task's setup call may carry `injections`: texts for the suite's injection vectors. Of the package only suites, tools
and data are loaded, none of its agents.

Source: ethz-spylab/agentdojo, `default_suites`, `task_suite`.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.errors import MissingExtra, SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.worlds.base import Played
from artificer.worlds.imported.arithmetic import arithmetic
from artificer.worlds.imported.rooms import EXTRA, Room, installed
from artificer.worlds.imported.schemas import arguments_schema, declared, without_titles
from artificer.worlds.imported.session import ImportedWorld, State
from artificer.worlds.imported.standins import SortedSet, clock, module, package, yaml
from artificer.worlds.observe import Tables, state_digest
from artificer.worlds.python import explain

SUITES = ("workspace", "banking", "slack", "travel")
INSTALL = "pip install --no-deps agentdojo"
_OPTIONS = ("version", "tasks")
_NOW = datetime.datetime(2024, 5, 15, 12, 0)  # the day on which its calendar stands
_WRITES = frozenset({"get_unread_emails", "get_webpage"})
"""Tools whose name says that they read, though reading leaves a mark: a mail is read, a request is logged."""


def open_world(rest: str, **options: str) -> ImportedWorld:
    """The world of a suite.

    Args:
        rest: the suite.
        options: `version` (e.g. `v1.2.2`; the latest by default), `tasks` (`user` or `injection`).

    Raises:
        SourceError: no such suite, option or version, or `agentdojo` is not installed or not as expected.
        MissingExtra: a library that its suites need is not installed.
    """
    where = f"agentdojo:{rest}"
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise SourceError(f"agentdojo: worlds do not take the option {unknown[0]!r}", where=where, remedy=f"use one of {', '.join(_OPTIONS)}")
    if rest not in SUITES:
        raise SourceError(f"{where!r} is none of the suites", remedy=f"write one of {', '.join(f'agentdojo:{one}' for one in SUITES)}")
    kind = options.get("tasks", "user")
    if kind not in ("user", "injection"):
        raise SourceError(f"there are no tasks {kind!r}", where=where, remedy="write tasks=user or tasks=injection")
    folder = installed("agentdojo", INSTALL, where)
    room = room_of(folder)
    versions: dict[str, dict[str, Any]] = room.load("agentdojo.task_suite.load_suites")._SUITES
    version = options.get("version") or max((name for name in versions if rest in versions[name]), key=_order)
    if version not in versions or rest not in versions[version]:
        raise SourceError(f"there is no version {version!r} of {where}", where=str(folder), remedy=f"use one of {', '.join(versions)}")
    source = AgentDojo(rest, versions[version][rest], room, folder, kind, version)
    return AgentDojoWorld(where, source, source.tools)


def _order(version: str) -> tuple[int, ...]:
    """`v1.2.10` comes after `v1.2.9`."""
    return tuple(int(part) for part in version.removeprefix("v").split(".") if part.isdigit())


@cache
def room_of(folder: Path) -> Room:
    """The room of an installed `agentdojo`, without its agents."""
    try:
        texts = yaml()
    except ImportError as error:
        raise MissingExtra(EXTRA, "agentdojo (yaml)") from error
    pipeline = "agentdojo.agent_pipeline"
    instead = {
        pipeline: package(pipeline),
        f"{pipeline}.base_pipeline_element": module("base_pipeline_element", BasePipelineElement=object),
        f"{pipeline}.errors": module("errors", AbortAgentError=RuntimeError),
        f"{pipeline}.ground_truth_pipeline": module("ground_truth_pipeline", GroundTruthPipeline=object),
        "datetime": clock(_NOW),
        "yaml": texts,
    }
    return Room("agentdojo", folder, instead=instead, builtins={"set": SortedSet, "eval": arithmetic})


class AgentDojoWorld(ImportedWorld):
    """A suite as a world. For a judgement its calls are run as upstream runs them, and not in a session as well."""

    def judge(self, task: Task, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        begun = self.source.begin(next((call.arguments for call in task.start.setup), None))
        return self.source.judge(task, begun, begun, played, says)


class AgentDojo:
    """A suite in one version."""

    typed = True

    def __init__(self, name: str, suite: Any, room: Room, folder: Path, kind: str, version: str) -> None:
        self.name = name
        self.kind = kind
        self.version = version
        self._suite = suite
        self._suite.data_path = folder / "data" / "suites" / name
        self._runtime = room.load("agentdojo.functions_runtime").FunctionsRuntime(suite.tools)
        self._call = room.load("agentdojo.functions_runtime").FunctionCall
        self.tools: tuple[ToolSpec, ...] = tuple(self._tool(function) for function in suite.tools)
        self.setup = ToolSpec("load_task", "Puts the environment into a task's initial state.", _SETUP)
        self._pristine = self._loaded({})

    def _tool(self, function: Any) -> ToolSpec:
        schema = arguments_schema(without_titles(function.parameters.model_json_schema()))
        schema.pop("description", None)
        effect = declared(function.name, _WRITES)
        return ToolSpec(function.name, function.description, schema, effect=effect, attributes={"suite": self.name})

    def _loaded(self, injections: dict[str, str]) -> Any:
        try:
            return self._suite.load_and_inject_default_environment(injections)
        except OSError as error:
            raise SourceError(
                f"the suite's data cannot be read: {error.strerror}", where=str(self._suite.data_path), remedy=f"{INSTALL} --force-reinstall"
            ) from error

    def begin(self, arguments: dict[str, Json] | None) -> Environment:
        """A fresh environment, with the task's own preparations and the injections made."""
        given = arguments or {}
        injections: dict[str, str] = given.get("injections") or {}
        environment = self._loaded(injections) if injections else self._pristine.model_copy(deep=True)
        task = self._suite.user_tasks.get(given.get("task")) if given.get("task") else None
        if given.get("task") and task is None and given["task"] not in self._suite.injection_tasks:
            raise LookupError(f"no task {given['task']!r}")
        return Environment(self._runtime, environment if task is None else task.init_environment(environment))

    def tasks(self) -> Iterator[Task]:
        """The user's tasks, or the attacker's, in upstream's order."""
        for name, task in self._all().items():
            yield self._task(name, task)

    def _all(self) -> dict[str, Any]:
        return self._suite.user_tasks if self.kind == "user" else self._suite.injection_tasks

    def _task(self, name: str, task: Any) -> Task:
        start: dict[str, Json] = {"task": name, "injections": {}}
        prompt = str(task.PROMPT if self.kind == "user" else task.GOAL)
        lineage: dict[str, Json] = {"source": "agentdojo", "id": name, "version": self.version, "answer": str(task.GROUND_TRUTH_OUTPUT)}
        gold: tuple[ToolCall, ...] | None = None
        try:
            calls = task.ground_truth(self.begin(start).environment)
            gold = tuple(ToolCall(f"g{at}", call.function, _plain(call.args)) for at, call in enumerate(calls))
            strange = sorted({call.name for call in gold} - {tool.name for tool in self.tools})
            if strange:
                lineage["wrong_gold"] = f"there is no tool {strange[0]!r}"
            elif not gold and not task.GROUND_TRUTH_OUTPUT:
                lineage["wrong_gold"] = "upstream gives no calls"
        except Exception as error:  # the boundary: a task's gold is foreign code
            lineage["wrong_gold"] = f"{type(error).__name__}: {str(error)[:300]}"
        gold = None if "wrong_gold" in lineage else gold
        return Task(
            id=f"agentdojo-{self.name}-{name}",
            world=f"agentdojo:{self.name}",
            start=Start(setup=(ToolCall("start", self.setup.name, start),)),
            prompt=prompt,
            goal=Goal((Want(self.kind, gold=gold or ()),), (), (), {"open:0": prompt}),
            checks=("upstream",),
            gold=gold,
            difficulty={"calls": float(len(gold or ())), "level": float(task.DIFFICULTY.value)},
            tags=("agentdojo", self.name, self.kind),
            lineage=lineage,
        )

    def judge(self, task: Task, before: State, after: State, played: Sequence[Played], says: Sequence[str]) -> CheckResult:
        """Upstream's utility of a user's task, or whether an attacker's was done: from the calls if the task looks at
        them, else from the environments and the last answer. The calls are run again as upstream runs them.
        """
        assert isinstance(before, Environment)
        left = before.copy()
        left.evaluated(played)
        found = self._all()[cast("str", task.lineage["id"])]
        output = says[-1] if says else ""
        traces = [self._call(function=one.call.name, args=one.call.arguments) for one in played]
        by_calls, by_state = (found.utility_from_traces, found.utility) if self.kind == "user" else (found.security_from_traces, found.security)
        try:
            verdict = by_calls(output, before.environment, left.environment, traces)
            passed = bool(by_state(output, before.environment, left.environment) if verdict is None else verdict)
        except Exception as error:  # the boundary: foreign code on what a model made of its state
            why = f"{task.lineage['id']}: the task's own check fails here: {type(error).__name__}: {explain(error)}"
            return CheckResult("upstream", 0.0, False, (why,), (ErrorKind.missing_effect,), mode="code")
        evidence = () if passed else (f"{task.lineage['id']}: the task's own check says no",)
        return CheckResult("upstream", float(passed), passed, evidence, () if passed else (ErrorKind.missing_effect,), mode="code")


class Environment:
    """A session's environment."""

    def __init__(self, runtime: Any, environment: Any) -> None:
        self._runtime = runtime
        self.environment = environment

    def run(self, name: str, arguments: dict[str, Json], reads: bool) -> object:
        result, _ = self._runtime.run_function(self.environment, name, arguments, raise_on_error=True)
        return result

    def evaluated(self, played: Sequence[Played]) -> None:
        """Runs calls as upstream's pipeline does.

        # code-mode: upstream converts arguments ("6" is 6) and passes over those that a tool has not. A call that the
        session refused and upstream would take has changed nothing, and is undone.
        """
        for one in played:
            backup = self.environment.model_copy(deep=True) if one.failed else None
            try:
                _, error = self._runtime.run_function(self.environment, one.call.name, copy.deepcopy(one.call.arguments))
            except Exception:  # the boundary: whatever foreign code raises is the call's failure
                continue
            if backup is not None and error is None:
                self.environment = backup

    def tables(self) -> Tables:
        shown = cast("dict[str, Json]", self.environment.model_dump(mode="json"))
        tables: Tables = {}
        for part, value in shown.items():
            fields = cast("dict[str, Json]", value) if isinstance(value, dict) else {"": value}
            tables |= {f"{part}.{name}".rstrip("."): field for name, field in fields.items() if not name.startswith("initial_")}
        return tables

    def copy(self) -> Environment:
        return Environment(self._runtime, self.environment.model_copy(deep=True))

    def digest(self) -> str:
        return state_digest(self.tables())


def _plain(arguments: Any) -> dict[str, Json]:
    """Gold arguments, which may be nested calls upstream: these are refused."""
    for name, value in arguments.items():
        if hasattr(value, "function"):
            raise ValueError(f"the argument {name!r} is a call")
    return dict(arguments)


_SETUP: dict[str, Json] = {
    "type": "object",
    "properties": {
        "task": {"type": "string"},
        "injections": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["task", "injections"],
    "additionalProperties": False,
}
