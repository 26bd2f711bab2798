"""Monte Carlo tree search over the fragments of one answer (iTool, arXiv 2501.09766), for calls that are nearly right.

An answer is the text that a model writes for one assistant message. It is cut after `". "`, `", "`, `"="` and `"("`
into pieces, `step` pieces make a fragment, and each completion that is asked for hangs its fragments below the place
it was asked at, one below the other; what lies deeper than `depth` is one fragment. The prior of a fragment is
exp(mean log-probability) of its tokens, 0.1 where the writer does not tell them. Selection is by the `itool` rule of
`search.mcts`; the value comes from outside (`worth`). Pieces are joined as they were written, byte for byte.

`Fragments` is the search that writes every assistant message of a conversation like this. What it tried stands in the
notes of the message (`fragments`), for preference pairs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Counts, Model, Reply, Request, Sampling
from artificer.models.dialect import parse
from artificer.rollout.line import Line
from artificer.rollout.search.mcts import urgency
from artificer.rollout.search.steps import Budget, Meter, Taken, begin, decide
from artificer.rollout.tree import SEARCH

UNTOLD = 0.1
"""The prior of a fragment whose log-probabilities are not told."""
_AFTER = re.compile(r"(?<=\. )|(?<=, )|(?<==)|(?<=\()")


class Written(Struct, frozen=True):
    """A completion: its text, and its tokens with log-probabilities, where they are told."""

    text: str
    tokens: tuple[tuple[str, float], ...] = ()
    usage: Counts = Counts()


class Writer(Protocol):
    """Goes on with a text, `draw` numbers attempts."""

    async def __call__(self, line: Line, prefix: str, draw: int) -> Written: ...


Worth = Callable[[Line, str], Awaitable[float]]
"""What a whole answer is worth on a line. One that knows the right answer is for making training data."""


def pieces(text: str) -> list[str]:
    """Cuts a text after its separators; joined, the pieces are the text."""
    return [piece for piece in _AFTER.split(text) if piece]


def fragments(text: str, step: int, depth: int) -> list[str]:
    """At most `depth` fragments of `step` pieces each; the rest is in the last."""
    cut = pieces(text)
    whole = ["".join(cut[start : start + step]) for start in range(0, len(cut), step)]
    return whole if len(whole) <= depth else [*whole[: depth - 1], "".join(whole[depth - 1 :])]


def priors(cut: Sequence[str], tokens: Sequence[tuple[str, float]]) -> list[float]:
    """exp(mean log-probability) of the tokens that begin in each fragment; `UNTOLD` where none does."""
    out: list[list[float]] = [[] for _ in cut]
    ends = [sum(map(len, cut[: index + 1])) for index in range(len(cut))]
    at = 0
    for text, logprob in tokens:
        index = next((number for number, end in enumerate(ends) if at < end), None)
        if index is not None:
            out[index].append(logprob)
        at += len(text)
    return [math.exp(sum(found) / len(found)) if found else UNTOLD for found in out]


def overlap(first: str, second: str) -> float:
    """Shared words over the words of the shorter: |A and B| / min(|A|, |B|); 0 when one has none."""
    a, b = set(first.split()), set(second.split())
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def option_reward(chances: Sequence[float]) -> float:
    """The reward of a judge's options A to D by their probabilities: (1.0 A + 0.1 B - 1.0 C - 2.0 D) / 4."""
    return sum(weight * chance for weight, chance in zip((1.0, 0.1, -1.0, -2.0), chances, strict=True)) / 4


class Continuing(Struct, frozen=True):
    """A model as a writer: the text so far stands as the start of its own message, which engines that allow it go on with."""

    model: Model
    temperature: float = 1.5
    max_tokens: int = 256

    async def __call__(self, line: Line, prefix: str, draw: int) -> Written:
        view = line.view()
        head = (Message("system", view.policy),) if view.policy else ()
        so_far = (Message("assistant", prefix),) if prefix else ()
        sampling = Sampling(temperature=self.temperature, seed=draw, max_tokens=self.max_tokens)
        reply = await self.model.reply(Request((*head, *view.messages, *so_far), tuple(view.tools), sampling))
        text = reply.raw or reply.message.text
        return Written(text.removeprefix(prefix) if prefix else text, (), reply.usage)


class Place:
    """A fragment in the tree."""

    def __init__(self, text: str, fragment: str, prior: float, parent: Place | None, ends: bool) -> None:
        self.text, self.fragment, self.prior, self.parent, self.ends = text, fragment, prior, parent, ends
        self.depth = 0 if parent is None else parent.depth + 1
        self.children: list[Place] = []
        self.asked = False
        self.visits, self.total = 0, 0.0


