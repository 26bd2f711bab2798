"""Requests as they are sent: a call's arguments put into path, query, headers, cookies and body, each in the style that the document asks for.

Arguments are data: they are percent-encoded or JSON-encoded where they stand, never pasted. What could change a path
(`.` and `..`), or break a header, is refused.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical, digest
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.inputs import Field
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.requests import body_of
from artificer.worlds.openapi.rows import spelt

Pairs = list[tuple[str, str]]
_PATH = "/{}:()=',;@$!*+&~"


class Wire(Struct, frozen=True):
    """A request less its server: `path` begins with / and holds the query; `headers` holds cookies and the content type."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


class Unsendable(ValueError):
    """An argument that cannot be sent where it belongs."""


def written(operation: Operation, arguments: Object, query: Pairs, headers: dict[str, str], cookies: Pairs) -> Wire:
    """The request of a call; `query`, `headers` and `cookies` are credentials that go with it.

    Raises:
        Unsendable: a value cannot stand where it belongs.
    """
    path = quote(operation.path, safe=_PATH)
    query, cookies = list(query), list(cookies)
    headers = dict(headers)
    for field in operation.inputs.fields:
        if field.place in ("body", "whole") or field.name not in arguments:
            continue
        value: Json = arguments[field.name]
        if field.place == "path":
            path = path.replace(quote(f"{{{field.wire}}}", safe=_PATH), _in_path(field, value))
        elif field.place == "query":
            query += _pairs(field, value)
        elif field.place == "header":
            headers[field.wire] = _safe(_joined(value, ",", explode=field.explode), field.wire)
        else:
            cookies.append((field.wire, quote(_joined(value, ",", explode=False), safe="")))
    body, media = _body(operation, arguments)
    if media:
        headers["Content-Type"] = media
    if cookies:
        headers["Cookie"] = _safe("; ".join(f"{name}={value}" for name, value in cookies), "Cookie")
    text = urlencode(query, quote_via=quote)
    return Wire(operation.method.upper(), f"{path}?{text}" if text else path, headers, body)


def _in_path(field: Field, value: Json) -> str:
    text = _joined(value, {"label": "."}.get(field.style, ","), explode=field.explode)
    if text in ("", ".", ".."):
        raise Unsendable(f"{field.name}: {text!r} cannot stand in a path")
    encoded = quote(text, safe="," if isinstance(value, (list, dict)) else "")
    prefix = {"label": ".", "matrix": f";{quote(field.wire, safe='')}="}.get(field.style, "")
    return f"{prefix}{encoded}"


def _joined(value: Json, mark: str, *, explode: bool) -> str:
    """A value as text: lists joined, objects as `key,value` or `key=value`."""
    if isinstance(value, list):
        return mark.join(map(_plain, cast("list[Json]", value)))
    if isinstance(value, dict):
        between = "=" if explode else mark
        return mark.join(f"{name}{between}{_plain(part)}" for name, part in cast("Object", value).items())
    return "" if value is None else spelt(value)


def _plain(value: Json) -> str:
    if value is None:
        return ""
    return canonical(cast("Json", value)).decode() if isinstance(value, (dict, list)) else spelt(value)


def _pairs(field: Field, value: Json) -> Pairs:
    """A query parameter in its style."""
    if field.json:
        return [(field.wire, canonical(value).decode())]
    if isinstance(value, dict):
        entries = cast("Object", value).items()
        if field.style == "deepObject":
            return [pair for name, part in entries for pair in _deep(f"{field.wire}[{name}]", part)]
        if field.explode:
            return [(name, _plain(part)) for name, part in entries]
    if isinstance(value, list) and field.explode:
        return [(field.wire, _plain(part)) for part in cast("list[Json]", value)]
    mark = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(field.style, ",")
    return [(field.wire, _joined(value, mark, explode=False))]


def _deep(name: str, value: Json) -> Pairs:
    """`name[part]=...` for nested values, as forms of most APIs take them."""
    if isinstance(value, dict):
        return [pair for key, part in cast("Object", value).items() for pair in _deep(f"{name}[{key}]", part)]
    if isinstance(value, list):
        return [pair for part in cast("list[Json]", value) for pair in _deep(f"{name}[]", part)]
    return [(name, _plain(value))]


def _body(operation: Operation, arguments: Object) -> tuple[bytes | None, str]:
    """The body's bytes and media type."""
    stated = operation.inputs.body
    body = body_of(operation, arguments)
    if stated is None or (body is None and not stated.required):
        return None, ""
    media = stated.media.lower()
    if "urlencoded" in media:
        pairs = [pair for name, value in (cast("Object", body) if isinstance(body, dict) else {}).items() for pair in _deep(name, value)]
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    if "multipart" in media:
        return _multipart(cast("Object", body) if isinstance(body, dict) else {"file": body})
    if "json" in media or media == "*/*":
        return msgspec.json.encode(body if body is not None else {}), media if "json" in media else "application/json"
    return _plain(body).encode("utf-8", "replace"), media.split(";")[0]


def _multipart(parts: Object) -> tuple[bytes, str]:
    """A form of several parts; its boundary depends on what it holds."""
    boundary = f"artificer-{digest(parts)}"
    out = bytearray()
    for name, value in parts.items():
        label = name.replace("\r", " ").replace("\n", " ").replace('"', "%22")
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{label}"\r\n\r\n{_plain(value)}\r\n'.encode("utf-8", "replace")
    out += f"--{boundary}--\r\n".encode()
    return bytes(out), f"multipart/form-data; boundary={boundary}"


def _safe(text: str, where: str) -> str:
    """A header's value.

    Raises:
        Unsendable: it holds what a header cannot.
    """
    if not text.isascii() or not text.isprintable():
        raise Unsendable(f"{where}: a header takes printable ASCII only")
    return text
