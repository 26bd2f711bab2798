"""Two runs of the same tasks: hand-worked differences, what is left out, and the verdict."""

from __future__ import annotations

import json
from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.api import compare as compare_runs
from artificer.api import merge, rollout, standing, synth
from artificer.cli import main
from artificer.core.errors import ArtificerError
from artificer.core.trace import Trace, Usage
from artificer.core.verdicts import ErrorKind
from artificer.evaluation.comparison import compare
from artificer.evaluation.metrics import difference, mean
from artificer.evaluation.outcomes import Outcomes, outcomes_of
from artificer.run.store import RunFolder


def outcomes(table: dict[str, str], group: str = "ask") -> dict[str, Outcomes]:
    """`{"t1": "+-x"}`: passed, failed, broken."""
    return {
        task: Outcomes(
            task, group, tuple(mark == "+" for mark in tries if mark != "x"), tries.count("x"), (ErrorKind.wrong_value,) * tries.count("-")
        )
        for task, tries in table.items()
    }


def test_one_try_each_is_a_paired_difference_of_shares() -> None:
    before = outcomes({f"t{n}": "+" if n < 4 else "-" for n in range(20)})
    after = outcomes({f"t{n}": "+" if n < 15 else "-" for n in range(20)})
    found = compare(before, after)
    by_hand = difference([n < 4 for n in range(20)], [n < 15 for n in range(20)])
    gain = found.gains["all"]
    assert (gain.n, gain.points, gain.low, gain.high, gain.p) == (20, by_hand.points, by_hand.low, by_hand.high, by_hand.p)
    assert gain.points == pytest.approx(55)
    assert (gain.ruling, found.holds()) == ("better", True)
    assert compare(after, before).gains["all"].ruling == "worse"
    assert not compare(after, before).holds()
    assert compare(after, before).holds(margin=80)
    assert found.before.kinds == {"wrong_value": 16}


def test_several_tries_are_averaged_within_their_task() -> None:
    before = outcomes({"a": "+-", "b": "--", "c": "++", "d": "-+"})
    after = outcomes({"a": "++++", "b": "-+", "c": "++", "d": "++"})
    found = compare(before, after)
    assert found.gains["all"].points == pytest.approx(100 * (0.5 + 0.5 + 0 + 0.5) / 4)
    assert found.gains["all"].p is None
    assert found.before.rate.mean == pytest.approx(0.5)
    assert found.before.pass_hat == {1: pytest.approx(0.5), 2: pytest.approx(0.25)}  # only c passes twice
    assert found.before.pass_at == {1: pytest.approx(0.5), 2: pytest.approx(0.75)}
    assert found.after.tries == 10


def test_what_the_infrastructure_broke_says_nothing_of_an_agent() -> None:
    before = outcomes({"a": "+", "b": "x", "c": "-", "only": "+"})
    after = outcomes({"a": "+", "b": "+", "c": "x", "new": "-", "newer": "-"})
    found = compare(before, after)
    assert (found.gains["all"].n, found.before.broken, found.after.broken) == (1, 1, 1)
    assert (found.only_before, found.only_after) == (1, 2)
    with pytest.raises(ArtificerError, match="judgement on both sides"):
        compare(outcomes({"a": "x"}), outcomes({"a": "+"}))
    with pytest.raises(ArtificerError, match="no task in common"):
        compare(outcomes({"a": "+"}), outcomes({"b": "+"}))


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_nothing_differs_from_itself(passed: list[bool]) -> None:
    side = outcomes({f"t{at}": "+" if ok else "-" for at, ok in enumerate(passed)})
    found = compare(side, side)
    assert (found.gains["all"].points, found.gains["all"].ruling, found.holds()) == (0, "no difference shown", True)


def test_the_bootstrap_interval() -> None:
    assert mean([]) == mean([]).__class__(0, 0.0, -inf, inf)
    assert mean([0.25]).low == mean([0.25]).high == 0.25
    values = [0.0, 1.0] * 200
    found = mean(values)
    assert found == mean(values)  # by seed
    assert found.mean == 0.5
    assert 0.5 - found.low == pytest.approx(1.96 * 0.5 / 20, abs=0.012)  # the normal approximation
    assert found.high - 0.5 == pytest.approx(1.96 * 0.5 / 20, abs=0.012)


def test_runs_are_compared_over_what_was_kept_and_what_was_dropped(tmp_path, capsys) -> None:
    synth("cove", world="domain:retail", n=12, seed=3, out=tmp_path / "made")
    rollout(tmp_path / "made", out=tmp_path / "gold", agent="scripted:gold")
    with RunFolder.open(tmp_path / "gold") as run:
        found = outcomes_of(run)
        rejected = {reject.stage for reject in run.rejects()}
    assert rejected == {"judge"}  # gold skips what the policy asks for: some of it fails
    assert len(found) == 12
    assert 0 < sum(not one.passed[0] for one in found.values()) < 12
    worse = compare_runs(tmp_path / "made", tmp_path / "gold")
    assert worse.gains["all"].points == pytest.approx(-100 * sum(not one.passed[0] for one in found.values()) / 12)
    assert "all" in worse.gains
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "made"), str(tmp_path / "made"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["ruling"], shown["holds"]) == ("no difference shown", True)
    assert main(["compare", str(tmp_path / "made"), str(tmp_path / "made"), "--require", "better"]) == 1
    assert main(["compare", str(tmp_path / "made"), str(tmp_path / "nothing")]) == 1
    assert "neither a run nor an examination" in capsys.readouterr().err


def test_tasks_of_other_knobs_have_other_ids(tmp_path) -> None:
    for name, knobs in {"a": {"part": "train"}, "b": {"part": "test"}, "c": {"part": "train"}}.items():
        synth("cove", world="domain:retail", n=6, seed=3, out=tmp_path / name, **knobs)
    ids = {}
    for name in "abc":
        with RunFolder.open(tmp_path / name) as run:
            ids[name] = set(outcomes_of(run))
    assert ids["a"] == ids["c"]
    assert not ids["a"] & ids["b"]


def test_what_nobody_judged_is_no_failure(tmp_path, capsys) -> None:
    synth("cove", world="domain:retail", n=4, seed=3, out=tmp_path / "made")
    with RunFolder.open(tmp_path / "made") as run:
        for _, trace in run.read("traces", Trace):
            counted = msgspec.structs.replace(trace, usage=Usage()).took
            assert (counted.calls, counted.errors) == (trace.usage.calls, trace.usage.errors)
            assert trace.took == trace.usage
    (tmp_path / "theirs.jsonl").write_text('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}\n')
    merge([tmp_path / "made", tmp_path / "theirs.jsonl"], out=tmp_path / "both")
    side = standing(tmp_path / "both")
    assert (side.tries, side.rate.mean, side.unjudged) == (4, 1.0, 1)
    assert main(["stats", str(tmp_path / "both")]) == 0
    assert "4 passed, 1 not judged" in (out := capsys.readouterr().out)
    assert "not judged, and in none of these figures: 1 traces" in out
    merge([tmp_path / "theirs.jsonl"], out=tmp_path / "none")
    assert main(["stats", str(tmp_path / "none")]) == 0
    assert "0 passed, 1 not judged" in capsys.readouterr().out
