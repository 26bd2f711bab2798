"""tau2-bench's toolkits: the classes that are its domains, from either place that has them.

- An installed `inspect-evals` carries them as close adaptations of the official ones.
- A clone of the official repository (`root=`) has the originals.

Of both only the domain modules are loaded; what these import besides (an evaluation framework, loggers, plotting) is
replaced by stand-ins. What a domain is here: a class over a database for the agent's side, for telecom another for the
user's, the tools of each, and a `sync` that couples the two.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import MissingExtra, SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.imported.arithmetic import arithmetic
from artificer.worlds.imported.rooms import EXTRA, Room
from artificer.worlds.imported.schemas import declared, from_function
from artificer.worlds.imported.standins import SortedSet, module, package, silence, toml, uuids

Toolkits = dict[str, Any]
"""The toolkit of each side: `assistant`, and `user` where there is one."""

_STORE: ContextVar[Mapping[str, Any]] = ContextVar("toolkits by the name of their class, for the call that is being run")


class Kit(Struct, frozen=True):
    """One domain's classes.

    Args:
        classes: the toolkit class of each side.
        databases: the database class of each side.
        make: a toolkit over a database.
        tools: the specifications of each side's tools.
        use: runs a tool of a side.
        sync: couples the sides, after every call.
    """

    classes: dict[str, Any]
    databases: dict[str, Any]
    make: Callable[[Any, Any], Any]
    tools: dict[str, tuple[ToolSpec, ...]]
    use: Callable[[Toolkits, str, str, dict[str, Json]], object]
    sync: Callable[[Toolkits], None]


def pydantic() -> Any:
    """The library that upstream's databases are written in; loaded by name, since nothing of ours is."""
    try:
        return importlib.import_module("pydantic")
    except ImportError as error:
        raise MissingExtra(EXTRA, "tau2") from error


# from inspect-evals


def packaged(domain: str, folder: Path) -> Kit:
    """The classes of an installed `inspect_evals`."""
    room = _packaged_room(folder)
    base = f"inspect_evals.tau2.{domain}"
    title = domain.capitalize()
    coupled: Any = None
    lists = {"assistant": room.load(f"{base}.tools")}
    classes = {"assistant": getattr(room.load(f"{base}.{title}AgentTools"), f"{title}AgentTools")}
    if domain == "telecom":
        lists["user"] = room.load(f"{base}.user_tools")
        classes["user"] = room.load(f"{base}.TelecomUserTools").TelecomUserTools
        coupled = room.load(f"{base}.environment").Environment
    functions: dict[str, dict[str, Callable[..., Any]]] = {
        "assistant": {make.__name__: make() for make in getattr(lists["assistant"], f"all_{domain}{'_agent' if 'user' in lists else ''}_tools")}
    }
    if "user" in lists:
        functions["user"] = {make.__name__: make() for make in lists["user"].all_telecom_user_tools}
    models = pydantic()

    def make(cls: Any, database: Any) -> Any:
        made = cls(initialized=True)
        made.db = database
        return made

    def use(kits: Toolkits, side: str, name: str, arguments: dict[str, Json]) -> object:
        token = _STORE.set({type(kit).__name__: kit for kit in kits.values()})
        try:
            return _finished(functions[side][name](**arguments))
        finally:
            _STORE.reset(token)

    def sync(kits: Toolkits) -> None:
        if coupled is not None:
            coupled(user_tools=kits["user"], tools=kits["assistant"])

    specs = {
        side: tuple(_spec(name, function, models, declared(name), side) for name, function in named.items()) for side, named in functions.items()
    }
    return Kit(classes, {side: cls.model_fields["db"].annotation for side, cls in classes.items()}, make, specs, use, sync)


def _spec(name: str, function: Callable[..., Any], models: Any, effect: Any, side: str) -> ToolSpec:
    description, schema = from_function(function, models.create_model, models.Field)
    return ToolSpec(name, description, schema, effect=effect, attributes={"side": side})


