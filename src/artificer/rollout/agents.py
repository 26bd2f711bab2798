"""Agents from the names people type: `KIND:MODEL`, with middleware after bars, as sources have wrappers.

    openai:NAME@http://host/v1                        function calling
    react:openai:NAME@http://host/v1                  a kind of agent over a model
    plan:form=code,feedback=verify:hf:PATH            with options, before the model
    react:MODEL | compress:chars=2000 | reflect       middleware, innermost first
    MODEL | planner:model="openai:BIG@http://host/v1" an option `model`, or one that ends so, is a model of its own
    scripted:oracle | finish:turns=9                  around a scripted agent

Values with commas, colons or bars stand in quotes. Outside packages add both by the entry-point group
`artificer.agents`: first in the string, an entry is called as `agent(model, **options) -> Agent`; after a bar, as
`around(inner, **options) -> Agent`, where a parameter `model` gets the agent's own model unless another is named. All
options are text but models.

Two names are made here, where a task's private side is at hand, and hand on no value of it: `oracle` (see
`rollout.oracle_plan`), and `experience`, which withholds lessons on the tasks they came from.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from msgspec import Struct

from artificer.agents.around.experience import Experienced, read_experience, withheld_from
from artificer.agents.around.planner import Planned
from artificer.agents.base import Agent, View
from artificer.core.canon import stable_id
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tasks import Task
from artificer.models.base import Keyed, Model
from artificer.models.scripted import Scripted
from artificer.rollout.episode import AgentMaker
from artificer.rollout.oracle_plan import open_plans
from artificer.worlds.base import World, without_password
from artificer.worlds.wrappers import Pipe, pipe_of, split

SCRIPTED = ("scripted:oracle", "scripted:gold")
KINDS = {"calls": "function_calling", "code": "code_action", "plan": "plan", "react": "react", "router": "router"}
AROUND = ("backtrack", "compress", "debug", "decompose", "finish", "planner", "reflect", "refine", "retrieve")
PRIVATE = ("experience", "oracle")
GROUP = "artificer.agents"
Make = Callable[..., Agent]


class Spec(Struct, frozen=True):
    """An agent's name, read.

    Args:
        text: the name, for messages.
        base: the scripted agent or the model string at the start.
        kind: what a model is made into, with its options; None for a scripted agent.
        pipes: middleware, innermost first.
    """

    text: str
    base: str
    kind: Pipe | None
    pipes: tuple[Pipe, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """All model strings in it, its own first."""
        named = [value for pipe in (self.kind, *self.pipes) if pipe is not None for name, value in pipe.options.items() if _is_model(name)]
        return tuple(dict.fromkeys([*([self.base] if self.kind is not None else []), *named]))


def spec_of(text: str) -> Spec:
    """Reads an agent's name and checks kinds, middleware and options, as far as that goes without a model.

    Raises:
        ArtificerError: it is not of the form, or names what there is not.
    """
    shown = without_password(text)
    first, *rest = (part.strip() for part in split(text))
    base, kind = _kind_of(first, shown)
    pipes = tuple(pipe_of(part, shown) for part in rest)
    for pipe in pipes:
        if pipe.name not in PRIVATE:
            _fits(_around(pipe.name, shown), pipe, shown, kind is not None)
    return Spec(shown, base, kind, pipes)


def check(text: str) -> None:
    """Checks an agent's name with all its options' values, without opening a model.

    Raises:
        ArtificerError: what of it cannot be used.
    """
    spec = spec_of(text)
    nobody = Scripted.saying([""])
    composed(spec, dict.fromkeys(spec.models, nobody), None)


class Silent(Agent):
    """Says nothing of use; stands in for a scripted agent where only names are checked."""

    async def act(self, view: View) -> Message:
        return Message("assistant", "I cannot help with that.")


def models_of(text: str) -> tuple[str, ...]:
    """The model strings in an agent's name, its own first; none for a scripted agent alone."""
    return spec_of(text).models


def opened(text: str) -> dict[str, Model]:
    """The models of an agent's name, by their strings.

    Raises:
        ArtificerError: the name is not one, or a model cannot be used.
    """
    spec = spec_of(text)
    models: dict[str, Model] = {}
    for name in spec.models:
        try:
            models[name] = Model.of(name)
        except ArtificerError as error:
            bare = name == spec.base and spec.kind is not None and spec.kind.text == "calls"
            remedy = f"{error.remedy}; for an agent {', '.join((*SCRIPTED, *(f'{kind}:MODEL' for kind in KINDS)))}" if bare else error.remedy
            raise ArtificerError(error.what, where=error.where, remedy=remedy) from error
    return models


