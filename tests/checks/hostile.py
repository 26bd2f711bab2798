"""What hostile models and servers send, as values, texts, episodes and arguments of any function of the checks.

`MAKERS` knows how to make a hostile argument of each type that the package's functions take. A function whose types are
not there cannot be called by `test_hostile_everywhere.py`, which then says so and fails: either the type gets a maker, or
the function an excuse.
"""

from __future__ import annotations

import collections.abc
import contextlib
import enum
import importlib
import inspect
import math
import pkgutil
import re
import signal
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

import artificer.checks
from artificer.checks.audit import Case
from artificer.checks.base import Episode
from artificer.checks.blame import Fault
from artificer.checks.calls.base import Expected
from artificer.checks.episodes import Rule, made, unfold
from artificer.checks.errors.calls import Steps
from artificer.checks.judges.base import Judgement, Question
from artificer.checks.matching import match
from artificer.checks.talk import Talk
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Constraint, Effect, Fact, Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict

MEGA = 10_000_000
CANARY = "canary-that-must-not-sing"
CODE = (
    f"__import__('os').system('touch {CANARY}')",
    f"{{{{ cycler.__init__.__globals__.os.popen('touch {CANARY}').read() }}}}",
    f"!!python/object/apply:os.system ['touch {CANARY}']",
    f"$(touch {CANARY}) `touch {CANARY}` | touch {CANARY}",
    f"lambda: open('{CANARY}', 'w')",
)


def deep(levels: int) -> Any:
    """Lists and objects in each other, so many levels down."""
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


VALUES: dict[str, Any] = {
    "nothing": None,
    "true": True,
    "nan": math.nan,
    "minus infinity": -math.inf,
    "huge": 10**400,
    "huger": 10**5000,  # more digits than Python writes
    "deep": deep(10_000),
    "rather deep": deep(500),
    "wide": list(range(2_000)),
    "keys": {f"k{n}": n for n in range(2_000)},
    "odd keys": {"": 1, "\ud800": 2, "\x00": 3, "__class__": 4, "a.b[0]": 5},
    "mixed": [math.nan, None, 10**400, {"\ud800": [math.inf, "\ud800"]}, True, ""],
}
TEXTS: dict[str, str] = {
    "empty": "",
    "long": "a" * MEGA,
    "words": "a " * 100_000,
    "digits": "1" * 200_000,
    "numbers": "1,1.1 " * 50_000,
    "dashes": "- " * 100_000,
    "minuses": "-" * 50_000 + "1",
    "questions": "? " * 20_000,
    "lines": "\n" * 50_000,
    "quotes": "'\"" * 50_000,
    "brackets": "[" * 10_000 + "]" * 10_000,
    "some brackets": "[" * 450 + "]" * 450,
    "some braces": '{"a":' * 450 + "1" + "}" * 450,
    "braces": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "open": "({[<" * 20_000,
    "sums": "1+" * 20_000 + "1",
    "powers": "9**9**9**9",
    "big number": "1e999999999",
    "boxes": "\\boxed{" * 10_000 + "1",
    "tags": "<reference>" * 10_000 + "x" + "</reference>" * 10_000,
    "thinking": "<think>" * 10_000 + "</think>",
    "surrogates": "\ud800 lone \udfff",
    "nulls": "\x00" * 1_000,
    "regex": "(a+)+$ .* [[[ \\Q \\ (?P<x> {99999}",
    "almost": "a" * 30_000 + "!",
    "dates": "2024-99-99T99:99 " * 10_000,
    "percents": "{0} %s %(x)s {x.__class__} " * 100,
    "script": "<script>alert(1)</script>'; DROP TABLE track;--",
    **{f"code {place}": code for place, code in enumerate(CODE)},
}
NASTY: dict[str, Any] = VALUES | TEXTS
LOOP = ToolSpec("t", "t", {"$ref": "#", "properties": {"x": {"$ref": "#"}}}, {"$ref": "#", "items": {"$ref": "#"}}, "write")
OPEN = ToolSpec("t", "t", {"type": "object"}, None, "write")
READ = ToolSpec("r", "r", {"type": "object", "properties": {"n": {"type": "integer"}}}, None, "read")
TOOLS = (OPEN, READ)

