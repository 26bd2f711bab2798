import asyncio
import threading
from contextlib import asynccontextmanager
from functools import partial

import pytest
import run_chains
from run_chains import Piece, everything, raising

from artificer.core.errors import ArtificerError, RunError, SourceError
from artificer.run.chain import RowFailed
from artificer.run.engine import execute
from artificer.run.stage import Reject, each, whole
from artificer.run.store import RunFolder


@asynccontextmanager
async def applying(function):
    async def row(key, item):
        return function(key, item)

    yield row


def apply(name, function, **options):
    return each(name, partial(applying, function), **options)


def play(path, stages, source, **options):
    with RunFolder.create_or_continue(path, {"seed": 1}) as folder:
        return asyncio.run(execute(stages, source, folder, **options))


def read(path, family, **options):
    with RunFolder.open(path) as folder:
        return list(folder.read(family, **options))


def test_output_does_not_depend_on_engine_or_concurrency(tmp_path):
    runs = {
        name: run_chains.run(tmp_path / name, 300, engine=engine, concurrency=concurrency, delay=0.002)
        for name, engine, concurrency in (("c10", "local", 10), ("c500", "local", 500), ("p2", "processes:2", 16))
    }
    alone = run_chains.run(tmp_path / "c1", 300, concurrency=1)
    expected = everything(tmp_path / "c1")
    assert len(expected["final"]) > 100
    assert len(expected["rejects"]) > 30
    for name, summary in runs.items():
        assert everything(tmp_path / name) == expected
        assert [(s.rows_in, s.rows_out, s.rejects) for s in summary.stages] == [(s.rows_in, s.rows_out, s.rejects) for s in alone.stages]


def test_summary_accounts_for_every_row(tmp_path):
    summary = run_chains.run(tmp_path, 300)
    numbers = range(300)
    nothing = [n for n in numbers if n % 11 != 5 and (n % 13 == 0 or n % 4 == 0)]
    assert summary["split"].rows_in == 300
    assert summary["split"].rejects == {"eleven": sum(n % 11 == 5 for n in numbers)}
    assert summary["split"].rows_out == sum(n % 4 for n in numbers if n % 11 != 5 and n not in nothing)
    for before, after in (("split", "dress"), ("dress", "word"), ("word", "pick"), ("pick", "finish")):
        assert summary[before].rows_out == summary[after].rows_in
    for name in ("dress", "word", "pick"):
        stage = summary[name]
        assert stage.rows_in == stage.rows_out + sum(stage.rejects.values())
    assert summary["dress"].rejects.keys() == {"all the same"}
    assert summary["pick"].rejects.keys() == {"not_kept", "odd and five"}
    assert summary["finish"].rows_out == 2 * summary["finish"].rows_in
    assert run_chains.run(tmp_path, 300).stages == summary.stages  # a second call does nothing and counts the same


def test_one_item_keeps_its_key_and_several_have_keys_of_their_own(tmp_path):
    stage = apply("s", lambda _, n: {"one": n, "list": [n, n], "listed": [n], "generator": (n + i for i in range(3)), "none": None}[n], keep="out")
    # values are what the row function gives for its own name; keys show how it was given
    play(tmp_path, [stage], [("a", "one"), ("b", "list"), ("c", "listed"), ("e", "none")])
    assert read(tmp_path, "out", ordered=True) == [("a", "one"), ("b/0", "list"), ("b/1", "list"), ("c/0", "listed")]


def test_a_reject_among_children_has_the_key_of_the_child(tmp_path):
    play(tmp_path, [apply("s", lambda _, n: [n, Reject("bad", "very", {"n": n}), n + 1], keep="out")], [("k", 5)])
    with RunFolder.open(tmp_path) as folder:
        assert list(folder.read("out")) == [("k/0", 5), ("k/2", 6)]
        assert [(r.key, r.stage, r.reason, r.detail, r.item) for r in folder.rejects()] == [("k/1", "s", "bad", "very", {"n": 5})]


