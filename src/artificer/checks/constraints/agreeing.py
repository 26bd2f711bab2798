"""Do the rules about the final answer agree with each other? Pairs of rules that no text can keep both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from artificer.checks.constraints.rules import Format, Identifiers, Length, Punctuation, Rule, Shape
from artificer.checks.constraints.templates import template

Clash = tuple[tuple[int, ...], str]
_NEEDS: dict[Shape, str] = {"json": "{}", "table": "|-", "bold": "*", "code": "`~", "headings": "#"}
"""Marks that a shape cannot do without (of code, one of them)."""
_LINES: tuple[Shape, ...] = ("bullets", "numbered", "headings", "table")
"""Shapes of which each piece is a line of its own, and which no JSON object has."""


def clashes(rules: Sequence[Rule]) -> Iterator[Clash]:
    """Rules, by index, that cannot be kept together, and why."""
    about = [(at, rule) for at, rule in enumerate(rules) if isinstance(rule, Length | Format | Identifiers | Punctuation)]
    for at, rule in about:
        why = _alone(rule)
        if why:
            yield (at,), why
    for (at, one), (to, other) in combinations(about, 2):
        why = _clash(one, other) or _clash(other, one)
        if why:
            yield (at, to), why


def _alone(rule: Rule) -> str:
    if isinstance(rule, Identifiers):
        for barred in rule.exclude:
            for asked in _asked(rule):
                if template(barred).fits(asked):
                    return f"{asked!r} must be there and holds {barred!r}, which must not"
    if isinstance(rule, Format) and rule.shape == "json" and rule.most == 0:
        return "it asks for no JSON object in a JSON object"
    return ""


def _clash(one: Rule, other: Rule) -> str:
    """Why two rules cannot both be kept, looked at from the first."""
    match one, other:
        case Length(), Length():
            return _lengths(one, other)
        case Length(), Identifiers():
            shortest = max((template(text).shortest for text in (other.start, other.end, *other.include) if text is not None), default=0)
            return f"{shortest} characters are asked for, of at most {one.most}" if one.unit == "characters" and _over(shortest, one.most) else ""
        case Length(), Format(shape="json"):
            shortest = 2 + sum(len(key) + 4 for key in other.keys)
            return f"a JSON object of {shortest} characters, of at most {one.most}" if one.unit == "characters" and _over(shortest, one.most) else ""
        case Format(), Format():
            return _shapes(one, other)
        case Format(shape="json"), Identifiers():
            return _json_within(other)
        case Format(shape="json"), Punctuation(end=end) if end and "}" not in end:
            return "a JSON object ends with '}'"
        case Format(), Punctuation():
            needs = _NEEDS.get(one.shape, "")
            barred = [mark for mark in needs if mark in other.exclude]
            both = len(barred) == len(needs) if one.shape == "code" else bool(barred)
            return f"{one.shape} needs the mark {barred[0]!r}, which must not be used" if one.least and barred and both else ""
        case Identifiers(), Identifiers():
            return _identifiers(one, other)
        case Identifiers(), Punctuation():
            return _marks(one, other)
        case Punctuation(), Punctuation():
            left = (set(one.end) & set(other.end) if other.end else set(one.end)) - set(one.exclude) - set(other.exclude)
            return "no mark is left to end with" if one.end and not left else ""
        case _:
            return ""


def _over(size: int, most: int | None) -> bool:
    return most is not None and size > most


def _lengths(one: Length, other: Length) -> str:
    if one.unit == other.unit:
        return f"at least {one.least} and at most {other.most} {one.unit}" if _over(one.least, other.most) else ""
    if one.unit == "words" and one.least and _over(2 * one.least - 1, other.most):
        return f"{one.least} words have at least {2 * one.least - 1} characters, of at most {other.most}"
    return ""


def _shapes(one: Format, other: Format) -> str:
    if one.shape == other.shape:
        if _over(one.least, other.most):
            return f"at least {one.least} and at most {other.most} {one.shape}"
        extra = set(other.keys) - set(one.keys)
        return f"the JSON object may not have the key {sorted(extra)[0]!r}" if one.shape == "json" and one.only and extra else ""
    if one.shape == "json" and other.shape in _LINES and other.least:
        return f"a JSON object has no {other.shape}"
    if one.shape == "lines" and other.shape in (*_LINES, "paragraphs") and _over(other.least, one.most):
        return f"{other.least} {other.shape} take as many lines, of at most {one.most}"
    return ""


def _json_within(rule: Identifiers) -> str:
    if rule.start is not None and rule.start[0] != "{":
        return f"a JSON object does not begin with {rule.start!r}"
    if rule.start is not None and not rule.start.startswith("{{") and not rule.start.startswith("{text}"):
        return f"a JSON object does not begin with {rule.start!r}"
    if rule.end is not None and not rule.end.endswith(("}}", "{text}", "{mark}")):
        return f"a JSON object does not end with {rule.end!r}"
    return ""


def _identifiers(one: Identifiers, other: Identifiers) -> str:
    for barred in one.exclude:
        hit = next((asked for asked in _asked(other) if template(barred).fits(asked)), None)
        if hit is not None:
            return f"{hit!r} must be there and holds {barred!r}, which must not"
    for where, a, b in (("begin", one.start, other.start), ("end", one.end, other.end)):
        if a is not None and b is not None and not _holes(a) and not _holes(b):
            fits = a.startswith(b) or b.startswith(a) if where == "begin" else a.endswith(b) or b.endswith(a)
            if not fits:
                return f"it cannot {where} with both {a!r} and {b!r}"
    return ""


def _marks(one: Identifiers, other: Punctuation) -> str:
    for mark in other.exclude:
        hit = next((asked for asked in _asked(one) if mark in asked), None)
        if hit is not None:
            return f"{hit!r} must be there and holds {mark!r}, which must not be used"
    if one.end is None or not other.end or one.end.endswith(("{text}", "{mark}")):
        return ""
    last = "" if one.end.endswith("}") and not one.end.endswith("}}") else one.end[-1]
    return "" if last and last in other.end else f"what ends with {one.end!r} ends with none of {other.end!r}"


def _asked(rule: Identifiers) -> list[str]:
    """Texts that must be there word for word."""
    return [text for text in (rule.start, rule.end, *rule.include) if text is not None and not _holes(text)]


def _holes(text: str) -> bool:
    return "{" in text or "}" in text
