"""From branches to rows of token ids in which every sampled token is owned by exactly one message.

What a model saw when it wrote a message is the template's rendering of the messages before, with what opens the assistant's turn; what it wrote is
the node's own tokens where they were recorded, and else what the rendering with the message has more. Both are rendered whole and aligned: nothing is
put together from pieces, because templates change earlier turns when later ones come (reasoning is dropped, tools are written again elsewhere, tool
turns are merged). As long as each next prompt begins with the row so far, the row goes on; where it does not, a new row begins and the
earlier turns are only context in it. So a message is learnt in the context in which it was (or will be) sampled, and in that context alone.

Where prompt and answer meet, tokens are cut as they were when the model began to write: no token spans the border of a
message that was written, and a row keeps the ids that were written to it. (A server that encodes the whole conversation
anew at each turn may merge a white space there.) The token that ends the turn belongs to the message; white space that a
template writes behind it does not.

What cannot be said exactly is not guessed: the message is in no row, and the reason is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct, field

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace, agent_side
from artificer.training.chat.aligning import REASONING, Unaligned, Written, written
from artificer.training.chat.telling import RESULTS, SPACED, renamed, unwritten
from artificer.training.chat.template import Template

CONTEXT = -1
"""The owner of tokens that no sampled message owns."""


class Row(Struct, frozen=True):
    """One training row. All streams are of one length (T,).

    Args:
        trace: the trace's id; leaf: the branch that the row lies on.
        ids: token ids.
        owner: for each token, the index of the node that sampled it, or `CONTEXT`.
        weights: named streams; `loss` is 1 on owned tokens (or what the node's own `loss` stream says) and 0 elsewhere; others are 0 where
            nothing was recorded.
        logprobs: of the engine that sampled, 0 elsewhere; None when no node has any.
    """

    trace: str
    leaf: int
    ids: tuple[int, ...]
    owner: tuple[int, ...]
    weights: dict[str, tuple[float, ...]]
    logprobs: tuple[float, ...] | None = None

    @property
    def learnt(self) -> tuple[bool, ...]:
        """Whether a token is learnt: its weight in `loss` is not 0."""
        return tuple([weight != 0 for weight in self.weights["loss"]])

    @property
    def labels(self) -> tuple[int, ...]:
        """Ids where they are learnt, -100 elsewhere: what most trainers take."""
        return tuple([token if weight else -100 for token, weight in zip(self.ids, self.weights["loss"], strict=True)])


class Rendered(Struct):
    """The rows of a trace. `missing`: sampled messages that are in none, by reason; `shortened`: messages that are in one without something that the
    template does not show: of theirs with `hidden="drop"`, of the tools and calls before them in any case; of ids of calls (`telling.IDS`) it
    counts each that was replaced.
    """

    rows: list[Row] = field(default_factory=list[Row])
    missing: Counter[str] = field(default_factory=Counter[str])
    shortened: Counter[str] = field(default_factory=Counter[str])


Hidden = Literal["refuse", "drop"]
"""What becomes of a message whose reasoning (or text beside calls) a template does not show: it is in no row, or it is learnt without."""


class _Piece(Struct, frozen=True):
    """One sampled message: the prompt that it was written to, and what was written, as text and as ids."""

    node: int
    prompt: str
    text: str
    ids: tuple[int, ...]


class _Building:
    """A row that may still go on."""

    def __init__(self, piece: _Piece, template: Template) -> None:
        self._template = template
        self.text = ""
        self.ids: list[int] = []
        self.pieces: list[tuple[_Piece, int]] = []
        self.takes(piece)

    def takes(self, piece: _Piece) -> bool:
        """Puts a message at the end, where its prompt begins with all that is here."""
        between = self._template.behind(self.text, piece.prompt[len(self.text) :]) if piece.prompt.startswith(self.text) else None
        if between is None:
            return False
        self.ids += between
        self.pieces.append((piece, len(self.ids)))
        self.ids += piece.ids
        self.text = piece.prompt + piece.text
        return True


def paths(trace: Trace, leaves: Sequence[int] | None) -> Iterator[tuple[int, list[int]]]:
    """The branches that end at leaves (all when None): each leaf, and the indices of the nodes that the agent sees."""
    for leaf in trace.leaves() if leaves is None else leaves:
        path = trace.path(leaf)
        yield leaf, [path[at] for at in agent_side([trace.nodes[index] for index in path])]


def render(branch: Sequence[Node], template: Template, tools: Sequence[ToolSpec] = (), *, hidden: Hidden = "refuse") -> Rendered:
    """The rows of one branch, given as its nodes from the root on. `owner` then counts the branch's nodes."""
    nodes = tuple([Node(at - 1 if at else None, node.message, sampled=node.sampled, tokens=node.tokens) for at, node in enumerate(branch)])
    return rows_of(Trace("", "", "", "", nodes), template, tools, hidden=hidden)


def rows_of(
    trace: Trace, template: Template, tools: Sequence[ToolSpec] = (), *, hidden: Hidden = "refuse", leaves: Sequence[int] | None = None
) -> Rendered:
    """The rows of a trace: a message that several branches share is owned once, on the first of them.

    Args:
        leaves: which branches; all when None.
    """
    found = Rendered()
    owned: set[int] = set()
    for leaf, path in paths(trace, leaves):
        building: _Building | None = None
        for piece in _pieces(trace, path, owned, template, tools, found, hidden):
            if building is None or not building.takes(piece):
                if building is not None:
                    found.rows.append(_row(trace, leaf, building))
                building = _Building(piece, template)
        if building is not None:
            found.rows.append(_row(trace, leaf, building))
    return found


def _pieces(
    trace: Trace, path: Sequence[int], owned: set[int], template: Template, tools: Sequence[ToolSpec], found: Rendered, hidden: Hidden
) -> Iterator[_Piece]:
    """The sampled messages of a branch that no earlier branch owns."""
    messages = [trace.nodes[index].message for index in path]
    for at, index in enumerate(path):
        node = trace.nodes[index]
        if not node.sampled or node.message.role != "assistant" or index in owned:
            continue
        owned.add(index)
        reason = unwritten(node.message) if node.tokens is None or not node.tokens.ids else None
        if reason is not None:
            found.missing[reason] += 1
            continue
        try:
            prompt = template.text(messages[:at], tools, prompt=True)
            if node.tokens is not None and node.tokens.ids:
                yield _Piece(index, prompt, template.said(node.tokens.ids), node.tokens.ids)
                continue
            made, gone = _written(messages[: at + 1], prompt, template, tools, hidden)
            text, ids = _with_end(made, messages, at, template, tools)
        except (ArtificerError, Unaligned) as error:
            found.missing[error.what if isinstance(error, ArtificerError) else str(error)] += 1
            continue
        found.shortened.update([*gone, *made.hidden])
        found.shortened.update(otherwise(messages[: at + 1], template))
        yield _Piece(index, prompt, text, ids)


def otherwise(messages: Sequence[Message], template: Template) -> Counter[str]:
    """What of the last message is told otherwise than it stands: ids of its calls, control tokens in its words."""
    last = messages[-1]
    said = f"{last.text}\n{last.reasoning or ''}"
    return renamed(messages, template.telling.ways) + Counter({SPACED: int(template.harmless(said) != said)})


def _written(
    messages: Sequence[Message], prompt: str, template: Template, tools: Sequence[ToolSpec], hidden: Hidden
) -> tuple[Written, tuple[str, ...]]:
    """The last message as it is written to the prompt, and what the prompt does not show.

    Raises:
        Unaligned: it is shown otherwise, not wholly, or behind results that are not shown: who learns to answer without them learns to invent.
    """
    gone = template.telling.gone(messages[:-1], tools)
    if hidden == "refuse" and RESULTS in gone:
        raise Unaligned(RESULTS)
    last = messages[-1]
    try:
        made = written(messages, prompt, template, tools)
    except Unaligned:
        if hidden == "refuse" or last.reasoning is None:
            raise
        made = written([*messages[:-1], Message(last.role, last.content, calls=last.calls)], prompt, template, tools)
        return made, (*gone, REASONING)
    if made.hidden and hidden == "refuse":
        raise Unaligned(made.hidden[0])
    return made, gone


def _with_end(found: Written, messages: Sequence[Message], at: int, template: Template, tools: Sequence[ToolSpec]) -> tuple[str, tuple[int, ...]]:
    """A message up to the token that ends its turn, also where that is the token which opens the next."""
    text = found.text[: found.size]
    if found.closed or at + 1 == len(messages):
        return text, found.ids
    more = template.text(messages[: at + 2], tools, prompt=False)
    following = template.ids(more[len(found.shown) :])[:1] if more.startswith(found.shown) else ()
    if not following or following[0] not in template.ends:
        return text, found.ids
    return text + template.said(following), found.ids + following


def _row(trace: Trace, leaf: int, building: _Building) -> Row:
    """A finished row with its streams."""
    size = len(building.ids)
    owner = [CONTEXT] * size
    weights: dict[str, list[float]] = {"loss": [0.0] * size}
    logprobs: list[float] | None = None
    for piece, start in building.pieces:
        end = start + len(piece.ids)
        owner[start:end] = [piece.node] * len(piece.ids)
        tokens = trace.nodes[piece.node].tokens
        weights["loss"][start:end] = [1.0] * len(piece.ids)
        if tokens is None or not tokens.ids:
            continue
        for name, stream in tokens.weights.items():
            weights.setdefault(name, [0.0] * size)[start:end] = stream
        if tokens.logprobs is not None:
            logprobs = logprobs if logprobs is not None else [0.0] * size
            logprobs[start:end] = tokens.logprobs
    return Row(
        trace.id,
        leaf,
        tuple(building.ids),
        tuple(owner),
        {name: tuple(stream) for name, stream in weights.items()},
        tuple(logprobs) if logprobs is not None else None,
    )
