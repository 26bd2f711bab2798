"""HTML from Python, escaped by construction.

`h` makes an element; every child that is not already `Html` is text and is escaped, every attribute value too. There is no other way to make `Html`
here than through `h`, `join` and `trusted`, and `trusted` is for constants of this package. So nothing a database, a model or a tool says can be
markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_TAG = re.compile(r"[a-z][a-z0-9]*")
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9-]*")
_VOID = frozenset({"meta", "br", "rect", "line", "circle"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child = object
"""`Html`, None (nothing), or anything else (shown as escaped text)."""


def text(value: object) -> Html:
    """Escaped text. Characters that a page cannot hold, or that would turn the direction of what follows, become U+FFFD."""
    return value if isinstance(value, Html) else Html(escape(_CONTROL.sub("\ufffd", str(value))))


def join(children: Iterable[Child]) -> Html:
    """Children one after another."""
    return Html("".join(text(child) for child in children if child is not None))


def h(tag: str, attributes: dict[str, object] | None = None, *children: Child) -> Html:
    """An element. Attributes that are None or False are left out, those that are True stand without a value."""
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is not a tag")
    opened = [tag]
    for name, value in (attributes or {}).items():
        if not _ATTRIBUTE.fullmatch(name) or name.startswith("on"):
            raise ValueError(f"{name!r} is not an attribute")
        if value is True:
            opened.append(name)
        elif value is not None and value is not False:
            opened.append(f'{name}="{text(str(value))}"')
    if tag in _VOID:
        return Html(f"<{' '.join(opened)}/>")
    return Html(f"<{' '.join(opened)}>{join(children)}</{tag}>")


def trusted(constant: str) -> Html:
    """Markup or style written in this package."""
    return Html(constant)
