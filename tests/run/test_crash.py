"""Kill -9 at random moments, Ctrl-C once and twice, dead workers: a run always continues, and in the end nothing shows that it was disturbed."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import msgspec
import pytest
import run_chains
from run_chains import dying, everything

from artificer.core.errors import ArtificerError, RunError
from artificer.run import index, reading
from artificer.run.engine import execute
from artificer.run.frames import Note, scan
from artificer.run.stage import each
from artificer.run.store import RunFolder

PROGRAM = Path(run_chains.__file__)
ROWS = 600
encode_lines = msgspec.json.Encoder().encode_lines


def start(path, log, engine="local", concurrency=4, delay=0.02):
    arguments = [sys.executable, str(PROGRAM), str(path), str(ROWS), engine, str(concurrency), str(delay), str(log)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finished(path):
    """(stage, key) of every row that is done."""
    if not (path / "run.toml").exists():
        return set()
    with RunFolder.open(path) as folder:
        return {(family, key) for family in ("parts", "worded", "final") for key in folder.family(family).done}


def played(log, since=0):
    return [tuple(line.split(" ", 1)) for line in log.read_text().splitlines()[since:]] if log.exists() else []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed")
    run_chains.run(path, ROWS, concurrency=50)
    return everything(path)


@pytest.mark.parametrize(("engine", "times"), [("local", 20), ("processes:2", 6)])
def test_killed_at_random_moments(tmp_path, undisturbed, engine, times):
    to, log = tmp_path / "run", tmp_path / "log"
    moments = random.Random(7)
    in_the_middle, before = 0, 0
    for _ in range(times):
        done, mark = finished(to), len(played(log))
        process = start(to, log, engine)
        soon = mark + moments.randrange(70)
        while len(played(log)) < soon:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.02))
        process.kill()
        process.communicate()
        again = set(played(log, mark)) & done
        assert not again, "a finished row was played again"
        assert done <= finished(to), "a finished row was lost"
        in_the_middle += before < len(finished(to))
        before = len(finished(to))
    assert in_the_middle >= times // 2, "the moments missed the work"
    process = start(to, log, engine, concurrency=50, delay=0)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "complete\n"), err
    assert everything(to) == undisturbed
    if engine == "local":  # what was in flight at a kill is played again, nothing else: at most 4 rows and their children a kill
        twice = sum(n - 1 for n in Counter(played(log)).values())
        assert twice <= times * 4 * 3


def test_ctrl_c_once_finishes_what_is_in_flight(tmp_path, undisturbed):
    to, log = tmp_path / "run", tmp_path / "log"
    process = start(to, log, delay=0.05)
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "incomplete\n"), err
    assert set(played(log)) <= finished(to)  # everything that was begun was finished
    assert 10 < len(finished(to)) < 1000
    assert run_chains.run(to, ROWS, log=str(log)).complete
    assert everything(to) == undisturbed
    assert max(Counter(played(log)).values()) == 1  # and nothing was played twice


@pytest.mark.parametrize("engine", ["local", "processes:2"])
def test_ctrl_c_twice_stops_at_once(tmp_path, undisturbed, engine):
    to, log = tmp_path / "run", tmp_path / "log"
    process = start(to, log, engine, delay=20)
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None  # rows are in flight for seconds
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=15)
    assert time.monotonic() - began < 2
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err
    assert out == ""
    assert run_chains.run(to, ROWS).complete
    assert everything(to) == undisturbed


async def _play(path, marker, once):
    with RunFolder.create_or_continue(path, {"seed": 1}) as folder:
        return await execute(
            [each("die", partial(dying, str(marker), once), keep="out")], [(f"{n:02}", n) for n in range(60)], folder, engine="processes:2"
        )


async def test_rows_of_a_killed_worker_are_played_again(tmp_path):
    summary = await _play(tmp_path / "run", tmp_path / "marker", once=True)
    assert (tmp_path / "marker").exists()
    assert (summary["die"].rows_in, summary["die"].rows_out) == (60, 60)
    with RunFolder.open(tmp_path / "run") as folder:
        assert list(folder.read("out", ordered=True)) == [(f"{n:02}", 2 * n) for n in range(60)]


async def test_a_row_that_kills_every_worker_stops_the_run(tmp_path):
    with pytest.raises(RunError, match="3 workers died"):
        await _play(tmp_path / "run", tmp_path / "marker", once=False)
    summary = await _play(tmp_path / "run", tmp_path / "marker", once=True)
    assert summary.complete


async def test_a_stage_that_cannot_be_sent_is_refused(tmp_path):
    unnamed = each("s", lambda: run_chains.dressing(), keep="out")
    with RunFolder.create_or_continue(tmp_path, {"seed": 1}) as folder, pytest.raises(ArtificerError, match="cannot be sent to a worker"):
        await execute([unnamed], [("a", 1)], folder, engine="processes:1")


async def test_workers_enter_their_builders_once_and_leave_them(tmp_path):
    log = tmp_path / "log"
    with RunFolder.create_or_continue(tmp_path / "run", {"seed": 1}) as folder:
        stage = each("where", partial(run_chains.leaving, str(log)), keep="out")
        await execute([stage], [(f"{n}", n) for n in range(80)], folder, engine="processes:2", concurrency=8)
        workers = {str(process) for _, process in folder.read("out")}
    assert len(workers) == 2
    assert sorted(played(log)) == sorted((what, process) for process in workers for what in ("enter", "leave"))


async def test_a_worker_that_cannot_start_says_why(tmp_path):
    with RunFolder.create_or_continue(tmp_path / "run", {"seed": 1}) as folder:
        stage = each("where", partial(run_chains.leaving, str(tmp_path / "no" / "log")), keep="out")
        with pytest.raises(RuntimeError, match="a worker could not start: FileNotFoundError"):
            await execute([stage], [("a", 1)], folder, engine="processes:2")


async def test_a_builder_that_a_worker_cannot_import_is_named(tmp_path, monkeypatch):
    import types

    gone = types.ModuleType("gone_module")
    exec("from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def build():\n    yield None", gone.__dict__)
    monkeypatch.setitem(sys.modules, "gone_module", gone)
    told = "a worker could not start: ModuleNotFoundError: No module named 'gone_module'"
    with RunFolder.create_or_continue(tmp_path / "run", {"seed": 1}) as folder, pytest.raises(RuntimeError, match=told):
        await execute([each("s", partial(gone.build), keep="out")], [("a", 1)], folder, engine="processes:1")


COMMITS = [("z", [("z/0", 1), ("z/1", 2)]), ("b", []), ("a", [(f"a/{n}", n) for n in range(6)]), ("c", [("c", 5)])]
ROWS_OF_ALL = sorted(row for _, rows in COMMITS for row in rows)


def put(folder, of, rows):
    folder.commit("rows", Note(of, tuple(key for key, _ in rows)), encode_lines([{"key": key, "item": item} for key, item in rows]))


@pytest.mark.parametrize("few", [100_000, 1])
def test_cut_at_any_byte_the_index_and_the_order_are_right(tmp_path, monkeypatch, few):
    monkeypatch.setattr(reading, "FEW", few)
    shard = tmp_path / "rows-000.jsonl.zst"
    with RunFolder.create_or_continue(tmp_path, {"seed": 1}) as folder:
        for of, rows in COMMITS:
            put(folder, of, rows)
    data = shard.read_bytes()
    ends = [span.end for span in scan(data)]
    for cut in range(len(data) + 1):
        shard.write_bytes(data[:cut])
        whole = COMMITS[: sum(end <= cut for end in ends)]
        with RunFolder.open(tmp_path) as folder:
            family = folder.family("rows")
            assert list(folder.read("rows", ordered=True)) == sorted(row for _, rows in whole for row in rows)
            assert sorted(family.done) == sorted(of for of, _ in whole)
            assert len(family.places) == sum(len(rows) for _, rows in whole)
        with RunFolder.create_or_continue(tmp_path, {"seed": 1}) as folder:
            for of, rows in COMMITS:
                if of not in folder.family("rows").done:
                    put(folder, of, rows)
            assert list(folder.read("rows", ordered=True)) == ROWS_OF_ALL
        with RunFolder.open(tmp_path) as folder:
            assert folder.torn == []
            assert list(folder.read("rows", ordered=True)) == ROWS_OF_ALL


def test_readers_see_whole_commits_while_a_writer_writes(tmp_path):
    with RunFolder.create_or_continue(tmp_path, {"seed": 1}, shard_bytes=500) as writer:
        readers = []
        for number in range(60):
            put(writer, f"r{number:02}", [(f"r{number:02}/{n}", n) for n in range(3)])
            if number % 20 == 10:
                readers.append((number, RunFolder.open(tmp_path)))
            for seen, reader in readers:  # each goes on seeing what there was when it was opened
                assert len(list(reader.read("rows", ordered=True))) == 3 * (seen + 1)
                assert (f"r{number:02}" in reader.family("rows").done) == (number <= seen)
        for _, reader in readers:
            reader.close()


@pytest.mark.parametrize("mask", [0, 3])
@pytest.mark.parametrize("few", [1, 7, 1 << 15])
def test_keys_with_one_hash_are_not_taken_for_each_other(tmp_path, monkeypatch, mask, few):
    monkeypatch.setattr(index, "_HASH", mask)
    monkeypatch.setattr(index, "_FEW", few)
    dice, rows = random.Random(few), {}
    with RunFolder.create_or_continue(tmp_path, {"seed": 1}, shard_bytes=2000) as folder:
        for number in dice.sample(range(10**6), 80):
            keys = tuple(f"o{number}/{n}" for n in range(dice.randrange(4)))
            assert f"o{number}" not in folder.family("rows").done
            put(folder, f"o{number}", [(key, key) for key in keys])
            rows |= dict.fromkeys(keys, number)
            assert folder.family("rows").done[f"o{number}"].note.keys == keys
    with RunFolder.open(tmp_path) as folder:
        family = folder.family("rows")
        assert dict(folder.read("rows", ordered=True)) == {key: key for key in rows}
        assert (len(family.done), len(family.places), sorted(family.places)) == (80, len(rows), sorted(rows))
        assert all(folder.row("rows", key) == key for key in rows)
        assert folder.row("rows", "o0/0") is None
