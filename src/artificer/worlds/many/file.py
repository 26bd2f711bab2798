"""The file of a `many:` world: which sources, under which names, with which attributes.

[[source]]
name = "shop"
world = "sqlite:{folder}/shop.db | docs:level=summary"    # {folder} is the file's own
prefix = "shop_"
hide = ["delete_*"]

[[attributes]]
tools = ["shop_search_*"]
set = { intent = "informational", domains = ["sales"] }

[vocabulary]
intent = ["informational", "advisory", "transactional"]
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.worlds.catalogue.filters import entries, read_toml

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One source.

    Args:
        name: what it is called: in effects (`shop.track`), in the state, as the attribute `source` of its tools.
        world: a source string, wrappers included.
        prefix: put before its tools' names.
        only, hide: names and patterns of its tools, before the prefix: which are taken, which are left out.
        options: of the source, as `--options` would give them.
    """

    name: str
    world: str
    prefix: str = ""
    only: tuple[str, ...] = ("*",)
    hide: tuple[str, ...] = ()
    options: dict[str, str] = {}

    def takes(self, tool: str) -> bool:
        """Whether a tool of the source becomes one of the world."""
        return matches(tool, self.only) and not matches(tool, self.hide)


class Attributes(Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes for all tools that bear one of the names or fit one of the patterns."""

    tools: tuple[str, ...]
    set: dict[str, Json]


class ManyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """See the module docstring. `policy` replaces the sources' own; `vocabulary` holds the values that an attribute may have."""

    source: tuple[Entry, ...]
    policy: str | None = None
    attributes: tuple[Attributes, ...] = ()
    vocabulary: dict[str, tuple[Json, ...]] = {}
    folder: str = ""


def read_many(path: str) -> ManyFile:
    """Reads and checks a file.

    Raises:
        SourceError: it cannot be read, or something in it makes no sense.
    """
    data = read_toml(path)
    if "folder" in data:
        raise SourceError("the file sets 'folder', which is where it lies", where=path, remedy="remove it")
    try:
        file = msgspec.convert(data | {"folder": str(Path(path).absolute().parent)}, ManyFile)
    except msgspec.ValidationError as error:
        raise SourceError(f"this is no list of sources: {error}", where=path, remedy="see docs/worlds-many-tools.md") from error
    if not file.source:
        raise SourceError("the file lists no source", where=path, remedy='write [[source]] with name = "..." and world = "..."')
    names = [entry.name for entry in file.source]
    for entry in file.source:
        if not _NAME.fullmatch(entry.name) or names.count(entry.name) > 1:
            remedy = "give every source a name of its own, of letters, digits, - and _"
            raise SourceError(f"{entry.name!r} is no name for a source, or is given twice", where=path, remedy=remedy)
        if entry.world.partition(":")[0].strip() == "many":
            raise SourceError(f"the source {entry.name!r} is itself a list of sources", where=path, remedy="list its sources here")
    for given in file.attributes:
        _known(given.set, file.vocabulary, path)
    return file


def _known(attributes: dict[str, Json], vocabulary: dict[str, tuple[Json, ...]], path: str) -> None:
    for name, value in attributes.items():
        allowed = vocabulary.get(name)
        wrong = [entry for entry in entries(value) if allowed is not None and entry not in allowed]
        if wrong:
            raise SourceError(
                f"the attribute {name!r} cannot be {wrong[0]!r}", where=path, remedy=f"use one of {list(allowed or ())!r}, or add it there"
            )


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a name fits one of the patterns (`*` and `?`; nothing else is special)."""
    return any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in patterns)
