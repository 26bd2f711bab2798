"""One grader for answers of every kind, by rules that a task states or that the reference's own form suggests.

`choice`: a single letter. `number`: an amount, see `quantities`. `date`: any usual way to write it. `list` and `set`: elements one by one, in order
or in any, each graded by its own kind; the score is their F1. `json`: equal values, or with keys the F1 of its cells. `maths`: equal
expressions. `text`: exact after normalisation; the score is the token F1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, cast

from msgspec import Struct

from artificer.checks.answers.extract import decoded
from artificer.checks.answers.maths import Mathematician
from artificer.checks.answers.quantities import close, quantity
from artificer.checks.answers.text import exact_match, normalised, token_f1
from artificer.checks.values import clip, fold, same, shown, written_dates
from artificer.core.canon import Json, canonical

Kind = Literal["choice", "number", "date", "list", "set", "json", "maths", "text"]
_CHOICE = re.compile(r"\(?([A-Za-z])\)?[.:)]?(?:\s.{0,200})?", re.DOTALL)
_LETTER = re.compile(r"[A-E]")
_SPLIT = re.compile(r"\s*(?:,(?!\d{3}(?!\d))|;|\n|\band\b|、)\s*")
_MOST = 1000
"""Elements of a list that are compared."""


class Rule(Struct, frozen=True):
    """How answers are compared.

    Args:
        kind: None: by the reference's own form, see `kind_of`.
        rel: relative tolerance of numbers; ToolComp's graders allow 0.1, ToRA's 1e-4.
        percent: forgive a factor of 100.
    """

    kind: Kind | None = None
    rel: float = 1e-4
    percent: bool = False


class Grade(Struct, frozen=True):
    """`right` is the verdict; `score` in [0, 1] gives credit for parts."""

    kind: Kind
    right: bool
    score: float
    why: str = ""


def kind_of(gold: Json) -> Kind:
    """The kind that a reference's form suggests."""
    if isinstance(gold, bool) or gold is None:
        return "text"
    if isinstance(gold, (int, float)):
        return "number"
    if isinstance(gold, list):
        return "list"
    if isinstance(gold, dict):
        return "json"
    text = gold.strip()
    parsed = decoded(text)
    if parsed is not None:
        return "list" if isinstance(parsed, list) else "json"
    if _LETTER.fullmatch(text):
        return "choice"
    if written_dates(text):
        return "date"
    if quantity(text) is not None:
        return "number"
    return "maths" if text.startswith(("$", "\\")) else "text"


def grade(answer: str, gold: Json, rule: Rule = Rule(), mathematician: Mathematician | None = None) -> Grade:  # noqa: B008
    """Compares an answer with its reference.

    Args:
        answer: the final answer, not a whole reply: see `final_answer`.
        gold: as text or as JSON.
        mathematician: for `maths`; without one only what is literally equal is right.
    """
    kind = rule.kind or kind_of(gold)
    if kind in ("list", "set"):
        return _elements(answer, gold, kind, rule, mathematician)
    if kind == "json":
        return _cells(answer, gold, rule, mathematician)
    text = gold if isinstance(gold, str) else _written(gold)
    if kind == "choice":
        said = _CHOICE.fullmatch(answer.strip())
        return _graded(kind, said is not None and said[1].upper() == text.strip().upper(), answer, text)
    if kind == "number":
        got, wanted = quantity(answer), quantity(text)
        if got is None or wanted is None:
            return Grade(kind, False, 0.0, f"{clip(answer)!r} is no single amount" if wanted is not None else f"the reference {clip(text)!r} is none")
        return _graded(kind, close(got, wanted, rel=rule.rel, percent=rule.percent), answer, text)
    if kind == "date":
        return _graded(kind, fold(answer.strip().rstrip(".")) in written_dates(text), answer, text)
    if kind == "maths":
        same_text = answer.strip(" $") == text.strip(" $")
        return _graded(kind, same_text or (mathematician is not None and mathematician.same(answer, text)), answer, text)
    right = exact_match(answer, [text])
    return Grade("text", right, 1.0 if right else token_f1(answer, [text]), "" if right else f"{clip(answer)!r}, not {clip(text)!r}")