def _finished(work: Coroutine[Any, Any, object]) -> object:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise RuntimeError("a tool waited for something")


@cache
def _packaged_room(folder: Path) -> Room:
    models = pydantic()
    store_model = type("StoreModel", (models.BaseModel,), {"model_config": models.ConfigDict(arbitrary_types_allowed=True)})

    def store_as(cls: type, instance: str | None = None) -> Any:
        return _STORE.get()[cls.__name__]

    def tool(function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    instead = {
        "inspect_ai": package("inspect_ai"),
        "inspect_ai.tool": module("inspect_ai.tool", ToolError=type("ToolError", (ValueError,), {}), Tool=object, tool=tool),
        "inspect_ai.util": module("inspect_ai.util", StoreModel=store_model, store_as=store_as),
        "inspect_ai.model": module("inspect_ai.model", Content=object, ContentText=object),
        "toml": toml(),
        "yaml": module("yaml"),
        "uuid": uuids(),
    }
    return Room("inspect_evals", folder, instead=instead, builtins=_BUILTINS, bare=["inspect_evals.tau2"])


# from a clone of the official repository


def official(domain: str, root: Path) -> Kit:
    """The classes of a clone.

    Raises:
        SourceError: `root` is not one.
    """
    if not (root / "src" / "tau2" / "domains" / domain).is_dir():
        raise SourceError("this is not a clone of the tau2-bench repository", where=str(root), remedy="give root= the folder that holds src/tau2")
    room = _official_room(root)
    title = domain.capitalize()
    modules = {"assistant": room.load(f"tau2.domains.{domain}.tools")}
    classes = {"assistant": getattr(modules["assistant"], f"{title}Tools")}
    coupled: Any = None
    if domain == "telecom":
        modules["user"] = room.load("tau2.domains.telecom.user_tools")
        classes["user"] = modules["user"].TelecomUserTools
        coupled = room.load("tau2.domains.telecom.environment").TelecomEnvironment
    models = pydantic()

    def use(kits: Toolkits, side: str, name: str, arguments: dict[str, Json]) -> object:
        return kits[side].tools[name](**arguments)

    def sync(kits: Toolkits) -> None:
        if coupled is not None:
            coupled(domain, "", kits["assistant"], kits["user"])

    def make(cls: Any, database: Any) -> Any:
        return cls(database)

    specs: dict[str, tuple[ToolSpec, ...]] = {}
    for side, cls in classes.items():
        empty = make(cls, None)
        specs[side] = tuple(
            _spec(name, function, models, "write" if empty.tool_mutates_state(name) else "read", side)
            for name, function in sorted(cast("dict[str, Callable[..., Any]]", empty.tools).items())
        )
    return Kit(classes, {side: cls.__annotations__["db"] for side, cls in classes.items()}, make, specs, use, sync)


class _Environment:
    """In place of the official `Environment`, whose module needs the framework: it holds the toolkits and couples them."""

    def __init__(self, domain_name: str, policy: str, tools: Any = None, user_tools: Any = None, solo_mode: bool = False) -> None:
        self.tools = tools
        self.user_tools = user_tools
        self.sync_tools()

    def sync_tools(self) -> None:
        return None


@cache
def _official_room(root: Path) -> Room:
    instead = {
        "loguru": silence(),
        "dotenv": module("dotenv", load_dotenv=lambda: True),
        "deepdiff": module("deepdiff", DeepDiff=object),
        "addict": module("addict", Dict=dict),
        "toml": toml(),
        "yaml": module("yaml"),
        "uuid": uuids(),
        "tau2.environment.environment": module("tau2.environment.environment", Environment=_Environment),
        "tau2.data_model.tasks": module("tau2.data_model.tasks", Task=object),
    }
    bare = ["tau2.domains", "tau2.data_model", "tau2.environment"]
    return Room("tau2", root / "src" / "tau2", instead=instead, builtins=_BUILTINS, bare=bare)


_BUILTINS: dict[str, object] = {"set": SortedSet, "eval": arithmetic}
