"""`artificer synth` killed twenty times at random moments: no finished row is lost, none doubled, the end is as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from artificer.core.canon import canonical
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.run.store import RunFolder

ROWS = 700
KILLS = 20


def command(out) -> list[str]:
    asked = ["synth", "cove", "--world", "domain:retail", "-n", str(ROWS), "--seed", "7", "--impossible", "0.2", "-o", str(out), "--quiet"]
    return [sys.executable, "-m", "artificer", *asked]


def lines(out) -> list[tuple[str, str, bytes]]:
    with RunFolder.open(out) as run:
        kept = [(name, key, canonical(item)) for name, kind in (("tasks", Task), ("traces", Trace)) for key, item in run.read(name, kind)]
        return sorted(kept + [("rejects", row.key, canonical(row)) for row in run.rejects()])


def finished(out) -> set[tuple[str, str]]:
    """What a run holds; nothing while it is being created."""
    if not (out / "run.toml").exists():
        return set()
    with RunFolder.open(out) as run:
        return {(name, key) for name in ("tasks", "traces") for key in run.keys(name)}


@pytest.mark.slow
def test_killed_twenty_times_nothing_is_lost_and_nothing_doubled(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run(command(undisturbed), check=True, stdout=subprocess.DEVNULL)
    draw = random.Random()
    held: set[tuple[str, str]] = set()
    kills = 0
    for _ in range(400):
        process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        goal = len(held) + draw.randint(1, 2 * ROWS // KILLS)  # by progress, so that a slow machine is killed as often as a fast one
        while process.poll() is None and (kills >= KILLS or len(held) < goal):
            time.sleep(0.02)
            now = finished(killed)
            assert held <= now
            held = now
        if process.poll() is not None:
            assert process.stderr is not None
            assert process.returncode == 0, process.stderr.read().decode()
            process.stderr.close()
            break
        time.sleep(draw.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
        kills += 1
        now = finished(killed)
        assert held <= now
        held = now
    assert kills == KILLS
    counted = Counter((name, key) for name, key, _ in lines(killed))
    assert max(counted.values()) == 1
    assert lines(killed) == lines(undisturbed)