@pytest.mark.parametrize("engine", ["local", "processes:2"])
def test_a_row_that_raises_stops_the_run_and_keeps_what_is_finished(tmp_path, engine):
    stages = [each("divide", partial(raising, "bug"), keep="out")]
    with pytest.raises(RowFailed, match=r"stage 'divide' failed on row 'k30': ZeroDivisionError: thirty") as caught:
        play(tmp_path, stages, [(f"k{n}", n) for n in range(200)], engine=engine, concurrency=4)
    told = caught.value.__cause__ if engine == "local" else "".join(caught.value.__notes__)
    assert "ZeroDivisionError" in repr(told)
    kept = read(tmp_path, "out")
    assert 20 <= len(kept) <= 40
    assert ("k30", 30) not in kept


@pytest.mark.parametrize("engine", ["local", "processes:2"])
def test_a_users_mistake_is_raised_as_it_is(tmp_path, engine):
    with pytest.raises(SourceError) as caught:
        play(tmp_path, [each("read", partial(raising, "mistake"), keep="out")], [(f"{n}", n) for n in range(60)], engine=engine, concurrency=2)
    assert (caught.value.what, caught.value.where, caught.value.remedy) == ("no such table", "shop.db", "make it")


def test_only_unfinished_rows_are_played_when_a_run_continues(tmp_path):
    played = []

    def fragile(key, item):
        played.append(key)
        if item == 50 and len(played) < 60:
            raise ValueError(key)
        return item

    source = [(f"{n:02}", n) for n in range(100)]
    with pytest.raises(RowFailed):
        play(tmp_path, [apply("first", lambda _, n: n + 0, keep="a"), apply("second", fragile, keep="b")], source, concurrency=1)
    assert played == [key for key, _ in source[:51]]
    done_first = len(read(tmp_path, "a"))
    again = []
    stages = [apply("first", lambda k, n: again.append(k) or n, keep="a"), apply("second", fragile, keep="b")]
    played += ["-"] * 20
    summary = play(tmp_path, stages, source, concurrency=7)
    assert sorted(played[71:]) == [key for key, _ in source[50:]]
    assert sorted(again) == [key for key, _ in source[done_first:]]
    assert read(tmp_path, "b", ordered=True) == source
    assert summary.complete


def test_whole_is_given_rows_in_key_order_once(tmp_path):
    seen = []

    async def late(key, item):
        await asyncio.sleep((9 - item) * 0.003)
        return item

    @asynccontextmanager
    async def building():
        yield late

    def keep_all(rows):
        seen.append([key for key, _ in rows])
        return rows

    stages = [each("late", building), whole("all", keep_all), apply("next", lambda _, n: n, keep="out")]
    play(tmp_path, stages, [(f"{n}", n) for n in range(10)])
    assert seen == [[str(n) for n in range(10)]]


def test_a_kept_whole_is_not_done_again(tmp_path):
    calls = []

    def half(rows):
        calls.append(len(rows))
        return [row for row in rows if row[1] % 2]

    stages = [apply("a", lambda _, n: n, keep="a"), whole("half", half, keep="half"), apply("b", lambda _, n: -n, keep="b")]
    source = [(f"{n}", n) for n in range(10)]
    first = play(tmp_path, stages, source)
    second = play(tmp_path, stages, source)
    assert calls == [10]
    assert first.stages[1].rejects == second.stages[1].rejects == {"not_kept": 5}
    assert read(tmp_path, "b", ordered=True) == [("1", -1), ("3", -3), ("5", -5), ("7", -7), ("9", -9)]


def test_an_async_whole_and_one_that_fails(tmp_path):
    async def later(rows):
        await asyncio.sleep(0)
        return rows[:1]

    play(tmp_path / "a", [whole("later", later, keep="out")], [("b", 2), ("a", 1)])
    assert read(tmp_path / "a", "out") == [("a", 1)]
    with pytest.raises(KeyError) as caught:
        play(tmp_path / "b", [whole("wrong", lambda rows: {}[1], keep="out")], [("a", 1)])
    assert caught.value.__notes__ == ["in stage 'wrong', which was given all 1 rows"]


