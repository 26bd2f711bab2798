"""The examples of the page run in one folder, in order, and print what it says; its figures are those of the committed result."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "worlds-many-tools.md").read_text("utf-8")
FIGURES = json.loads((ROOT / "benchmarks" / "results" / "catalogue.json").read_text("utf-8"))["figures"]


def test_the_examples_print_what_the_page_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(bash|python)\n(.*?)^```(?:\n\nprints\n\n```text\n(.*?)```)?", PAGE, re.DOTALL | re.MULTILINE)
    assert [language for language, *_ in blocks] == ["bash", "bash", "python"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for language, block, printed in blocks:
        command = [sys.executable, "-c", block] if language == "python" else ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert language == "bash" or done.stdout == printed
    assert (
        "4 proven, 0 refuted"
        in subprocess.run(
            ["bash", "-c", "artificer verify runs/search --quiet"], cwd=tmp_path, env=environment, capture_output=True, text=True
        ).stdout
    )


def test_the_conditions_of_the_page_are_conditions(tmp_path: Path) -> None:
    from artificer.worlds.catalogue.filters import read_where

    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "where.toml").write_text(re.sub(r"^  ", "", block, flags=re.MULTILINE))
    assert read_where(tmp_path / "where.toml").all[0].value == ["informational", "advisory"]


def test_the_figures_are_those_of_the_committed_result() -> None:
    for title, part in FIGURES["quality"].items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {title}"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        encoded = FIGURES["quality with an encoder"][title]
        judged = [part["words"], part["meaning"], part["both"], encoded["meaning"], encoded["both"]]
        told = [" / ".join(f"{mode[measure]:.3f}" for measure in ("NDCG@1", "NDCG@5", "recall@10")) for mode in judged]
        assert cells[1:] == [str(part["tools"]), str(part["questions"]), *told]
    scale = FIGURES["scale"]
    assert scale["tools"] == 16_000
    assert scale["index, CPU s"] <= 10
    assert scale["query, again, CPU ms"]["p50"] <= 5
    assert f"indexes in {scale['index, CPU s']} s" in PAGE
    assert f"{scale['query, again, CPU ms']['p50']} ms at the median" in PAGE
