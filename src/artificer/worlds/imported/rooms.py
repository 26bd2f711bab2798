"""Rooms: somebody else's modules, loaded from their files into a place of their own.

A published benchmark is a package whose `__init__` files import model clients, plotting and more, of which its worlds
need nothing. A room loads the modules that are asked for, straight from the files of the installed distribution (or of
a folder), under private names: packages that are named in `bare` are entered without running their `__init__`, and a
module that is named in `instead` is replaced by a stand-in. What the room's modules import from outside is imported as usual.

A room does not confine anything: the code that runs is that of a package its user chose to install.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

import msgspec

from artificer.core.canon import digest
from artificer.core.errors import MissingExtra, SourceError

EXTRA = "imported"
_LOADING = RLock()


class Room:
    """Modules under one top-level name, loaded from one folder.

    Args:
        top: the package's name, e.g. `"bfcl_eval"`.
        folder: where its files are.
        instead: stand-ins by full module name, of inside and outside modules alike.
        builtins: names that the modules see in place of Python's own, e.g. `set`.
        bare: packages that are entered without running their `__init__`; the top one always is.
    """

    def __init__(
        self,
        top: str,
        folder: Path,
        *,
        instead: Mapping[str, ModuleType] | None = None,
        builtins: Mapping[str, object] | None = None,
        bare: Sequence[str] = (),
    ) -> None:
        self.top = top
        self.folder = folder
        self._instead = dict(instead or {})
        self._names = dict(builtins or {})
        self._bare = frozenset({top, *bare})
        self._loaded: dict[str, ModuleType] = {}
        self._prefix = f"_artificer_room_{digest(top, str(folder), size=6)}"

    def load(self, name: str) -> Any:
        """The module of a full name (`"bfcl_eval.x.y"`), loaded once.

        Raises:
            SourceError: the package has no such module, or it cannot be run.
            MissingExtra: a library it needs is not installed.
        """
        with _LOADING:
            try:
                return self._inside(name)
            except ModuleNotFoundError as error:
                missing = (error.name or "").partition(".")[0]
                if missing == self.top:
                    raise SourceError(
                        f"{self.top!r} has no module {error.name!r}",
                        where=str(self.folder),
                        remedy="install the version that docs/worlds-imported.md names",
                    ) from error
                raise MissingExtra(EXTRA, f"{self.top} ({missing})") from error
            except ImportError as error:
                raise MissingExtra(EXTRA, f"{self.top} ({str(error)[:100]})") from error
            except (SourceError, MissingExtra):
                raise
            except Exception as error:  # the boundary: whatever a foreign module raises while it is run
                raise SourceError(
                    f"{name!r} cannot be loaded: {type(error).__name__}: {str(error)[:300]}",
                    where=str(self.folder),
                    remedy="install the version that docs/worlds-imported.md names",
                ) from error

    def _inside(self, name: str) -> ModuleType:
        if name in self._instead:
            return self._instead[name]
        if name in self._loaded:
            return self._loaded[name]
        parent, _, last = name.rpartition(".")
        if parent:
            self._inside(parent)
            if name in self._loaded:  # the package's own `__init__` has loaded it
                return self._loaded[name]
        module = self._made(name)
        self._loaded[name] = sys.modules[module.__name__] = module  # pydantic and dataclasses look their module up there
        try:
            if module.__spec__ is not None and module.__spec__.loader is not None:
                module.__spec__.loader.exec_module(module)
        except BaseException:
            del self._loaded[name], sys.modules[module.__name__]
            raise
        if parent:
            setattr(self._inside(parent), last, module)
        return module

    def _made(self, name: str) -> ModuleType:
        """The module, not yet run: a package without its `__init__`, or a file."""
        place = self.folder.joinpath(*name.split(".")[1:])
        private = f"{self._prefix}.{name}"
        if place.is_dir():
            begin = place / "__init__.py"
            runs = name not in self._bare and begin.is_file()
            spec = spec_from_file_location(private, begin, submodule_search_locations=[str(place)]) if runs else None
            module = module_from_spec(spec) if spec is not None else ModuleType(private)
            module.__path__ = [str(place)]
            module.__file__ = str(begin)
        else:
            spec = spec_from_file_location(private, place.with_suffix(".py")) if place.with_suffix(".py").is_file() else None
            if spec is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            module = module_from_spec(spec)
        vars(module)["__builtins__"] = vars(builtins) | self._names | {"__import__": self._import}
        return module

    def _import(
        self, name: str, globals: Mapping[str, Any] | None = None, locals: object = None, fromlist: Sequence[str] | None = (), level: int = 0
    ) -> Any:
        """What `import` means in the room (see `builtins.__import__`)."""
        if level:
            assert globals is not None
            name = self._absolute(name, globals, level)
        if not (name in self._instead or name.partition(".")[0] == self.top):
            return builtins.__import__(name, globals, None, fromlist or (), level)
        module = self._inside(name)
        if not fromlist:
            return self._inside(name.partition(".")[0])
        for item in fromlist:
            if item != "*" and not hasattr(module, item) and hasattr(module, "__path__"):
                self._inside(f"{name}.{item}")
        return module

    def _absolute(self, name: str, globals: Mapping[str, Any], level: int) -> str:
        own = str(globals["__name__"]).removeprefix(f"{self._prefix}.").split(".")
        package = own if "__path__" in globals else own[:-1]
        package = package[: len(package) - level + 1]
        return ".".join([*package, name] if name else package)


def installed(package: str, remedy: str, needed_for: str) -> Path:
    """The folder of an installed package, found without importing it.

    Raises:
        SourceError: it is not installed; `remedy` says how it is.
    """
    importlib.invalidate_caches()
    try:
        spec: ModuleSpec | None = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise SourceError(f"{needed_for} needs the package {package!r}, which is not installed", remedy=remedy)
    return Path(places[0])


def records_of(path: Path, of: Any, install: str) -> list[Any]:
    """The lines of a data file, each decoded as `of`. `install` is how its package is installed.

    Raises:
        SourceError: it cannot be read, or a line is something else.
    """
    decode = msgspec.json.Decoder(of).decode
    found: list[Any] = []
    for number, line in enumerate(lines_of(path), 1):
        try:
            found.append(decode(line))
        except msgspec.MsgspecError as error:
            raise SourceError(f"line {number} is not as expected: {error}", where=str(path), remedy=f"{install} --upgrade") from error
    return found


def lines_of(path: Path) -> list[bytes]:
    """The lines of a data file.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        return [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise SourceError(f"this file cannot be read: {error.strerror}", where=str(path), remedy="reinstall the package") from error
