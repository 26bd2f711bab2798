"""Curating runs into training rows, as a run of its own: cut decisions from every trace, then choose among all of them. Whatever is left out is
recorded with its reason.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from msgspec import Struct

from artificer.core.canon import rng
from artificer.core.tools import ToolSpec
from artificer.curation.decisions import Cut, Decision, Part, balanced, decisions
from artificer.rollout.play import Played
from artificer.run.stage import Reject, Row, RowFunction, Stage, each, whole

_CUT = Cut()


class Curation(Struct, frozen=True):
    """How runs become training rows.

    Args:
        part: what the rows are for: train or test.
        tools: how many tools a row offers, when the conversation itself did not use more.
        result: characters of a tool result that stay, about.
        context: characters of the conversation that stay, about.
        most: steps after a longer conversation than this many characters are left out; 0 for none.
        longest_text: words longer than this many characters are nothing to learn.
        texts: share of rows in which the answer is words, not a call.
        hidden: tools kept out: traces that use them give no row, and no row offers them.
        shown: keep only rows whose answer calls one of these tools.
        per_trace: the most rows of one conversation, drawn by chance; 0 for all.
        limit: the most rows, drawn by chance; 0 for all.
        seed: of what is drawn by chance.
    """

    part: Part = "train"
    tools: int = _CUT.tools
    result: int = _CUT.result
    context: int = _CUT.context
    most: int = _CUT.most
    longest_text: int = _CUT.longest_text
    texts: float = 0.25
    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    per_trace: int = 0
    limit: int = 0
    seed: int = 0


class Cutting(Struct, frozen=True):
    """Builder: the decisions of a `Played`.

    Args:
        tools: specifications by the name of the world.
        how: see `Curation`.
    """

    tools: dict[str, tuple[ToolSpec, ...]]
    how: Curation

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        k = self.how
        cut = Cut(tools=k.tools, result=k.result, context=k.context, most=k.most, text=k.texts > 0, longest_text=k.longest_text, hidden=k.hidden)

        async def row(key: str, played: Played) -> list[Decision] | Reject:
            found = list(decisions(played.task, played.trace, self.tools[played.trace.world], cut, k.part))
            if k.shown:
                found = [one for one in found if any(call.name in k.shown for call in one.target.calls)]
            if k.per_trace and len(found) > k.per_trace:
                found = rng("per trace", k.seed, played.trace.id).sample(found, k.per_trace)
            return found or Reject("nothing_to_learn", "no branch passed, or it uses a hidden tool, or none of the tools asked for")

        yield row


def curation_stages(how: Curation, tools: dict[str, tuple[ToolSpec, ...]]) -> list[Stage]:
    """The stages over a source of `Played`."""
    return [each("cut", Cutting(tools, how), keep="cut", of=Decision), whole("choose", partial(_chosen, how), keep="decisions", of=Decision)]


def _chosen(how: Curation, rows: Sequence[Row]) -> Iterable[Row]:
    keys = {decision.id: key for key, decision in rows}
    kept = balanced((decision for _, decision in rows), how.texts, how.seed)
    if how.limit and len(kept) > how.limit:
        chosen = {one.id for one in rng("limit", how.seed).sample(kept, how.limit)}
        kept = [one for one in kept if one.id in chosen]
    return [(keys[one.id], one) for one in kept]
