"""Which user plays: makers of simulated users from the names people type.

    goal                                    the scripted user (of tasks with fixed turns or a scenario, the one they need)
    goal | vague | misstates:rate=0.3       with manners, innermost first
    llm:MODEL | persona:text="a student"    a model plays, told so; then manners as well
    lines, gold, reference                  fixed turns; the task's own gold calls; a reference dialogue's user turns

The syntax is that of sources of worlds. Outside packages add users and manners by the entry-point group
`artificer.users`: a function `make(task: Task, trial: int, **options) -> User`, or a `Modifier` subclass. Here a task's
private goal meets the user, who gets all of it that a person would know; a model gets its brief in words
(`agents.users.llm.brief_of`) and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from random import Random
from typing import Any, cast, get_type_hints

import msgspec

from artificer.agents.base import User
from artificer.agents.users.goal import GoalUser
from artificer.agents.users.gold import GoldUser
from artificer.agents.users.lines import LinesUser, ReferenceUser
from artificer.agents.users.llm import LLMUser, Manner, brief_of, done_of, reveals_of
from artificer.agents.users.modifiers import MODIFIERS, Modifier
from artificer.core.canon import seed_of, stable_id
from artificer.core.errors import ArtificerError, SourceError
from artificer.core.messages import Message
from artificer.core.tasks import Task
from artificer.models.base import Keyed, Model
from artificer.rollout.episode import UserMaker, episode_rng
from artificer.worlds.wrappers import Pipe, pipe_of, split

Over = Callable[[User, Task, Random], User]
"""Puts a manner over a user."""
REFERENCE = "reference"
"""The key of a task's lineage under which a reference dialogue stands: its messages, or its user's turns."""
BASES = ("goal", "lines", "gold", "reference", "llm:MODEL")
_MANNERS = ("persona", "reveals", "done")


def user_model(name: str) -> Model | None:
    """The model that plays the user of a name, opened; None when none does. Whoever asks closes it.

    Raises:
        ArtificerError: the model cannot be used.
    """
    kind, _, rest = split(name)[0].strip().partition(":")
    return Model.of(rest) if kind == "llm" and rest else None


def user_maker(name: str = "goal", model: Model | None = None) -> UserMaker:
    """The maker of a user; see the module docstring.

    Args:
        model: plays the user where a model does; see `user_model`.

    Raises:
        ArtificerError: there is no such user or manner, or it does not take an option, or the model cannot be used.
    """
    first, *rest = split(name)
    try:
        pipes = [pipe_of(text, name) for text in rest]
    except SourceError as error:
        remedy = "write USER | NAME:key=value,key=value"
        raise ArtificerError(error.what.replace("wrapper", "manner"), where=f"--user {name!r}", remedy=remedy) from None
    told = [pipe for pipe in pipes if pipe.name in _MANNERS]
    base = _base(first.strip(), _manner(told, name) if told else Manner(), name, model)
    if told and not first.strip().startswith("llm:"):
        raise ArtificerError(f"{told[0].name!r} is for users played by a model", where=f"--user {name!r}", remedy="write llm:MODEL first")
    overs = [(f"user {at} {pipe.name}", _over(pipe, name)) for at, pipe in enumerate(pipes) if pipe.name not in _MANNERS]

    def make(task: Task, trial: int) -> User:
        user = base(task, trial)
        for side, over in overs:
            user = over(user, task, episode_rng(task, trial, side))
        return user

    return make


def _base(name: str, manner: Manner, whole: str, model: Model | None) -> UserMaker:
    """The user beneath the manners."""
    kind, colon, rest = name.partition(":")
    if kind == "llm" and rest:
        return _llm(model or Model.of(rest), manner)
    known: dict[str, UserMaker] = {"goal": _goal, "lines": _lines, "gold": lambda task, trial: GoldUser(task), "reference": _reference}
    if name in known:
        return known[name]
    outside = {point.name: point for point in entry_points(group="artificer.users")}
    if kind in outside:
        found: Any = outside[kind].load()
        if not inspect.isclass(found):
            options = pipe_of(name, whole).options if colon else {}
            outsider = cast("Callable[..., User]", found)
            return lambda task, trial: outsider(task, trial, **options)
    listed = ", ".join((*BASES, *sorted(outside)))
    raise ArtificerError(f"no user is called {name!r}", where=f"--user {whole!r}", remedy=f"write --user goal, or one of {listed}")


def _goal(task: Task, trial: int) -> User:
    """The scripted user that a task's kind needs: fixed turns (`Want.op` is `turn`) are said as they are; in a scenario
    (`scenario`) the user does its part of the gold.
    """
    ops = {want.op for want in task.goal.wants}
    if ops == {"turn"}:
        return LinesUser(task.goal)
    if ops == {"scenario"}:
        return GoldUser(task)
    return GoalUser(task.goal, episode_rng(task, trial, "user"))


def _lines(task: Task, trial: int) -> User:
    return LinesUser(task.goal)


def _llm(model: Model, manner: Manner) -> UserMaker:
    def make(task: Task, trial: int) -> User:
        return LLMUser(Keyed(model, stable_id("line", task.id, trial, "user")), brief_of(task), manner, seed_of("user", task.id, trial) % (1 << 31))

    return make


def _reference(task: Task, trial: int) -> User:
    return ReferenceUser(reference_turns(task))


def reference_turns(task: Task) -> list[str]:
    """The user's turns of the dialogue that a task carries (`lineage["reference"]`: texts, or messages).

    Raises:
        ArtificerError: it carries none.
    """
    given: Any = task.lineage.get(REFERENCE)
    turns: list[str] = []
    for entry in cast("list[Any]", given) if isinstance(given, (list, tuple)) else []:
        if isinstance(entry, str):
            turns.append(entry)
            continue
        try:
            message = msgspec.convert(entry, Message)
        except msgspec.ValidationError as error:
            raise ArtificerError(
                f"the reference dialogue of the task {task.id!r} cannot be read: {error}", remedy="write texts or messages"
            ) from None
        if message.role == "user" and not message.calls:
            turns.append(message.text)
    if not turns:
        raise ArtificerError(f"the task {task.id!r} carries no reference dialogue", remedy="put the user's turns into lineage['reference']")
    return turns


def _manner(pipes: Sequence[Pipe], whole: str) -> Manner:
    """How a model is told to play."""
    manner = Manner()
    for pipe in pipes:
        value = pipe.options.get("text" if pipe.name == "persona" else "when" if pipe.name == "reveals" else "by")
        if len(pipe.options) != 1 or value is None:
            forms = {"persona": 'persona:text="..."', "reveals": "reveals:when=asked|gradually|openly", "done": "done:by=token|flag"}
            raise ArtificerError(f"{pipe.text!r} cannot be read", where=f"--user {whole!r}", remedy=f"write | {forms[pipe.name]}")
        if pipe.name == "persona":
            manner = msgspec.structs.replace(manner, persona=value)
            continue
        reveals, done = reveals_of(value), done_of(value)
        if pipe.name == "reveals" and reveals is not None:
            manner = msgspec.structs.replace(manner, reveals=reveals)
        elif pipe.name == "done" and done is not None:
            manner = msgspec.structs.replace(manner, done=done)
        else:
            remedy = "write asked, gradually or openly" if pipe.name == "reveals" else "write token or flag"
            raise ArtificerError(f"{pipe.name} cannot be {value!r}", where=f"--user {whole!r}", remedy=remedy)
    return manner


def _over(pipe: Pipe, whole: str) -> Over:
    """A manner with its options read: whole numbers, and shares from 0 to 1."""
    cls = MODIFIERS.get(pipe.name) or _outside(pipe.name)
    if cls is None:
        known = ", ".join(sorted({*MODIFIERS, *_MANNERS}))
        raise ArtificerError(f"no manner of users is called {pipe.name!r}", where=f"--user {whole!r}", remedy=f"use one of {known}")
    hints = get_type_hints(cls.__init__)
    slots = list(inspect.signature(cls).parameters)[3:]
    options = {key: _number(key, value, hints.get(key), slots, pipe, whole) for key, value in pipe.options.items()}
    return lambda user, task, rng: cls(user, task.goal, rng, **options)


def _outside(name: str) -> type[Modifier] | None:
    for point in entry_points(group="artificer.users"):
        if point.name == name:
            found = point.load()
            return found if inspect.isclass(found) and issubclass(found, Modifier) else None
    return None


def _number(key: str, value: str, kind: object, slots: Sequence[str], pipe: Pipe, whole: str) -> Any:
    where = f"--user {whole!r}"
    if key not in slots:
        raise ArtificerError(f"{pipe.name!r} takes no option {key!r}", where=where, remedy=f"use {', '.join(slots)}")
    try:
        read = int(value) if kind is int else float(value)
    except ValueError:
        read = -1
    if read < 0 or (kind is not int and read > 1) or read != read:
        wanted = "a whole number from 0 on" if kind is int else "a number from 0 to 1"
        raise ArtificerError(f"{pipe.name}:{key}={value} is not {wanted}", where=where, remedy=f"write {wanted}")
    return read
