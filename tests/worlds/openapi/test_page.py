"""The page's example runs and prints what the page says; its commands work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from artificer.cli import main

HERE = Path(__file__).parent
PAGE = (HERE.parents[2] / "docs" / "worlds-openapi.md").read_text("utf-8")


def test_the_example_prints_what_the_page_says(tmp_path) -> None:
    ((code, printed),) = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed


def test_the_commands_work(tmp_path, monkeypatch, capsys) -> None:
    shutil.copy(HERE / "library.yaml", tmp_path / "petstore.yaml")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    commands = [line.partition("#")[0].split() for line in block.splitlines()]
    assert len(commands) == 3
    for words in commands:
        assert words[0] == "artificer"
        assert main(["20" if word == "1000" else word for word in words[1:]]) == 0
    assert "listBooks" in capsys.readouterr().out


def test_every_option_stands_on_the_page() -> None:
    from artificer.worlds.openapi import OPTIONS

    assert all(f"`{option}=" in PAGE for option in OPTIONS)
