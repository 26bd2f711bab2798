"""The examples of the MCP, Python and serving pages run and print what the pages say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", re.DOTALL)
PAGES = {page: (ROOT / "docs" / page).read_text() for page in ("worlds-python.md", "worlds-mcp.md", "serve.md")}
CASES = [(page, at, *match) for page, text in PAGES.items() for at, match in enumerate(EXAMPLE.findall(text))]


@pytest.mark.parametrize(("code", "printed"), [case[2:] for case in CASES], ids=[f"{page}-{at}" for page, at, *_ in CASES])
def test_the_example_prints_what_the_page_says(code: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == printed


def test_every_page_has_examples() -> None:
    assert len(CASES) == 5
