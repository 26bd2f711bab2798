"""Where an MCP server is and how it is used: the words and options of a `mcp:` source."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
from msgspec import Struct

from artificer.core.errors import SourceError
from artificer.worlds.observe import Probe
from artificer.worlds.servers import Command, command_of

_OPTIONS = ("template", "probes", "state", "timeout", "start_timeout", "max_bytes")


class Limits(Struct, frozen=True):
    """Seconds for a call and for a server's start, and the most bytes of a result."""

    call_s: float = 30.0
    start_s: float = 30.0
    result_bytes: int = 1_000_000


class Target(Struct, frozen=True):
    """Where a server is: a command (stdio) or a URL with headers.

    Args:
        in_folder: whether all that the server knows is in its folder (option `state=folder`), so that another session may
            have the process once the folder is put back, and a fork may copy the folder.
    """

    name: str
    command: Command | None
    url: str = ""
    headers: dict[str, str] = {}
    limits: Limits = Limits()
    in_folder: bool = False


class _Stored(Struct):
    probes: tuple[Probe, ...] = ()


def probes_of(path: str) -> tuple[Probe, ...]:
    """The probes in a JSON file: a list of them, or an object that holds such a list under `probes`."""
    try:
        data = Path(path).read_bytes()
        stored = msgspec.json.decode(data, type=tuple[Probe, ...] | _Stored)
    except (OSError, msgspec.MsgspecError) as error:
        raise SourceError(f"the probes cannot be read: {error}", where=path, remedy="give a JSON file with a list of {name, arguments}") from error
    return stored.probes if isinstance(stored, _Stored) else stored


def target_of(rest: str, options: dict[str, str]) -> Target:
    """The target of what follows `mcp:`.

    Raises:
        SourceError: an option is unknown or makes no sense, or the command cannot be read.
    """
    where = f"mcp:{rest}"
    is_url = rest.startswith(("http://", "https://"))
    extra = "header." if is_url else "env."
    unknown = sorted(name for name in options if name not in _OPTIONS and not name.startswith(extra))
    if unknown:
        raise SourceError(f"mcp: worlds do not take the options {unknown!r}.", where=where, remedy=f"use {', '.join(_OPTIONS)} or {extra}NAME")
    limits = Limits(
        _number(options, "timeout", 30.0, where), _number(options, "start_timeout", 30.0, where), int(_number(options, "max_bytes", 1e6, where))
    )
    if is_url:
        headers = {name.removeprefix(extra): value for name, value in options.items() if name.startswith(extra)}
        return Target(where, None, rest, headers, limits)
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise SourceError(f"the command cannot be read: {error}", where=where, remedy="quote it as in a terminal") from error
    command = command_of(words, options, where)
    state = options.get("state", "process")
    if state not in ("process", "folder") or (state == "folder" and not command.needs_scratch):
        raise SourceError(f"state={state!r} cannot be.", where=where, remedy="write state=process, or state=folder with {scratch} in the command")
    return Target(where, command, limits=limits, in_folder=state == "folder")


def _number(options: dict[str, str], name: str, default: float, where: str) -> float:
    try:
        value = float(options.get(name, default))
    except ValueError:
        value = 0.0
    if not 0 < value < 1e12:
        raise SourceError(f"{name}={options[name]!r} is not a positive number.", where=where, remedy=f"write for example {name}={default:g}")
    return value
