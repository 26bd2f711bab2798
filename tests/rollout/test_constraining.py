"""Rules for the tasks of a rollout: written, drawn, enforced in a run, and proven again."""

from __future__ import annotations

from pathlib import Path

import pytest

from artificer.api import audit, rollout, synth, verify
from artificer.checks.constraints.rules import CATEGORY
from artificer.checks.constraints.stated import stated
from artificer.cli import main
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.core.verdicts import ErrorKind
from artificer.run.store import RunFolder


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "shop"
    synth("cove", world="domain:retail", n=6, seed=1, out=out)
    return out


def rows(run: Path) -> tuple[list[Task], list[Trace], list[tuple[str, str]]]:
    with RunFolder.open(run) as folder:
        return (
            [task for _, task in folder.read("tasks", Task, ordered=True)],
            [trace for _, trace in folder.read("traces", Trace, ordered=True)],
            [(reject.stage, reject.reason) for reject in folder.rejects()],
        )


def test_written_rules_are_kept_and_proven(shop, tmp_path):
    rollout(shop, out=tmp_path / "run", rules="rounds ..40; calls ..40; parameters; values; available")
    tasks, traces, rejects = rows(tmp_path / "run")
    assert (len(tasks), len(traces), rejects) == (6, 6, [])
    assert all(task.checks[-1] == "constraints" and len(stated(task).rules) == 5 for task in tasks)
    assert all(trace.nodes[0].message.text.startswith("Keep these rules") for trace in traces)
    assert verify(tmp_path / "run").proven == 6


def test_what_is_broken_is_refused_in_a_run_and_again_in_its_proof(shop, tmp_path):
    rollout(shop, out=tmp_path / "run", rules="calls ..2; length ..5000", keep_failed=True)
    _, traces, rejects = rows(tmp_path / "run")
    refused = [
        node for trace in traces for node in trace.nodes if node.message.result is not None and node.message.result.error is ErrorKind.forbidden
    ]
    assert refused
    assert all("`calls ..2`" in node.message.result.detail for node in refused)
    assert {reason for _, reason in rejects} <= {"infeasible"}
    assert not any(difference for shown in verify(tmp_path / "run").refuted for difference in shown.differences)
    for trace in traces:
        part = next(part for part in trace.verdicts[trace.answer].parts if part.name == "constraints")
        assert part.numbers["calls"] == sum(len(node.message.calls) for node in trace.nodes if node.message.role == "assistant")


def test_drawn_rules_are_the_same_on_every_engine(shop, tmp_path):
    for engine in ("local", "processes:2"):
        rollout(shop, out=tmp_path / engine[:5], constrain=4, rules_seed=9, keep_failed=True, engine=engine)
    tasks, traces, _ = rows(tmp_path / "local")
    assert rows(tmp_path / "proce") == (tasks, traces, _)
    assert all(1 <= task.difficulty["constraints"] <= 4 for task in tasks)
    assert len({CATEGORY[type(rule)] for task in tasks for rule in stated(task).rules}) >= 6


def test_rules_that_a_task_cannot_keep_reject_it(shop, tmp_path):
    rollout(shop, out=tmp_path / "run", rules="calls ..0")
    _, _, rejects = rows(tmp_path / "run")
    writes = sum(bool(task.gold) for task in rows(shop)[0])
    assert 0 < writes == rejects.count(("tasks", "infeasible"))
    with pytest.raises(ArtificerError, match="is no rule"):
        rollout(shop, out=tmp_path / "never", rules="calls 3..1")
    assert not (tmp_path / "never").exists()


def test_a_search_keeps_them_on_every_branch(shop, tmp_path):
    rollout(shop, out=tmp_path / "run", rules='calls ..30; punctuation exclude "~"', search="best_of:n=2", n=2, keep_failed=True)
    _, traces, _ = rows(tmp_path / "run")
    assert traces
    assert not any(shown.differences for shown in verify(tmp_path / "run").refuted)


def test_the_command(shop, tmp_path, capsys):
    words = [
        "rollout",
        str(shop),
        "--rules",
        "calls ..30; length ..4000",
        "--constrain",
        "2",
        "--keep-failed",
        "--quiet",
        "-o",
        str(tmp_path / "run"),
    ]
    assert main(words) == 0
    tasks, _, _ = rows(tmp_path / "run")
    assert len(tasks) == 6
    assert "next: artificer verify" in capsys.readouterr().out


def test_words_that_give_an_answer_back_are_no_users(shop, tmp_path):
    rollout(shop, out=tmp_path / "run", rules="length ..40; rounds ..30", keep_failed=True)
    blamed = audit(tmp_path / "run")
    assert len(blamed) == 6
    assert not [fault for row in blamed for fault in row.blame.faults if fault.side == "user"]
