"""A page that shows which tokens are trained: rows of text with the learnt stretches marked. What a trace says is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from artificer.studio.html import Html, h, join, trusted
from artificer.studio.style import CSS
from artificer.training.chat.rows import Row
from artificer.training.chat.show import Stretch, folded

_MORE = """
.row { white-space: pre-wrap; overflow-wrap: anywhere; font-family: var(--mono); font-size: .84rem; line-height: 1.7;
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; }
.row mark { background: var(--accent-soft); color: var(--ink); border-bottom: 2px solid var(--accent); padding: .1em 0; }
.row .owned { border-bottom: 2px dotted var(--soft); }
"""


def page(shown: Sequence[tuple[Row, Sequence[Stretch]]], facts: Sequence[str]) -> str:
    """The page.

    Args:
        shown: rows with their stretches.
        facts: lines on the whole of the data.
    """
    body = join(
        [
            h("h1", None, "Which tokens are trained"),
            join(h("p", {"class": "soft"}, fact) for fact in facts),
            h("p", None, "Marked stretches are learnt. All else is context. Hover over a stretch for the message that it belongs to."),
            *(_row(row, stretches) for row, stretches in shown),
        ]
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    metas: list[dict[str, object]] = [
        {"charset": "utf-8"},
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
        {"http-equiv": "Content-Security-Policy", "content": policy},
    ]
    head = h("head", None, *(h("meta", one) for one in metas), h("title", None, "Tokens"), h("style", None, trusted(CSS + _MORE)))
    return "<!doctype html>\n" + h("html", {"lang": "en"}, head, h("body", None, h("main", None, body)))


def _row(row: Row, stretches: Sequence[Stretch]) -> Html:
    learnt = sum(row.learnt)
    title = f"{row.trace}, branch {row.leaf}: {len(row.ids)} tokens, {learnt} learnt"
    return join([h("h3", None, title), h("div", {"class": "row"}, *(_stretch(one) for one in stretches))])


def _stretch(one: Stretch) -> Html:
    if one.owner < 0:
        return h("span", None, folded(one))
    told: dict[str, object] = {"title": f"message {one.owner}, {one.tokens} tokens"}
    return h("mark", told, one.text) if one.learnt else h("span", {"class": "owned", **told}, one.text)
