"""Response rules: what a final answer must be. Only its words count, without what stands between `<think>` tags."""

from __future__ import annotations

import re

from artificer.checks.constraints.rules import Format, Identifiers, Length, Punctuation, Rule
from artificer.checks.constraints.shapes import misshapen
from artificer.checks.constraints.templates import LONGEST, Where, template
from artificer.checks.constraints.values import shown

LARGEST = 1_000_000
"""Characters of an answer that are read for its shape and content; a longer one has neither."""
_THINK = re.compile(r"<(/?)think>", re.IGNORECASE)
Told = tuple[str, str]
"""What is not kept, in a word, and a sentence."""


def answer(text: str) -> str:
    """The words of an answer: thoughts cut out, and trimmed. A thought that is never closed is left."""
    kept: list[str] = []
    start = at = 0
    thinking = False
    for tag in _THINK.finditer(text):
        if not tag.group(1) and not thinking:
            kept.append(text[at : tag.start()])
            start, at, thinking = tag.start(), tag.start(), True
        elif tag.group(1) and thinking:
            at, thinking = tag.end(), False
    kept.append(text[start if thinking else at :])
    return "".join(kept).strip()


def unanswered(text: str, rule: Rule) -> list[Told]:
    """What a final answer, trimmed, does not keep of a rule; nothing for rules that ask nothing of answers."""
    if isinstance(rule, Length):
        return _length(text, rule)
    if not isinstance(rule, Format | Identifiers | Punctuation):
        return []
    if len(text) > LARGEST:
        name = "format" if isinstance(rule, Format) else "content"
        return [(name, f"the final answer has {len(text)} characters; more than {LARGEST} are not read")]
    if isinstance(rule, Format):
        why = misshapen(text, rule)
        return [] if why is None else [("format", f"the final answer must have the form that was asked for: {why}")]
    return _identifiers(text, rule) if isinstance(rule, Identifiers) else _punctuation(text, rule)


def _length(text: str, rule: Length) -> list[Told]:
    size = len(text) if rule.unit == "characters" else len(text.split())
    if size < rule.least:
        return [("min length", f"the final answer has {size} {rule.unit}, and must have at least {rule.least}")]
    if rule.most is not None and size > rule.most:
        return [("max length", f"the final answer has {size} {rule.unit}, and may have at most {rule.most}")]
    return []


def _identifiers(text: str, rule: Identifiers) -> list[Told]:
    asked: list[tuple[str | None, Where, bool, str]] = [(rule.start, "start", True, "begin with"), (rule.end, "end", True, "end with")]
    asked.extend((one, "anywhere", True, "contain") for one in rule.include)
    asked.extend((one, "anywhere", False, "not contain") for one in rule.exclude)
    return [
        ("identifiers", f"the final answer must {words} {shown(one, LONGEST)}")
        for one, where, wanted, words in asked
        if one is not None and template(one).fits(text, where) != wanted
    ]


def _punctuation(text: str, rule: Punctuation) -> list[Told]:
    found: list[Told] = []
    if rule.end and not text.endswith(tuple(rule.end)):
        found.append(("punctuation", f"the final answer must end with {' or '.join(shown(mark) for mark in rule.end)}"))
    found += [("punctuation", f"the final answer must not use {shown(mark)}") for mark in rule.exclude if mark in text]
    return found
