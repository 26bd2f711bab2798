"""Bars as inline SVG in a grid of HTML: lengths are percentages, so they fit any width, and text stays text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from artificer.studio.html import Html, h, join


class Bar(Struct, frozen=True):
    """One bar: `share` of the full width, 0 to 1; `low` and `high` draw a whisker; `colour` is 0 (accent) to 3."""

    name: str
    share: float
    value: str
    colour: int = 0
    low: float | None = None
    high: float | None = None


def bars(groups: Sequence[tuple[str, Sequence[Bar]]]) -> Html:
    """Groups of bars under their titles (an empty title shows none)."""
    cells: list[Html] = []
    for title, members in groups:
        if title:
            cells.append(h("div", {"class": "group"}, title))
        for bar in members:
            cells += [h("div", {"class": "name"}, bar.name), _drawn(bar), h("div", {"class": "value"}, bar.value)]
    return h("div", {"class": "bars"}, *cells)


def ranking(counts: Mapping[str, int], most: int = 12, colour: int = 0) -> Html:
    """Counts as bars, the largest full width; what is beyond `most` is summed up in a last bar."""
    names = list(counts.items())
    shown = names[:most]
    rest = sum(number for _, number in names[most:])
    if rest:
        shown.append((f"{len(names) - most} others", rest))
    top = max((number for _, number in shown), default=1) or 1
    return bars([("", [Bar(name, number / top, f"{number:,}", colour) for name, number in shown])])


def key(names: Sequence[tuple[str, int]]) -> Html:
    """A legend: names with their colours."""
    return h("div", {"class": "key"}, *(h("span", None, h("i", {"class": f"k{colour}"}), name) for name, colour in names))


def _drawn(bar: Bar) -> Html:
    parts = [
        h("rect", {"class": "track", "x": 0, "y": "15%", "width": "100%", "height": "70%", "rx": 3}),
        h("rect", {"class": f"b{bar.colour}", "x": 0, "y": "15%", "width": _percent(bar.share), "height": "70%", "rx": 3}),
    ]
    if bar.low is not None and bar.high is not None:
        left, right = _percent(bar.low), _percent(bar.high)
        parts += [h("line", {"class": "whisker", "x1": x1, "x2": x2, "y1": y1, "y2": y2}) for x1, x2, y1, y2 in _whisker(left, right)]
    return h("div", None, h("svg", {"role": "img", "aria-label": f"{bar.name}: {bar.value}"}, join(parts)))


def _whisker(left: str, right: str) -> list[tuple[str, str, str, str]]:
    return [(left, right, "50%", "50%"), (left, left, "30%", "70%"), (right, right, "30%", "70%")]


def _percent(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"
