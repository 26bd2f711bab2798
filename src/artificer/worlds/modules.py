"""Which functions and classes of a module are tools, and their schemas from annotations and docstrings."""

from __future__ import annotations

import enum
import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Annotated, Any, cast

import msgspec

from artificer.core.canon import Json, canonical, digest
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.base import TOOL_NAME, Problem

EFFECT = "__artificer_effect__"
"""The attribute in which `artificer.tool` keeps a function's declared effect."""
_COPIES = ("__artificer_copy__", "fork", "copy")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_ONLY)


class Method:
    """A callable offered as a tool: its specification, the class it belongs to, and how JSON arguments reach it."""

    def __init__(self, spec: ToolSpec, function: Callable[..., Any], owner: type | None, arguments: type[msgspec.Struct], positional: int) -> None:
        self.spec = spec
        self.owner = owner
        self._function = function
        self._arguments = arguments
        self._positional = positional

    def invoke(self, instances: dict[str, object], arguments: dict[str, Json]) -> object:
        """Calls it with arguments converted to the annotated types.

        Raises:
            msgspec.ValidationError: a value does not convert; a ValueError.
        """
        converted = msgspec.convert(arguments, self._arguments, strict=True)
        given = {name: getattr(converted, name) for name in self._arguments.__struct_fields__}
        names = list(given)[: self._positional]
        places = [given.pop(name) for name in names]
        if self.owner is not None:
            places.insert(0, instances[self.owner.__name__])
        return self._function(*places, **given)


def load(rest: str) -> ModuleType:
    """The module of a dotted name (the working directory is looked at too) or of a path to a `.py` file.

    Raises:
        SourceError: there is none, or it fails while it is imported.
    """
    where = f"python:{rest}"
    path = Path(rest)
    is_file = rest.endswith(".py")
    if is_file and not path.is_file():
        raise SourceError(f"there is no file {rest!r}.", where=where, remedy="give the path of a Python file, or a module's dotted name")
    if not is_file and not all(part.isidentifier() for part in rest.split(".")):
        raise SourceError(f"{rest!r} is not a module name.", where=where, remedy="write python:package.module or python:path/to/file.py")
    try:
        return _load_file(str(path.resolve())) if is_file else _import(rest)
    except (Exception, SystemExit) as error:  # the boundary: importing runs the user's code
        raise SourceError(
            f"{rest!r} cannot be imported: {type(error).__name__}: {error}", where=where, remedy="correct the name, or the error in the module"
        ) from error


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


@lru_cache(maxsize=64)
def _load_file(path: str) -> ModuleType:
    name = f"artificer_tools_{digest(path, size=4)}_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look the module up by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def offers(module: ModuleType) -> tuple[list[Method], list[Problem]]:
    """A module's tools, and what could not be offered and why. Order is that of definition."""
    problems: list[Problem] = []
    found: list[tuple[str, FunctionType, type | None]] = []
    for name, value in _public(module):
        if isinstance(value, FunctionType):
            found.append((name, value, None))
        elif isinstance(value, type):
            found += [(method, function, value) for method, function in _methods(value, name, problems)]
    counts: dict[str, int] = {}
    for name, _, _ in found:
        counts[name] = counts.get(name, 0) + 1
    methods: list[Method] = []
    for name, function, owner in found:
        unique = f"{owner.__name__}_{name}" if counts[name] > 1 and owner is not None else name
        try:
            methods.append(_method(unique, function, owner))
        except (TypeError, ValueError, NameError, AttributeError, SourceError) as error:
            problems.append(Problem(unique, str(error).splitlines()[0] if str(error) else type(error).__name__))
    return methods, problems


@lru_cache(maxsize=1024)
def copier_of(owner: type) -> Callable[[object], object] | None:
    """How a class copies its instances: the first of `__artificer_copy__`, `fork`, `copy` that takes nothing; None for deepcopy."""
    for name in _COPIES:
        method: object = getattr(owner, name, None)
        if callable(method):
            parameters = list(inspect.signature(method).parameters.values())[1:]
            if all(parameter.default is not parameter.empty for parameter in parameters):
                return method
    return None


def is_private(name: str) -> bool:
    """Whether a name starts with an underscore."""
    return name.startswith("_")


