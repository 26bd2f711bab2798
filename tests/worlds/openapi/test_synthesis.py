"""Tasks are made for a document as for any other world: its data flow is discovered, and what is made is proven by executing it again."""

from __future__ import annotations

from pathlib import Path

import artificer

LIBRARY = f"openapi:{Path(__file__).parent}/library.yaml"


def test_a_run_is_made_and_proven(tmp_path) -> None:
    summary = artificer.synth("cove", out=tmp_path / "run", world=LIBRARY, n=12, seed=3)
    kept = summary.stages[-1].rows_out
    assert kept >= 8
    proven = artificer.verify(tmp_path / "run")
    assert (proven.proven, proven.refuted, proven.missing) == (kept, (), 0)
