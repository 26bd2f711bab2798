"""Where MCP servers are and how they are used: the words and options of a `mcp:` source.

A source is a command, a URL, several of these with `&&` between them, or a file in the `{"mcpServers": {...}}` shape
that many programs use. References to the environment stay references here; they are filled in when a server is started.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.worlds.base import Forks
from artificer.worlds.env_refs import refuse_plain, refuse_plain_url
from artificer.worlds.observe import Probe
from artificer.worlds.servers import Command

_OPTIONS = ("template", "probes", "state", "names", "timeout", "longest", "start_timeout", "restarts", "max_bytes")
_PREFIXES = ("env.", "header.", "timeout.")
_AND = "&&"
_SEED, _SESSION = "{seed}", "{session}"

State = Literal["process", "folder", "shared", "session"]
"""Where a server keeps its state: in its process, in its folder, in a process that all sessions share, or in the connection of a session."""


class Limits(Struct, frozen=True):
    """Seconds for a call without a sign of life, for a call whatever it reports, for a call of one tool, and for a server's start; the most
    bytes of a result; how often a session may start its servers again."""

    call_s: float = 30.0
    longest_s: float = 300.0
    tool_s: dict[str, float] = {}
    start_s: float = 30.0
    result_bytes: int = 1_000_000
    restarts: int = 3


class Target(Struct, frozen=True):
    """Where one server is: a command (stdio) or a URL with headers. `label` is what the source calls it, if it does; `name` is for messages."""

    label: str
    name: str
    command: Command | None
    url: str = ""
    headers: dict[str, str] = {}
    state: State = "process"

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that may hold a placeholder."""
        words = () if self.command is None else (*self.command.words, *self.command.env.values(), self.command.cwd or "")
        return (*words, self.url, *self.headers.values())


class Source(Struct, frozen=True):
    """All that a `mcp:` source says."""

    name: str
    targets: tuple[Target, ...]
    limits: Limits = Limits()
    prefixed: bool = False
    probes: tuple[Probe, ...] = ()

    @property
    def forks(self) -> Forks:
        """Exact when all is in a folder that can be copied, none when something is shared, else by repeating the calls."""
        states = {target.state for target in self.targets}
        return "none" if "shared" in states else "exact" if states == {"folder"} else "replay"

    @property
    def template(self) -> str | None:
        """The folder of which each session gets a copy."""
        return next((target.command.template for target in self.targets if target.command is not None and target.command.template), None)

    @property
    def needs_scratch(self) -> bool:
        return any(target.command is not None and target.command.needs_scratch for target in self.targets)


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


def source_of(rest: str, options: Mapping[str, str]) -> Source:
    """The source of what follows `mcp:`.

    Raises:
        SourceError: an option is unknown or makes no sense, or a command or file cannot be read.
    """
    where = f"mcp:{rest}"
    unknown = sorted(name for name in options if name not in _OPTIONS and not name.startswith(_PREFIXES))
    if unknown:
        known = ", ".join((*_OPTIONS, *(f"{prefix}NAME" for prefix in _PREFIXES)))
        raise SourceError(f"mcp: worlds do not take the options {unknown!r}.", where=where, remedy=f"use {known}")
    for name, value in options.items():
        if name.startswith(("env.", "header.")):
            refuse_plain(name, value, where)
    names = options.get("names", "plain")
    if names not in ("plain", "prefixed"):
        raise SourceError(f"names={names!r} cannot be.", where=where, remedy="write names=plain or names=prefixed")
    probes = probes_of(options["probes"]) if "probes" in options else ()
    targets = tuple(_with_state(target, options, where) for target in _targets(rest, options, where))
    source = Source(where, targets, limits_of(options, where), names == "prefixed", probes)
    _check(source, options)
    return source