def _public(module: ModuleType) -> Iterator[tuple[str, object]]:
    names: object = getattr(module, "__all__", None)
    if isinstance(names, list | tuple):
        for name in cast("list[str]", names):
            yield name, getattr(module, name, None)
        return
    for name, value in vars(module).items():
        if not is_private(name) and getattr(value, "__module__", None) == module.__name__:
            yield name, value


def _methods(owner: type, name: str, problems: list[Problem]) -> Iterator[tuple[str, FunctionType]]:
    if issubclass(owner, enum.Enum | BaseException | tuple | dict):
        return
    found: dict[str, FunctionType] = {}
    for base in reversed(owner.__mro__[:-1]):
        for key, value in vars(base).items():
            if isinstance(value, FunctionType) and not is_private(key):
                found[key] = value
    copier = copier_of(cast("type[object]", owner))
    found = {key: value for key, value in found.items() if value is not copier}
    if not found:
        return
    needed = [
        parameter.name
        for parameter in inspect.signature(cast("Callable[..., object]", owner)).parameters.values()
        if parameter.default is parameter.empty and parameter.kind in _NAMED and parameter.name != "seed"
    ]
    if needed:
        problems.append(
            Problem(name, f"its constructor needs {', '.join(map(repr, needed))}, so no session can make one; its methods are not offered")
        )
        return
    yield from found.items()


def _method(name: str, function: FunctionType, owner: type | None) -> Method:
    if not TOOL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a tool name (letters, digits, _ and -, at most 64)")
    from docstring_parser import parse  # costs 20 ms; only Python worlds need it

    documented = parse(inspect.getdoc(function) or "")
    texts = {entry.arg_name: " ".join((entry.description or "").split()) for entry in documented.params}
    hints = typing.get_type_hints(function, include_extras=True)
    returned = hints.pop("return", Any)
    parameters = list(inspect.signature(function).parameters.values())[0 if owner is None else 1 :]
    arguments = _struct(name, parameters, hints, texts)
    description = " ".join(part for part in (documented.short_description, documented.long_description) if part)
    spec = ToolSpec(
        name=name,
        description=" ".join(description.split()) or name.replace("_", " "),
        parameters=_schema(arguments),
        returns=_returns(returned),
        effect=vars(function).get(EFFECT, "unknown"),
        attributes={"group": owner.__name__} if owner is not None else {},
    )
    positional = sum(parameter.kind is inspect.Parameter.POSITIONAL_ONLY for parameter in parameters)
    return Method(spec, function, owner, arguments, positional)


def _struct(name: str, parameters: list[inspect.Parameter], hints: dict[str, Any], texts: dict[str, str]) -> type[msgspec.Struct]:
    """A struct with one field a parameter: it makes the schema and converts arguments."""
    fields: list[Any] = []
    for parameter in parameters:
        if parameter.kind not in _NAMED:
            raise ValueError(f"takes *{parameter.name}; a tool's parameters must be named one by one")
        if parameter.name not in hints:
            raise ValueError(f"parameter {parameter.name!r} has no annotation")
        kind = hints[parameter.name]
        if text := texts.get(parameter.name):
            kind = Annotated[kind, msgspec.Meta(description=text)]
        if parameter.default is parameter.empty:
            fields.append((parameter.name, kind))
        elif isinstance(parameter.default, list | dict | set):
            made = cast("list[object]", parameter.default)
            fields.append((parameter.name, kind, msgspec.field(default_factory=lambda made=made: made.copy())))
        else:
            fields.append((parameter.name, kind, parameter.default))
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)


def _schema(arguments: type[msgspec.Struct]) -> dict[str, Json]:
    """An object schema with the definitions it needs under `$defs`; `title`s and internal names left out."""
    (root,), components = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    own = cast("dict[str, Json]", components.pop(root["$ref"].rpartition("/")[2]))
    own = {key: value for key, value in own.items() if key != "title"}
    if components:
        own["$defs"] = components
    return cast("dict[str, Json]", msgspec.json.decode(canonical(own)))


def _returns(kind: Any) -> dict[str, Json] | None:
    if kind is Any or kind is None or kind is type(None):
        return None
    try:
        return cast("dict[str, Json]", msgspec.json.decode(canonical(msgspec.json.schema(kind))))
    except (TypeError, NameError):
        return None
