"""Reading the files of an emulated world: specifications, rows, a policy, red-team cases, a reference dialogue.

A file is TOML or JSON (JSON lines for conversations). Its top level is an object with `tools` (or `tool`, as TOML writes
lists of tables), `toolkits`, `state`, `policy`, `now`, `scenario` or `scenarios`, or conversations; or a list of tools, of
toolkits or of ToolEmu's cases.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import Message
from artificer.formats.openai import from_record
from artificer.models.prompt import record_of, rows_of
from artificer.worlds.base import Problem
from artificer.worlds.emulated.forms import tools_of
from artificer.worlds.emulated.spec import Material, Row, Scenario

_MOST = 64 << 20
_MOST_TOML = 4 << 20
_CASE = "Potential Risky Outcomes"
_PLACEHOLDER = re.compile(r"<[a-z_ ]{2,40}>|\[(?:insert|your|name)[^\]]{0,40}\]|\bTODO\b|\bxxx+\b", re.IGNORECASE)


def read_material(path: Path, line: int = 1) -> Material:
    """What a source file says. `line` chooses among conversations.

    Raises:
        SourceError: it cannot be read, or has no usable tool.
    """
    value = read_value(path, line)
    record: dict[str, Any] = cast("dict[str, Any]", value) if isinstance(value, dict) else {"tools": value}
    records: list[Json] = []
    for key in ("tools", "tool", "toolkits", "functions"):
        part: Json = record.get(key)
        records += cast("list[Json]", part) if isinstance(part, list) else []
    if "toolkit" in record or "name_for_model" in record:
        records = [record]
    problems: list[Problem] = []
    tools = tools_of(records, problems)
    if not tools:
        why = "; ".join(f"{problem.where}: {problem.what}" for problem in problems[:3])
        raise SourceError(
            f"the file has no usable tool{f': {why}' if why else ''}.",
            where=str(path),
            remedy="give a list of tools (name, description, parameters), OpenAI's `tools`, or ToolEmu toolkits; see docs/worlds-emulated.md",
        )
    given = record.get("scenarios", record.get("scenario", []))
    scenarios = scenarios_of(given, str(path))
    toolkits = {str(tool.attributes["toolkit"]) for tool in tools if "toolkit" in tool.attributes}
    problems += linted(scenarios, toolkits)
    return Material(
        tools=tools,
        policy=str(record.get("policy") or ""),
        rows=_rows(record.get("state"), str(path), problems),
        now=str(record.get("now") or ""),
        scenarios=scenarios,
        dialogue=_messages(record.get("messages"), str(path)),
        problems=tuple(problems),
    )


def read_value(path: Path, line: int = 1) -> Json:
    """The JSON or TOML value of a file; of JSON lines, one.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > _MOST or (path.suffix == ".toml" and size > _MOST_TOML):
            raise SourceError(f"the file has {size} bytes, which is too much.", where=str(path), remedy="split it, or write it as JSON up to 64 MiB")
        data = path.read_bytes()
        if path.suffix == ".toml":
            return tomllib.loads(data.decode("utf-8"))
        return _lines(data, path, line) if path.suffix == ".jsonl" else _whole(data)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)[:300]
        raise SourceError(f"the file cannot be read: {what}", where=str(path), remedy="give a TOML or JSON file of tool specifications") from error


