"""From decisions to token ids and loss weights. The one place of training that knows how a prompt is written.

The prompt is the one that `models.hf` would be asked with; the loss stands on the answer and its end token only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.tools import ToolSpec
from artificer.curation.decisions import Decision
from artificer.models.dialect import message_text
from artificer.models.hf import Tokens
from artificer.models.prompt import FULL, Style, turns


class Row(Struct, frozen=True):
    """One training row: token ids and, for each, whether it is learnt (True on answers), both of length (T,)."""

    id: str
    ids: tuple[int, ...]
    learnt: tuple[bool, ...]


def render(decision: Decision, tools: Mapping[str, ToolSpec], tokens: Tokens, style: Style = FULL) -> Row:
    """The row of one decision.

    Raises:
        ArtificerError: the decision offers a tool that is not in `tools`.
    """
    missing = [name for name in decision.tools if name not in tools]
    if missing:
        raise ArtificerError(f"decision {decision.id!r} offers the unknown tool {missing[0]!r}", remedy="give the tools of the run it was made from")
    prompt = tokens.prompt(turns(decision.context, [tools[name] for name in decision.tools], style))
    answer = tokens.answer(message_text(decision.target))
    return Row(decision.id, prompt + answer, (False,) * len(prompt) + (True,) * len(answer))


def joined(rows: Sequence[Row]) -> list[Row]:
    """Rows in which one is the opening of another become one row with several learnt spans: nothing is lost, and the opening is computed once.

    Decisions of one trace share their opening until their context was cut, so this halves the tokens of a typical set. Order: by the first row of
    each.
    """
    open_rows: list[Row] = []
    for row in rows:
        for at in range(len(open_rows) - 1, max(-1, len(open_rows) - 16), -1):
            earlier = open_rows[at]
            size = len(earlier.ids)
            if size < len(row.ids) and row.ids[:size] == earlier.ids and not any(row.learnt[:size]):
                open_rows[at] = Row(earlier.id, row.ids, earlier.learnt + row.learnt[size:])
                break
        else:
            open_rows.append(row)
    return open_rows
