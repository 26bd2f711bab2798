"""Form: is a response written as its protocol asks? Looks at what the agent wrote and at nothing else: not at the prompt (whose
demonstrations carry the same tags; a trap in ICRL's code, 18), not at results, not at a reference.

A response is read once, from left to right, into pairs of tags. Tags inside a pair are its content: a call written while
thinking is no call. Everything is linear in the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from artificer.checks.answers.extract import boxed
from artificer.checks.rewards.base import Rollout, Term, term
from artificer.checks.rewards.steps import steps
from artificer.core.trace import Node

_TAG = re.compile(r"<(/?)([A-Za-z_][A-Za-z0-9_.-]{0,40})>")
_MOST_TAGS = 10_000
"""Known tags that are read; a response with more is not well formed, whatever follows."""
_TOO_MANY = "one tag too many"
_RESULT = re.compile(r"<(/?(?:result|response|information))>")
_NATIVE = ("tool_call", "result")
"""What `written` makes of calls and results that are no text: known to every form."""
MOST_ANSWERS = 10
"""Search-R1's manager in VerlTool (30, code) divides by 4 what more than ten answer tags earn."""


class Pair(Struct, frozen=True):
    """One pair of tags: its name, where it begins and ends in the text, and what stands between."""

    name: str
    start: int
    end: int
    inner: str


class Reading(Struct, frozen=True):
    """A response, read.

    Args:
        pairs: from left to right.
        nested: known tags within other pairs, e.g. `search in think`.
        unpaired: known tags that were closed but not opened, or opened but not closed.
        loose: text between pairs, without white space.
        opened: how often each tag was opened, anywhere. closed: closed.
    """

    pairs: tuple[Pair, ...]
    nested: tuple[str, ...]
    unpaired: tuple[str, ...]
    loose: str
    opened: dict[str, int]
    closed: dict[str, int]

    def of(self, name: str) -> list[Pair]:
        return [pair for pair in self.pairs if pair.name == name]


def read(text: str, known: Sequence[str] | None = None) -> Reading:
    """Reads a response. `known`: the tags that count, all when None."""
    names = None if known is None else frozenset(known)
    pairs: list[Pair] = []
    nested: dict[str, None] = {}
    unpaired: dict[str, None] = {}
    loose: list[str] = []
    opened: Counter[str] = Counter()
    closed: Counter[str] = Counter()
    inside: tuple[str, int, int] | None = None  # name, start, start of its content
    at = count = 0
    for found in _TAG.finditer(text):
        name, closes = found[2], bool(found[1])
        if names is not None and name not in names:
            continue
        count += 1
        if count > _MOST_TAGS:
            unpaired[_TOO_MANY] = None
            break
        (closed if closes else opened)[name] += 1
        if inside is not None:
            if closes and name == inside[0]:
                pairs.append(Pair(name, inside[1], found.end(), text[inside[2] : found.start()]))
                inside, at = None, found.end()
            else:
                nested[f"{name} in {inside[0]}"] = None
            continue
        loose.append(text[at : found.start()].strip())
        at = found.end()
        if closes:
            unpaired[f"</{name}>"] = None
        else:
            inside = (name, found.start(), found.end())
    if inside is not None:
        unpaired[f"<{inside[0]}>"] = None
    loose.append(text[at:].strip())
    return Reading(tuple(pairs), tuple(nested), tuple(unpaired), "".join(loose), dict(opened), dict(closed))


class Form(Struct, frozen=True, omit_defaults=True):
    """What a response must look like.

    Args:
        known: the protocol's tags.
        needs: at least one pair of each, with something in it.
        once: exactly one pair of each, with something in it.
        follows: after each pair of the first kind comes one of the second, e.g. (search, result).
        begins, ends: the first and the last pair.
        loose: whether text may stand between pairs.
        boxed: in this pair stands a `\\boxed{...}`.
        longest: the answer is shorter than this many characters; 0 for no limit.
        counted: only the numbers of opening and closing tags are compared, as some sources do; not how they pair.
    """

    known: tuple[str, ...]
    needs: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    follows: tuple[tuple[str, str], ...] = ()
    begins: str = ""
    ends: str = ""
    loose: bool = True
    boxed: str = ""
    longest: int = 0
    counted: bool = False


TOOL_STAR = Form(
    ("think", "search", "python", "result", "answer"),
    needs=("think",),
    once=("answer",),
    follows=(("search", "result"), ("python", "result"), ("tool_call", "result")),
    boxed="answer",
)
"""Tool-Star (04, code)."""
TAPO = Form(("think", "search", "code", "response", "answer"), needs=("answer",), ends="answer")
"""TAPO (22, code): a walk over pairs of the allowed tags, ending with the answer. Loose text passes, since the code seeks rather
than matches; `msgspec.structs.replace(TAPO, loose=False)` is the strict form."""
DEEPEYES = Form(("think", "answer"), needs=("answer",), longest=1000, counted=True)
"""DeepEyes (08, code): equal numbers of tags, an answer of less than 1,000 characters."""
DEEPEYES_V2 = Form(("think", "code", "tool_call", "answer"), needs=("think", "answer"), longest=300)
"""DeepEyesV2 (56, code): tags present and balanced, an answer of less than 300 characters. (`code` need not occur: our reading.)"""
THINKS_FIRST = Form(("think",), once=("think",), begins="think")
"""VerlTool's think-format (30, code): one pair, at the beginning."""
ANSWERS_LAST = Form(("answer",), once=("answer",), ends="answer")
"""VerlTool's answer-format (30, code): one pair, at the end."""


