"""The engine `ray:N` on a real cluster of three nodes on this machine (a head without CPUs, two with one each), with kills of workers, of a
machine and of the driver; and on the cluster that it makes for itself. Card 44's offline checks are named where they are made.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import ray
import ray_rows
import run_chains
from ray.cluster_utils import Cluster
from ray_rows import events, play
from run_chains import everything

from artificer.core.errors import ArtificerError, RunError, SourceError
from artificer.run.chain import RowFailed
from artificer.run.ray import RayEngine
from artificer.run.stage import each
from artificer.run.store import RunFolder

PROGRAM = Path(ray_rows.__file__)
STORE = 100 << 20
SOON = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_timeout_ms": 1000, "health_check_failure_threshold": 3}


@pytest.fixture(scope="module")
def cluster():
    before = dict(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False, "_system_config": SOON}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        nodes.add_node(num_cpus=1, object_store_memory=STORE)
    os.environ["RAY_ADDRESS"] = nodes.address
    yield nodes
    nodes.shutdown()
    os.environ.clear()
    os.environ.update(before)


def source(rows):
    return [(f"{n}", n) for n in range(rows)]


def read(path, family="out"):
    with RunFolder.open(path) as folder:
        return list(folder.read(family, ordered=True))


def doubled(rows):
    return sorted((f"{n}", 2 * n) for n in range(rows))


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def begun_not_ended(log, process):
    return Counter(key for key, at in events(log, "begin") if at == process) - Counter(key for key, at in events(log, "end") if at == process)


def test_rows_are_those_of_one_thread_however_many_are_in_flight(cluster, tmp_path):
    """Card 44, check 1: a thousand conversations of two roles, each id once, histories as in a single-threaded run."""
    talk = each("talk", ray_rows.talking, keep="out")
    play(tmp_path / "one", [talk], source(1000), concurrency=1)
    expected = run_chains.lines(tmp_path / "one", "out")
    for concurrency in (1, 10, 500):
        to = tmp_path / f"{concurrency}"
        play(to, [talk], source(1000), engine="ray:2", concurrency=concurrency)
        assert run_chains.lines(to, "out") == expected
    assert len({line.split(b'"', 4)[3] for line in expected}) == 1000


def test_chains_children_wholes_and_rejects_are_those_of_the_local_engine(cluster, tmp_path):
    alone = run_chains.run(tmp_path / "local", 300)
    for workers in (1, 2):
        summary = run_chains.run(tmp_path / f"{workers}", 300, engine=f"ray:{workers}", concurrency=16, delay=0.002)
        assert everything(tmp_path / f"{workers}") == everything(tmp_path / "local")
        assert [(s.rows_in, s.rows_out, s.rejects) for s in summary.stages] == [(s.rows_in, s.rows_out, s.rejects) for s in alone.stages]


def test_a_slow_row_holds_nobody_up(cluster, tmp_path):
    """Card 44, check 2: the slow row ends only when the 99 others have; a barrier anywhere would be a deadlock."""
    log = tmp_path / "log"
    log.touch()
    stage = each("last", partial(ray_rows.last_of_all, str(log), 99), keep="out")
    assert play(tmp_path / "run", [stage], source(100), engine="ray:2", concurrency=8).complete
    assert log.read_text().splitlines()[-1] == "end 0"


def test_large_items_travel_by_reference_and_change_nothing(cluster, tmp_path):
    """Card 44, check 3: only what is above the threshold is put into the store, rows are the same, and the store is empty again."""
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        free = ray.available_resources()["object_store_memory"]
        held = ray.put(bytes(5_000_000))
        until(lambda: ray.available_resources()["object_store_memory"] < free)  # so what is held there is seen
        del held
        engine = RayEngine(2, None, by_reference=512)
        assert engine.payload(b"x" * 512) == b"x" * 512
        assert isinstance(engine.payload(b"x" * 513), ray.ObjectRef)
        rows = [(f"{n}", {"text": random.Random(n).randbytes(size // 2).hex()}) for n, size in enumerate((10, 100_000, 300_000, 4_000_000) * 2)]
        stages = [each("turn", ray_rows.heavy, keep="turned"), each("weigh", ray_rows.weighing, keep="out")]
        play(tmp_path / "local", stages, rows)
        play(tmp_path / "ray", stages, rows, engine="ray:2")
        for family in ("turned", "out"):
            assert run_chains.lines(tmp_path / "ray", family) == run_chains.lines(tmp_path / "local", family)
        until(lambda: ray.available_resources().get("object_store_memory") == free)
    finally:
        ray.shutdown()


def test_a_killed_worker_costs_what_it_had_not_finished(cluster, tmp_path):
    """Card 44, check 4, and better: what was checked out is not lost, it is played again, and nothing else is."""
    to, log = tmp_path / "run", tmp_path / "log"
    struck = {}

    def strike():
        until(lambda: len(events(log, "end")) > 40)
        victim = events(log, "begin")[-1][1]
        os.kill(victim, signal.SIGKILL)
        struck[victim] = begun_not_ended(log, victim)

    killer = threading.Thread(target=strike)
    killer.start()
    summary = play(to, [ray_rows.logs(log, 0.02)], source(300), engine="ray:2", concurrency=8)
    killer.join()
    (victim, unfinished) = struck.popitem()
    assert (summary["log"].rows_in, summary["log"].rows_out) == (300, 300)
    assert read(to) == doubled(300)
    again = Counter(key for key, _ in events(log, "begin")) - Counter(f"{n}" for n in range(300))
    untold = {key for key, at in events(log, "end") if at == victim} & again.keys()  # it had ended them, and died before it could say so
    assert again.keys() - untold <= unfinished.keys()
    assert len(again) <= 4  # what one worker had in hand
    assert len({process for _, process in events(log, "begin")}) == 3  # it was replaced


def test_a_machine_that_dies_and_one_that_comes(cluster, tmp_path):
    to, log, gate = tmp_path / "run", tmp_path / "log", tmp_path / "gate"
    doomed = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    rows = [ray_rows.logs(log, 0.0, gate, free=20)]  # the twenty-first waits until the new machine's worker has begun one
    with ThreadPoolExecutor() as other:
        running = other.submit(play, to, rows, source(200), engine="ray:3", concurrency=9)
        until(lambda: len({process for _, process in events(log, "begin")}) == 3 and len(events(log, "end")) >= 20)
        cluster.remove_node(doomed, allow_graceful=False)
        came = cluster.add_node(num_cpus=1, object_store_memory=STORE)
        until(lambda: len({process for _, process in events(log, "begin")}) == 4)
        gate.touch()
        summary = running.result(60)
    cluster.remove_node(came)
    assert summary.complete
    assert summary["log"].rejects == {}
    assert read(to) == doubled(200)
    assert sum(n - 1 for n in Counter(key for key, _ in events(log, "begin")).values()) <= 3


def test_a_row_that_kills_its_workers_is_rejected_and_takes_nobody_with_it(cluster, tmp_path, caplog):
    dying = each("die", partial(run_chains.dying, str(tmp_path / "marker"), False), keep="out")
    summary = play(tmp_path / "run", [dying], source(60), engine="ray:2", concurrency=8)
    assert summary.complete
    assert summary["die"].rejects == {"lost_worker": 1}
    assert read(tmp_path / "run") == [row for row in doubled(60) if row[0] != "7"]
    with RunFolder.open(tmp_path / "run") as folder:
        (rejected,) = folder.rejects()
        assert (rejected.key, rejected.item) == ("7", 7)
        assert rejected.detail == "3 workers died while they played it, the last one alone: killed, or crashed"
    assert [record.message for record in caplog.records if "was lost" in record.message][-1] == (
        "a worker was lost (killed, or crashed); the rows in its hand are played again: 1"
    )


def test_the_driver_is_killed_and_the_run_continues(cluster, tmp_path):
    to, log = tmp_path / "run", tmp_path / "log"
    arguments = [sys.executable, str(PROGRAM), str(to), "ray:2", "400", "0.02", str(log)]
    for share in (60, 200):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda share=share: len(events(log, "end")) >= share)
        process.kill()
        process.communicate()
        workers = {process for _, process in events(log, "enter")}
        until(lambda workers=workers: not any(Path(f"/proc/{worker}").exists() for worker in workers))  # no orphan plays on
    done = {key for key, _ in read(to)}
    mark = len(events(log, "begin"))
    finished = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "complete\n", "")
    assert read(to) == doubled(400)
    assert not {key for key, _ in events(log, "begin")[mark:]} & done


def test_errors_are_those_of_the_local_engine(cluster, tmp_path):
    with pytest.raises(RowFailed, match=r"stage 'divide' failed on row 'k30': ZeroDivisionError: thirty") as caught:
        play(tmp_path / "a", [each("divide", partial(run_chains.raising, "bug"), keep="out")], [(f"k{n}", n) for n in range(200)], engine="ray:2")
    assert "ZeroDivisionError" in "".join(caught.value.__notes__)
    assert ("k30", 30) not in read(tmp_path / "a")
    with pytest.raises(SourceError) as mistaken:
        play(tmp_path / "b", [each("read", partial(run_chains.raising, "mistake"), keep="out")], source(60), engine="ray:2", concurrency=2)
    assert (mistaken.value.what, mistaken.value.where, mistaken.value.remedy) == ("no such table", "shop.db", "make it")
    with pytest.raises(RuntimeError, match="a worker could not start: FileNotFoundError: no such weights"):
        play(tmp_path / "c", [each("s", ray_rows.failing_to_enter, keep="out")], source(2), engine="ray:2")


def test_builders_are_left_as_often_as_entered(cluster, tmp_path):
    """Card 44, check 5: also when a row fails while others are in flight."""
    log = tmp_path / "log"
    play(tmp_path / "good", [ray_rows.logs(log, 0.01)], source(50), engine="ray:2", concurrency=4)
    assert 1 <= len(events(log, "enter")) <= 2
    assert sorted(events(log, "enter")) == sorted(events(log, "leave"))
    bad = [ray_rows.logs(log, 0.01), each("fail", partial(run_chains.raising, "bug"), keep="failed")]
    with pytest.raises(RowFailed):
        play(tmp_path / "bad", bad, [(f"{n}", n / 2) for n in range(200)], engine="ray:2", concurrency=8)
    assert sorted(events(log, "enter")) == sorted(events(log, "leave"))


def test_what_cannot_be_sent_is_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)  # what no script defines is sent along: see `_pickled`
    with pytest.raises(ArtificerError, match="a stage cannot be sent to a worker:"):
        play(tmp_path, [each("s", lambda: ray_rows.waiting(0.0), keep="out")], source(1), engine="ray:1")


def test_a_cluster_without_room_says_so(cluster, tmp_path):
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        hogs = [ray.remote(type("Hog", (), {"here": lambda self: 1})).options(num_cpus=1).remote() for _ in range(2)]
        ray.get([hog.here.remote() for hog in hogs])
        engine = RayEngine(2, None, room_s=0.5)
        with RunFolder.create_or_continue(tmp_path, {"seed": 1}) as folder, pytest.raises(RunError, match="no room for a worker: 0 of its 2 CPUs"):
            run_on(engine, folder, source(3))
    finally:
        ray.shutdown()


def run_on(engine, folder, rows):
    import asyncio

    from artificer.run.chain import parts_of
    from artificer.run.resume import pending

    chain = parts_of([ray_rows.waits(0.0)])[0]
    asyncio.run(engine.run(chain, pending(chain, rows, folder, lambda: None), lambda outcome: None, lambda: None, 4))


@pytest.mark.parametrize(
    ("address", "says"),
    [("ray://127.0.0.1:10001", "Ray's client cannot be used"), ("127.0.0.1:1", "cannot reach the Ray cluster")],
)
def test_addresses_that_cannot_be_used(tmp_path, monkeypatch, address, says):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ArtificerError, match=says) as caught:
        play(tmp_path, [ray_rows.waits(0.0)], source(1), engine="ray:1")
    assert caught.value.where == f"RAY_ADDRESS={address}"


def test_another_version_of_ray_is_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(ray, "__version__", "2.0.0")
    with pytest.raises(ArtificerError, match=r"the cluster runs other versions: .*2\.0\.0"):
        play(tmp_path, [ray_rows.waits(0.0)], source(1), engine="ray:1")


def test_without_ray_the_extra_is_named(tmp_path):
    code = "import sys; sys.modules['ray'] = None; from artificer.run.engine import engine_of; engine_of('ray:2')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the engine 'ray' needs the optional part 'ray', which is not installed." in done.stderr
    assert "pip install 'artificer[ray]'" in done.stderr


def test_the_commands_on_the_page_give_the_bytes_of_the_local_engine(cluster, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text("utf-8")
    (block,) = re.findall(r"^```bash\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    made = {}
    for name, text in (("ray", block), ("local", block.replace("--engine ray:2", "--engine local"))):
        (tmp_path / name).mkdir()
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path / name, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        made[name] = {run: run_chains.lines(tmp_path / name / "runs" / run, "traces") for run in ("shop", "hasty")}
    assert made["ray"] == made["local"]
    assert len(made["ray"]["shop"]) == 20


def test_on_a_cluster_of_its_own_ctrl_c_leaves_a_run_that_continues_and_nothing_else(tmp_path, monkeypatch):
    """Ctrl-C goes to the whole group, as from a terminal: once finishes what is in flight, twice stops at once."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    to, log = tmp_path / "run", tmp_path / "log"
    arguments = [sys.executable, str(PROGRAM), str(to), "ray:2", "100000", "0.02", str(log)]
    before = set(Path("/tmp").glob("artificer-ray-*"))
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until(lambda: len(events(log, "end")) >= 20)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60) == ("incomplete\n", "")
    assert process.returncode == 0
    assert Counter(key for key, _ in events(log, "begin")) == Counter(key for key, _ in read(to))  # all that was begun was finished
    assert len(events(log, "enter")) == len(events(log, "leave")) == 2
    assert set(Path("/tmp").glob("artificer-ray-*")) <= before


def test_a_machine_without_memory_is_reported(tmp_path, monkeypatch):
    """Ray's own watch over memory ends every worker at once here."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.001")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "50")
    with pytest.raises(RunError, match="3 workers died before they could begin: out of memory"):
        play(tmp_path, [ray_rows.waits(30.0)], source(2), engine="ray:1")