def _graded(kind: Kind, right: bool, answer: str, gold: str) -> Grade:
    return Grade(kind, right, float(right), "" if right else f"{clip(answer)!r}, not {clip(gold)!r}")


def _written(value: Json) -> str:
    """A value as an answer would state it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    try:
        return canonical(value).decode()
    except (ValueError, TypeError, OverflowError, RecursionError):  # what JSON cannot write: lone surrogates, endless nesting
        return shown(value)


def _listed(value: Json) -> list[Json]:
    """The elements of a list as data or as people write it."""
    parsed = decoded(value) if isinstance(value, str) else value
    if isinstance(parsed, list):
        return cast("list[Json]", parsed)[:_MOST]
    text = value.strip().strip("[](){}") if isinstance(value, str) else _written(value)
    return [part.strip("\"' ") for part in _SPLIT.split(text[:100_000]) if part.strip("\"' ")][:_MOST]


def _elements(answer: str, gold: Json, kind: Kind, rule: Rule, mathematician: Mathematician | None) -> Grade:
    got, wanted = _listed(answer), _listed(gold)
    each = Rule(None, rule.rel, rule.percent)

    def fits(one: Json, other: Json) -> bool:
        return grade(_written(one), other, each, mathematician).right

    hits = sum(fits(one, other) for one, other in zip(got, wanted, strict=False)) if kind == "list" else _matched(got, wanted, fits)
    right = hits == len(wanted) == len(got)
    score = 2 * hits / (len(got) + len(wanted)) if got or wanted else 1.0
    return Grade(kind, right, score, "" if right else f"{hits} of {len(wanted)} elements, {len(got)} given")


def _matched(got: Sequence[Json], wanted: Sequence[Json], fits: Callable[[Json, Json], bool]) -> int:
    """How many elements can be paired, each once; exact ones first, so that near ones do not take their places."""
    waiting = Counter(normalised(_written(one)) for one in got)
    left: list[Json] = []
    hits = 0
    for other in wanted:
        key = normalised(_written(other))
        if waiting[key] > 0:
            waiting[key] -= 1
            hits += 1
        else:
            left.append(other)
    rest: list[Json] = []
    for one in got:
        key = normalised(_written(one))
        if waiting[key] > 0:
            waiting[key] -= 1
            rest.append(one)
    rest = rest[:200]
    for other in left[:200]:
        found = next((at for at, one in enumerate(rest) if fits(one, other)), None)
        if found is not None:
            rest.pop(found)
            hits += 1
    return hits


def _cells(answer: str, gold: Json, rule: Rule, mathematician: Mathematician | None) -> Grade:
    wanted = decoded(gold) if isinstance(gold, str) else gold
    got = decoded(answer)
    if same(got, wanted):
        return Grade("json", True, 1.0)
    if not isinstance(wanted, dict) or not isinstance(got, dict):
        return Grade("json", False, 0.0, f"{clip(answer)!r} is no object like the reference")
    each = Rule(None, rule.rel, rule.percent)
    cells, said = cast("dict[str, Json]", wanted), cast("dict[str, Json]", got)

    def agrees(name: str, value: Json) -> bool:
        return name in said and (same(said[name], value) or grade(_written(said[name]), value, each, mathematician).right)

    right = [name for name, value in cells.items() if agrees(name, value)]
    wrong, extra = sorted(set(cells) - set(right)), sorted(set(said) - set(cells))
    score = 2 * len(right) / (len(cells) + len(said)) if cells or said else 1.0
    told = [f"{title}: {', '.join(names[:5])}" for title, names in (("wrong", wrong), ("not asked for", extra)) if names]
    return Grade("json", not wrong and not extra, score, clip("; ".join(told), 200))
