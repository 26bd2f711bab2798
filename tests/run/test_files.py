"""What people name to be written is there whole or not at all, and is never written over."""

from __future__ import annotations

import os
import stat

import pytest

from artificer.core.errors import ArtificerError
from artificer.run.files import whole_file, whole_folder


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    with whole_file(tmp_path / "a" / "b" / "out.txt") as made:
        made.write_text("all of it")
        assert made.parent == tmp_path / "a" / "b"
        assert made.name.startswith(".out.txt.")
        assert not (tmp_path / "a" / "b" / "out.txt").exists()
    (out,) = (tmp_path / "a" / "b").iterdir()
    assert (out.name, out.read_text()) == ("out.txt", "all of it")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def half(whole, path, error):
    with whole(path) as made:
        (made / "part" if made.is_dir() else made).write_text("half")
        raise error


def too_late(path):
    with whole_file(path) as made:
        made.write_text("ours")
        path.write_text("theirs")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_of_what_fails_nothing_is_left(tmp_path, whole, error):
    with pytest.raises(error):
        half(whole, tmp_path / "a" / "b" / "out", error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_nothing_is_written_over(tmp_path, whole):
    (tmp_path / "out").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("out", "link"):
        with pytest.raises(ArtificerError, match="there already"), whole(tmp_path / name):
            raise AssertionError
    with pytest.raises(ArtificerError, match="there already"):
        too_late(tmp_path / "late")
    assert (tmp_path / "late").read_text() == "theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["late", "link", "out"]


def test_only_where_it_is_asked_for(tmp_path):
    (tmp_path / "out").write_text("before")
    with whole_file(tmp_path / "out", over=True) as made:
        made.write_text("after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "after")]


def test_without_links_it_is_the_same(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with whole_file(tmp_path / "out") as made:
        made.write_text("all of it")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "all of it")]
    with pytest.raises(ArtificerError, match="there already"):
        too_late(tmp_path / "late")
    assert (tmp_path / "late").read_text() == "theirs"


def test_a_block_that_leaves_nothing_wants_nothing(tmp_path):
    with whole_file(tmp_path / "a" / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_is_one_message(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtificerError, match="the page cannot be written"), whole_file(tmp_path / "file" / "out", "page"):
        pass
    with pytest.raises(ArtificerError, match="cannot be written: File name too long"), whole_file(tmp_path / ("x" * 300)) as made:
        made.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
