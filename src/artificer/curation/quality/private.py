"""Personal data in texts, and how evidence hides it.

What has a checksum is told by its checksum (`numbers`). What cannot be a person's (example.com, numbers kept free for
films, test cards, reserved addresses) is reported as a note. Of what is found, evidence shows the first two characters
and the length.
"""

from __future__ import annotations

import ipaddress
import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import islice

from artificer.curation.quality import numbers
from artificer.curation.quality.secrets import MOST, secrets

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
_NUMBER = re.compile(r"(?<![\w.,@#/+-])\+?\(?\d[\d ().-]{5,26}\d(?![\w@])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_SIX = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:.])")
_PHONE = (
    re.compile(r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,13}"),
    re.compile(r"(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}"),
    re.compile(r"0[1-9]\d{1,3}[ -]\d{2,4}(?:[ -]\d{2,5}){1,3}|\(0[1-9]\d{0,3}\) ?\d{3,8}(?:[ -]\d{2,4})?"),
)
"""International; North American; national with a leading 0. Digits in one piece are not looked for: they are order numbers far more often."""
_FICTION = re.compile(r"(?:^|\D)555\D?\d{3,4}(?:\D|$)|555\D?01\d\d$|1234\D?567|(?:\+44\D?|0)7700\D?900\d{3}|0{6}")
"""Numbers kept free: North America's 555, Ofcom's 07700 900; and counting up."""
_EXAMPLES = re.compile(
    r"(?:^|[@.])(?:example|test|invalid|localhost)(?:\.[a-z.]{2,6})?$|@(?:email|domain|company|mail|yourdomain|acme)\.com$", re.IGNORECASE
)
"""RFC 2606's names, and those that everybody makes up."""


_DIGIT = re.compile(r"\d")
_CUT = 400
"""Texts of so many characters were cut before they came here."""
_READ = 4_000
"""Characters that are masked of a text: evidence shows far fewer."""
_FEW = 64
"""Words in their forms up to which each is looked for by itself."""
_TAIL = 3
"""The most letters at a text's end that may be the beginning of something private without being cut."""


def masked(text: str) -> str:
    """What evidence shows of something private."""
    return f"{text[:2]}… ({len(text)} characters)"


def private(text: str) -> Iterator[tuple[str, str, bool, str]]:
    """Personal data in a text: the rule, the words themselves, whether they are plainly made up, and what they are."""
    if "@" in text:
        yield from _emails(text)
    taken = list[tuple[int, int]]()
    if _DIGIT.search(text) is not None:
        for number, match in enumerate(_IBAN.finditer(text)):
            if number < MOST and numbers.iban(match[0].replace(" ", "")):
                taken.append(match.span())
                yield "iban", match[0], False, match[0][:2]
        yield from _identities(text, taken)
        yield from _digits(text, taken)
    if text.count(":") > 1:
        for match in list(_limited(_SIX, text)):
            address = _address(match[0])
            if address is not None:
                yield "ip_address", match[0], address, "IPv6"


