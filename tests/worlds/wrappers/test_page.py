"""The page on wrappers: its commands run, its example prints what the page says, its table names what there is."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from artificer.worlds.wrappers import known, wrapper

PAGE = (Path(__file__).parents[3] / "docs" / "wrappers.md").read_text("utf-8")


def test_the_example_prints_what_the_page_says():
    ((code, printed),) = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed


def test_the_commands_run(tmp_path):
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for block in blocks:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert "0 refuted" in done.stdout


def test_the_table_names_every_option_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", PAGE, re.MULTILINE))
    assert set(rows) <= set(known())
    for name, row in rows.items():
        for option in list(inspect.signature(wrapper(name)).parameters.values())[1:]:
            default = "" if option.default is option.empty else option.default
            assert f"{option.name}={default}" in row, f"{name}:{option.name}"
