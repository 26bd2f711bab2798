"""A judge against labels: figures by hand."""

from __future__ import annotations

import pytest

from artificer.checks.judges.base import Judgement, Question
from artificer.core.errors import ArtificerError
from artificer.evaluation.calibration import Example, alpha, calibrate, compared, kappa

ASKED = Question("q", ("yes", "no"), "?", {"x": "y"})


def test_kappa_and_alpha_by_hand():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p_o = 0.7, p_e = 0.5, kappa = 0.4
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    # values: yes 55, no 45 of 100; D_e = 1 - (55*54 + 45*44) / (100*99) = 0.5; D_o = 0.3
    assert alpha(pairs) == pytest.approx(1 - 0.3 / 0.5)
    assert kappa([("yes", "yes")] * 3) is None
    assert alpha([("yes", "yes")] * 3) is None
    assert kappa([]) is None
    assert kappa([("yes", "no"), ("no", "yes")]) == pytest.approx(-1.0)


def test_undecided_counts_as_wrong_and_votes_that_split_as_flips():
    examples = [Example(ASKED, label) for label in ("yes", "yes", "no", "no")]
    found = [
        Judgement("yes", votes={"yes": 3}),
        Judgement(None, votes={"yes": 1, "no": 1}),
        Judgement("yes", votes={"yes": 2, "no": 1}),
        Judgement("no", votes={"no": 3}),
    ]
    done = compared(examples, found)
    assert (done.agreement.hits, done.decided.hits, done.flips.hits, done.n) == (2, 3, 2, 4)
    assert (done.labels["yes"].precision.hits, done.labels["yes"].precision.n) == (1, 2)
    assert (done.labels["yes"].recall.hits, done.labels["yes"].recall.n) == (1, 2)
    assert done.missed == ((1, "yes", ""), (2, "no", "yes"))
    assert not done.usable(0.5)
    assert compared(examples * 30, [Judgement(one.label, votes={one.label: 1}) for one in examples * 30]).usable(0.9)


async def test_examples_are_checked():
    async def never(question):
        raise AssertionError

    with pytest.raises(ArtificerError, match="without examples"):
        await calibrate(never, [])
    with pytest.raises(ArtificerError, match="does not offer"):
        await calibrate(never, [Example(ASKED, "maybe")])
