"""The examples of docs/worlds-emulated.md run, in order, in one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "worlds-emulated.md"


def test_the_examples_run(tmp_path):
    blocks = re.findall(r"^```(python|bash)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks] == ["bash", "python"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    printed = ""
    for language, block in blocks:
        words = [sys.executable, "-c", block] if language == "python" else ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    assert "10 proven, 0 refuted, 0 missing" in printed
    assert "there is no room 'ROO-9'" in printed
    assert "['schema', 'schema', 'schema', 'rule']" in printed