def _limited(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return islice(pattern.finditer(text), 40 * MOST)


def _emails(text: str) -> Iterator[tuple[str, str, bool, str]]:
    for number, match in enumerate(_EMAIL.finditer(text)):
        if number >= MOST:
            return
        yield "email", match[0], _EXAMPLES.search(match[0]) is not None, ""


def _identities(text: str, taken: list[tuple[int, int]]) -> Iterator[tuple[str, str, bool, str]]:
    for match in _limited(numbers.NATIONAL_FORMS, text):
        words = match[0]
        for what, pattern, right in numbers.NATIONAL:
            if pattern.fullmatch(words) and not _overlaps(match.span(), taken) and right(_bare(what, words)):
                taken.append(match.span())
                yield "national_id", words, words in ("123-45-6789", "078-05-1120"), what


def _bare(what: str, words: str) -> str:
    """A number as its checksum takes it."""
    if what in ("a US social security number", "Finland's HETU"):
        return words
    bare = re.sub(r"[-+. ]", "", words)
    return bare[-10:] if what.startswith("Sweden") else bare


def _digits(text: str, taken: list[tuple[int, int]]) -> Iterator[tuple[str, str, bool, str]]:
    """Cards, IPv4 addresses and telephone numbers among pieces of digits."""
    count = 0
    for match in _limited(_NUMBER, text):
        shown = match[0].rstrip(" (.-")
        if count >= MOST or _overlaps(match.span(), taken):
            continue
        bare = re.sub(r"\D", "", shown)
        found: tuple[str, str, bool, str] | None = None
        if shown.count(".") == 3 and re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", shown):
            reserved = _address(shown)
            found = ("ip_address", shown, reserved, "IPv4") if reserved is not None else None
        elif len(bare) >= 13 and numbers.card(bare) and re.fullmatch(r"\d+|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}", shown):
            found = ("card_number", shown, bare in numbers.TEST_CARDS, "")
        elif 9 <= len(bare) <= 15 and any(pattern.fullmatch(shown) for pattern in _PHONE):
            found = ("phone", shown, _FICTION.search(shown) is not None, "")
        if found is not None:
            count += 1
            yield found


def _address(text: str) -> bool | None:
    """Whether an address is reserved (private, loopback, documentation); None when it is no address, or unspecific."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.is_unspecified or text.endswith("::") or len(text) < 6 or not any(letter.isdigit() for letter in text):
        return None
    return not address.is_global


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in taken)


class Mask:
    """Masks whatever is private or secret in texts that quote one trace.

    Args:
        words: what was found to be so in the trace, filled before the first text: looked for as it stands, escaped, and cut off where a text ends.
    """

    def __init__(self, words: Collection[str] = ()) -> None:
        self._words = words
        self._forms: dict[str, str] | None = None
        self._sizes: list[int] = []
        self._sorted: list[str] = []

    def __call__(self, text: str) -> str:
        text = text[:_READ]
        if self._forms is None:
            longest_first = sorted(self._words, key=lambda word: (-len(word), word))
            self._forms = {form: masked(word) for word in reversed(longest_first) for form in _forms(word)}
            self._sizes = sorted({len(form) for form in self._forms}, reverse=True)
            self._sorted = sorted(self._forms)
        if self._forms and "…" in text:  # names that were cut
            *cut, last = text.split("…")
            text = "".join([*[self._without_beginning(one).removesuffix("…") + "…" for one in cut], last])
        text = self._known(text, self._forms)
        if len(text) >= _CUT:
            text = self._without_beginning(text)
        if _DIGIT.search(text) is None and "@" not in text:
            return text
        for word in sorted({found[1] for found in (*secrets(text), *private(text))}, key=len, reverse=True):
            text = text.replace(word, masked(word))
        return text

    def _known(self, text: str, forms: dict[str, str]) -> str:
        """Masks what was found in the trace: from left to right, at each place the longest."""
        if len(forms) <= _FEW:
            for form in sorted(forms, key=len, reverse=True):
                text = text.replace(form, forms[form])
            return text
        # a stranger's trace may hold a hundred thousand, and as many places that quote it: each text is gone through once
        parts, at, since = list[str](), 0, 0
        while at < len(text):
            size = next((size for size in self._sizes if text[at : at + size] in forms), 0)
            if size:
                parts += [text[since:at], forms[text[at : at + size]]]
                since = at + size
            at += size or 1
        return "".join([*parts, text[since:]])

    def _without_beginning(self, text: str) -> str:
        """A text that was cut, without the beginning of a private word at its end."""
        for size in range(min(len(text), _CUT), _TAIL, -1):
            end = text[-size:]
            at = bisect_left(self._sorted, end)
            if at < len(self._sorted) and self._sorted[at].startswith(end):
                return text[:-size] + "…"
        return text


def shown_name(name: str) -> str:
    """A name that the data gave (of a tool, an origin, a licence), masked and short enough for a table."""
    return _shown_name(name[:_READ])


@lru_cache(4096)
def _shown_name(name: str) -> str:
    return Mask()(name)[:80]


def _forms(word: str) -> Iterable[str]:
    """A word as it stands and as evidence may write it."""
    return dict.fromkeys((word, repr(word)[1:-1], json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]))
