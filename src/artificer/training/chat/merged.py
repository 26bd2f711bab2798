"""One row a branch: the template's rendering of the finished conversation, with the sampled messages found in it.

This is what most trainers make. It is shorter than `rows`, and where a template changes earlier turns it is not what the
model saw: a message is learnt behind a context that it was not written in, or stands there without its thought. What of
a branch is learnt and what is not is said. A message is looked for by what opens its turn and what it is, behind the one
before; what a conversation says cannot form the control tokens that open a turn.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.training.chat.aligning import JOINED, REASONING, Unaligned, written
from artificer.training.chat.rows import CONTEXT, Hidden, Rendered, Row, otherwise, paths
from artificer.training.chat.telling import CALLS, TOOLS, unwritten
from artificer.training.chat.template import Template

EMPTY = "the empty thought in front of a message: the finished conversation does not show it"
ELSEWHERE = "the context in which a message was written: the finished conversation shows it otherwise"
_NOTED = frozenset({TOOLS, CALLS, EMPTY, ELSEWHERE})
"""What is said of a message that is learnt all the same."""
_MARK = 256
"""Letters within which the mark of a turn's end stands whole."""
_THOUGHT = re.compile(r"<(\w+)>(.*?)</\1>", re.DOTALL)


def merged_of(
    trace: Trace, template: Template, tools: Sequence[ToolSpec] = (), *, hidden: Hidden = "refuse", leaves: Sequence[int] | None = None
) -> Rendered:
    """One row for each branch. A message that several branches share is owned in the first row that has it.

    Args:
        hidden: what becomes of a message that stands there without its reasoning, or without its text beside calls.
        leaves: which branches; all when None.
    """
    found = Rendered()
    owned: set[int] = set()
    for leaf, path in paths(trace, leaves):
        messages = [trace.nodes[index].message for index in path]
        wanted = {at for at, index in enumerate(path) if trace.nodes[index].sampled and messages[at].role == "assistant" and index not in owned}
        if not wanted:
            continue
        try:
            text = template.text(messages, tools, prompt=False)
        except ArtificerError as error:
            found.missing[error.what] += len(wanted)
            continue
        spans = _spans(text, messages, wanted, template, tools, found, hidden)
        try:
            if spans:
                found.rows.append(_row(trace, leaf, [(path[at], start, end) for at, start, end in spans], text, template))
                owned.update(path[at] for at, _, _ in spans)
        except Unaligned as error:
            found.missing[str(error)] += len(spans)
    return found


def _spans(
    text: str, messages: Sequence[Message], wanted: Collection[int], template: Template, tools: Sequence[ToolSpec], found: Rendered, hidden: Hidden
) -> list[tuple[int, int, int]]:
    """Where wanted messages stand in the text: (message, start, end), in order. The others of the assistant are looked for too, so that none is
    taken for another that reads the same.
    """
    spans: list[tuple[int, int, int]] = []
    behind = 0
    for at, message in enumerate(messages):
        if message.role != "assistant":
            continue
        reason = unwritten(message) or "a message stands otherwise in the finished conversation"
        try:
            place = _place(text, behind, messages, at, template, tools) if unwritten(message) is None else None
        except (ArtificerError, Unaligned) as error:
            place, reason = None, error.what if isinstance(error, ArtificerError) else str(error)
        if place is None:
            if at in wanted:
                found.missing[reason] += 1
            continue
        behind = place[1]
        refused = [one for one in place[2] if one not in _NOTED]
        if at in wanted and refused and hidden == "refuse":
            found.missing[refused[0]] += 1
        elif at in wanted:
            found.shortened.update(place[2])
            found.shortened.update(otherwise(messages[: at + 1], template))
            spans.append((at, place[0], place[1]))
    return spans


def _place(
    text: str, behind: int, messages: Sequence[Message], at: int, template: Template, tools: Sequence[ToolSpec]
) -> tuple[int, int, list[str]] | None:
    """Where a message stands, and what of it is not there; None when it cannot be found."""
    message = messages[at]
    bare = Message(message.role, message.content, None, message.calls)
    prompt = template.text(messages[:at], tools, prompt=True)
    for one in (message,) if message.reasoning is None else (message, bare):
        made = written([*messages[:at], one], prompt, template, tools)
        said = made.text[: made.size]
        for part in _forms(said, message):
            start = text.find(made.opening + part, behind)
            if part and start >= 0:
                begins = start + len(made.opening)
                gone = [] if not message.reasoning or message.reasoning.strip() in part else [REASONING]
                gone += [one for one in made.hidden if one != REASONING]
                gone += [EMPTY] if part != said and not message.reasoning else []
                gone += [ELSEWHERE] if text[:begins] != prompt else []
                end = begins + len(part)
                return begins, end if made.closed else _ended(text, end, template), [*gone, *template.telling.gone(messages[:at], tools)]
    return None


def _ended(text: str, end: int, template: Template) -> int:
    """Where a message ends with the token that ends its turn, where that is the one which opens the next."""
    following = template.ids(text[end : end + _MARK])[:1]
    return end + len(template.said(following)) if following and following[0] in template.ends else end


def _forms(said: str, message: Message) -> list[str]:
    """A message as it was written, and as it may stand when it is history: without its thought, and the white space behind that."""
    thought = _THOUGHT.match(said)
    if thought is None or (message.reasoning is None and thought[2].strip()):
        return [said]
    rest = said[thought.end() :]
    return [said, rest, rest.lstrip("\r\n"), rest.lstrip()]


def _row(trace: Trace, leaf: int, spans: Sequence[tuple[int, int, int]], text: str, template: Template) -> Row:
    """The row: the text encoded in the pieces that the spans make of it, as it was when the model began to write.

    Raises:
        Unaligned: the tokenizer makes tokens that lie across their borders.
    """
    ids: list[int] = []
    owner: list[int] = []
    at = 0
    for index, start, end in (*spans, (CONTEXT, len(text), len(text))):
        for begins, ends, whose in ((at, start, CONTEXT), (start, end, index)):
            made = template.behind(text[:begins], text[begins:ends])
            if made is None:
                raise Unaligned(JOINED)
            ids += made
            owner += [whose] * len(made)
        at = end
    return Row(trace.id, leaf, tuple(ids), tuple(owner), {"loss": tuple([float(whose != CONTEXT) for whose in owner])})
