"""References to environment variables in what users write for servers, so that a secret stands in the environment and nowhere else.

`env:NAME` is a whole value and always a secret; `${NAME}`, `${env:NAME}` and `${NAME:-default}` stand within a text and
are secrets when a name says so (`Authorization`, `API_TOKEN`, ...). Secrets are taken out of everything a server
answers or prints (`Veil`), for servers repeat what they were given.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError

_WHOLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_WITHIN = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SENSITIVE = re.compile(r"token|secret|passw|passphrase|api[_-]?key|auth(?!or(?!iz))|cookie|credential|private|(?:^|[_-])key$", re.IGNORECASE)
_SHORTEST = 6
"""Shorter values are not hidden: they would be found in words that have nothing to do with them."""


class Veil(Struct, frozen=True):
    """What must not be seen, and what is seen instead, longest first."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Veil:
        return cls(tuple(sorted({pair for pair in pairs if len(pair[0]) >= _SHORTEST}, key=lambda pair: (-len(pair[0]), pair))))

    def text(self, text: str) -> str:
        for hidden, shown in self.pairs:
            if hidden in text:
                text = text.replace(hidden, shown)
        return text

    def over(self, value: Json) -> Json:
        """A JSON value with everything hidden in all its texts, keys included."""
        return changed(value, self.text) if self.pairs else value


def changed(value: Json, change: Callable[[str], str]) -> Json:
    """A JSON value with `change` made to all its texts, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): changed(part, change) for key, part in cast("dict[str, Json]", value).items()}
    if isinstance(value, list):
        return [changed(part, change) for part in cast("list[Json]", value)]
    return value


def sensitive(name: str) -> bool:
    """Whether the name of a header, variable or parameter says that its value is a secret."""
    return _SENSITIVE.search(name) is not None


def refers(text: str) -> bool:
    """Whether a text refers to the environment."""
    return _WHOLE.fullmatch(text) is not None or _WITHIN.search(text) is not None


def refuse_plain(field: str, value: str, where: str) -> None:
    """Raises: SourceError: a secret stands in plain text where it would be kept with a run."""
    if sensitive(field) and value and not refers(value):
        raise SourceError(
            f"{field!r} looks like a secret, and options are kept in run folders.",
            where=where,
            remedy=f"put it into an environment variable and write {field}=env:NAME",
        )


def refuse_plain_url(url: str, where: str) -> None:
    """Raises: SourceError: a URL bears a password or a token in plain text. The URL itself is not repeated."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SourceError(f"the URL cannot be read: {error}", where=where, remedy="write http(s)://HOST:PORT/PATH") from error
    if "@" in parts.netloc and not refers(parts.netloc):
        raise SourceError("the URL bears a user and password.", remedy="write header.Authorization=env:NAME, or ${NAME} in the URL")
    for name, value in parse_qsl(parts.query):
        if sensitive(name) and not refers(value):
            raise SourceError(f"the URL's {name!r} looks like a secret.", remedy=f"put it into an environment variable and write {name}=${{NAME}}")


def token_of(reference: str) -> str:
    """A secret by its reference `env:NAME`.

    Raises:
        SourceError: it is no reference, or the variable is not set or empty.
    """
    if _WHOLE.fullmatch(reference) is None:
        raise SourceError("a token must not be typed in plain text.", remedy="put it into an environment variable and write env:NAME")
    token, _ = resolved("token", reference, "token")
    if not token:
        raise SourceError(f"the environment variable of {reference!r} is empty.", remedy="set it to a secret")
    return token


def resolved(field: str, text: str, where: str) -> tuple[str, list[tuple[str, str]]]:
    """`text` with its references replaced by what the environment holds, and the secrets among that with what to show for them.

    Raises:
        SourceError: a variable is not set. Its name is told, never a value.
    """
    secrets: list[tuple[str, str]] = []

    def look_up(name: str, default: str | None, *, always: bool) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise SourceError(f"the environment variable {name!r}, needed for {field!r}, is not set.", where=where, remedy=f"export {name}=...")
        if always or sensitive(field) or sensitive(name):
            secrets.extend((piece, f"[{name}]") for piece in {value, *value.split()})  # an error may show it with its white space escaped
        return value

    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        return look_up(whole[1], None, always=True), secrets
    filled = _WITHIN.sub(lambda found: look_up(found[1], found[2], always=False), text)
    if sensitive(field) and text and not refers(text):  # in plain text, in a file of the user's own
        secrets.append((text, f"[{field}]"))
    return filled, secrets
