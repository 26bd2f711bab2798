"""Sets of traces: nothing vanishes, groups stay together, the order does not matter, and what was proven stays proven."""

from __future__ import annotations

import json

import pytest

import artificer
from artificer.cli import main
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.curation.sets.doing import made
from artificer.curation.sets.plans import Plan, _equally, _in_proportion, parts_of, place_of
from artificer.run.store import RunFolder
from artificer.run.traded import SAME


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    for name, seed in (("a", 3), ("b", 4)):
        artificer.synth("cove", world="domain:retail", n=12, seed=seed, out=place / name, progress=None)
    artificer.convert(place / "a", place / "a.jsonl", to="chat")
    return place


def traces(folder):
    with RunFolder.open(folder) as run:
        return dict(run.read("traces", Trace, ordered=True))


def rejects(folder):
    with RunFolder.open(folder) as run:
        return list(run.rejects())


def test_runs_of_one_world_merge_into_a_run_that_is_proven(runs, tmp_path):
    found = artificer.merge([runs / "a", runs / "b"], out=tmp_path / "all")
    assert (found.traces, sum(found.kept.values())) == (24, 24)
    assert artificer.verify(tmp_path / "all").holds
    (trace, *_) = traces(tmp_path / "all").values()
    assert trace.lineage["sets"][0]["by"] == "merge"
    assert trace.lineage["sets"][0]["from"] in (str(runs / "a"), str(runs / "b"))


@pytest.mark.parametrize("order", [0, 1])
def test_the_same_trace_in_a_run_and_in_a_file_is_one_with_its_task(runs, tmp_path, order):
    sources = [runs / "a", runs / "a.jsonl"]
    found = artificer.merge(sources if order == 0 else sources[::-1], out=tmp_path / "all")
    assert (found.traces, sum(found.kept.values()), found.dropped[SAME]) == (24, 12, 12)
    for trace in traces(tmp_path / "all").values():
        (step,) = trace.lineage["sets"]
        assert step["from"] == str(runs / "a")
        assert step["also"] == [str(runs / "a.jsonl")]
    assert {row.reason for row in rejects(tmp_path / "all")} == {SAME}
    with RunFolder.open(tmp_path / "all") as run:
        assert len(dict(run.read("tasks", Task))) == 12


def test_weights_draw_or_repeat(runs, tmp_path):
    twice = artificer.merge([runs / "a"], out=tmp_path / "twice", weights={str(runs / "a"): 2})
    assert sum(twice.kept.values()) == 24
    assert artificer.verify(tmp_path / "twice").proven == 24
    half = artificer.merge([runs / "a"], out=tmp_path / "half", weights={str(runs / "a"): 0.5})
    assert 0 < sum(half.kept.values()) < 12
    assert sum(half.kept.values()) + half.dropped["not drawn"] == 12
    with pytest.raises(ArtificerError, match="none of the sources"):
        artificer.merge([runs / "a"], out=tmp_path / "x", weights={"elsewhere": 2})
    with pytest.raises(ArtificerError, match="neither a share nor a number of times"):
        artificer.merge([runs / "a"], out=tmp_path / "x", weights={str(runs / "a"): 1.5})


def parts_by_key(found):
    return {key: name for name in ("train", "test") for key in traces(found / name)}


