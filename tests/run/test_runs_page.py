import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "runs.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def words(tmp_path, monkeypatch, capsys):
    """The page's examples, run one after the other in an empty folder; gives what they print."""
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "page"}
    for block in blocks("python"):
        exec(compile(block, str(PAGE), "exec"), space)  # our own page
    return capsys.readouterr().out.splitlines()


def test_the_examples_print_what_the_page_says(words):
    assert words == ["3 {'not_a_word': 1}", "['refund', 'lamp']", "0 lamp", "2 a", "3 refund", "[('1', 'not_a_word'), ('2', 'not_kept')]", "[]"]
    for line in (*words[:2], *words[-2:]):
        assert f"# {line}" in PAGE.read_text("utf-8")


@pytest.mark.skipif(not (shutil.which("zstdcat") and shutil.which("jq")), reason="needs zstd and jq")
def test_the_shell_line(words, tmp_path):
    line = blocks("sh")[0].splitlines()[0]
    out = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert out.split() == ["lamp", "refund"]


def test_the_folder_is_as_the_page_shows(words, tmp_path):
    names = {entry.name for entry in (tmp_path / "runs/words").iterdir()}
    assert names == {"run.toml", "words-000.jsonl.zst", "longest-000.jsonl.zst", "rejects-000.jsonl.zst", "stats.json", "run.lock"}