def composed(spec: Spec, models: Mapping[str, Model], scripted: AgentMaker | None) -> AgentMaker:
    """The maker of an agent.

    Args:
        spec: its name, read.
        models: for each of `spec.models`, who answers.
        scripted: the maker of the scripted agent that stands first, where one does.

    Raises:
        ArtificerError: an option's value cannot be used.
    """
    own = models[spec.base] if spec.kind is not None else None
    kind = spec.kind
    lessons = [read_experience(_file(pipe, spec.text)) if pipe.name == "experience" else None for pipe in spec.pipes]
    plans = [open_plans(pipe.options, spec.text) if pipe.name == "oracle" else None for pipe in spec.pipes]

    def make(task: Task, world: World, trial: int) -> Agent:
        named = {name: Keyed(model, stable_id("line", task.id, trial, "agent")) for name, model in models.items()}
        agent = scripted(task, world, trial) if kind is None and scripted is not None else first(named)
        for index, pipe in enumerate(spec.pipes):
            told, plan = lessons[index], plans[index]
            if told is not None:
                agent = Experienced(agent, told, withheld_from(told, task.id))
            elif plan is not None:
                agent = Planned(agent, plan(task), "oracle")
            else:
                agent = _wrapped(pipe, agent, named[spec.base] if kind is not None else None, named, spec.text)
        return agent

    def first(given: Mapping[str, Model]) -> Agent:
        assert kind is not None
        return _called(_kind(kind.name, spec.text), given[spec.base], kind, given, spec.text)

    tried = first(models) if kind is not None else Silent()  # values are tried once, before anything is played
    for pipe in spec.pipes:
        tried = tried if pipe.name in PRIVATE else _wrapped(pipe, tried, own, models, spec.text)
    return make


def _kind_of(first: str, where: str) -> tuple[str, Pipe | None]:
    """`KIND:MODEL`, `KIND:key=value:MODEL` or `MODEL`, as the model's string and the kind."""
    if first in SCRIPTED:
        return first, None
    name, colon, rest = first.partition(":")
    if name not in KINDS and name not in _outside():
        return first, Pipe("calls", {}, "calls")
    options, *model = split(rest, ":")
    given = "=" in options  # no model's form has one
    pipe = pipe_of(f"{name}:{options}" if given else name, where)
    base = ":".join(model) if given else rest
    if not colon or not base:
        raise ArtificerError(f"{first!r} names no model.", where=where, remedy=f"write {name}:MODEL or {name}:key=value:MODEL")
    if base in SCRIPTED:
        raise ArtificerError(f"{base!r} is an agent, no model.", where=where, remedy=f"write {base}, or {name}: with a model")
    _fits(_kind(name, where), pipe, where, own=True)
    return base, pipe


def _file(pipe: Pipe, where: str) -> str:
    if list(pipe.options) != ["file"]:
        raise ArtificerError("'experience' takes one option, the file of lessons.", where=where, remedy="write | experience:file=NAME.json")
    return pipe.options["file"]


# finding


def _outside() -> dict[str, Make]:
    return {point.name: point.load for point in entry_points(group=GROUP)}


def _loaded(name: str, where: str) -> Make:
    """An outsider's function."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                return point.load()
            except Exception as error:  # an outsider's code: whatever it raises is its own fault
                remedy = "mend or remove the package that brings it"
                raise ArtificerError(f"the agent {name!r} does not load: {type(error).__name__}: {error}", where=where, remedy=remedy) from error
    known = ", ".join(sorted({*AROUND, *PRIVATE, *_outside()}))
    raise ArtificerError(f"there is no agent middleware {name!r}.", where=where, remedy=f"use one of {known}")


def _kind(name: str, where: str) -> Make:
    return importlib.import_module(f"artificer.agents.{KINDS[name]}").open_agent if name in KINDS else _loaded(name, where)


def _around(name: str, where: str) -> Make:
    return importlib.import_module(f"artificer.agents.around.{name}").around if name in AROUND else _loaded(name, where)


# calling


def _is_model(option: str) -> bool:
    return option == "model" or option.endswith("_model")


def _fits(make: Make, pipe: Pipe, where: str, own: bool) -> None:
    """Whether a function takes the options, and a model is there when it needs one."""
    slots = list(inspect.signature(make).parameters.values())[1:]
    names = [slot.name for slot in slots]
    for name in pipe.options:
        if name not in names:
            raise ArtificerError(
                f"{pipe.name!r} takes no option {name!r}.", where=where, remedy=f"use {', '.join(names)}" if names else "give it none"
            )
    lacking = [slot.name for slot in slots if slot.default is slot.empty and slot.name not in pipe.options and not (slot.name == "model" and own)]
    if lacking:
        raise ArtificerError(f"{pipe.name!r} needs the option {lacking[0]!r}.", where=where, remedy=f"write {pipe.name}:{lacking[0]}=...")


def _wrapped(pipe: Pipe, inner: Agent, own: Model | None, models: Mapping[str, Model], where: str) -> Agent:
    make = _around(pipe.name, where)
    takes = "model" in inspect.signature(make).parameters
    more = {"model": own} if takes and "model" not in pipe.options and own is not None else {}
    return _called(make, inner, pipe, models, where, more)


def _called(
    make: Make, first: Agent | Model | None, pipe: Pipe, models: Mapping[str, Model], where: str, more: Mapping[str, Model] | None = None
) -> Agent:
    given: dict[str, str | Model] = {name: models[value] if _is_model(name) else value for name, value in pipe.options.items()}
    try:
        return make(first, **given, **(more or {}))
    except ArtificerError as error:
        raise ArtificerError(error.what, where=error.where or where, remedy=error.remedy) from error