def faults(text: str, form: Form) -> tuple[str, ...]:
    """What is wrong with a response, in words; nothing when it is well formed."""
    found = read(text, (*form.known, *_NATIVE))
    wrong = [_TOO_MANY] if _TOO_MANY in found.unpaired else []
    if form.counted:
        names = {*found.opened, *found.closed}
        wrong += [f"{name}: opened and closed unequally" for name in sorted(names) if found.opened.get(name, 0) != found.closed.get(name, 0)]
    else:
        wrong += [f"{tag} stands alone" for tag in found.unpaired if tag != _TOO_MANY] + list(found.nested)
    for name in (*form.needs, *form.once):
        pairs = found.of(name)
        if not any(pair.inner.strip() for pair in pairs):
            wrong.append(f"no {name}")
        elif name in form.once and len(pairs) > 1:
            wrong.append(f"{len(pairs)} times {name}")
    wrong += _order(text, found, form)
    if not form.loose and found.loose:
        wrong.append("text between the tags")
    if form.boxed and not any(boxed(pair.inner) for pair in found.of(form.boxed)[-1:]):
        wrong.append(f"no boxed answer in {form.boxed}")
    if form.longest and any(len(pair.inner) >= form.longest for pair in found.of("answer")):
        wrong.append("the answer is too long")
    return tuple(wrong)


def _order(text: str, found: Reading, form: Form) -> list[str]:
    wrong: list[str] = []
    for first, second in form.follows:
        for place, pair in enumerate(found.pairs):
            after = found.pairs[place + 1].name if place + 1 < len(found.pairs) else ""
            if pair.name == first and after != second:
                wrong.append(f"{first} without {second}")
                break
    if form.begins and not (found.pairs and found.pairs[0].name == form.begins and not text[: found.pairs[0].start].strip()):
        wrong.append(f"does not begin with {form.begins}")
    if form.ends and not (found.pairs and found.pairs[-1].name == form.ends and not text[found.pairs[-1].end :].strip()):
        wrong.append(f"does not end with {form.ends}")
    return wrong


class Deductions(Struct, frozen=True):
    """What each fault costs; the values are ICRL's (18, code)."""

    no_answer: float = 0.5
    answer_unbalanced: float = 0.2
    no_think: float = 0.15
    think_unbalanced: float = 0.1
    no_search: float = 0.1
    empty_answer: float = 0.2


def deducted(text: str, costs: Deductions | None = None) -> float:
    """fmt = 1 - 0.5 [no answer tag] - 0.2 [answer tags unbalanced] - 0.15 [no think tag] - 0.1 [think tags unbalanced]
    - 0.1 [no search] - 0.2 [the answer's text is empty], at least 0 (ICRL, 18).

    The answer's text without tags is the last line. Ours: an empty response, or one of more tags than are read, is worth 0;
    a search counts only as a pair of its own with something in it, not inside another; unbalanced also means that pairs do
    not match.
    """
    cost = costs or Deductions()
    if not text.strip():
        return 0.0
    found = read(text, ("think", "search", "information", "answer"))
    if _TOO_MANY in found.unpaired:
        return 0.0
    tagged = {name for name in ("think", "answer") if found.opened.get(name) and found.closed.get(name)}
    answers = found.of("answer")
    said = answers[-1].inner if answers else "" if "answer" in tagged else _last_line(text)
    value = 1.0 - cost.no_answer * ("answer" not in tagged) - cost.no_think * ("think" not in tagged)
    value -= cost.answer_unbalanced * _unbalanced(found, "answer") + cost.think_unbalanced * _unbalanced(found, "think")
    value -= cost.no_search * (not any(pair.inner.strip() for pair in found.of("search"))) + cost.empty_answer * (not said.strip())
    return max(0.0, value)


def _unbalanced(found: Reading, name: str) -> bool:
    pairs = len(found.of(name))
    return found.opened.get(name, 0) != pairs or found.closed.get(name, 0) != pairs


def _last_line(text: str) -> str:
    return text.rstrip().rsplit("\n", 1)[-1]


def spammed(text: str, *, most: int = MOST_ANSWERS) -> float:
    """A factor: 1/4 where more than `most` answer tags are opened or closed, else 1 (VerlTool's Search-R1 manager, 30, code)."""
    found = read(text, ("answer",))
    return 0.25 if max(found.opened.get("answer", 0), found.closed.get("answer", 0)) > most else 1.0


def written(nodes: Sequence[Node]) -> str:
    """What the agent wrote, as one text. Its reasoning stands between `<think>`, each call between `<tool_call>`, each result is an
    empty `<result>`: what tools and users say is not the agent's form, and cannot break it. A result that the agent wrote
    itself is marked as invented and is none.
    """
    pieces: list[str] = []
    for step in steps(nodes):
        message = nodes[step.at].message
        if message.reasoning:
            pieces.append(f"<think>{message.reasoning}</think>")
        pieces.append(_RESULT.sub(r"<\1.invented>", message.text))
        results = step.end - step.at - 1
        for place in range(max(len(message.calls), results)):
            pieces += [f"<tool_call>{message.calls[place].name}</tool_call>"] if place < len(message.calls) else []
            pieces += ["<result></result>"] if place < results else []
    return "\n".join(piece for piece in pieces if piece)


def formed(form: Form, *, name: str = "form", good: float = 1.0, bad: float = 0.0) -> Term:
    """`good` when a response is well formed, else `bad`."""

    def look(rollout: Rollout) -> float:
        return bad if faults(written(rollout.nodes), form) else good

    return term(name, look)


def strict(form: Form) -> Form:
    """A form without its source's leniencies: tags pair up, and no text stands between them."""
    return msgspec.structs.replace(form, counted=False, loose=False)
