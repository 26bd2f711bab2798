"""What a code world may be told: its limits, its packages, how it is walled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast, get_args

from msgspec import Struct

from artificer.core.errors import SourceError

Jail = Literal["auto", "namespaces", "bubblewrap", "landlock", "none"]
Mode = Literal["stateless", "notebook"]
_MIB = 1 << 20


class Limits(Struct, frozen=True):
    """What one program may use.

    Args:
        seconds: of wall time a call; the processor time of each process is limited to a second more.
        memory: bytes beyond the bare interpreter, of each process and of all together.
        output: characters of standard output, of standard error, of the result and of the traceback, each.
        files: number of files in the scratch folder.
        disk: bytes of all files.
        processes: and threads, at a time.
    """

    seconds: float = 10.0
    memory: int = 512 * _MIB
    output: int = 20_000
    files: int = 256
    disk: int = 32 * _MIB
    processes: int = 16


class Settings(Struct, frozen=True):
    """All options of a code world.

    Args:
        packages: whether programs see the packages that are installed beside Artificer.
        preload: modules loaded before programs start, which then import them at no cost.
        jail: which walls; `auto` takes the first that works.
        unprotected: run even where a protection that matters is missing.
        parallel: programs that run at the same time.
    """

    mode: Mode = "stateless"
    limits: Limits = Limits()
    packages: bool = True
    preload: tuple[str, ...] = ()
    jail: Jail = "auto"
    unprotected: bool = False
    parallel: int = 8
    template: str | None = None


_NUMBERS: dict[str, tuple[float, float]] = {
    # option: least and most
    "timeout": (0.1, 3600),
    "memory": (16, 65536),
    "output": (100, 1_000_000),
    "files": (1, 10_000),
    "disk": (1, 4096),
    "processes": (1, 512),
    "parallel": (1, 256),
}
_OTHERS = ("mode", "packages", "preload", "jail", "unprotected", "template")


def settings_of(options: Mapping[str, str], where: str, mode: Mode = "stateless") -> Settings:
    """The settings of a source's options; `memory` and `disk` are in MiB, `timeout` in seconds.

    Raises:
        SourceError: an option that does not exist, or a value out of its range.
    """
    unknown = sorted(options.keys() - {*_NUMBERS, *_OTHERS})
    if unknown:
        raise SourceError(
            f"code: worlds have no option {unknown[0]!r}.", where=where, remedy=f"take one of {', '.join(sorted([*_NUMBERS, *_OTHERS]))}"
        )
    number = {name: _number(name, options[name], where) for name in _NUMBERS if name in options}
    usual = Limits()
    limits = Limits(
        seconds=number.get("timeout", usual.seconds),
        memory=int(number["memory"] * _MIB) if "memory" in number else usual.memory,
        output=int(number.get("output", usual.output)),
        files=int(number.get("files", usual.files)),
        disk=int(number["disk"] * _MIB) if "disk" in number else usual.disk,
        processes=int(number.get("processes", usual.processes)),
    )
    return Settings(
        mode=cast("Mode", _one_of("mode", options.get("mode", mode), get_args(Mode), where)),
        limits=limits,
        packages=_yes("packages", options.get("packages", "true"), where),
        preload=_modules(options.get("preload", ""), where),
        jail=cast("Jail", _one_of("jail", options.get("jail", "auto"), get_args(Jail), where)),
        unprotected=_yes("unprotected", options.get("unprotected", "false"), where),
        parallel=int(number.get("parallel", 8)),
        template=options.get("template"),
    )


def _number(name: str, text: str, where: str) -> float:
    least, most = _NUMBERS[name]
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most or (name != "timeout" and value != int(value)):
        raise SourceError(f"{name}={text!r} is out of range.", where=where, remedy=f"take a number from {least:g} to {most:g}")
    return value


def _one_of(name: str, text: str, choices: tuple[str, ...], where: str) -> str:
    if text not in choices:
        raise SourceError(f"{name}={text!r} is not a choice.", where=where, remedy=f"take one of {', '.join(choices)}")
    return text


def _yes(name: str, text: str, where: str) -> bool:
    return _one_of(name, text, ("true", "false"), where) == "true"


def _modules(text: str, where: str) -> tuple[str, ...]:
    names = tuple(name for name in text.replace(",", " ").split() if name)
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise SourceError(f"preload: {name!r} is not a module's name.", where=where, remedy="write names as in preload=numpy,sympy")
    return names
