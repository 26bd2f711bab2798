"""Wrappers: what changes a world from outside. One module each, found by listing this folder.

A wrapper is a module with `wrap(world, **options) -> World`, all options text. In a source string it stands after a
bar: `sqlite:shop.db | faults:rate=0.1,seed=3 | budget:calls=20`, innermost first. Outside packages add wrappers by
the entry-point group `artificer.wrappers`, whose entries are such functions. See `docs/wrappers.md`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from importlib.metadata import entry_points

from msgspec import Struct

from artificer.core.errors import SourceError
from artificer.worlds.base import World

Wrap = Callable[..., World]
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KEY = re.compile(r"[a-z][a-z0-9_.-]*", re.IGNORECASE)
_BAR = " | "


class Pipe(Struct, frozen=True):
    """One wrapper of a source string: its name, its options, and the text that says so."""

    name: str
    options: dict[str, str]
    text: str


def split(source: str, separator: str = _BAR) -> list[str]:
    """Cuts at separators that stand outside quotes. A quote opens at the start of a word or of a value and must be
    closed; an apostrophe within a word is none.
    """
    parts: list[str] = []
    start = at = 0
    while at < len(source):
        letter = source[at]
        if letter in "\"'" and (at == 0 or source[at - 1] in " =,:"):
            closing = source.find(letter, at + 1)
            at = closing if closing > 0 else at
        elif source.startswith(separator, at):
            parts.append(source[start:at])
            start = at + len(separator)
            at = start - 1
        at += 1
    return [*parts, source[start:]]


def pipe_of(text: str, where: str) -> Pipe:
    """Reads `NAME` or `NAME:key=value,key=value`. A value in quotes may hold commas and bars.

    Raises:
        SourceError: it is not of that form.
    """
    name, _, rest = text.strip().partition(":")
    options: dict[str, str] = {}
    for part in split(rest, ",") if rest else []:
        key, equals, value = part.strip().partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise SourceError(f"{part!r} is not an option of the wrapper {name!r}.", where=where, remedy="write | NAME:key=value,key=value")
        if key in options:
            raise SourceError(f"the option {key!r} of the wrapper {name!r} is given twice.", where=where, remedy="give it once")
        options[key] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    if not _NAME.fullmatch(name):
        raise SourceError(f"{text!r} is not a wrapper.", where=where, remedy="write | NAME or | NAME:key=value,key=value")
    return Pipe(name, options, text.strip())


def known() -> list[str]:
    """Names of the wrappers there are, our own and those of other packages, sorted."""
    ours = [name for name in _modules() if "wrap" in vars(importlib.import_module(f"{__name__}.{name}"))]
    return sorted({*ours, *(point.name for point in entry_points(group="artificer.wrappers"))})


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def wrapper(name: str, where: str = "") -> Wrap:
    """The function of a wrapper.

    Raises:
        SourceError: there is none of that name, or it does not load.
    """
    if name in _modules():
        found = vars(importlib.import_module(f"{__name__}.{name}")).get("wrap")
        if found is not None:
            return found
    for point in entry_points(group="artificer.wrappers"):
        if point.name == name:
            try:
                return point.load()
            except Exception as error:  # an outsider's code: whatever it raises is its own fault
                remedy = "mend or remove the package that brings it"
                raise SourceError(f"the wrapper {name!r} does not load: {type(error).__name__}: {error}", where=point.value, remedy=remedy) from error
    raise SourceError(f"there is no wrapper {name!r}.", where=where or None, remedy=f"use one of {', '.join(known())}")


def checked(pipe: Pipe, where: str) -> Wrap:
    """The function of a wrapper, which takes the options given.

    Raises:
        SourceError: no such wrapper, or it does not take an option, or lacks one.
    """
    wrap = wrapper(pipe.name, where)
    slots = list(inspect.signature(wrap).parameters.values())[1:]
    if any(slot.kind is slot.VAR_KEYWORD for slot in slots):
        return wrap
    names = [slot.name for slot in slots]
    lacking = next((slot.name for slot in slots if slot.default is slot.empty and slot.name not in pipe.options), None)
    if lacking is not None:
        raise SourceError(f"the wrapper {pipe.name!r} needs the option {lacking!r}.", where=where, remedy=f"write | {pipe.name}:{lacking}=...")
    for option in pipe.options:
        if option not in names:
            remedy = f"use {', '.join(names)}" if names else "give it none"
            raise SourceError(f"the wrapper {pipe.name!r} takes no option {option!r}.", where=where, remedy=remedy)
    return wrap