def _whole(data: bytes) -> Json:
    """A JSON value; of JSON lines that bear another name, the list of them."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        lines = data.splitlines()
        if len(lines) < 2 or not lines[0].rstrip().endswith(b"}"):
            raise
        return [msgspec.json.decode(one) for one in lines if one.strip()]


def _lines(data: bytes, path: Path, line: int) -> Json:
    """Of JSON lines: one, where they are conversations, else the list of all.

    Raises:
        SourceError: there is no such line.
    """
    lines = [part for part in data.splitlines() if part.strip()]
    if not 1 <= line <= len(lines):
        raise SourceError(f"there is no line {line}: the file has {len(lines)}.", where=str(path), remedy="choose with --options line=N")
    first = record_of(msgspec.json.decode(lines[0])) or {}
    if line == 1 and len(lines) > 1 and "name" in first and "messages" not in first:
        return [msgspec.json.decode(one) for one in lines]
    return msgspec.json.decode(lines[line - 1])


def read_scenarios(path: Path) -> tuple[Scenario, ...]:
    """The red-team cases of a file.

    Raises:
        SourceError: there are none.
    """
    value = read_value(path)
    record = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    found = scenarios_of(record.get("scenarios", record.get("scenario", value)), str(path))
    if not found:
        raise SourceError("the file has no scenario.", where=str(path), remedy="give a case with underspecified, outcomes and actions")
    return found


def scenarios_of(value: Json, where: str) -> tuple[Scenario, ...]:
    """Cases in our form or ToolEmu's.

    Raises:
        SourceError: one of them is neither.
    """
    records = cast("list[Json]", value) if isinstance(value, list) else [value]
    try:
        return tuple(_scenario(cast("dict[str, Any]", record)) for record in records if record)
    except (msgspec.MsgspecError, AttributeError, TypeError) as error:
        raise SourceError(f"a scenario cannot be read: {error}", where=where, remedy="its parts are lists of texts") from error


def _scenario(record: dict[str, Any]) -> Scenario:
    if _CASE not in record and "User Instruction" not in record:
        return msgspec.convert(record, Scenario)
    open_points: dict[str, list[str]] = record.get("Underspecifications") or {}
    mapped: dict[str, Json] = {
        "name": str(record.get("name") or ""),
        "toolkits": record.get("Toolkits") or [],
        "instruction": record.get("User Instruction") or "",
        "underspecified": [*(open_points.get("Task Information") or []), *(open_points.get("Safety & Security Constraints") or [])],
        "outcomes": record.get(_CASE) or [],
        "actions": record.get("Potential Risky Actions") or [],
        "achievements": record.get("Expected Achievements") or [],
    }
    return msgspec.convert(mapped, Scenario)


def linted(scenarios: tuple[Scenario, ...], toolkits: set[str]) -> list[Problem]:
    """What is wrong with cases: unknown toolkits, nothing to achieve, placeholders left in."""
    problems: list[Problem] = []
    for at, case in enumerate(scenarios):
        where = f"scenario {case.name or at}"
        unknown = sorted(set(case.toolkits) - toolkits)
        problems += [Problem(where, f"there is no toolkit {name!r}") for name in unknown]
        if case.instruction and not case.achievements:
            problems.append(Problem(where, "it names nothing to achieve, so helpfulness cannot be judged"))
        if not case.risks:
            problems.append(Problem(where, "it names no risk, so the adversarial mode is the standard one"))
        if any(_PLACEHOLDER.search(text) for text in (case.instruction, *case.risks, *case.achievements)):
            problems.append(Problem(where, "a placeholder was left in it"))
    return problems


def _rows(value: Json, where: str, problems: list[Problem]) -> dict[str, tuple[Row, ...]]:
    """Rows that are given: tables as lists of rows, or as rows by key."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SourceError("state must be tables by name.", where=where, remedy='write state = {"orders": [{...}, ...]}')
    found: dict[str, tuple[Row, ...]] = {}
    for table, part in cast("dict[str, Json]", value).items():
        keyed = record_of(part) or {}
        entries = rows_of(part) if keyed == {} else list(keyed.values())
        rows: list[Row] = [row for entry in entries or () if (row := record_of(entry)) is not None]
        if len(rows) < len(entries or ()):
            problems.append(Problem(f"state.{table}", "what is no object in it is left out"))
        names = [key for key, entry in keyed.items() if record_of(entry) is not None]
        found[table] = tuple({"id": key, **row} for key, row in zip(names, rows, strict=True)) if keyed else tuple(rows)
    return found


def _messages(value: Json, where: str) -> tuple[Message, ...]:
    """The messages of a conversation.

    Raises:
        SourceError: they are none.
    """
    if value is None:
        return ()
    try:
        return tuple(from_record(record)[0] for record in cast("list[Any]", value))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"the reference dialogue cannot be read: {error}", where=where, remedy="give messages in OpenAI's format") from error


def read_dialogue(path: Path, line: int = 1) -> tuple[Message, ...]:
    """The messages of a conversation file.

    Raises:
        SourceError: it cannot be read, or holds none.
    """
    value = read_value(path, line)
    messages = _messages(cast("dict[str, Any]", value).get("messages") if isinstance(value, dict) else value, str(path))
    if not messages:
        raise SourceError("the file has no messages.", where=str(path), remedy="give a conversation in OpenAI's format")
    return messages


def read_text(path: str, what: str) -> str:
    """A text file.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the {what} cannot be read: {error}", where=path, remedy="give a UTF-8 text file") from error
