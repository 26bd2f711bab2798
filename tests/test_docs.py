"""The examples of the pages run: every `python` and `bash` block of a page, in order, in one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNNABLE = (
    "docs/tasks.md",
    "docs/play.md",
    "docs/collect.md",
    "docs/agents.md",
    "docs/users.md",
    "docs/report.md",
    "docs/train.md",
    "docs/evaluate.md",
    "docs/models.md",
    "docs/answers.md",
    "docs/checks-bfcl.md",
    "docs/checks-calls.md",
    "docs/checks-constraints.md",
    "docs/checks-judges.md",
    "docs/checks-presets.md",
    "docs/checks-rewards.md",
    "docs/checks-state.md",
    "docs/checks-tau2.md",
    "docs/checks-errors.md",
    "docs/search.md",
    "docs/dialects.md",
    "docs/data.md",
    "docs/formats.md",
    "docs/quality.md",
    "docs/query.md",
    "docs/tokens.md",
    "docs/verify-data.md",
    "docs/recipes/cove.md",
    "README.md",
)
PAGES = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))


@pytest.mark.parametrize("page", RUNNABLE)
def test_the_examples_run(page, tmp_path):
    blocks = re.findall(r"^```(python|bash)\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for language, block in blocks:
        words = [sys.executable, "-c", block] if language == "python" else ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{page}:\n{block}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text("utf-8")):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
