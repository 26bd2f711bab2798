"""Scores by capability, by hand; intervals of pass@k and pass^k; axes in comparisons and files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.api import rollout, standing, synth
from artificer.cli import main
from artificer.core.errors import ArtificerError
from artificer.evaluation.axes import MMAU, axes_in, axis_score, by_tag, weighted
from artificer.evaluation.comparison import compare
from artificer.evaluation.comparison import standing as stood
from artificer.evaluation.metrics import pass_at_k, pass_k, pass_ranges, share
from artificer.evaluation.outcomes import Outcomes


def outcomes(table: dict[str, str]) -> dict[str, Outcomes]:
    """`{"a1 dag plan": "+-x"}`: a task, its tags, and its tries: passed, failed, broken."""
    found: dict[str, Outcomes] = {}
    for words, tries in table.items():
        task, *tags = words.split()
        found[task] = Outcomes(task, "ask", tuple(mark == "+" for mark in tries if mark != "x"), tries.count("x"), tags=tuple(tags))
    return found


FOUR = {"a": "+", "b": "+", "c": "+", "d": "-"}


def test_without_weights_every_task_counts_the_same() -> None:
    side = outcomes({f"{name} dag": tries for name, tries in FOUR.items()} | {"e plan": "-"})
    score = axis_score(side, {"dag": None, "plan": None})
    assert score is not None
    assert (score.tasks, score.score, score.parts, score.absent) == (5, pytest.approx(3 / 5), {"dag": 0.75, "plan": 0.0}, ())


def test_weights_are_of_parts() -> None:
    side = outcomes({f"{name} dag": tries for name, tries in FOUR.items()} | {"e plan": "-"})
    score = axis_score(side, {"dag": 1.0, "plan": 3.0, "code": 5.0})
    assert score is not None
    assert score.score == pytest.approx((0.75 + 0) / 4)
    assert score.absent == ("code",)  # nothing was played of it, so it weighs nothing
    assert score.low <= score.score <= score.high


def test_one_part_of_tasks_that_are_settled_is_a_share() -> None:
    once, twice = (
        outcomes({f"{name} dag": tries for name, tries in FOUR.items()}),
        outcomes({f"{name} dag": 2 * tries for name, tries in FOUR.items()}),
    )
    wilson = share(3, 4)
    for side in (once, twice):
        score = axis_score(side, {"dag": None})
        assert score is not None
        assert (score.score, score.low, score.high) == (wilson.share, wilson.low, wilson.high)


def test_what_was_not_played_has_no_score_and_bad_weights_are_refused() -> None:
    side = outcomes({"a dag": "x", "b plan": "+"})
    assert axis_score(side, {"dag": None}) is None
    for weight in (-1.0, 0.0, float("nan"), float("inf")):
        with pytest.raises(ArtificerError, match="make no mean"):
            axis_score(side, {"plan": weight})


def test_a_group_is_a_part_too_and_a_task_of_two_parts_counts_in_both() -> None:
    side = outcomes({"a x y": "+", "b y": "-"})
    score = axis_score(side, {"x": None, "y": None})
    assert score is not None
    assert (score.tasks, score.score) == (3, pytest.approx(2 / 3))
    assert axis_score(side, {"ask": None}) == axis_score(side, {"y": None}).__class__(2, 0.5, share(1, 2).low, share(1, 2).high, {"ask": 0.5})


def test_mmau_has_five_capabilities_over_its_tasks() -> None:
    assert set(MMAU) == {"understanding", "reasoning", "planning", "problem_solving", "self_correction"}
    side = outcomes({"a dag_qa_concise": "+", "b planner_shift_math": "-", "c solver_shift_math": "+"})
    scores = {name: axis_score(side, parts) for name, parts in MMAU.items()}
    assert scores["planning"] is not None
    assert scores["planning"].score == 0.5
    assert scores["planning"].absent == ("planner_shift_contest",)
    assert scores["reasoning"] is not None
    assert scores["reasoning"].score == 0.0
    assert scores["self_correction"] is None


def test_tags_that_tell_tasks_apart_are_axes() -> None:
    assert by_tag(outcomes({"a x all": "+", "b y all": "-"})) == {"x": {"x": None}, "y": {"y": None}}
    assert by_tag(outcomes({f"t{n} tag{n}": "+" for n in range(40)})) == {}
    assert by_tag({}) == {}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=5), min_size=1, max_size=3))
def test_an_interval_holds_the_mean_of_like_values_and_scales_with_no_weight(parts: list[list[float]]) -> None:
    weights = [float(len(part)) for part in parts]
    found = weighted(parts, weights)
    assert found.low - 1e-9 <= found.high
    assert 0 <= found.low <= found.high <= 1 + 1e-9
    assert weighted(parts, [2 * weight for weight in weights]).mean == pytest.approx(found.mean)
    assert found == weighted(parts, weights)


def test_intervals_of_pass_at_k_and_pass_hat_k() -> None:
    tries = [(4, 4)] * 10 + [(2, 4)] * 5 + [(0, 4)] * 5
    at, hat = pass_ranges(tries)
    assert set(at) == set(hat) == {1, 2, 3, 4}
    for k in at:
        assert at[k][0] <= pass_at_k(tries, k) <= at[k][1]
        assert hat[k][0] <= pass_k(tries, k) <= hat[k][1]
    assert at[1] == hat[1]
    wilson = share(10, 20)
    assert hat[4] == (wilson.low, wilson.high)  # at the full number of tries each task passes or not
    assert pass_ranges(tries) == (at, hat)  # by seed
    with pytest.raises(ArtificerError):
        pass_ranges([])


def test_tasks_that_all_agree_are_not_certain() -> None:
    side = stood(outcomes({"a": "++", "b": "++", "c": "++"}))
    assert (side.rate.mean, side.rate.high) == (1.0, 1.0)
    assert side.rate.low == share(3, 3).low < 0.5
    assert side.pass_hat_range[2] == (share(3, 3).low, 1.0)


def test_a_run_by_itself() -> None:
    side = stood(outcomes({"a x": "+-", "b y": "++", "c y": "xx"}))
    assert (side.tasks, side.tries, side.broken) == (2, 4, 2)
    assert side.pass_hat == {1: 0.75, 2: 0.5}
    assert {name: score.score for name, score in side.axes.items()} == {"x": 0.5, "y": 1.0}
    with pytest.raises(ArtificerError, match="came to a judgement"):
        stood(outcomes({"a": "x"}))


def test_gains_along_axes_are_paired_and_weighted() -> None:
    before = outcomes({"a x": "-", "b x": "-", "c y": "+", "d y": "-"})
    after = outcomes({"a x": "+", "b x": "+", "c y": "+", "d y": "-"})
    found = compare(before, after, axes={"both": {"x": 1.0, "y": 3.0}, "x": {"x": None}, "none": {"z": None}})
    assert set(found.axes) == {"both", "x"}
    assert found.axes["both"].points == pytest.approx(25)
    assert (found.axes["x"].points, found.axes["x"].gained, found.axes["x"].lost) == (100, 2, 0)
    assert found.after.axes["both"].score == pytest.approx((1 + 3 * 0.5) / 4)
    assert set(compare(before, after).axes) == {"x", "y"}


@pytest.mark.parametrize("bad", [[], {}, {"a": []}, {"a": "x"}, {"a": {"t": "1"}}, {"a": {"t": True}}, {"a": [1]}, 3])
def test_what_is_no_axes_is_refused(bad: object) -> None:
    with pytest.raises(ArtificerError, match="no axes"):
        axes_in(bad, "here")


def test_axes_from_the_command_line(tmp_path, capsys) -> None:
    synth("cove", world="domain:retail", n=8, seed=3, out=tmp_path / "made")
    rollout(tmp_path / "made", out=tmp_path / "twice", agent="scripted:gold", trials=2, keep_failed=True)
    (tmp_path / "axes.toml").write_text('asks = ["ask_stock", "ask_total", "ask_price", "ask_status", "ask_tracking"]\n')
    (tmp_path / "bad.toml").write_text("asks = 3\n")
    side = standing(tmp_path / "twice", axes=tmp_path / "axes.toml")
    assert set(side.axes) <= {"asks"}
    assert set(side.pass_hat) == {1, 2}
    assert main(["stats", str(tmp_path / "twice")]) == 0
    shown = capsys.readouterr().out
    assert "pass^k" in shown
    assert "what went wrong:" in shown
    assert main(["stats", str(tmp_path / "twice"), "--json", "--axes", str(tmp_path / "axes.toml")]) == 0
    assert json.loads(capsys.readouterr().out)["standing"]["pass_hat_range"]["2"]
    assert main(["compare", str(tmp_path / "twice"), str(tmp_path / "twice"), "--axes", str(tmp_path / "axes.toml")]) == 0
    assert main(["compare", str(tmp_path / "twice"), str(tmp_path / "twice"), "--axes", str(tmp_path / "bad.toml")]) == 1
    assert main(["stats", str(tmp_path / "twice"), "--axes", "nothing"]) == 1
    assert "these axes cannot be read" in capsys.readouterr().err
