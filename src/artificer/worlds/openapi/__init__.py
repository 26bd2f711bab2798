"""`openapi:FILE` and `openapi:URL`: the operations of an OpenAPI 3.0/3.1 or Swagger 2.0 document as tools.

Without a server the world is stateful from the document alone (`memory`): what is created can be got, listed, changed and deleted. With `server=URL`,
or `live=true`, calls go to the server (`live`). Documents are data of strangers: sizes and nesting are capped, nothing outside is fetched.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from artificer.core.errors import SourceError
from artificer.core.tasks import Start
from artificer.worlds.base import Session
from artificer.worlds.openapi.bundling import bundle, refers_outward
from artificer.worlds.openapi.document import Document
from artificer.worlds.openapi.fetching import fetched
from artificer.worlds.openapi.http import Limits
from artificer.worlds.openapi.memory import Memory
from artificer.worlds.openapi.reading import MOST_BYTES, file_bytes, is_url, parsed
from artificer.worlds.openapi.security import secret_of
from artificer.worlds.openapi.servers import Target, target_of
from artificer.worlds.openapi.specs import PARAMETERS_BYTES, RETURNS_BYTES, Sizes
from artificer.worlds.openapi.world import Api, OpenApiWorld

__all__ = ["OPTIONS", "Api", "OpenApiWorld", "open_world"]
OPTIONS = ("server", "live", "allow", "timeout", "max_bytes", "max_document", "parameters_bytes", "returns_bytes", "strict")


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
    if is_url(rest) and "@" in urlsplit(rest).netloc:
        raise SourceError("a document's URL holds no user or password.", where="openapi:", remedy="fetch it yourself, and give the file")
    unknown = sorted(option for option in options if option not in OPTIONS and not option.startswith("auth."))
    if unknown:
        raise SourceError(f"openapi: worlds do not take the options {unknown!r}.", where=name, remedy=f"use {', '.join(OPTIONS)} or auth.SCHEME")
    sizes = Sizes(_whole(options, "parameters_bytes", PARAMETERS_BYTES, name), _whole(options, "returns_bytes", RETURNS_BYTES, name))
    variables = {option.removeprefix("auth."): value for option, value in options.items() if option.startswith("auth.")}
    with _uninterrupted():
        api = Api(_document(rest, name, _whole(options, "max_document", MOST_BYTES, name)), sizes, variables)
    limits = Limits(_seconds(options, name), _whole(options, "max_bytes", Limits().size, name))
    target = target_of(api.document, rest, options, limits, name)
    if target is not None:
        return _live(api, name, target)
    memory: list[Memory] = []

    async def opened(start: Start) -> Session:
        if not memory:
            memory.append(Memory(api, name))
        return await memory[0].open(start)

    return OpenApiWorld(name, api, opened, "exact")


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Holds back the search for cycles while millions of values are made that hold none: a third of the time of large documents."""
    held = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if held:
            gc.enable()


def _live(api: Api, name: str, target: Target) -> OpenApiWorld:
    """A world whose calls go to a server; what that means, and which credentials are missing, are problems."""
    from artificer.worlds.openapi.live import Live

    problem = api.document.problem
    problem(name, f"calls go to {target.base}, which keeps one state for all sessions; they are not private and cannot be forked")
    asked = {scheme for operation in api.operations.values() for names in operation.security for scheme in names}
    for scheme in api.schemes.values():
        if scheme.name in asked and secret_of(scheme) is None:
            problem(f"security scheme {scheme.name}", f"the environment variable {scheme.variable} is not set; operations that need it are refused")
    return OpenApiWorld(name, api, Live(api, name, target).open, "none")


def _document(rest: str, name: str, limit: int) -> Document:
    data = fetched(rest, limit) if is_url(rest) else file_bytes(rest, limit)
    root = parsed(data, name)
    if refers_outward(data) and not is_url(rest):
        bundle(root, Path(rest), limit)
    return Document(root, name)


def _seconds(options: dict[str, str], where: str) -> float:
    text = options.get("timeout", str(Limits().seconds))
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise SourceError(f"timeout={text!r} is not a number of seconds.", where=where, remedy="write for example timeout=30")
    return value


def _whole(options: dict[str, str], name: str, usual: int, where: str) -> int:
    text = options.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and int(text[:18]) > 0 and len(text) < 18):
        raise SourceError(f"{name}={text!r} is not a positive whole number.", where=where, remedy=f"write for example {name}={usual}")
    return int(text)
