"""Servers: which base URL calls go to, and which hosts may be called."""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from artificer.core.errors import SourceError
from artificer.worlds.openapi.document import Document, Object, text_of
from artificer.worlds.openapi.http import Limits, is_local, origin_of


class Target(Struct, frozen=True):
    """A server.

    Args:
        base: its URL.
        allowed: origins that may be called.
        limits: of time and size.
        strict: whether an answer that breaks its schema is an error.
    """

    base: str
    allowed: frozenset[str]
    limits: Limits
    strict: bool = False


def stated(document: Document, source: str) -> str:
    """The document's own server: the first one, its variables at their defaults; relative to the document's URL. "" when there is none."""
    if document.version == "2.0":
        host = text_of(document.root.get("host"))
        schemes: Any = document.root.get("schemes")
        scheme = "https" if not isinstance(schemes, list) or "https" in schemes else text_of(schemes[0]) if schemes else "https"
        base = f"{scheme}://{host}{text_of(document.root.get('basePath'))}" if host else text_of(document.root.get("basePath"))
        return joined(source, base)
    servers: Any = document.root.get("servers")
    first: Any = cast("list[Any]", servers)[0] if isinstance(servers, list) and servers else None
    if not isinstance(first, dict):
        return ""
    entry = cast("Object", first)
    variables: Any = entry.get("variables")
    known = cast("Object", variables) if isinstance(variables, dict) else {}

    def usual(match: re.Match[str]) -> str:
        variable: Any = known.get(match[1])
        return text_of(cast("Object", variable).get("default")) if isinstance(variable, dict) else ""

    return joined(source, re.sub(r"\{([^{}]+)\}", usual, text_of(entry.get("url"))))


def joined(base: str, url: str) -> str:
    """A server URL, relative to a base where it is relative."""
    return url if origin_of(url) else urljoin(base if origin_of(base) else "", url)


def target_of(document: Document, rest: str, options: dict[str, str], limits: Limits, where: str) -> Target | None:
    """The server that the options ask for; None when they ask for none.

    Raises:
        SourceError: there is no such server, or an option makes no sense.
    """
    live, strict = (_flag(options, name, where) for name in ("live", "strict"))
    given = options.get("server", "")
    if not given and not live:
        if "allow" in options or strict:
            raise SourceError("allow and strict are for calls to a server, and none is named.", where=where, remedy="add server=URL or live=true")
        return None
    base = given or stated(document, rest)
    if not origin_of(base):
        what = f"server={given!r} is no http(s) URL." if given else "the document names no server that could be called."
        raise SourceError(what, where=where, remedy="write server=https://HOST/BASE")
    if "@" in urlsplit(base).netloc or urlsplit(base).query:
        raise SourceError("a server's URL holds no user, password or query.", where=where, remedy="put credentials into the environment")
    hosts = [one.strip() for one in options.get("allow", "").split(",") if one.strip()]
    allowed = [origin_of(one if "://" in one else f"https://{one}") for one in hosts]
    if "" in allowed:
        raise SourceError(f"allow={options['allow']!r} names something that is no host.", where=where, remedy="write allow=HOST,https://HOST:PORT")
    if not given and is_local(base) and origin_of(base) not in allowed:
        raise SourceError(
            f"the document's own server ({origin_of(base)}) is this machine or in a private network.",
            where=where,
            remedy="name it yourself: server=URL",
        )
    return Target(base, frozenset({origin_of(base), *allowed}), limits, strict)


def _flag(options: dict[str, str], name: str, where: str) -> bool:
    text = options.get(name, "false").lower()
    if text not in ("true", "false"):
        raise SourceError(f"{name}={options[name]!r} is neither true nor false.", where=where, remedy=f"write {name}=true")
    return text == "true"