# What a task says to the checks that decide by it: of each, by the constraint's name, arguments that make the check work.
STATED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "answer": lambda value: {"gold": value if isinstance(value, str | int | float | list) else "7 kg", "rel": 0.1},
    "attributes": lambda value: {"classes": {"Shop": {"open": value}}},
    "calls": lambda value: {"expected": [{"name": "t", "arguments": {"x": [value]}}]},
    "checklist": lambda value: {"turns": [[_item(value)], [_item(value)]]},
    "constraints": lambda value: {"rules": [{"rule": "calls", "most": 1}, {"rule": "parallel", "most": 1}, {"rule": "values"}]},
    "kept": lambda value: {"free": ["t"]},
    "milestones": lambda value: {
        "milestones": [{"constraints": [{"table": "@messages", "rows": [{"sender": "agent", "content": text_of(value)[:1000]}]}]}]
    },
    "nuggets": lambda value: {"facts": [text_of(value)[:1000].strip() or "x"]},
    "sql": lambda value: {"query": "SELECT 1", "expected_value": 1},
    "statements": lambda value: {"all": [text_of(value)[:1000].strip() or "x"]},
}


def _item(value: Any) -> dict[str, Any]:
    rule = {"kind": "said", "any": [text_of(value)[:100] or "x"]}
    return {"id": "a", "question": "did it say so?", "focus": "assistant.content.user_visible_reply", "weight": 1.0, "rule": rule}


def text_of(value: Any) -> str:
    """A hostile value as the text of a message."""
    return value if isinstance(value, str) else "hello"


def task_of(value: Any) -> Task:
    """A task whose every part a person may have written holds the value."""
    text = text_of(value)
    gold = (ToolCall("g1", "t", {"x": value}), ToolCall("g2", "r", {"n": 1}))
    effect = Effect("t", (1,), "update", {"v": (None, value)})
    want = Want("update:t", tell=((text[:1000] or "x",), ("7 kg",)), gold=gold)
    fact = Fact("0.x.y", value, text[:1000] or "phrase")
    constraints = tuple(Constraint(name, state(value)) for name, state in STATED.items())
    return Task("task", "w", Start(), text, Goal((want, want), (fact,), (effect,), {"open:0": text}), (), gold, constraints)


def nodes_of(value: Any) -> list[Node]:
    """A dialogue in which every message, argument and result holds the value."""
    text = text_of(value)
    effect = Effect("t", (1,), "update", {"v": (None, value)})
    other = Effect("t", (text[:100],), "insert", {"v": (None, value)}, generated=True)

    def call(id: str, name: str, **arguments: Any) -> ToolCall:
        return ToolCall(id, name, arguments)

    return [
        Node(None, Message("system", "be good")),
        Node(None, Message("user", text)),
        Node(None, Message("assistant", text, calls=(call("1", "t", x=value, y="a" * 500 + "b"), call("1", text[:100], x="aaa")))),
        Node(None, Message("tool", result=ToolResult("1", value)), effects=(effect, other)),
        Node(None, Message("tool", result=ToolResult("1", None, ErrorKind.unknown_tool, text))),
        Node(None, Message("assistant", text, reasoning=text), notes={"error": {"kind": text[:100], "detail": text}}),
        Node(None, Message("user", text)),
        Node(None, Message("assistant", calls=(call("3", "r", n=value), call("4", "t", x=value)))),
        Node(None, Message("tool", result=ToolResult("3", {"rows": [value]}))),
        Node(None, Message("tool", result=ToolResult("4", None, ErrorKind.invalid_argument, text))),
        Node(None, Message("assistant", text)),
    ]


def episode_of(value: Any, tools: tuple[ToolSpec, ...] = TOOLS) -> Episode:
    """All of the above."""
    effect = Effect("t", (1,), "update", {"v": (None, value)})
    other = Effect("t", (text_of(value)[:100],), "insert", {"v": (None, value)}, generated=True)
    return Episode(task_of(value), tools, nodes_of(value), (effect, other), StopReason.agent_done, text_of(value)[:100_000])


def long_episode(calls: int) -> Episode:
    """Thousands of calls, many of them alike, in one line and in one message."""
    nodes = [Node(None, Message("user", "go on"))]
    for number in range(calls):
        nodes.append(Node(None, Message("assistant", calls=(ToolCall(f"c{number}", "r", {"n": number % 50}),))))
        nodes.append(Node(None, Message("tool", result=ToolResult(f"c{number}", {"n": number}))))
    several = tuple(ToolCall(f"d{number}", "t", {"x": number}) for number in range(calls))
    nodes.append(Node(None, Message("assistant", calls=several)))
    nodes += [Node(None, Message("tool", result=ToolResult(call.id, None, ErrorKind.not_found, "none"))) for call in several]
    return Episode(task_of("x"), TOOLS, [*nodes, Node(None, Message("assistant", "done"))], (), StopReason.user_done)


def calls_of(value: Any) -> list[ToolCall]:
    """Calls as a matcher gets them."""
    return [ToolCall("1", "t", {"x": value}), ToolCall("1", text_of(value)[:100], {"x": value, "": None}), ToolCall("", "r", {})]


