"""`run.toml`: what was asked of a run, written once and compared whenever the run is continued.

Python reads TOML but does not write it, so the small writer stands here; what it wrote is read back before it is
trusted.
"""

from __future__ import annotations

import json
import platform
import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

import msgspec

from artificer.core.errors import RunError

FORMAT = 1
"""Version of the layout of run folders."""

_FREE = ("versions", "about")
"""Tables that say how rather than what: they may differ when a run is continued."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def normal(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest as `run.toml` can hold it: plain values, no None, with the format and the versions at work."""
    asked = cast("dict[str, Any]", _without_none(msgspec.to_builtins(manifest, str_keys=True)))
    return {"format": FORMAT, **asked, "versions": {**_versions(), **asked.get("versions", {})}}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("artificer", "msgspec", "zstandard", "apsw", "jsonschema-rs"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in cast("dict[str, Any]", value).items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in cast("list[Any]", value)]
    return value


def write_toml(table: dict[str, Any]) -> str:
    """TOML text of a table of plain values.

    Raises:
        RunError: TOML cannot hold it (None in a list, a number that is not finite...).
    """
    text = "\n".join(_lines(table, ())) + "\n"
    try:
        same = tomllib.loads(text) == table
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise RunError("these settings cannot be written as TOML", remedy="use text, numbers, booleans, and lists and tables of them")
    return text


def _lines(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    """Plain values first: in TOML what follows a table's header belongs to it."""
    lines = [f"{_key(k)} = {_value(v)}" for k, v in table.items() if not isinstance(v, dict)]
    for name, inner in table.items():
        if isinstance(inner, dict):
            at = (*path, name)
            lines += ["", f"[{'.'.join(_key(step) for step in at)}]", *_lines(cast("dict[str, Any]", inner), at)]
    return lines


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in cast("list[Any]", value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in cast("dict[str, Any]", value).items()) + "}"
    return json.dumps(value)  # true, false, numbers


def read_toml(text: str, where: str) -> dict[str, Any]:
    """The manifest of an existing run.

    Raises:
        RunError: it is not TOML, or belongs to another format of run folders.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RunError(f"run.toml cannot be read: {error}", where=where, remedy="mend the file, or choose another folder") from error
    if found.get("format") != FORMAT:
        theirs = found.get("format", "none")
        raise RunError(
            f"this run folder has format {theirs}; this version of artificer reads and writes format {FORMAT}",
            where=where,
            remedy=f"choose another folder, or use the artificer that made it ({found.get('versions', {}).get('artificer', 'unknown')})",
        )
    return found


def refuse_other(asked: dict[str, Any], found: dict[str, Any], where: str) -> None:
    """Continuing with other settings would mix two runs in one folder.

    Raises:
        RunError: with every value that differs.
    """
    ours, theirs = _flat(asked), _flat(found)
    differing = [
        f"{name}: was {theirs.get(name, 'not set')!r}, now {ours.get(name, 'not set')!r}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]
    if differing:
        raise RunError(
            "this folder holds a run with other settings: " + "; ".join(differing),
            where=where,
            remedy="choose another folder, or give the same settings to continue it",
        )


def _flat(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if not path and name in _FREE:
            continue
        if isinstance(value, dict):
            flat |= _flat(cast("dict[str, Any]", value), f"{path}{name}.")
        else:
            flat[f"{path}{name}"] = value
    return flat
