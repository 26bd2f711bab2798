"""Security schemes: what a document says about credentials, and credentials from the environment.

Secrets are read from environment variables when a request is made, and stand nowhere else: no option, name, trace, log or error holds one.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from typing import Literal, cast
from urllib.parse import quote

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Document, Object, text_of

Place = Literal["header", "query", "cookie"]
HIDDEN = "[hidden]"


class Scheme(Struct, frozen=True):
    """One way to prove who one is.

    Args:
        name: as the document calls it.
        kind: `key` (the secret as it is), `bearer`, or `basic` (the secret is `user:password`).
        place: where it is sent, and as `field`.
        variable: the environment variable that holds the secret.
    """

    name: str
    kind: Literal["key", "bearer", "basic"]
    place: Place
    field: str
    variable: str


Alternatives = tuple[tuple[str, ...], ...]
"""Names of schemes: any of the tuples, all of its names. An empty tuple among them: none is needed."""


def variable_of(name: str) -> str:
    """The environment variable for a scheme: `apiKey` -> `ARTIFICER_OPENAPI_APIKEY`."""
    return f"ARTIFICER_OPENAPI_{re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_')}"


def schemes_of(document: Document, variables: Mapping[str, str]) -> dict[str, Scheme]:
    """The usable schemes of a document. `variables` renames the environment variable of a scheme."""
    stated = document.section("securityDefinitions") if document.version == "2.0" else document.section("components", "securitySchemes")
    found: dict[str, Scheme] = {}
    for name, raw in stated.items():
        scheme = _scheme(name, document.object(raw, f"security scheme {name}"), variables.get(name, variable_of(name)))
        if scheme is None:
            document.problem(f"security scheme {name}", "it is of a kind that is not supported; calls are made without it")
        else:
            found[name] = scheme
    return found


def _scheme(name: str, entry: Object, variable: str) -> Scheme | None:
    kind, http = text_of(entry.get("type")), text_of(entry.get("scheme")).lower()
    if kind == "apiKey":
        place: Json = entry.get("in")
        field = text_of(entry.get("name"))
        if place not in ("header", "query", "cookie") or not re.fullmatch(r"[\x21-\x7e]{1,100}", field):
            return None
        return Scheme(name, "key", place, field, variable)
    if kind in ("oauth2", "openIdConnect") or (kind == "http" and http == "bearer"):
        return Scheme(name, "bearer", "header", "Authorization", variable)
    if kind == "basic" or (kind == "http" and http == "basic"):
        return Scheme(name, "basic", "header", "Authorization", variable)
    return None


def alternatives_of(document: Document, operation: Object) -> Alternatives:
    """What an operation asks for: its own `security`, else the document's."""
    stated: object = operation.get("security", document.root.get("security"))
    if not isinstance(stated, list):
        return ()
    entries = cast("list[object]", stated)
    return tuple(tuple(cast("Object", entry)) for entry in entries if isinstance(entry, dict))


def secret_of(scheme: Scheme) -> str | None:
    """The secret, if the environment holds one."""
    return os.environ.get(scheme.variable) or None


def chosen(alternatives: Alternatives, schemes: Mapping[str, Scheme]) -> tuple[Scheme, ...] | None:
    """The first alternative whose secrets are all there; None when there is none, and one is needed."""
    for names in alternatives:
        wanted = [schemes.get(name) for name in names]
        if all(scheme is not None and secret_of(scheme) for scheme in wanted):
            return tuple(scheme for scheme in wanted if scheme is not None)
    supported = any(all(name in schemes for name in names) for names in alternatives)
    return None if supported else ()


def sent(scheme: Scheme) -> str:
    """What is sent for a scheme."""
    secret = secret_of(scheme) or ""
    if scheme.kind == "basic":
        return f"Basic {base64.b64encode(secret.encode()).decode()}"
    return f"Bearer {secret}" if scheme.kind == "bearer" else secret


def scrub(text: str, schemes: Mapping[str, Scheme]) -> str:
    """Text in which no secret stands, as it is or as it was sent."""
    for scheme in schemes.values():
        secret = secret_of(scheme)
        if secret and len(secret) >= 4:
            forms = {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}
            if scheme.kind == "basic":
                forms.add(secret.partition(":")[2])
            for form in sorted(forms, key=len, reverse=True):
                text = text.replace(form, HIDDEN) if len(form) >= 4 else text
    return text


def scrubbed(value: Json, schemes: Mapping[str, Scheme]) -> Json:
    """JSON in whose texts no secret stands, however an answer had escaped it."""
    if isinstance(value, str):
        return scrub(value, schemes)
    if isinstance(value, dict):
        return {scrub(name, schemes): scrubbed(part, schemes) for name, part in cast("Object", value).items()}
    return [scrubbed(part, schemes) for part in cast("list[Json]", value)] if isinstance(value, list) else value
