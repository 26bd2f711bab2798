"""Lines that are not what was asked for, and shards that something else wrote: what is good is read, the rest is told with its place."""

from __future__ import annotations

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer.core.errors import RunError
from artificer.run import reading, sorting
from artificer.run.frames import Note, scan
from artificer.run.store import RunFolder


class Piece(msgspec.Struct):
    number: int


def lines(rows):
    return msgspec.json.Encoder().encode_lines([{"key": key, "item": item} for key, item in rows])


def commit(folder, of, rows):
    folder.commit("rows", Note(of, tuple(key for key, _ in rows)), lines(rows))


@pytest.fixture
def run(tmp_path):
    with RunFolder.create_or_continue(tmp_path / "run", {"seed": 1}) as folder:
        commit(folder, "a", [("b", {"number": 1}), ("a", {"number": "two"}), ("c", {"number": 3})])
        commit(folder, "d", [(f"d{n}", {"number": n}) for n in range(6)])
        commit(folder, "e", [("e", 5)])
    return tmp_path / "run"


@pytest.mark.parametrize("ordered", [False, True])
def test_a_line_of_another_shape_is_passed_over_and_told(run, ordered):
    told = []
    with RunFolder.open(run) as folder:
        found = [(key, piece.number) for key, piece in folder.read("rows", Piece, ordered=ordered, bad=told.append)]
        spans = list(scan((run / "rows-000.jsonl.zst").read_bytes()))
    good = [("b", 1), ("c", 3), *((f"d{n}", n) for n in range(6))]
    assert found == good
    assert [(bad.shard, bad.offset, bad.line, bad.key) for bad in told] == [
        ("rows-000.jsonl.zst", spans[0].body, 2, "a"),
        ("rows-000.jsonl.zst", spans[2].body, 1, "e"),
    ]
    assert "`$.item.number`" in told[0].reason


@pytest.mark.parametrize("ordered", [False, True])
def test_without_anybody_to_tell_it_is_an_error_with_its_place(run, ordered):
    with RunFolder.open(run) as folder, pytest.raises(RunError, match=r"(?s)a row of 'rows' is not what was expected.*line 2 of the frame at \d+"):
        list(folder.read("rows", Piece, ordered=ordered))
    with RunFolder.open(run) as folder:
        assert folder.row("rows", "c", Piece) == Piece(3)
        assert folder.row("rows", "nowhere", Piece) is None
        with pytest.raises(RunError, match=r"line 2 of the frame"):
            folder.row("rows", "a", Piece)


def test_not_one_row_of_the_type_is_an_error_also_when_somebody_is_told(run):
    with RunFolder.open(run) as folder, pytest.raises(RunError, match="not one of the 10 rows of 'rows'"):
        list(folder.read("rows", list[int], bad=lambda _: None))


def text_of(run):
    with (run / "rows-000.jsonl.zst").open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


@pytest.mark.parametrize("packed", [True, False])
def test_a_shard_that_something_else_wrote_is_read(run, packed):
    text = text_of(run).replace(b'{"key":"d3"', b'{"name":"d3"') + b"{torn"
    shard = run / "rows-000.jsonl.zst"
    shard.write_bytes(zstandard.compress(text) if packed else text)
    told = []
    with RunFolder.open(run) as folder:
        assert folder.torn == []
        found = [key for key, _ in folder.read("rows", Piece, bad=told.append)]
        assert found == ["b", "c", "d0", "d1", "d2", "d4", "d5"]
        assert sorted((bad.line, bad.key) for bad in told) == [(2, "a"), (7, ""), (10, "e"), (11, "")]
        assert [key for key, _ in folder.read("rows", Piece, ordered=True, bad=told.append)] == found
        assert folder.row("rows", "d5", Piece) == Piece(5)
        with pytest.raises(RunError, match="no row with a key"):
            list(folder.read("rows"))
    before = shard.read_bytes()
    with pytest.raises(RunError, match="can be read, not continued"):
        RunFolder.create_or_continue(run, {"seed": 1})
    assert shard.read_bytes() == before


