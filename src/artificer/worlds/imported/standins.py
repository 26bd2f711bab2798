"""What imported modules are given in place of things they must not or need not have.

A world here has no clock and no randomness of its own, and its results do not depend on the machine: in a room, now is
a fixed moment, new UUIDs come from the session's own stream, and sets of text are walked in sorted order (Python's own
order changes from process to process).
"""

from __future__ import annotations

import datetime as real
import importlib
import tomllib
import uuid as real_uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from random import Random
from types import ModuleType
from typing import IO, Any

STREAM: ContextVar[Random] = ContextVar("the random stream of the call that is being run")


def module(name: str, **names: object) -> ModuleType:
    """A module that holds just these names."""
    made = ModuleType(name)
    vars(made).update(names)
    return made


def package(name: str) -> ModuleType:
    """An empty package."""
    return module(name, __path__=[])


class _Dated(type):
    """Lets `isinstance(moment, datetime)` be true of real moments: all that `_frozen` classes ever make."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, real.datetime)


def clock(now: real.datetime) -> ModuleType:
    """A stand-in for `datetime` whose now and today are `now`. Everything it makes is a plain `datetime.datetime`."""

    class Frozen(real.datetime, metaclass=_Dated):
        def __new__(cls, *args: Any, **kwargs: Any) -> real.datetime:  # pyright: ignore[reportInconsistentConstructor]
            return real.datetime(*args, **kwargs)

        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> real.datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
            return now if tz is None else now.replace(tzinfo=tz)

        @classmethod
        def today(cls) -> real.datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
            return now

        @classmethod
        def utcnow(cls) -> real.datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
            return now

        @classmethod
        def __get_pydantic_core_schema__(cls, source: object, handler: Any) -> Any:
            return handler(real.datetime)

    return module("datetime", **(vars(real) | {"datetime": Frozen}))


def uuids() -> ModuleType:
    """A stand-in for `uuid` that draws from the session's stream."""

    def uuid4() -> real_uuid.UUID:
        return real_uuid.UUID(int=STREAM.get().getrandbits(128), version=4)

    return module("uuid", **(vars(real_uuid) | {"uuid4": uuid4, "uuid1": uuid4}))


class SortedSet(set[Any]):
    """A set that is walked and written in sorted order."""

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=lambda item: (type(item).__name__, str(item))))

    def __sub__(self, other: Any) -> SortedSet:
        return SortedSet(super().__sub__(other))

    def __or__(self, other: Any) -> SortedSet:
        return SortedSet(super().__or__(other))

    def __and__(self, other: Any) -> SortedSet:
        return SortedSet(super().__and__(other))

    def __repr__(self) -> str:
        return "{" + ", ".join(repr(item) for item in self) + "}" if self else "set()"


class _Silent:
    """A logger that says nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def nothing(*args: object, **named: object) -> None:
            return None

        return nothing


def silence() -> ModuleType:
    """A stand-in for `loguru`."""
    return module("loguru", logger=_Silent())


def toml() -> ModuleType:
    """A stand-in for `toml` on the standard library's reader."""

    def load(file: IO[str]) -> dict[str, Any]:
        return tomllib.loads(file.read())

    return module("toml", load=load, loads=tomllib.loads)


def yaml() -> ModuleType:
    """A stand-in for `yaml` over the real one: representers that a module adds are its own, not the whole process's.

    Raises:
        ImportError: PyYAML is not installed.
    """
    library: Any = importlib.import_module("yaml")
    dumper: Any = type("Dumper", (library.Dumper,), {})

    def add_representer(kind: type, representer: Any, Dumper: Any = dumper) -> None:
        Dumper.add_representer(kind, representer)

    def dump(data: object, stream: Any = None, Dumper: Any = dumper, **options: Any) -> Any:
        return library.dump(data, stream, Dumper=Dumper, **options)

    return module("yaml", **(vars(library) | {"Dumper": dumper, "add_representer": add_representer, "dump": dump}))