def test_parts_do_not_depend_on_order_or_on_what_else_there_is(runs, tmp_path):
    shares = {"train": 0.6, "test": 0.4}
    artificer.split([runs / "a", runs / "b"], out=tmp_path / "one", parts=shares)
    artificer.split([runs / "b", runs / "a"], out=tmp_path / "two", parts=shares)
    artificer.split([runs / "a"], out=tmp_path / "three", parts=shares)
    one, two, three = (parts_by_key(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert len(one) == 24
    assert three.items() <= one.items()
    assert artificer.verify(tmp_path / "one" / "test").holds


def called(trace):
    return {call.name for node in trace.nodes for call in node.message.calls}


def test_no_tool_is_in_two_parts(runs, tmp_path):
    found = artificer.split([runs / "a", runs / "b"], out=tmp_path / "s", parts={"train": 0.5, "test": 0.5}, by="tool")
    train, test = (set().union(*map(called, traces(tmp_path / "s" / name).values())) for name in ("train", "test"))
    assert not train & test
    assert sum(found.kept.values()) + found.dropped["calls tools of several parts"] == 24
    assert len(rejects(tmp_path / "s" / "train")) == found.dropped["calls tools of several parts"]


def test_no_entity_is_in_two_parts(runs, tmp_path):
    artificer.split([runs / "a", runs / "b"], out=tmp_path / "s", parts={"train": 0.5, "test": 0.5}, by="entity")
    seen = []
    for name in ("train", "test"):
        with RunFolder.open(tmp_path / "s" / name) as run:
            seen.append({one for _, task in run.read("tasks", Task) for one in task.lineage["entities"]})
    assert seen[0]
    assert not seen[0] & seen[1]


def test_near_duplicates_stay_together_and_go_together(tmp_path):
    said = "please cancel the order number seven because it came far too late and was broken when it came to us at last on monday"
    rows = [f"{said} {end}" for end in ("now", "today")] + ["what is the weather like in paris on this fine day of the year"]
    with (tmp_path / "rows.jsonl").open("w") as file:
        for text in [*rows, rows[2]]:
            file.write(json.dumps({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Done."}]}) + "\n")
    found = artificer.dedup([tmp_path / "rows.jsonl"], out=tmp_path / "clean", near=0.8)
    assert (sum(found.kept.values()), dict(found.dropped)) == (2, {"the same": 1, "nearly the same": 1})
    (near,) = [row for row in rejects(tmp_path / "clean") if row.reason == "nearly the same"]
    assert near.detail in traces(tmp_path / "clean")
    exact = artificer.dedup([tmp_path / "rows.jsonl"], out=tmp_path / "exact")
    assert sum(exact.kept.values()) == 3
    artificer.split([tmp_path / "rows.jsonl"], out=tmp_path / "s", parts={"train": 0.5, "test": 0.5}, by="near")
    texts = [{trace.nodes[0].message.text for trace in traces(tmp_path / "s" / name).values()} for name in ("train", "test")]
    assert any(set(rows[:2]) <= part for part in texts)


def test_samples_are_drawn_by_key(runs, tmp_path):
    one = artificer.sample([runs / "a", runs / "b"], out=tmp_path / "one", n=10)
    artificer.sample([runs / "b", runs / "a"], out=tmp_path / "two", n=10)
    artificer.sample([runs / "a", runs / "b"], out=tmp_path / "more", n=15)
    assert (sum(one.kept.values()), one.dropped["not drawn"]) == (10, 14)
    assert set(traces(tmp_path / "one")) == set(traces(tmp_path / "two"))
    assert set(traces(tmp_path / "one")) < set(traces(tmp_path / "more"))
    for size, what in (
        ({}, "it is not said how many"),
        ({"n": 5, "share": 0.1}, "it is said twice how many to draw: 5, and a share of 0.1"),
        ({"n": -5}, "-5 traces cannot be drawn"),
        ({"n": 0}, "0 traces cannot be drawn"),
        ({"share": 1.5}, "1.5 is no share"),
        ({"share": 0.0}, "0 is no share"),
    ):
        with pytest.raises(ArtificerError, match=what):
            artificer.sample([runs / "a"], out=tmp_path / "x", **size)
    with pytest.raises(ArtificerError, match="cannot be put together"):
        artificer.sample([runs / "a"], out=tmp_path / "x", n=3, by="colour")


def test_strata_by_hand():
    sizes = {"a": 70, "b": 20, "c": 10}
    assert _in_proportion(sizes, 10) == {"a": 7, "b": 2, "c": 1}
    assert _in_proportion(sizes, 11) == {"a": 8, "b": 2, "c": 1}  # 7.7, 2.2, 1.1: the largest remainder gets the one that is left
    assert _equally(sizes, 45) == {"a": 18, "b": 17, "c": 10}
    assert sum(_equally(sizes, 1000).values()) == 100


def test_an_interrupted_merge_is_continued(runs, tmp_path):
    artificer.merge([runs / "a"], out=tmp_path / "all")
    before = (tmp_path / "all" / "traces-000.jsonl.zst").read_bytes()
    again = artificer.merge([runs / "a"], out=tmp_path / "all")
    assert sum(again.kept.values()) == 12
    assert (tmp_path / "all" / "traces-000.jsonl.zst").read_bytes() == before
    with pytest.raises(ArtificerError, match="other settings"):
        artificer.merge([runs / "a", runs / "b"], out=tmp_path / "all")


def test_what_is_asked_wrongly_is_one_message(runs, tmp_path, capsys):
    assert parts_of(["a=0.5,b=0.25", "c=0.25"]) == {"a": 0.5, "b": 0.25, "c": 0.25}
    for words, said in (
        (["split", str(runs / "a"), "-o", str(tmp_path / "x"), "--parts", "train=0.9"], "not shares of a whole"),
        (["split", str(runs / "a"), "-o", str(tmp_path / "x"), "--parts", "../up=1"], "is not a part and its share"),
        (["merge", str(tmp_path / "none"), "-o", str(tmp_path / "x")], "there is no such run or file"),
        (["merge", "-o", str(tmp_path / "x")], "there is no source"),
        (["dedup", str(runs / "a"), "-o", str(tmp_path / "x"), "--near", "7"], "is no Jaccard index"),
    ):
        assert main(words) == 1
        assert said in capsys.readouterr().err
    assert main(["sample", str(runs / "a"), "-o", str(tmp_path / "s"), "--share", "0.5", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == {"not drawn": 6}


def test_traces_of_several_worlds_say_so_when_they_are_to_be_proven(runs, tmp_path):
    artificer.merge([runs / "a.jsonl", runs / "b"], out=tmp_path / "all")
    with pytest.raises(ArtificerError, match="names no world"):
        artificer.verify(tmp_path / "all")


def chats(path, texts):
    rows = [{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"so: {text}"}]} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_a_trace_that_comes_without_its_task_before_and_after_is_one(runs, tmp_path):
    found = artificer.merge([runs / "a.jsonl", runs / "a", runs / "a.jsonl"], out=tmp_path / "all")
    assert (found.traces, sum(found.kept.values()), found.dropped[SAME]) == (36, 12, 24)
    assert artificer.verify(tmp_path / "all", world="domain:retail").proven == 12


def test_a_sample_is_of_different_traces(tmp_path):
    file = chats(tmp_path / "a.jsonl", [f"question {n}" for n in range(20)])
    found = artificer.sample([file, file], out=tmp_path / "some", n=15)
    assert (found.traces, sum(found.kept.values()), found.dropped[SAME], found.dropped["not drawn"]) == (40, 15, 20, 5)


def test_the_same_trace_of_two_sources_is_in_one_part(tmp_path):
    a = chats(tmp_path / "a.jsonl", [f"question {n}" for n in range(20)])
    b = chats(tmp_path / "b.jsonl", [f"question {n}" for n in range(10, 30)])
    for seed in range(4):
        found = artificer.split([a, b], out=tmp_path / str(seed), parts={"train": 0.5, "test": 0.5}, by="source", seed=seed)
        assert (found.traces, sum(found.kept.values()), found.dropped[SAME]) == (40, 30, 10)


def test_sources_are_told_apart_by_their_names_and_not_by_their_order(tmp_path):
    files = [chats(tmp_path / f"{name}.jsonl", [f"{name} {n}" for n in range(3)]) for name in "abcdef"]
    shares = {"train": 0.5, "test": 0.5}
    artificer.split(files, out=tmp_path / "one", parts=shares, by="source")
    artificer.split(files[::-1], out=tmp_path / "two", parts=shares, by="source")
    assert parts_by_key(tmp_path / "one") == parts_by_key(tmp_path / "two")


@pytest.mark.parametrize("on", ["calls", "first-user"])
def test_where_nothing_can_be_compared_nothing_is_a_duplicate(tmp_path, on):
    rows = [{"messages": [{"role": "assistant", "content": f"answer {n}"}]} for n in range(5)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = artificer.dedup([tmp_path / "a.jsonl"], out=tmp_path / "clean", on=on, near=0.8)
    assert sum(found.kept.values()) == 5


def test_texts_without_words_are_not_near(tmp_path):
    found = artificer.dedup([chats(tmp_path / "a.jsonl", "?!*")], out=tmp_path / "first", near=0.8, on="first-user")
    assert sum(found.kept.values()) == 3


def test_a_source_that_can_be_read_only_once_is_said(tmp_path):
    file = chats(tmp_path / "a.jsonl", ["one", "two"])
    asked = []

    def decide(rows):
        plan = Plan(into={place_of(entry): "" for entry in rows})
        if not asked:
            chats(file, ["one", "two", "three"])
        asked.append(1)
        return plan

    with pytest.raises(ArtificerError, match="second time"):
        made([file], {"": tmp_path / "out"}, "merge", {}, decide)

    def all_of(rows):
        plan = Plan(into={place_of(entry): "" for entry in rows})
        chats(file, ["one"])
        return plan

    with pytest.raises(ArtificerError, match="second time"):
        made([file], {"": tmp_path / "out2"}, "merge", {}, all_of)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0, 0.0, 1e9])
def test_weights_that_are_none(runs, tmp_path, weight):
    with pytest.raises(ArtificerError, match="neither a share nor a number of times"):
        artificer.merge([runs / "a"], out=tmp_path / "x", weights={str(runs / "a"): weight})
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("parts", [{"../x": 0.5, "b": 0.5}, {"": 1.0}, {"a/b": 1.0}, {"a": float("nan")}, {"a": 1.5, "b": -0.5}])
def test_parts_that_are_none(runs, tmp_path, parts):
    with pytest.raises(ArtificerError, match=r"part|shares"):
        artificer.split([runs / "a"], out=tmp_path / "x", parts=parts)
    assert not (tmp_path / "x").exists()
