"""Rules written as the short text that `text` reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from artificer.checks.constraints.rules import (
    Acceptable,
    Available,
    Calls,
    CallsOf,
    Format,
    Identifiers,
    Length,
    Order,
    Parallel,
    Parameters,
    Punctuation,
    Rounds,
    Rule,
    Together,
    Values,
)

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def write(rule: Rule) -> str:
    """A rule as short text, on one line; `text.read` gives it back."""
    words = _written(rule)
    return _text(rule) if words is None else " ".join(word for word in words if word)


def _written(rule: Rule) -> Sequence[str] | None:
    """The words of a rule; None when only JSON says it."""
    match rule:
        case Rounds() | Calls():
            return ("rounds" if isinstance(rule, Rounds) else "calls", _span(rule.least, rule.most))
        case CallsOf():
            names = list(dict.fromkeys([*rule.most, *rule.least]))
            told = [f"{_name(name)} {_span(rule.least.get(name, 0), rule.most.get(name))}" for name in names]
            return ("calls_of", ", ".join(told)) if 0 not in rule.least.values() else None
        case Order():
            chains = ", ".join(" > ".join(map(_name, chain)) for chain in rule.chains)
            return ("order", chains, "" if rule.first is None else f"if {_name(rule.first)}")
        case Together():
            return ("together", " or ".join(" + ".join(map(_name, group)) for group in rule.groups))
        case Parallel() | Length():
            return ("parallel" if isinstance(rule, Parallel) else "length", _span(rule.least, rule.most), rule.unit)
        case Available():
            return ("available", "" if rule.tools is None else ", ".join(map(_name, rule.tools)) or "nothing")
        case Acceptable():
            plain = all(value is None or isinstance(value, str | int) for value in rule.values)
            return (
                None if not plain else ("acceptable", _name(rule.attribute), ", ".join(map(_text, rule.values)), "or none" if rule.unlabelled else "")
            )
        case Parameters() | Values():
            return ("parameters" if isinstance(rule, Parameters) else "values",) if not rule.tools else None
        case Format():
            span = "" if (rule.least, rule.most) == (1, None) else _span(rule.least, rule.most)
            return ("format", rule.shape, span, ", ".join(map(_text, rule.keys)), "only" if rule.only else "")
        case Identifiers() | Punctuation():
            return _content(rule)


def _content(rule: Identifiers | Punctuation) -> Sequence[str]:
    match rule:
        case Identifiers():
            ends = [(word, text) for word, text in (("start", rule.start), ("end", rule.end)) if text is not None]
            more = [*(("include", text) for text in rule.include), *(("exclude", text) for text in rule.exclude)]
            return ("identifiers", *(f"{word} {_text(text)}" for word, text in (*ends, *more)))
        case Punctuation():
            return ("punctuation", f"end {_text(rule.end)}" if rule.end else "", f"exclude {_text(rule.exclude)}" if rule.exclude else "")


def _span(least: int, most: int | None) -> str:
    return str(least) if least == most else f"{least or ''}..{'' if most is None else most}"


_RESERVED = frozenset({"if", "or", "only", "nothing", "none", "tools", "calls", "words", "characters", "start", "end", "include", "exclude"})


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) and name not in _RESERVED and not name.isdecimal() else _text(name)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