def expected_of(value: Any) -> list[Expected]:
    """Calls as a reference has them."""
    return [Expected("t", {"x": (value, "")}, frozenset({"x"})), Expected("r", {"n": (1,)}), Expected("t", {"x": ()})]


def verdict_of(value: Any) -> Verdict:
    """A failed verdict."""
    text = text_of(value)[:2000]
    return Verdict.of((CheckResult("told", 0.0, False, (text,), (ErrorKind.not_told,)), CheckResult("reached", 0.0, False)))


def _effect(value: Any) -> Effect:
    return Effect("t", (1,), "update", {"v": (None, value)})


MAKERS: dict[Any, Callable[[Any], Any]] = {
    str: text_of,
    typing.Any: lambda value: value,
    object: lambda value: value,
    int: lambda value: 5,
    float: lambda value: 0.5,
    bool: lambda value: True,
    "Sequence[str]": lambda value: [text_of(value), text_of(value)[:50], ""],
    "Iterable[str]": lambda value: [text_of(value), text_of(value)[:50], ""],
    "Sequence[Any]": lambda value: [value, value],
    "Iterable[Any]": lambda value: [value, value],
    "dict[str, Any]": lambda value: {"x": value, "y": value},
    "Mapping[str, Any]": lambda value: {"x": value, "y": value},
    "tuple[str | None, ...]": lambda value: ("k", None),
    Episode: episode_of,
    Task: task_of,
    "Sequence[Node]": nodes_of,
    Node: lambda value: nodes_of(value)[2],
    Message: lambda value: nodes_of(value)[2].message,
    ToolCall: lambda value: calls_of(value)[0],
    ToolResult: lambda value: ToolResult("1", value),
    "Sequence[ToolCall]": calls_of,
    Expected: lambda value: expected_of(value)[0],
    "Sequence[Expected]": expected_of,
    ToolSpec: lambda value: OPEN,
    "Sequence[ToolSpec]": lambda value: TOOLS,
    Effect: _effect,
    "Sequence[Effect]": lambda value: [_effect(value), _effect(None)],
    "tuple[Effect, ...]": lambda value: (_effect(value), _effect(None)),
    Fact: lambda value: task_of(value).goal.facts[0],
    "Sequence[Fact]": lambda value: task_of(value).goal.facts,
    Verdict: verdict_of,
    CheckResult: lambda value: verdict_of(value).parts[0],
    Question: lambda value: Question("q", ("yes", "no"), text_of(value), {"a": text_of(value), "b": "x"}, ("a", "b")),
    Judgement: lambda value: Judgement("yes", text_of(value)),
    Talk: lambda value: Talk(episode_of(value)),
    Case: lambda value: Case(Talk(episode_of(value)), {part.name: part for part in verdict_of(value).parts}),
    Steps: lambda value: Steps(Talk(episode_of(value))),
    "Sequence[Fault]": lambda value: [Fault("user", "asked_more", "x", 1)],
    "Sequence[Made]": lambda value: made(nodes_of(value)),
    Rule: lambda value: Rule(unfold(LOOP.parameters, LOOP.parameters), LOOP.parameters, {}),
}


def _match_of(value: Any) -> Any:
    return match([_effect(value)], [_effect(None)], TOOLS)


MAKERS["Match"] = _match_of


def _name(hint: Any) -> str:
    """A type as `MAKERS` writes it: `Sequence[ToolCall]`."""
    text = str(hint) if not isinstance(hint, type) or typing.get_args(hint) else hint.__name__
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", text)


class TakesCode(Exception):
    """A type whose values are code of ours (a callable, a session, a judge): nothing that comes from a model."""


class Unknown(Exception):
    """A type that nothing here can make."""


def maker(hint: Any) -> Callable[[Any], Any] | None:
    """How to make a hostile argument of a type of data that comes from models or servers; None when it is no such type."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next((found for part in typing.get_args(hint) if part is not type(None) and (found := maker(part))), None)
    try:
        if hint in MAKERS:
            return MAKERS[hint]
    except TypeError:
        pass
    return MAKERS.get(_name(hint))


_PLAIN: dict[Any, Any] = {str: "t", int: 1, float: 0.5, bool: True, bytes: b"t", typing.Any: "x", object: "x", type: str, type(None): None}


def harmless(hint: Any, depth: int = 0) -> Any:
    """A value of a type that a task's author or a caller gives: a small one, made from the type alone.

    Raises:
        TakesCode, Unknown: there is none.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if depth > 20:
        raise Unknown(_name(hint))
    if isinstance(hint, collections.abc.Hashable) and hint in _PLAIN:
        return _PLAIN[hint]
    if origin is typing.Literal:
        return parts[0]
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return _first(parts, depth)
    if origin is collections.abc.Callable or getattr(hint, "_is_protocol", False) or inspect.isabstract(hint):
        raise TakesCode(_name(hint))
    if origin is not None:
        return _filled(origin, parts, depth + 1)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    found = maker(hint)
    if found is not None:
        return found("x")
    if not isinstance(hint, type) or not hint.__module__.startswith("artificer."):
        raise Unknown(_name(hint))
    return _built(hint, depth + 1)