def test_builders_are_entered_once_and_left(tmp_path):
    log = []

    @asynccontextmanager
    async def building():
        log.append("in")

        async def row(key, item):
            return item

        yield row
        log.append("out")

    play(tmp_path, [each("s", building, keep="out")], [(f"{n}", n) for n in range(50)])
    assert log == ["in", "out"]


def test_what_json_cannot_hold_is_rejected_and_the_rest_goes_on(tmp_path):
    play(tmp_path, [apply("s", lambda _, n: [f"good {n}", "\ud800", Reject("odd", "\udcff", "\ud800")], keep="out")], [("a", 1)])
    with RunFolder.open(tmp_path) as folder:
        assert list(folder.read("out")) == [("a/0", "good 1")]
        assert sorted((r.key, r.reason, r.item) for r in folder.rejects()) == [("a/1", "not_json", None), ("a/2", "odd", None)]


def test_an_item_that_could_not_be_read_back_is_a_bug(tmp_path):
    with pytest.raises(RowFailed, match="of=Piece"):
        play(tmp_path / "a", [apply("s", lambda _, n: Piece(n, ()), keep="out")], [("a", 1)])
    with pytest.raises(RowFailed, match="cannot be written as JSON"):
        play(tmp_path / "b", [apply("s", lambda _, n: object(), keep="out")], [("a", 1)])


@pytest.mark.parametrize(
    ("source", "says"),
    [([("a", 1), ("b", 2), ("a", 3)], "'a', twice"), ([("", 1)], "empty"), ([("\ud800", 1)], "not text")],
)
def test_bad_keys_are_refused(tmp_path, source, says):
    with pytest.raises(ArtificerError, match=says):
        play(tmp_path, [apply("s", lambda _, n: n, keep="out")], source)


def test_keys_that_collide_with_children_are_refused(tmp_path):
    with pytest.raises(RunError, match="two rows of 'out' have the key 'a/0'"):
        play(tmp_path, [apply("s", lambda _, n: [n] if n == 1 else n, keep="out")], [("a", 1), ("a/0", 2)])


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ([], "at least one"),
        ([apply("a", lambda k, n: n)], "nobody would get"),
        ([apply("a", lambda k, n: n, keep="x"), apply("a", lambda k, n: n, keep="y")], "stage name 'a'"),
        ([apply("a", lambda k, n: n, keep="x"), apply("b", lambda k, n: n, keep="x")], "shard family 'x'"),
        ([apply("a", lambda k, n: n, keep="rejects")], "the run's own"),
        ([apply("a", lambda k, n: n, keep="../x")], "cannot name shards"),
    ],
)
def test_stages_that_would_lose_work_are_refused(tmp_path, stages, says):
    with pytest.raises(ArtificerError, match=says):
        play(tmp_path, stages, [("a", 1)])


@pytest.mark.parametrize("engine", ["slurm", "processes", "processes:0", "processes:x", "local:2", "ray:-1", "processes:²"])
def test_unknown_engines_are_refused(tmp_path, engine):
    with pytest.raises(ArtificerError, match="there is no engine"):
        play(tmp_path, [apply("a", lambda k, n: n, keep="x")], [("a", 1)], engine=engine)


def test_rows_are_pulled_only_as_they_are_needed(tmp_path):
    pulled, most = [], []

    def endless():
        for n in range(1000):
            pulled.append(n)
            yield f"{n}", n

    finished = []

    def track(_, n):
        most.append(len(pulled) - len(finished))
        finished.append(n)
        return n

    play(tmp_path, [apply("s", track, keep="out")], endless(), concurrency=5)
    assert max(most) <= 5
    assert len(finished) == 1000


def test_a_run_outside_the_main_thread(tmp_path):
    thread = threading.Thread(target=lambda: run_chains.run(tmp_path, 20))
    thread.start()
    thread.join()
    assert len(read(tmp_path, "parts")) > 5
