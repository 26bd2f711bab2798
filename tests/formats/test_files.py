"""Files that cannot be read: the message says which, and why."""

from __future__ import annotations

import gzip
import os

import pytest
import zstandard

from artificer.api import convert
from artificer.core.errors import ArtificerError
from artificer.formats import guess
from artificer.formats.source import rows

ROW = b'{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}\n'


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("folder", [False, True])
def test_a_torn_archive_is_named(tmp_path, pack, folder):
    (tmp_path / "set").mkdir()
    path = tmp_path / "set" / "b.jsonl.packed"
    packed = pack(b"".join(ROW[:-1].replace(b"hi", os.urandom(40).hex().encode()) + b"\n" for _ in range(400)))
    (tmp_path / "set" / "a.jsonl").write_bytes(ROW)
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ArtificerError, match="cannot be unpacked") as caught:
        convert(tmp_path / "set" if folder else path, tmp_path / "o.jsonl", to="chat")
    assert caught.value.where == str(path)


def test_a_file_that_begins_as_utf_16_and_is_none_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xff\xfe" + ROW + b"x" * (len(ROW) % 2))
    path.write_bytes(path.read_bytes() + b"\x00\xd8\x00")
    with pytest.raises(ArtificerError, match="begins as utf-16") as caught:
        list(rows(path))
    assert caught.value.where == str(path)


def test_a_pipe_is_refused_with_what_to_do(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArtificerError, match="pipe or a device") as caught:
        guess(tmp_path / "pipe")
    assert caught.value.remedy == "write it to a file first"


def test_no_sentence_ends_twice(tmp_path):
    with pytest.raises(ArtificerError) as caught:
        list(rows(tmp_path / "none.jsonl"))
    assert caught.value.what == "The file cannot be read: No such file or directory."
