"""A row for people: its text in stretches, each owned by one message or by none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct

from artificer.training.chat.rows import Row
from artificer.training.chat.template import Template


class Stretch(Struct, frozen=True):
    """Neighbouring tokens of one owner.

    Args:
        text: what they say; of a character that is cut by the border only a replacement is seen.
        owner: the index of the node, or `rows.CONTEXT`.
        learnt: whether they are learnt.
        tokens: how many.
    """

    text: str
    owner: int
    learnt: bool
    tokens: int


KEPT = 300
"""Characters at each end of a folded stretch of context."""


def folded(stretch: Stretch) -> str:
    """A stretch's text; of long context only both ends, with what is between counted."""
    if stretch.learnt or len(stretch.text) <= 3 * KEPT:
        return stretch.text
    return f"{stretch.text[:KEPT]} [... {len(stretch.text) - 2 * KEPT:,} characters ...] {stretch.text[-KEPT:]}"


def stretches(row: Row, template: Template) -> Iterator[Stretch]:
    """A row's stretches, in order."""
    marked = zip(row.ids, row.owner, row.learnt, strict=True)
    for (owner, learnt), group in groupby(marked, key=lambda entry: entry[1:]):
        ids = [token for token, _, _ in group]
        yield Stretch(template.said(ids), owner, learnt, len(ids))