def acting(source: Source, options: Mapping[str, str]) -> Source:
    """The source with other headers and environment: options `header.NAME` and `env.NAME`.

    Raises:
        SourceError: another option, or one for a kind of server that the source does not have; a secret in plain text.
    """
    for name, value in options.items():
        if not name.startswith(("env.", "header.")):
            raise SourceError(f"{name!r} says nothing of who acts.", where=source.name, remedy="use env.NAME and header.NAME")
        refuse_plain(name, value, source.name)
    _check(source, options)
    env = {name.removeprefix("env."): value for name, value in options.items() if name.startswith("env.")}
    headers = {name.removeprefix("header."): value for name, value in options.items() if name.startswith("header.")}
    replace = msgspec.structs.replace
    targets = [
        replace(target, headers={**target.headers, **headers})
        if target.command is None
        else replace(target, command=replace(target.command, env={**target.command.env, **env}))
        for target in source.targets
    ]
    return replace(source, targets=tuple(targets))


def limits_of(options: Mapping[str, str], where: str) -> Limits:
    """Limits from options; `longest` is ten times `timeout` unless it is given."""
    call_s = _number(options, "timeout", 30.0, where)
    by_tool = {name.removeprefix("timeout."): _number(options, name, 30.0, where) for name in options if name.startswith("timeout.")}
    return Limits(
        call_s=call_s,
        longest_s=max(_number(options, "longest", 10 * call_s, where), call_s),
        tool_s=by_tool,
        start_s=_number(options, "start_timeout", 30.0, where),
        result_bytes=int(_number(options, "max_bytes", 1e6, where)),
        restarts=int(_number(options, "restarts", 3, where, least=0)),
    )


def _targets(rest: str, options: Mapping[str, str], where: str) -> list[Target]:
    if rest.startswith(("http://", "https://")) and f" {_AND} " not in rest:
        return [_url("", rest, {}, options, where)]
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise SourceError(f"the command cannot be read: {error}", where=where, remedy="quote it as in a terminal") from error
    if len(words) == 1 and words[0].endswith(".json"):
        return list(_file(words[0], options))
    groups: list[list[str]] = [[]]
    for word in words:
        if word == _AND:
            groups.append([])
        else:
            groups[-1].append(word)
    if not all(groups):
        remedy = "write mcp:COMMAND, e.g. mcp:python -m mcp_server_git --repository {scratch}; with several, && between them"
        raise SourceError("there is no command.", where=where, remedy=remedy)
    return [
        _url("", group[0], {}, options, where)
        if len(group) == 1 and group[0].startswith(("http://", "https://"))
        else _command("", group, {}, options, where)
        for group in groups
    ]


