"""How far a judge can be trusted: its answers against labels that people gave.

Agreement is the share of examples with the right label, the undecided counted as wrong; Cohen's kappa (1960) takes off
what two raters with these marginals would agree on by chance: (p_o - p_e) / (1 - p_e), over the decided examples;
Krippendorff's alpha (nominal, two raters) is 1 - D_o / D_e over the same. Per label: precision and recall. Shares have
Wilson's intervals. `flips` is the share of examples on which the judge's own votes, over repeats and orders, are not
unanimous. A judge is `usable` when the lower end of the agreement's interval reaches what is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from artificer.checks.judges.base import Judge, Judgement, Question
from artificer.core.errors import ArtificerError
from artificer.evaluation.metrics import Share, share


class Example(Struct, frozen=True):
    """A question with the label that a person gave."""

    question: Question
    label: str


class OfLabel(Struct, frozen=True):
    """`precision`: of those that the judge gave this label, how many have it. `recall`: of those that have it, how many were given it."""

    precision: Share
    recall: Share


class Calibration(Struct, frozen=True):
    """See the module. `kappa` and `alpha` are None where chance alone explains everything (one label only)."""

    n: int
    agreement: Share
    decided: Share
    flips: Share
    kappa: float | None
    alpha: float | None
    labels: dict[str, OfLabel]
    missed: tuple[tuple[int, str, str], ...]
    """(example, label, the judge's), where they differ; "" for undecided."""

    def usable(self, least: float = 0.8) -> bool:
        """Whether the agreement is `least` or more with the interval's confidence."""
        return self.agreement.low >= least


async def calibrate(judge: Judge, examples: Sequence[Example], confidence: float = 0.95) -> Calibration:
    """Asks the judge every example's question.

    Raises:
        ArtificerError: there are no examples, or one's label is none of its question's.
    """
    if not examples:
        raise ArtificerError("a judge cannot be calibrated without examples", remedy="give some with labels")
    for at, example in enumerate(examples):
        if example.label not in example.question.labels:
            raise ArtificerError(f"example {at} has the label {example.label!r}, which its question does not offer")
    found = await asyncio.gather(*(judge(example.question) for example in examples))
    return compared(examples, found, confidence)


def compared(examples: Sequence[Example], found: Sequence[Judgement], confidence: float = 0.95) -> Calibration:
    """The calibration from answers that are there."""
    n = len(examples)
    pairs = [(example.label, one.label or "") for example, one in zip(examples, found, strict=True)]
    decided = [(given, said) for given, said in pairs if said]
    split = sum(len(one.votes) > 1 for one in found)
    names = dict.fromkeys(label for example in examples for label in example.question.labels)
    return Calibration(
        n,
        share(sum(given == said for given, said in pairs), n, confidence),
        share(len(decided), n, confidence),
        share(split, n, confidence),
        kappa(decided),
        alpha(decided),
        {label: _of_label(label, pairs, confidence) for label in names},
        tuple((at, given, said) for at, (given, said) in enumerate(pairs) if given != said),
    )


def _of_label(label: str, pairs: Sequence[tuple[str, str]], confidence: float) -> OfLabel:
    both = sum(given == said == label for given, said in pairs)
    said = sum(said == label for _, said in pairs)
    given = sum(given == label for given, _ in pairs)
    return OfLabel(share(both, said, confidence), share(both, given, confidence))


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two raters; None where it is not defined."""
    n = len(pairs)
    if not n:
        return None
    observed = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[label] * second[label] for label in first) / (n * n)
    return None if expected == 1 else (observed - expected) / (1 - expected)


def alpha(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Krippendorff's alpha for nominal labels and two raters; None where it is not defined."""
    n = 2 * len(pairs)
    values = Counter(label for pair in pairs for label in pair)
    if len(values) < 2:
        return None
    observed = sum(a != b for a, b in pairs) / len(pairs)
    expected = 1 - sum(count * (count - 1) for count in values.values()) / (n * (n - 1))
    return 1 - observed / expected