def _filled(origin: Any, parts: tuple[Any, ...], depth: int) -> Any:
    if origin in (dict, collections.abc.Mapping):
        return {harmless(parts[0], depth): harmless(parts[1], depth)}
    if origin is tuple:
        return (harmless(parts[0], depth),) if parts[-1:] == (...,) else tuple(harmless(part, depth) for part in parts)
    if origin in (set, frozenset):
        return origin({harmless(parts[0], depth)})
    if origin in (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection, collections.abc.Iterator):
        return [harmless(parts[0], depth)]
    raise Unknown(str(origin))


def _built(cls: type, depth: int = 0) -> Any:
    """An object of one of our classes, with what it needs and nothing else."""
    hints = typing.get_type_hints(cls if issubclass(cls, msgspec.Struct) else cls.__init__)
    needed = [name for name, parameter in inspect.signature(cls).parameters.items() if parameter.default is parameter.empty]
    return cls(**{name: harmless(hints[name], depth) for name in needed})


def _first(parts: tuple[Any, ...], depth: int) -> Any:
    problem: Exception = Unknown("a union of nothing")
    for part in parts:
        if part is type(None):
            continue
        try:
            return harmless(part, depth)
        except (TakesCode, Unknown) as found:
            problem = found
    raise problem


def modules() -> Iterator[Any]:
    """Every module of the checks."""
    for found in pkgutil.walk_packages(artificer.checks.__path__, "artificer.checks."):
        yield importlib.import_module(found.name)


def functions() -> dict[str, Callable[..., Any]]:
    """Every public function of the checks, by its place: `grounded.look`."""
    return {
        f"{module.__name__.removeprefix('artificer.checks.')}.{name}": thing
        for module in modules()
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and not name.startswith("_") and thing.__module__ == module.__name__
    }


def callables() -> dict[str, type]:
    """Every public class of the checks whose objects are called, Protocols left out."""
    return {
        f"{module.__name__.removeprefix('artificer.checks.')}.{name}": thing
        for module in modules()
        for name, thing in vars(module).items()
        if inspect.isclass(thing)
        and not name.startswith("_")
        and thing.__module__ == module.__name__
        and "__call__" in vars(thing)
        and not getattr(thing, "_is_protocol", False)
    }


HOSTILE = (int, float, bool, ToolSpec)
"""Types of `MAKERS` that alone make no function one over hostile data."""


def plan(function: Callable[..., Any]) -> dict[str, Callable[[Any], Any]] | None:
    """A maker for every parameter of a function; None for one that takes nothing that could come from a model.

    Raises:
        TakesCode, Unknown: a parameter that it needs cannot be made.
    """
    hints = typing.get_type_hints(function)
    makers: dict[str, Callable[[Any], Any]] = {}
    hostile = False
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints.get(name, typing.Any)
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        found = maker(hint)
        mine = found is not None and hint not in HOSTILE
        if mine and found is not None:
            makers[name] = found
            hostile = True
        elif parameter.default is parameter.empty:
            made = harmless(hint) if found is None else found(None)
            makers[name] = lambda value, made=made: made
    return makers if hostile else None


class OutOfTime(AssertionError):
    """A call took more CPU than it was given."""


@contextlib.contextmanager
def within_cpu(seconds: float) -> Iterator[None]:
    """Breaks off what takes more seconds of CPU. Waiting costs nothing: a loaded machine makes no difference."""

    def stop(*_: Any) -> None:
        raise OutOfTime(f"more than {seconds} s of CPU")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


_watching: list[list[str]] = []
_WATCHED = frozenset({"exec", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "open", "import"})
"""Reading source (`ast.parse`) is no running."""


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in _WATCHED and any(CANARY in text for argument in arguments for text in _texts(argument)):
        _watching[-1].append(event)


def _texts(argument: Any) -> Iterator[str]:
    if isinstance(argument, types.CodeType):
        for const in argument.co_consts:
            yield from _texts(const)
    else:
        yield repr(argument)[:10_000]


@contextlib.contextmanager
def nothing_runs() -> Iterator[None]:
    """Fails when something hostile was run, opened or imported meanwhile (Python's own audit events)."""
    if not _installed:
        sys.addaudithook(_watch)
        _installed.append(True)
    _watching.append([])
    try:
        yield
    finally:
        sung = _watching.pop()
    assert sung == []


_installed: list[bool] = []
