"""`openapi:FILE` and `openapi:URL`: the operations of an OpenAPI 3.0/3.1 or Swagger 2.0 document as tools.

Without a server the world is stateful from the document alone (`memory`): what is created can be got, listed, changed and deleted. With `server=URL`,
or `live=true`, calls go to the server (`live`). Documents are data of strangers: sizes and nesting are capped, nothing outside is fetched.
"""

from __future__ import annotations

from pathlib import Path

from artificer.core.errors import SourceError
from artificer.core.tasks import Start
from artificer.worlds.base import Session
from artificer.worlds.openapi.bundling import bundle, refers_outward
from artificer.worlds.openapi.document import Document
from artificer.worlds.openapi.memory import Memory
from artificer.worlds.openapi.reading import MOST_BYTES, file_bytes, is_url, parsed
from artificer.worlds.openapi.specs import PARAMETERS_BYTES, RETURNS_BYTES, Sizes
from artificer.worlds.openapi.world import Api, OpenApiWorld

__all__ = ["Api", "OpenApiWorld", "open_world"]
_OPTIONS = ("server", "live", "allow", "timeout", "max_bytes", "max_document", "parameters_bytes", "returns_bytes", "strict")


def open_world(rest: str, **options: str) -> OpenApiWorld:
    """The world of a document.

    Args:
        rest: a path, or an http(s) URL.
        options: `server` (base URL that calls go to), `live=true` (calls go to the document's own server), `allow` (further hosts, with commas),
            `timeout` in seconds and `max_bytes` of an answer, `strict=true` (answers must fit their schemas), `auth.SCHEME` (the environment variable
            that holds a scheme's secret), `max_document` in bytes, `parameters_bytes` and `returns_bytes` of a tool's schemas.

    Raises:
        SourceError: the document cannot be read, is none, or offers no usable operation; or an option makes no sense.
        MissingExtra: it is YAML, and the extra `openapi` is not installed.
    """
    name = f"openapi:{rest}"
    unknown = sorted(option for option in options if option not in _OPTIONS and not option.startswith("auth."))
    if unknown:
        raise SourceError(f"openapi: worlds do not take the options {unknown!r}.", where=name, remedy=f"use {', '.join(_OPTIONS)} or auth.SCHEME")
    sizes = Sizes(_whole(options, "parameters_bytes", PARAMETERS_BYTES, name), _whole(options, "returns_bytes", RETURNS_BYTES, name))
    variables = {option.removeprefix("auth."): value for option, value in options.items() if option.startswith("auth.")}
    api = Api(_document(rest, name, _whole(options, "max_document", MOST_BYTES, name)), sizes, variables)
    memory: list[Memory] = []

    async def opened(start: Start) -> Session:
        if not memory:
            memory.append(Memory(api, name))
        return await memory[0].open(start)

    return OpenApiWorld(name, api, opened, "exact")


def _document(rest: str, name: str, limit: int) -> Document:
    if is_url(rest):
        raise SourceError("URLs not yet", where=name)
    data = file_bytes(rest, limit)
    root = parsed(data, name)
    if refers_outward(data):
        bundle(root, Path(rest), limit)
    return Document(root, name)


def _whole(options: dict[str, str], name: str, usual: int, where: str) -> int:
    text = options.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and int(text[:18]) > 0 and len(text) < 18):
        raise SourceError(f"{name}={text!r} is not a positive whole number.", where=where, remedy=f"write for example {name}={usual}")
    return int(text)
