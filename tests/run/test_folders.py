"""Folders as data: what is a row, what lies beside, and folders of run folders."""

from __future__ import annotations

import json

import pytest

from artificer.cli import main
from artificer.core.errors import ArtificerError
from artificer.data import check, convert, merge, query, sample, split

BESIDE = ("README.md", "readme.txt", "README", "LICENSE", "LICENSE-MIT", "_SUCCESS", "card.html", "load.py", "dataset_infos.json", "part-1.jsonl")
HIDDEN = (".git/config", ".git/objects/ab", ".cache/x.jsonl", "in/.ipynb_checkpoints/a.jsonl", ".gitkeep")


@pytest.fixture
def folder(tmp_path):
    """Two conversations, with what lies beside data."""
    place = tmp_path / "data"
    for name in (*BESIDE, *HIDDEN, "in/README.jsonl", "a.jsonl"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("" if name in ("part-1.jsonl", "_SUCCESS") else '{"a": 1}\n')
    for name in ("in/README.jsonl", "a.jsonl"):
        said = [{"role": "user", "content": name}, {"role": "assistant", "content": "Yes."}]
        (place / name).write_text(json.dumps({"messages": said}) + "\n")
    return place


@pytest.mark.parametrize("given", [None, "chat"])
def test_what_lies_beside_data_is_named_and_is_no_row(folder, tmp_path, given):
    done = convert(folder, tmp_path / "out", to="artificer", given=given)
    assert (done.read.rows_in, done.read.rows_dropped, done.source) == (2, 0, "chat")
    forms = {file.path.removeprefix(f"{folder}/"): file.form for file in done.read.files}
    assert forms == dict.fromkeys(BESIDE, "beside the data") | {"a.jsonl": "chat", "in/README.jsonl": "chat"}
    assert check(folder, near=False, given=given).figures["rows_dropped"] == 0


def test_what_might_be_data_is_a_row_that_was_dropped(folder, tmp_path):
    (folder / "w.bin").write_bytes(b"\x00\x01\x02")
    done = convert(folder, tmp_path / "out.jsonl")
    assert (done.read.rows_in, dict(done.read.rows_by)) == (3, {"a file of no known format": 1})


def test_a_folder_with_nothing_but_a_readme_is_told_so(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").write_text("# Nothing yet")
    with pytest.raises(ArtificerError, match=r"there is no data in it, only README\.md"):
        convert(tmp_path / "data", tmp_path / "out.jsonl")
    (tmp_path / "data" / "x.bin").write_text("what")
    with pytest.raises(ArtificerError, match="nothing in it that can be read") as told:
        convert(tmp_path / "data", tmp_path / "out.jsonl")
    assert str(told.value.where).endswith("x.bin")


@pytest.mark.parametrize("beside", [False, True])
def test_a_folder_of_run_folders_says_which_they_are(folder, tmp_path, capsys, beside):
    parts = tmp_path / "parts"
    split([folder], out=parts, parts={"test": 0.5, "train": 0.5})
    if beside:
        (parts / "a.jsonl").write_bytes((folder / "a.jsonl").read_bytes())
    asked = (
        lambda: convert(parts, tmp_path / "out.jsonl"),
        lambda: merge([parts], out=tmp_path / "merged"),
        lambda: sample([folder, parts], out=tmp_path / "sampled", n=1),
        lambda: check(parts),
        lambda: query(parts, "SELECT * FROM traces"),
    )
    for ask in asked:
        with pytest.raises(ArtificerError, match="this is a folder of run folders: test, train"):
            ask()
    assert main(["stats", str(parts)]) == 1
    assert f"name one, e.g. {parts / 'test'}" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()
