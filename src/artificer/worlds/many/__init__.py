"""`many:FILE.toml`: several sources as one world. See `docs/worlds-many-tools.md`."""

from __future__ import annotations

from artificer.core.errors import ArtificerError, SourceError
from artificer.worlds.base import World
from artificer.worlds.many.file import ManyFile, read_many
from artificer.worlds.many.world import ManyWorld, Source


def open_world(rest: str, **options: str) -> ManyWorld:
    """The world of a file that lists sources.

    Raises:
        SourceError: the file cannot be used, or one of its sources.
    """
    if options:
        raise SourceError(f"many: worlds take no options, got {sorted(options)!r}.", where=f"many:{rest}", remedy="write them into the file")
    file = read_many(rest)
    opened: list[Source] = []
    try:
        for entry in file.source:
            source = entry.world.replace("{folder}", file.folder)
            settings = {name: value.replace("{folder}", file.folder) for name, value in entry.options.items()}
            opened.append(Source(entry, World.of(source, **settings)))
        return ManyWorld(f"many:{rest}", file, opened)
    except ArtificerError as error:
        at = f"{rest}, source {file.source[len(opened)].name!r}" if len(opened) < len(file.source) else rest
        raise SourceError(error.what, where=f"{at}: {error.where}" if error.where else at, remedy=error.remedy) from error


__all__ = ["ManyFile", "ManyWorld", "open_world"]
