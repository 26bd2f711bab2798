"""Sets made of odd runs: ids that begin alike, ids with slashes, other tasks under the same id, lines that are no traces, repaired runs."""

from __future__ import annotations

import json

import msgspec
import pytest

import artificer
from artificer.cli import main
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.data import is_ours
from artificer.rollout.proof import played_rows
from artificer.run.frames import Note
from artificer.run.shards import Line
from artificer.run.store import RunFolder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("odd") / "run"
    artificer.synth("cove", world="domain:retail", n=8, seed=3, out=place, progress=None)
    return place


def renamed(made, out, ids, turn=False, more=b""):
    """The run with other ids of its tasks; with `turn` the other way round."""
    with RunFolder.open(made) as run, RunFolder.create_or_continue(out, run.manifest) as folder:
        folder.put_json("tools.json", run.get_json("tools.json"))
        tasks = dict(run.read("tasks", Task))
        traces = list(run.read("traces", Trace, ordered=True))
        for name, (key, trace) in zip(ids, traces[::-1] if turn else traces, strict=True):
            put(folder, "tasks", name, msgspec.structs.replace(tasks[key.split("/")[0]], id=name))
            put(folder, "traces", f"{name}/{trace.id}", msgspec.structs.replace(trace, task_id=name))
        if more:
            folder.commit("traces", Note("zz", ("zz",)), more)
    return out


def put(folder, family, key, item):
    folder.commit(family, Note(key, (key,)), msgspec.json.encode(Line(key, item)) + b"\n")


IDS = (
    ("a", "a-1", "a-2", "a.3", "a b", "aa", "a~1", "b"),
    ("x/1", "x/2", "x/3", "x", "y", "z", "w/1/2", "w/1"),
)


@pytest.mark.parametrize("ids", IDS)
def test_ids_that_begin_alike_or_hold_slashes_stay_apart(made, tmp_path, ids):
    run = renamed(made, tmp_path / "run", ids)
    with RunFolder.open(run) as folder:
        assert all(played.task.id == played.trace.task_id for _, played in played_rows(folder))
    assert artificer.verify(run).proven == 8
    artificer.merge([run], out=tmp_path / "twice", weights={str(run): 2})
    proof = artificer.verify(tmp_path / "twice")
    assert (proof.proven, proof.refuted, proof.missing) == (16, (), 0)


def test_other_tasks_of_the_same_ids_stay_others(made, tmp_path):
    one, two = (renamed(made, tmp_path / str(turn), "abcdefgh", turn) for turn in (False, True))
    for sources in ([one, two], [two, one]):
        out = tmp_path / f"all-{sources[0].name}"
        found = artificer.merge(sources, out=out)
        assert (found.traces, sum(found.kept.values())) == (16, 16)
        assert artificer.merge(sources, out=out) == found
        assert artificer.verify(out).proven == 16


def test_lines_that_are_no_traces_are_counted_and_hurt_nobody(made, tmp_path, capsys):
    run = renamed(made, tmp_path / "run", "abcdefgh", more=b'{"key":"zz","item":{"nonsense":1}}\n')
    found = artificer.merge([run], out=tmp_path / "all")
    assert (found.traces, sum(found.kept.values()), found.unread_rows) == (8, 8, 1)
    assert main(["merge", str(run), "-o", str(tmp_path / "again"), "--quiet"]) == 0
    assert "not read: 1 row;" in capsys.readouterr().out
    assert artificer.verify(tmp_path / "all").proven == 8


def test_a_merge_of_repaired_runs_is_verified_as_these_are(made, tmp_path):
    artificer.convert(made, tmp_path / "a.jsonl", to="chat")
    artificer.verify_data(tmp_path / "a.jsonl", world="domain:retail", repair=tmp_path / "mended")
    artificer.merge([tmp_path / "mended"], out=tmp_path / "all")
    assert not is_ours(tmp_path / "all")
    before, after = artificer.verify_data(tmp_path / "mended"), artificer.verify_data(tmp_path / "all")
    assert (after.traces, after.exact) == (before.traces, before.exact)


def test_a_file_with_nothing_in_it_is_said(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text("\n\n")
    assert main(["merge", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "all")]) == 1
    assert "nothing in it that can be read" in capsys.readouterr().err


def test_several_traces_of_one_row_are_each_decided_on(tmp_path, monkeypatch):
    """A format may make several traces of one row: of these some may be known already."""
    from artificer.formats import chat

    def several(row, account):
        for message in row["messages"]:
            yield from chat.parse({"messages": [message]}, account)

    form = msgspec.structs.replace(chat.FORMAT, parse=several, name="several")
    monkeypatch.setattr("artificer.run.traded.format_named", lambda _: form)
    rows = [{"messages": [{"role": "user", "content": text} for text in texts]} for texts in ("ab", "bc", "ca")]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = artificer.merge([tmp_path / "a.jsonl"], out=tmp_path / "all", given="several")
    assert (found.traces, sum(found.kept.values()), found.dropped.total()) == (6, 3, 3)
    with RunFolder.open(tmp_path / "all") as run:
        assert len({row.key for row in run.rejects()}) == 3
