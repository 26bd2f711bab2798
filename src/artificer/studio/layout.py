"""The frame that pages share: a document that loads and runs nothing, its sections, tables and tiles."""

from __future__ import annotations

from collections.abc import Sequence

from artificer.studio.html import Child, Html, h, join, trusted
from artificer.studio.style import CSS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def document(title: str, body: Html) -> str:
    """A whole page around its body. Its own policy forbids it to load or run anything."""
    head = h(
        "head",
        None,
        h("meta", {"charset": "utf-8"}),
        h("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        h("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        h("title", None, title),
        h("style", None, trusted(CSS)),
    )
    return f"<!DOCTYPE html>\n{h('html', {'lang': 'en'}, head, h('body', None, body))}\n"


def contents(sections: Sequence[tuple[str, str, Child]]) -> Html:
    """Sections (id, heading, content) under links to them, and the page's foot."""
    return join(
        [
            h("nav", None, *(h("a", {"href": f"#{name}"}, heading) for name, heading, _ in sections)),
            *(h("section", {"id": name}, h("h2", None, heading), content) for name, heading, content in sections),
            h("footer", None, "Written by artificer. This page is self-contained: it loads nothing and runs no script."),
        ]
    )


def tiles(shown: Sequence[tuple[str, str]]) -> Html:
    """Large numbers, each with what it counts."""
    return h("div", {"class": "tiles"}, *(h("div", {"class": "tile"}, h("b", None, number), h("span", None, what)) for number, what in shown))


def table(head: Sequence[str], rows: Sequence[Sequence[Child]]) -> Html:
    """A table; columns of numbers stand to the right."""
    numeric = [bool(rows) and all(isinstance(row[c], int) or _is_number(str(row[c])) for row in rows) for c in range(len(head))]
    top = h("tr", None, *(h("th", {"class": "n" if numeric[c] else None}, name) for c, name in enumerate(head)))
    cells = [
        h("tr", None, *(h("td", {"class": "n" if numeric[c] else None}, f"{v:,}" if isinstance(v, int) else v) for c, v in enumerate(row)))
        for row in rows
    ]
    return h("div", {"class": "scroll"}, h("table", None, h("thead", None, top) if any(head) else None, h("tbody", None, *cells)))


def _is_number(shown: str) -> bool:
    return shown[:1].isdigit() or shown == "-"
