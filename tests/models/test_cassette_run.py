"""A whole run against an endpoint that never says the same twice, recorded and played again without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from artificer.api import rollout, synth
from artificer.core.errors import ArtificerError
from artificer.core.trace import Trace
from artificer.run.store import RunFolder


def traces(folder: Path) -> dict[str, Trace]:
    with RunFolder.open(folder) as run:
        return dict(run.read("traces", Trace))


def written(folder: Path) -> dict[str, bytes]:
    """The bytes of every trace."""
    with RunFolder.open(folder) as run:
        return {key: bytes(item) for key, item in run.read("traces", msgspec.Raw)}


def test_a_recorded_run_plays_again_byte_for_byte(tmp_path: Path) -> None:
    synth("cove", world="sqlite:chinook", n=6, seed=3, wants=(1, 1), out=str(tmp_path / "tasks"))
    tape = tmp_path / "tape.jsonl"
    script = Path(__file__).with_name("endpoint.py")
    server = subprocess.Popen([sys.executable, str(script), "--restless"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    run = {"trials": 2, "keep_failed": True}
    try:
        rollout(tmp_path / "tasks", agent=f"record:{tape}:openai:m@{url}", out=str(tmp_path / "recorded"), concurrency=8, **run)
    finally:
        server.communicate()
    recorded = traces(tmp_path / "recorded")
    assert len({trace.nodes[-1].message.text for trace in recorded.values()}) == 12
    assert sum(trace.usage.calls for trace in recorded.values()) >= 24
    assert {node.message.author for trace in recorded.values() for node in trace.nodes if node.sampled} == {f"openai:m@{url}"}
    for concurrency in (1, 8):
        again = tmp_path / f"again-{concurrency}"
        rollout(tmp_path / "tasks", agent=f"replay:{tape}", out=str(again), concurrency=concurrency, **run)
        assert written(again) == written(tmp_path / "recorded")
    with pytest.raises(ArtificerError, match="was not recorded"):
        rollout(tmp_path / "tasks", agent=f"replay:{tape}", out=str(tmp_path / "more"), trials=3, keep_failed=True)
