"""Templates: the small pattern language of response and value constraints.

A template is literal text with holes: `Final Answer: {int} days`. Patterns are data like everything else in a task,
so none is a regular expression: holes become pieces that never go back and have a longest length, literals stand for
themselves. Looking for a template therefore takes time in proportion to the text.

    {int}     a whole number, perhaps with a sign            {word}  letters, digits and underscores
    {number}  a number, perhaps with a sign, "," and "."     {date}  2024-05-24, 24/05/2024, 24.05.2024 or May 24, 2024
    {mark}    one punctuation mark                           {text}  anything, at least one character
    {{, }}    the braces themselves

A hole takes what it can and gives nothing back: `{int}5` never fits "125".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from artificer.core.errors import ArtificerError

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_HOLES = {
    "int": r"[+-]?[0-9]{1,40}+",
    "number": r"[+-]?(?:[0-9][0-9,]{0,40}+)(?:\.[0-9]{1,40}+)?+",
    "word": r"\w{1,64}+",
    "date": rf"(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{1,2}}[/.][0-9]{{1,2}}[/.][0-9]{{4}}|{_MONTH} [0-9]{{1,2}}, [0-9]{{4}})",
    "mark": r"[^\w\s]",
}
LONGEST = 2000
"""Characters of a template."""
HOLES = 8
Where = Literal["start", "end", "anywhere", "whole"]
_TOKEN = re.compile(r"\{\{|\}\}|\{([a-z]{1,10})\}|[{}]|[^{}]+")


class Template:
    """A template, read. Segments stand between `{text}` holes.

    Raises:
        ArtificerError: it is empty or too long, a hole is unknown, or a brace stands alone.
    """

    def __init__(self, text: str) -> None:
        if not text or len(text) > LONGEST:
            raise ArtificerError(f"a template has 1 to {LONGEST} characters, not {len(text)}.", remedy="write one, e.g. 'Final Answer: {int}'")
        self.text = text
        self.shortest = 0
        """Fewest characters of what fits."""
        self._holes = 0
        self._segments: list[str] = [""]
        for token in _TOKEN.finditer(text):
            self._piece(token.group(), token.group(1))
        if self._holes > HOLES:
            raise ArtificerError(f"the template {text[:80]!r} has {self._holes} holes.", remedy=f"use at most {HOLES}")

    def _piece(self, token: str, hole: str | None) -> None:
        self._holes += hole is not None
        if hole == "text":
            self._segments.append("")
            self.shortest += 1
        elif hole is not None and hole in _HOLES:
            self._segments[-1] += _HOLES[hole]
            self.shortest += 8 if hole == "date" else 1
        elif hole is not None or token in "{}":
            names = ", ".join(f"{{{name}}}" for name in (*_HOLES, "text"))
            raise ArtificerError(f"the template {self.text[:80]!r} has no hole {token!r}.", remedy=f"use {names}; write braces twice")
        else:
            literal = token[0] if token in ("{{", "}}") else token
            self._segments[-1] += re.escape(literal)
            self.shortest += len(literal)

    def fits(self, text: str, where: Where = "anywhere") -> bool:
        """Whether the template is found in `text`: at its start or end, anywhere, or as the whole of it.

        The segments are sought one after another, each as early as it can stand; the last one, where the end is asked
        for, at the end. Between two segments stands at least one character.
        """
        last, at = len(self._segments) - 1, 0
        for index, segment in enumerate(self._segments):
            since = at + (index > 0)  # a hole {text} stands between two segments
            if segment == "":
                at = since
            else:
                pattern = _compiled(segment, index == last and where in ("end", "whole"))
                found = pattern.match(text) if index == 0 and where in ("start", "whole") else pattern.search(text, since)
                if found is None:
                    return False
                at = found.end()
        return at <= len(text)


@lru_cache(maxsize=4096)
def _compiled(segment: str, end: bool) -> re.Pattern[str]:
    return re.compile(segment + r"\Z" if end else segment)


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """The template of a text, kept. Raises as `Template` does."""
    return Template(text)
