"""The examples of the page on code worlds run and print what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from artificer.worlds.code import settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "worlds-code.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "printed"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_example_prints_what_the_page_says(code: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == printed


def test_the_page_names_every_option() -> None:
    assert len(EXAMPLES) == 2
    for option in ("mode", *settings._NUMBERS, *settings._OTHERS):
        assert f"`{option}" in PAGE