def _file(path: str, options: Mapping[str, str]) -> Iterator[Target]:
    """The servers of a `{"mcpServers": {NAME: {...}}}` file; what other programs keep there besides is passed over."""
    remedy = 'give a JSON file {"mcpServers": {"NAME": {"command": "...", "args": [...], "env": {...}} or {"url": "...", "headers": {...}}}}'
    try:
        held: Any = msgspec.json.decode(Path(path).read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise SourceError(f"the servers' file cannot be read: {error}", where=path, remedy=remedy) from error
    entries = cast("dict[str, Json]", held) if isinstance(held, dict) else {}
    servers: Json = entries.get("mcpServers", entries.get("servers"))
    named = 0
    for label, held_entry in cast("dict[str, Json]", servers).items() if isinstance(servers, dict) else ():
        where = f"{path}, server {label!r}"
        if not isinstance(held_entry, dict):
            raise SourceError("a server is not an object.", where=where, remedy=remedy)
        entry = cast("dict[str, Json]", held_entry)
        if entry.get("disabled") is not True:
            named += 1
            yield _entry(label, entry, options, where)
    if not named:
        raise SourceError("the file names no servers.", where=path, remedy=remedy)


def _entry(label: str, entry: dict[str, Json], options: Mapping[str, str], where: str) -> Target:
    kind: Json = entry.get("type", entry.get("transport"))
    url: Json = entry.get("url", entry.get("serverUrl", entry.get("httpUrl")))
    if kind == "sse":
        raise SourceError("servers over SSE alone are not spoken to.", where=where, remedy="use the server's streamable HTTP endpoint")
    if isinstance(url, str):
        return _url(label, url, _texts(entry.get("headers"), where), options, where, plain=True)
    command: Json = entry.get("command")
    arguments: Json = entry.get("args", [])
    if not isinstance(command, str) or not command or not isinstance(arguments, list):
        remedy = 'write {"command": "...", "args": [...]} or {"url": "..."}'
        raise SourceError("a server has neither a command nor a url.", where=where, remedy=remedy)
    words = [command, *(str(word) for word in cast("list[Json]", arguments))]
    cwd: Json = entry.get("cwd")
    return _command(label, words, _texts(entry.get("env"), where), options, where, cwd if isinstance(cwd, str) else None)


def _texts(value: Json, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(part, (str, int, float, bool)) for part in cast("dict[str, Json]", value).values()):
        raise SourceError("env and headers must be objects of texts.", where=where, remedy='write e.g. {"TOKEN": "${MY_TOKEN}"}')
    return {name: str(part) for name, part in cast("dict[str, Json]", value).items()}


def _url(label: str, url: str, headers: Mapping[str, str], options: Mapping[str, str], where: str, *, plain: bool = False) -> Target:
    if not plain:
        refuse_plain_url(url, f"mcp:{url.partition('?')[0].partition('@')[2] or url.partition('?')[0]}")
    given = {name.removeprefix("header."): value for name, value in options.items() if name.startswith("header.")}
    return Target(label, where, None, url, {**headers, **given}, "shared")


def _command(label: str, words: Sequence[str], env: Mapping[str, str], options: Mapping[str, str], where: str, cwd: str | None = None) -> Target:
    template = options.get("template")
    if template is not None and not Path(template).is_dir():
        raise SourceError(f"the template {template!r} is not a folder.", where=where, remedy="give the folder that each session gets a copy of")
    given = {name.removeprefix("env."): value for name, value in options.items() if name.startswith("env.")}
    return Target(label, where, Command(tuple(words), {**env, **given}, template, cwd))


def _with_state(target: Target, options: Mapping[str, str], where: str) -> Target:
    state = options.get("state")
    if state not in (None, "process", "folder", "shared", "session"):
        raise SourceError(f"state={state!r} cannot be.", where=where, remedy="write state=process or folder for commands, shared or session for URLs")
    if state is None or (state in ("process", "folder")) != (target.command is not None):
        return target
    marked = any(_SEED in text or _SESSION in text for text in target.texts)
    if state == "folder" and (marked or target.command is None or not target.command.needs_scratch):
        raise SourceError("state='folder' cannot be.", where=where, remedy="write state=process, or put {scratch} (but no {seed}) into the command")
    return msgspec.structs.replace(target, state=state)


def _check(source: Source, options: Mapping[str, str]) -> None:
    """Raises: SourceError: an option is for a kind of server that the source does not have."""
    commands = any(target.command is not None for target in source.targets)
    urls = any(target.command is None for target in source.targets)
    state = options.get("state")
    for name in options:
        misplaced = (name.startswith("env.") or name == "template" or (name == "state" and state in ("process", "folder"))) and not commands
        misplaced |= (name.startswith("header.") or (name == "state" and state in ("shared", "session"))) and not urls
        if misplaced:
            kind = "URLs" if not commands else "commands"
            remedy = "env.NAME and template are for commands, header.NAME for URLs"
            raise SourceError(f"{name!r} cannot be with {kind}.", where=source.name, remedy=remedy)


def _number(options: Mapping[str, str], name: str, default: float, where: str, *, least: float | None = None) -> float:
    try:
        value = float(options.get(name, default))
    except ValueError:
        value = -1.0
    if not value < 1e12 or not (value > 0 if least is None else value >= least):
        raise SourceError(f"{name}={options[name]!r} is not a positive number.", where=where, remedy=f"write for example {name}={default:g}")
    return value