def test_a_foreign_shard_that_is_cut_off_gives_what_there_is(run):
    rows = [(f"{n:05}", {"number": n, "text": msgspec.json.encode(str(n * 7919)).hex()}) for n in range(20_000)]
    packed = zstandard.compress(lines(rows))
    (run / "rows-000.jsonl.zst").write_bytes(packed[: len(packed) // 2])
    told = []
    with RunFolder.open(run) as folder:
        found = list(folder.read("rows", Piece, bad=told.append))
    assert 0 < len(found) < 20_000
    assert [key for key, _ in found] == [key for key, _ in rows[: len(found)]]
    assert len(told) <= 2
    assert "cannot be unpacked to its end" in str(told)


keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(keys, unique=True, max_size=60), together=st.integers(1, 9))
def test_order_is_that_of_keys_however_little_is_held(monkeypatch, tmp_path_factory, names, together):
    monkeypatch.setattr(sorting, "HELD", 900)
    monkeypatch.setattr(sorting, "_TOGETHER", 300)
    monkeypatch.setattr(reading, "FEW", 3)
    with RunFolder.create_or_continue(tmp_path_factory.mktemp("run"), {"seed": 1}) as folder:
        for at in range(0, len(names), together):
            commit(folder, f"of {at}", [(name, {"number": at}) for name in names[at : at + together]])
        assert [key for key, _ in folder.read("rows", ordered=True)] == sorted(names)
        assert folder.keys("rows") == names
        assert len(folder.family("rows").places) == len(names)
        assert all(folder.row("rows", name) is not None for name in names)
        assert len(folder.family("rows").done) == -(-len(names) // together)


def test_what_speaks_twice_of_a_row_counts_once_and_the_last_stands(tmp_path):
    with RunFolder.create_or_continue(tmp_path, {"seed": 1}) as folder:
        commit(folder, "", [])
        commit(folder, "a", [("a", 1)])
        commit(folder, "", [("b", 2)])
        assert list(folder.family("rows").done) == ["a", ""]
        assert len(folder.family("rows").done) == 2
        assert folder.family("rows").done[""].note.keys == ("b",)
        assert "c" not in folder.family("rows").done
        with pytest.raises(RunError, match="two rows of 'rows' have the key 'b'"):
            commit(folder, "c", [("b", 3)])


def test_what_is_held_of_a_row_is_small(tmp_path):
    import tracemalloc

    with RunFolder.create_or_continue(tmp_path, {"seed": 1}) as folder:
        for at in range(20_000):
            key = f"a-row-with-a-rather-long-key-{at:08}"
            commit(folder, key, [(key, at)])
    tracemalloc.start()
    with RunFolder.open(tmp_path) as folder:
        assert "a-row-with-a-rather-long-key-00019999" in folder.family("rows").done
        assert "nowhere" not in folder.family("rows").places
        held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 20_000 * 200  # half of it is the dict in which the last keys wait to be sorted in


@pytest.mark.parametrize("few", [100_000, 1])
def test_of_foreign_lines_with_one_key_the_last_counts(run, monkeypatch, few):
    monkeypatch.setattr(reading, "FEW", few)
    (run / "rows-000.jsonl.zst").write_bytes(b'{"key":"a","item":1}\n{"key":"b","item":2}\n{"key":"a","item":3}\n')
    with RunFolder.open(run) as folder:
        assert list(folder.read("rows", ordered=True)) == [("a", 3), ("b", 2)]
        assert (folder.row("rows", "a"), len(folder.family("rows").places)) == (3, 2)


@pytest.mark.parametrize("few", [100_000, 1])
def test_foreign_rows_over_several_lines_are_read(run, monkeypatch, few):
    monkeypatch.setattr(reading, "FEW", few)
    (run / "rows-000.jsonl.zst").write_bytes(zstandard.compress(b'{\n "key": "b",\r\n "item": "x\\ny"}\n{"key": "a",\n\n"item": 2}\n'))
    with RunFolder.open(run) as folder:
        assert list(folder.read("rows", ordered=True)) == [("a", 2), ("b", "x\ny")]
        assert dict(folder.read("rows")) == {"a": 2, "b": "x\ny"}
