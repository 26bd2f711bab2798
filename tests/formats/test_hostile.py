"""Broken and hostile input: a full account, or one message that says what is wrong; never a traceback, a hang or a silent loss."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import tracemalloc
import zipfile
from itertools import islice

import msgspec
import pytest
import zstandard
from tests.formats.examples import rows_of
from tests.formats.hostile import at_path, broken, outcome, places

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import Verdict
from artificer.formats import format_named, guess, names
from artificer.formats.account import Account
from artificer.formats.base import Item, toolset_digest
from artificer.formats.convert import read, write
from artificer.formats.holding import TOO_MANY
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
    """Given in blocks as a file would give it: 60 times what a row may have (benchmarks/memory_formats.py does it with a gigabyte)."""
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


def test_archives_give_no_more_than_their_size_allows(tmp_path, monkeypatch):
    """Many entries of a directory point at the same packed bytes: the archive is small, what it gives is not."""
    monkeypatch.setattr("artificer.formats.source.FREE", 1 << 20)
    monkeypatch.setattr("artificer.formats.source.RATIO", 200)
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/0.json", b" " * (1 << 20))
        first = archive.infolist()[0]
        for _ in range(399):
            again = zipfile.ZipInfo("samples/0.json")
            for name in ("header_offset", "CRC", "compress_size", "file_size", "compress_type", "flag_bits"):
                setattr(again, name, getattr(first, name))
            archive.filelist.append(again)
    found = list(rows(path))  # an entry's name stands beside its bytes too: only one of the same name can point at them, and the last counts
    assert [row.wrong for row in found].count("written again later in the archive") == 399
    assert len(found) == 400
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(400):
            archive.writestr(f"samples/{at}.json", b" " * (1 << 20))
    with pytest.raises(ArtificerError, match="unpacks to more than"):
        list(rows(path))


def test_an_archive_in_an_archive_is_not_unpacked(tmp_path):
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.json", CHAT)
    path = tmp_path / "outer.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(inner, "samples/inner.json")
    account = Account()
    assert list(read(path, format_named("chat"), account)) == []
    assert account.rows_dropped == 1


def comb(teeth: int) -> Item:
    """A trunk of messages with a leaf at each: n * n / 2 messages in its branches."""
    nodes = [Node(None, Message("user", "q"))]
    for at in range(teeth):
        nodes.append(Node(2 * at - 1 if at else 0, Message("assistant", f"t{at}"), sampled=True))
        nodes.append(Node(2 * at + 1, Message("user", "l")))
    return Item(Trace("comb", "comb", "", toolset_digest(()), tuple(nodes)))


@pytest.mark.parametrize("name", ["chat", "dpo", "toolbench", "atif"])
def test_a_comb_does_not_grow_without_bound(name, monkeypatch):
    for place in ("holding", "pairs"):
        monkeypatch.setattr(f"artificer.formats.{place}.MOST", 10_000)
    item = comb(190)  # a tree of ToolBench may be 400 deep
    leaves = item.trace.leaves()
    judged = {leaf: Verdict(float(at % 2), bool(at % 2)) for at, leaf in enumerate(leaves)}
    item = Item(msgspec.structs.replace(item.trace, verdicts=judged), item.tools)
    account, out = Account(), io.BytesIO()
    write([item], out, format_named(name), account, every=True)
    assert account.balanced, account.lines()
    assert out.tell() < 8 << 20
    assert not any("messages in all" in reason for reason in account.dropped) or name in ("chat", "dpo")
    assert name not in ("chat", "dpo") or TOO_MANY in (*account.dropped, *account.lost)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "&lol;" * 100_000, "<a>" * 50_000, "\\" * 100_001, '"' * 100_001])
def test_texts_made_to_grow_or_nest_are_read_in_time(name, text):
    """Every text of a good row is replaced; entities stay as they stand, nesting is refused, and nothing takes long (the lane measures)."""
    for raw in rows_of(name)[:2]:
        value = json.loads(raw)
        for path in list(places(value)):
            if path and isinstance(at_path(value, path), str):
                changed = json.loads(raw)
                at_path(changed, path[:-1])[path[-1]] = text
                assert outcome(json.dumps(changed).encode(), format_named(name))
                break


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
    with pytest.raises(ArtificerError, match=r"no format known|nothing in it that can be read"):
        guess(path)


def test_a_big_file_is_read_as_a_stream(tmp_path):
    path = tmp_path / "big.jsonl"
    with path.open("wb") as out:
        for _ in range(8000):
            out.write(CHAT + b"\n")
    tracemalloc.start()
    account = Account()
    assert sum(1 for _ in read(path, format_named("chat"), account)) == 8000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
    assert list(islice(rows(path), 1))
