"""Broken and hostile input: a full account, or one message that says what is wrong; never a traceback, a hang or a silent loss."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import tracemalloc
from itertools import islice

import msgspec
import pytest
import zstandard
from tests.formats.examples import rows_of

from artificer.core.errors import ArtificerError
from artificer.formats import format_named, guess, names
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.convert import parse, read
from artificer.formats.jsontext import TWICE
from artificer.formats.source import blocks, rows, split

JUNK = [None, True, 0, -1, 2**80, 1.5, "", "x", "\ud7ff", [], {}, [[]], [None], {"role": "x"}, [{}], "{", '{"name": 3}', {"": ""}, [{"type": "text"}]]


def places(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def mutated(value, draw):
    """A row in which one thing is wrong."""
    value = json.loads(json.dumps(value))
    path = draw.choice(list(places(value)))
    if not path:
        return draw.choice(JUNK)
    at = value
    for step in path[:-1]:
        at = at[step]
    kind = draw.randrange(4)
    if kind == 0:
        del at[path[-1]]
    elif kind == 1 and isinstance(at, list):
        at.insert(path[-1], at[draw.randrange(len(at))])
    elif kind == 2 and isinstance(at, dict):
        at[draw.choice(["role", "type", "extra", "name", "content", "id"])] = draw.choice(JUNK)
    else:
        at[path[-1]] = draw.choice(JUNK)
    return value


def garbled(raw, draw):
    """The bytes of a row, damaged."""
    at = draw.randrange(len(raw) + 1)
    return draw.choice(
        [
            lambda: raw[:at],
            lambda: raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :],
            lambda: raw[:at] + draw.choice([b"\r", b"\x00", b"\xff\xfe", b'"', b"\\", b"{", b"]", b"\n", b"\\ud800", b"NaN"]) + raw[at:],
            lambda: raw[:at] + raw[draw.randrange(len(raw)) :],
        ]
    )()


READ = [name for name in names() if format_named(name).parse is not None]


@pytest.mark.parametrize("name", READ)
def test_a_thousand_broken_rows_are_all_accounted_for(name):
    form, draw = format_named(name), random.Random(f"fuzz {name}")
    good = rows_of(name)
    values = [json.loads(raw) for raw in good]
    for number in range(1000):
        if number % 4 == 3:
            raw = garbled(draw.choice(good), draw)
        else:
            value = draw.choice(values)
            for _ in range(draw.choice([1, 1, 2, 4])):
                value = mutated(value, draw)
            raw = json.dumps(value, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
        account = Account()
        try:
            found = list(parse(split(blocks(io.BytesIO(raw), 0), "x"), form, account))
        except ArtificerError:
            continue
        assert account.balanced, (raw, account.lines())
        assert len(found) == account.rows_out
        assert account.rows_in or not raw.strip(b" \t\r\n,[]")
        assert msgspec.json.decode(msgspec.json.encode(found), type=list[Item]) is not None, raw  # whatever was read is what it says it is


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
