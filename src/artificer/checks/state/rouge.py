"""ROUGE-L as ToolSandbox scores free text: the longest common subsequence of stemmed words, as an F measure.

    P = LCS / words of the text    R = LCS / words of the target    F = 2 P R / (P + R), 0 where either has no words

Words are runs of a-z and 0-9 after lower-casing, those of more than three letters stemmed: what the `rouge_score`
package does with `use_stemmer=True`. So text in other scripts has no words, and scores 0.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from artificer.checks.state.stem import stem

_WORD = re.compile(r"[a-z0-9]+")


def rouge_l(target: str, text: str) -> float:
    """The F measure of a text against a target, in [0, 1]."""
    wanted, said = words(target), words(text)
    if not wanted or not said:
        return 0.0
    common = longest(wanted, said)
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def words(text: str) -> list[str]:
    """A text's words as they are compared."""
    return [stem(word) if len(word) > 3 else word for word in _WORD.findall(text.lower())]


def longest(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Hyyro's bit-parallel form (2004): a column of the table is one integer, in which a zero bit marks a step up; so a
    long text against a short target takes time in proportion to the text.
    """
    if len(first) > len(second):
        first, second = second, first
    places: defaultdict[str, int] = defaultdict(int)
    for at, word in enumerate(first):
        places[word] |= 1 << at
    full = (1 << len(first)) - 1
    column = full
    for word in second:
        here = places.get(word, 0)
        if here:
            matched = column & here
            column = ((column + matched) | (column - matched)) & full
    return len(first) - column.bit_count()