class Fragments(Struct, frozen=True, omit_defaults=True):
    """See the module docstring.

    Args:
        writer: who writes.
        worth: what a whole answer is worth.
        actions: completions asked for at a place.
        step: pieces of a fragment.
        depth: fragments of an answer.
        simulations: for each message.
        c: how much the prior counts against the value.
        queries, tokens, seconds: the budget of the conversation.
        gold: whether `worth` knows the right answer; stands in the trace.
    """

    writer: Writer
    worth: Worth
    actions: int = 3
    step: int = 2
    depth: int = 3
    simulations: int = 5
    c: float = 1.0
    queries: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    gold: bool = False

    async def explore(self, line: Line) -> None:
        if not await begin(line, False):
            return
        meter = Meter(line.tree, Budget(self.queries, self.tokens, self.seconds))
        taken = Taken(line.at or 0, 0, 0)
        while taken.stop is None:
            places = await self.grown(line, meter)
            best = max((place for place in places if place.ends), key=lambda place: place.total / max(place.visits, 1), default=places[0])
            taken = await decide(line, _reply(line, best.text, {SEARCH: {"fragments": told(places), "picked": places.index(best)}}))
        leaf = await line.end(taken.stop)
        account: dict[str, Json] = {"name": "fragments", "queries": meter.queries}
        line.tree.lineage |= {"chosen": leaf if taken.answered else None, SEARCH: account | ({"gold": True} if self.gold else {})}

    async def grown(self, line: Line, meter: Meter) -> list[Place]:
        """The tree of one answer, in the order in which it grew; the root first."""
        root = Place("", "", 1.0, None, False)
        places = [root]
        worth: dict[str, float] = {}
        for _ in range(self.simulations):
            place = root
            while place.asked and place.children:
                visits = max(place.visits, 1)
                place = max(place.children, key=lambda child: urgency("itool", child.total, child.visits, child.prior, visits, self.c))
            if not place.ends and not place.asked:
                if meter.spent() and place is not root:
                    break
                places += await self._widened(line, place, meter)
            while place.children:  # to the end of the most likely answer below
                place = max(place.children, key=lambda child: (child.total / child.visits if child.visits else 0.0, child.prior))
            if place.text not in worth:
                worth[place.text] = await self.worth(line, place.text)
            value, at = worth[place.text], place
            while at is not None:
                at.visits += 1
                at.total += value
                at = at.parent
        return places

    async def _widened(self, line: Line, place: Place, meter: Meter) -> list[Place]:
        """Asks for completions of a place, and hangs their fragments below it; the new places."""
        place.asked = True
        new: list[Place] = []
        for draw in range(self.actions):
            written = await self.writer(line, place.text, draw)
            meter.judge(1, written.usage)
            cut = fragments(written.text, self.step, max(1, self.depth - place.depth))
            at = place
            for fragment, prior in zip(cut, priors(cut, written.tokens), strict=True):
                child = next((child for child in at.children if child.fragment == fragment), None)
                if child is None:
                    child = Place(at.text + fragment, fragment, prior, at, False)
                    at.children.append(child)
                    new.append(child)
                at = child
            at.ends = at is not place
        return new


def told(places: Sequence[Place]) -> list[Json]:
    """The tree of an answer for the notes: parent, fragment, visits, value, prior, whether an answer ends there."""
    index = {id(place): number for number, place in enumerate(places)}
    return [
        [index[id(place.parent)] if place.parent is not None else None, place.fragment, place.visits, place.total, round(place.prior, 6), place.ends]
        for place in places
    ]


def _reply(line: Line, text: str, notes: dict[str, Json]) -> Reply:
    """An answer's text as a reply: its calls are read from it, with ids that the line has not had."""
    parsed = parse(text)
    made = sum(len(message.calls) for message in line.messages)
    calls = tuple(ToolCall(f"c{made + index}", call.name, call.arguments) for index, call in enumerate(parsed.calls, 1))
    if parsed.error is ErrorKind.unparsable_call and not calls:
        calls = (ToolCall(f"c{made + 1}", "unreadable_call", {"text": text[:400]}),)
    return Reply(
        Message("assistant", parsed.text, calls=calls), raw=text, repairs=parsed.repairs, error=parsed.error, detail=parsed.detail, notes=notes
    )
