"""Was the user told what had to be told?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.values import clip, fold, numbers, occurs, written_dates
from artificer.core.verdicts import CheckResult, ErrorKind

_SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ZEROS = re.compile(r"(\d\.\d*?)0+(?!\d)")
_BARE_POINT = re.compile(r"(?<=\d)\.(?!\d)")
_AMOUNT = re.compile(r"[^\w\s.,-]?\s?([-\u2212]?\d[\d.,]*)\s?[^\w\s.,-]?")


class Told(Struct, frozen=True):
    """For every entry of every want's `tell`, the assistant said one of the alternatives, after the user had spoken.

    Words are compared without case and at word boundaries (unlike the substring rule of tau2-bench, "12345" does not
    tell 1234). Numbers may be formatted otherwise ("1,234.50" tells 1234.5, "$5" tells 5.00), ISO dates may be
    written out. `numbers`: `facts` to tell and those `told`; the score is their ratio. Kind: `not_told`.
    """

    name: str = "told"

    async def __call__(self, episode: Episode) -> CheckResult:
        entries = sum(len(want.tell) for want in episode.task.goal.wants)
        missing = untold(episode)
        told = entries - len(missing)
        return CheckResult(
            name=self.name,
            score=told / entries if entries else 1.0,
            passed=not missing,
            evidence=tuple(
                f"want {index}: nothing the assistant said tells {' or '.join(repr(clip(option)) for option in entry[:4])}"
                for index, entry in missing[:20]
            ),
            kinds=(ErrorKind.not_told,) if missing else (),
            numbers={"facts": entries, "told": told},
        )


def untold(episode: Episode) -> list[tuple[int, tuple[str, ...]]]:
    """The wants, by index, and the entries of theirs that nothing the assistant said tells."""
    entries = [(index, entry) for index, want in enumerate(episode.task.goal.wants) for entry in want.tell]
    texts: list[str] = []
    begun = False
    for node in episode.nodes if entries else ():
        begun = begun or node.message.role == "user"
        if begun and node.message.role == "assistant" and node.message.content:
            texts.append(fold(node.message.text))
    return [(index, entry) for index, entry in entries if not tells(texts, entry)]


def tells(folded: Sequence[str], alternatives: Sequence[str]) -> bool:
    """Whether one of the (folded) texts says one of the alternatives."""
    options = [fold(option).strip() for option in alternatives]
    if any(occurs(text, option) and not _inside_number(text, option) for option in options for text in folded):
        return True
    for option in options:
        amount = _AMOUNT.fullmatch(option)
        values = numbers(amount[1]) if amount is not None else set[float]()
        forms = written_dates(option.upper())
        plain = _plain(option) if any(letter.isdigit() for letter in option) else None
        for text in folded:
            if values and values & numbers(text):
                return True
            if any(occurs(text, form) for form in forms):
                return True
            if plain is not None and _occurs_plain(_plain(text), plain):
                return True
    return False


def _inside_number(text: str, option: str) -> bool:
    """Whether an option of digits stands in `text` only as a piece of other numbers: "5" in "1.5", "12" in "12,000"."""
    return option[-1:].isdigit() and not _occurs_plain(_plain(text), _plain(option))


def _occurs_plain(text: str, option: str) -> bool:
    at = text.find(option)
    for _ in range(1000):
        if at < 0:
            return False
        before, after = text[max(0, at - 2) : at], text[at + len(option) : at + len(option) + 2]
        joined = (option[0].isalnum() and before[-1:].isalnum()) or (option[-1].isalnum() and after[:1].isalnum())
        pieced = (option[0].isdigit() and re.fullmatch(r"\d\.", before)) or (option[-1].isdigit() and re.fullmatch(r"\.\d", after))
        if not joined and not pieced:
            return True
        at = text.find(option, at + 1)
    return False


@lru_cache(maxsize=256)
def _plain(text: str) -> str:
    """Text with its numbers in one form: no thousands separators, no trailing zeros after the point."""
    return _BARE_POINT.sub("", _ZEROS.sub(r"\1", _SEPARATOR.sub("", text))) if len(text) <= 100_000 else text
