"""`artificer rollout` against an endpoint that is slow, and one that fails: stopped, continued, tried again; nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artificer.core.canon import canonical
from artificer.core.messages import ToolCall
from artificer.core.tasks import Effect, Goal, Start, Task, Want
from artificer.core.trace import Trace
from artificer.rollout.again import Copied
from artificer.run.engine import execute
from artificer.run.stage import each
from artificer.run.store import RunFolder

BENCH = Path(__file__).parents[2] / "benchmarks" / "collecting"
WORLD = f"python:{BENCH / 'shop.py'}"
ROWS = 24
CHECKS = ("reached", "nothing_else", "finished")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> Path:
    """A run of tasks for the endpoint of the benchmark, which answers by the number of an order."""
    folder = tmp_path_factory.mktemp("tasks") / "run"
    rows = []
    for row in range(ROWS):
        sku, pieces = f"S{row % 100}", 1 + row % 5
        want = Want("turn", gold=(ToolCall("g", "add", {"sku": sku, "pieces": pieces}),))
        goal = Goal((want,), (), (Effect("pieces", (sku,), "insert", {"value": (None, pieces)}),), {"open:0": f"Order {row}: {pieces} of {sku}."})
        rows.append((f"{row:02}", Task(f"task-{row}", WORLD, Start(row), "", goal, checks=CHECKS)))
    with RunFolder.create_or_continue(folder, {"recipe": "orders", "knobs": {"world": WORLD}}) as run:
        asyncio.run(execute([each("tasks", Copied(), keep="tasks", of=Task)], rows, run))
    return folder


Endpoint = Callable[..., str]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Starts endpoints; gives the model string."""
    servers: list[subprocess.Popen[str]] = []

    def start(*options: object) -> str:
        server = subprocess.Popen([sys.executable, str(BENCH / "endpoint.py"), *map(str, options)], stdout=subprocess.PIPE, text=True)
        servers.append(server)
        assert server.stdout is not None
        return f"openai:mock@http://127.0.0.1:{server.stdout.readline().strip()}/v1"

    yield start
    for server in servers:
        server.terminate()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def command(tasks: Path, out: Path, model: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "artificer", "rollout", str(tasks), "--agent", model, "--concurrency", "4", "-o", str(out), *more]


def rollout(tasks: Path, out: Path, model: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(tasks, out, model, *more), capture_output=True, text=True)


def ends(out: Path) -> dict[str, bytes]:
    """How every row ended; each did once."""
    with RunFolder.open(out) as run:
        rows = [(key, canonical(trace)) for key, trace in run.read("traces", Trace)] + [(row.key, canonical(row)) for row in run.rejects()]
    assert max(Counter(key for key, _ in rows).values(), default=1) == 1
    return dict(rows)


def begun(out: Path) -> int:
    if not (out / "run.toml").exists():
        return 0
    with RunFolder.open(out) as run:
        return len(run.keys("traces"))


def interrupted(tasks: Path, out: Path, model: str, times: int) -> tuple[int, str]:
    """Ctrl-C after the first trace, once or twice; the exit code and what was said."""
    process = subprocess.Popen(command(tasks, out, model), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not begun(out):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = ""
    while "finishing" not in said:
        line = process.stderr.readline()
        assert line
        said += line
    if times == 2:
        process.send_signal(signal.SIGINT)
    printed, rest = process.communicate()
    return process.returncode, printed + said + rest


def test_ctrl_c_once_finishes_and_twice_stops_and_both_continue(tasks, tmp_path, endpoint):
    model = endpoint("--latency-ms", 60)
    assert rollout(tasks, tmp_path / "undisturbed", model, "--quiet").returncode == 0
    expected = ends(tmp_path / "undisturbed")
    assert len(expected) == ROWS
    kept = {}
    for times in (1, 2):
        out = tmp_path / f"stopped-{times}"
        code, said = interrupted(tasks, out, model, times)
        assert code == 130
        assert "continues it" in said or times == 2
        assert "Traceback" not in said
        held = ends(out)
        kept[times] = len(held)
        assert held.items() <= expected.items()
        assert 0 < len(held) < ROWS
        with RunFolder.open(out) as run:
            assert run.torn == []
        again = rollout(tasks, out, model, "--quiet")
        assert (again.returncode, ends(out)) == (0, expected)
    assert kept[1] >= 4  # what was in flight was finished


def test_a_budget_leaves_a_run_that_continues(tasks, tmp_path, endpoint):
    model = endpoint("--latency-ms", 1)
    out = tmp_path / "run"
    first = rollout(tasks, out, model, "--budget-requests", "30", "--quiet")
    assert first.returncode == 75
    assert "stopped before the end (the budget of 30 requests is spent); the same command continues it" in first.stdout
    held = ends(out)
    assert 4 <= len(held) <= 7
    second = rollout(tasks, out, model, "--budget-tokens", "1000", "--quiet")
    assert (second.returncode, "the budget of 1000 tokens is spent" in second.stdout) == (75, True)
    assert held.items() < ends(out).items()
    assert rollout(tasks, out, model, "--quiet").returncode == 0
    assert rollout(tasks, tmp_path / "undisturbed", model, "--quiet").returncode == 0
    assert ends(out) == ends(tmp_path / "undisturbed")


def test_faults_end_rows_with_their_reason_and_these_are_played_again_on_request(tasks, tmp_path, endpoint):
    model = endpoint("--latency-ms", 1, "--faults", 0.3) + "?timeout=0.3&tries=2"
    out = tmp_path / "run"
    first = rollout(tasks, out, model)
    held = ends(out)
    assert set(held) == {f"{row:02}" for row in range(ROWS)}
    with RunFolder.open(out) as run:
        reasons = Counter(row.reason for row in run.rejects())
    assert set(reasons) <= {"agent_error", "reached"}  # the model was gone; a tool that does not exist was called instead
    assert reasons["agent_error"] > 0
    assert "requests, " in first.stderr
    assert "errors (" in first.stderr
    assert f"{reasons['agent_error']} rows ended because the model (or a user, or the world) was gone" in first.stdout
    unchanged = rollout(tasks, out, model)
    assert (unchanged.returncode, ends(out)) == (0, held)  # continuing alone leaves them as they are
    for _ in range(20):
        again = rollout(tasks, out, model, "--retry-failed")
        assert "rows again whose model" in again.stderr
        after = ends(out)
        assert set(after) == set(held)
        if "--retry-failed plays them again" not in again.stdout:
            break
    with RunFolder.open(out) as run:
        assert {row.reason for row in run.rejects()} <= {"reached"}
        lost = {key for key, line in held.items() if b'"reason":"agent_error"' in line}
        assert {key: line for key, line in after.items() if key not in lost} == {key: line for key, line in held.items() if key not in lost}
