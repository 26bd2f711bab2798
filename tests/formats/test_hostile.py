"""Broken and hostile input: a full account, or one message that says what is wrong; never a traceback, a hang or a silent loss."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import tracemalloc
from itertools import islice

import pytest
import zstandard
from tests.formats.examples import rows_of
from tests.formats.hostile import broken, outcome

from artificer.core.errors import ArtificerError
from artificer.formats import format_named, guess, names
from artificer.formats.account import Account
from artificer.formats.convert import read
from artificer.formats.jsontext import TWICE
from artificer.formats.source import rows, split

READ = [name for name in names() if format_named(name).parse is not None]


@pytest.mark.parametrize("name", READ)
def test_broken_rows_are_all_accounted_for(name):
    """A hundred for each format; `make fuzz` makes a thousand and more."""
    form, draw, good = format_named(name), random.Random(f"fuzz {name}"), rows_of(name)
    for number in range(100):
        raw = broken(good, draw, number)
        assert outcome(raw, form) in ("refused", "read", "dropped"), raw


def test_good_rows_are_guessed():
    for name in READ:
        for raw in rows_of(name):
            fits = {other: format_named(other) for other in READ}
            marks = {other: _mark(form, json.loads(raw)) for other, form in fits.items()}
            assert max(marks, key=lambda other: marks[other]) == name, (name, marks)


def _mark(form, value):
    from artificer.formats.convert import sniff

    return sniff([value], form)


CHAT = b'{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes"}]}'


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress, bz2.compress, lambda data: lzma.compress(data)])
@pytest.mark.parametrize("shape", ["lines", "crlf", "bom", "utf-16", "utf-32", "array", "pretty", "values"])
def test_files_are_told_by_their_first_bytes(tmp_path, pack, shape):
    values = [json.loads(CHAT) for _ in range(3)]
    text = {
        "lines": CHAT + b"\n" + CHAT + b"\n\n" + CHAT,
        "crlf": CHAT + b"\r\n" + CHAT + b"\r\n" + CHAT + b"\r\n",
        "bom": b"\xef\xbb\xbf" + b"\n".join([CHAT] * 3),
        "utf-16": b"\n".join([CHAT] * 3).decode().encode("utf-16"),
        "utf-32": b"\n".join([CHAT] * 3).decode().encode("utf-32"),
        "array": json.dumps(values).encode(),
        "pretty": json.dumps(values, indent=1).encode(),
        "values": b"\n".join(json.dumps(value, indent=1).encode() for value in values),
    }[shape]
    path = tmp_path / "data"
    path.write_bytes(pack(text))
    account = Account()
    form, _ = guess(path)
    assert form.name == "chat"
    assert len(list(read(path, form, account))) == 3
    assert account.balanced
    assert not account.dropped


def test_lines_in_other_encodings_are_dropped_by_name(tmp_path):
    path = tmp_path / "mixed"
    path.write_bytes(CHAT + b"\n" + CHAT.replace(b"hi", b"gr\xfc\xdfe") + b"\n" + CHAT)
    account = Account()
    assert len(list(read(path, format_named("chat"), account))) == 2
    assert account.rows_dropped == 1
    assert account.places["not UTF-8"] == [f"{path}:2"]


def test_keys_that_come_twice_are_said(tmp_path):
    path = tmp_path / "twice"
    path.write_bytes(b'{"messages":[{"role":"user","content":"a","content" : "b"}],"id":"x"}')
    account = Account()
    (item,) = read(path, format_named("chat"), account)
    assert item.trace.nodes[0].message.text == "b"
    assert account.lost[TWICE] == 1


@pytest.mark.parametrize("before", [b"", b"[", b'[{"a":1},'])
def test_a_row_far_over_the_limit_is_passed_over_in_bounded_memory(before, monkeypatch):
    """Given in blocks as a file would give it: 60 times what a row may have (benchmarks/formats.py does it with a gigabyte)."""
    limit = 1 << 20
    monkeypatch.setattr("artificer.formats.source.ROW", limit)

    def text():
        yield before + b'{"messages":"'
        for _ in range(240):
            yield b"a\\\\" * 87_000
        yield b'"}' + (b"," if before else b"\n") + CHAT + (b"]" if before else b"")

    tracemalloc.start()
    found = list(split(text(), "x"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.raw for row in found][-1] == CHAT
    assert found[-2].wrong.startswith("longer than")
    assert peak < 8 * limit


def test_a_bomb_of_compression_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("artificer.formats.source.FREE", 1 << 20)
    path = tmp_path / "bomb.zst"
    path.write_bytes(zstandard.ZstdCompressor(level=3).compress(b" " * (1 << 27)))
    with pytest.raises(ArtificerError, match="unpacks to more than"):
        list(rows(path))


@pytest.mark.parametrize("cut", [gzip.compress(CHAT * 99)[:-9], zstandard.ZstdCompressor().compress(CHAT * 99)[:-9], b"\x1f\x8b" + b"junk" * 9])
def test_a_torn_archive_is_one_message(tmp_path, cut):
    path = tmp_path / "torn"
    path.write_bytes(cut)
    with pytest.raises(ArtificerError, match="cannot be unpacked"):
        list(read(path, format_named("chat"), Account()))


@pytest.mark.parametrize("raw", [b"", b" \n\n", b"[]", b"[" * 100_000, b'{"messages":' * 50_000, b"nonsense", b'"text"', b"3", b"[1, 2]", b"null"])
def test_files_of_nothing(tmp_path, raw):
    path = tmp_path / "nothing"
    path.write_bytes(raw)
    account = Account()
    assert list(read(path, format_named("chat"), account)) == []
    assert account.balanced
    with pytest.raises(ArtificerError, match="no format known"):
        guess(path)


def test_a_big_file_is_read_as_a_stream(tmp_path):
    path = tmp_path / "big.jsonl"
    with path.open("wb") as out:
        for _ in range(30_000):
            out.write(CHAT + b"\n")
    tracemalloc.start()
    account = Account()
    assert sum(1 for _ in read(path, format_named("chat"), account)) == 30_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert list(islice(rows(path), 1))
