import asyncio
import os
import resource
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import run_chains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_chains import Piece, everything

from artificer.core.errors import RunError
from artificer.run.engine import execute
from artificer.run.frames import Note, scan
from artificer.run.stage import each
from artificer.run.store import RunFolder


@asynccontextmanager
async def same():
    async def row(key, item):
        return item

    yield row


def put(folder, key, *items):
    """Commits one row's outputs, as a stage does."""
    keys = tuple(f"{key}/{n}" for n in range(len(items)))
    folder.commit("rows", Note(key, keys), msgspec.json.Encoder().encode_lines([{"key": k, "item": i} for k, i in zip(keys, items)]))


def create(path, **options):
    return RunFolder.create_or_continue(path, {"recipe": "toy", "seed": 7, "knobs": {"goals": (1, 4), "model": None}}, **options)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: value is not None)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.dictionaries(keys, json_values.filter(lambda v: not isinstance(v, list)), max_size=8))
def test_keys_and_items_come_back_as_they_were(tmp_path, rows):
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    with create(tmp_path / "run", shard_bytes=100) as folder:
        asyncio.run(execute([each("same", same, keep="rows")], list(rows.items()), folder))
    with RunFolder.open(tmp_path / "run") as folder:
        assert dict(folder.read("rows")) == rows
        assert [key for key, _ in folder.read("rows", ordered=True)] == sorted(rows)
        assert sorted(folder.keys("rows")) == sorted(rows)
        assert folder.torn == []


def test_shards_roll_over_and_stay_readable_by_others(tmp_path):
    with create(tmp_path, shard_bytes=3000) as folder:
        for n in range(200):
            put(folder, f"{n}", {"n": n}, {"n": -n, "text": "ä" * n})
    shards = sorted(tmp_path.glob("rows-*.jsonl.zst"))
    assert len(shards) > 5
    items = [msgspec.json.decode(line)["item"] for line in run_chains.lines(tmp_path, "rows")]
    assert sorted(item["n"] for item in items) == sorted([*range(200), *range(0, -200, -1)])
    with RunFolder.open(tmp_path) as folder:
        assert [key for key, _ in folder.read("rows")][::2] == [f"{n}/0" for n in range(200)]


@pytest.mark.skipif(shutil.which("zstdcat") is None, reason="needs zstd")
def test_zstdcat_reads_a_shard(tmp_path):
    with create(tmp_path) as folder:
        put(folder, "a", 1, 2)
        put(folder, "b")
    out = subprocess.run(["zstdcat", tmp_path / "rows-000.jsonl.zst"], capture_output=True, check=True).stdout
    assert out == b'{"key":"a/0","item":1}\n{"key":"a/1","item":2}\n'


def test_a_shard_torn_anywhere_is_recovered(tmp_path):
    with create(tmp_path / "run") as folder:
        for n in range(5):
            put(folder, f"{n}", *range(n))
    shard = tmp_path / "run" / "rows-000.jsonl.zst"
    sound = shard.read_bytes()
    ends = [span.end for span in scan(sound)]
    for size in range(len(sound) + 1):
        shutil.rmtree(tmp_path / "run" / "torn", ignore_errors=True)
        shard.write_bytes(sound[:size])
        whole = sum(end <= size for end in ends)
        rows = [(f"{n}/{i}", i) for n in range(whole) for i in range(n)]
        with RunFolder.open(tmp_path / "run") as folder:  # a reader changes nothing
            assert list(folder.read("rows")) == rows
        assert shard.read_bytes() == sound[:size]
        with create(tmp_path / "run") as folder:
            assert list(folder.read("rows")) == rows
            assert list(folder.family("rows").done) == [f"{n}" for n in range(whole)]
            torn = folder.torn
            for n in range(whole, 5):
                put(folder, f"{n}", *range(n))
        assert shard.read_bytes() == sound, size  # the same rows again: not a byte differs
        lost = size - max(end for end in (0, 9, *ends) if end <= size)  # an opening (9 bytes) alone is no damage
        assert [(piece.size, (tmp_path / "run" / piece.kept).stat().st_size) for piece in torn] == [(lost, lost)] * bool(lost)


def test_a_damaged_byte_anywhere_costs_one_row(tmp_path):
    with create(tmp_path / "run") as folder:
        for n in range(3):
            put(folder, f"{n}", {"text": f"number {n}"})
    shard = tmp_path / "run" / "rows-000.jsonl.zst"
    sound = shard.read_bytes()
    spans = list(scan(sound))
    for offset in range(9, len(sound)):
        shutil.rmtree(tmp_path / "run" / "torn", ignore_errors=True)
        shard.write_bytes(sound[:offset] + bytes([sound[offset] ^ 0x55]) + sound[offset + 1 :])
        hit = next(n for n, span in enumerate(spans) if span.start <= offset < span.end)
        left = [f"{n}/0" for n in range(3) if n != hit]
        with RunFolder.open(tmp_path / "run") as folder:
            assert folder.keys("rows") == left
            assert [key for key, _ in folder.read("rows")] == left
            assert [(piece.offset, piece.size) for piece in folder.torn] == [(spans[hit].start, spans[hit].end - spans[hit].start)]
        with create(tmp_path / "run") as folder:
            (piece,) = folder.torn
            assert len((tmp_path / "run" / piece.kept).read_bytes()) == spans[hit].end - spans[hit].start
            assert [key for key, _ in folder.read("rows")] == left
            put(folder, f"{hit}", {"text": f"number {hit}"})
        with RunFolder.open(tmp_path / "run") as folder:
            assert folder.torn == []  # the writer left a sound shard
            assert dict(folder.read("rows")) == {f"{n}/0": {"text": f"number {n}"} for n in range(3)}


def test_a_run_with_damage_in_every_family_is_made_whole_again(tmp_path):
    run_chains.run(tmp_path, 120)
    expected = everything(tmp_path)
    for family in ("parts", "worded", "picked", "final"):
        shard = tmp_path / f"{family}-000.jsonl.zst"
        data = bytearray(shard.read_bytes())
        for share in (0.2, 0.6):
            data[int(len(data) * share)] ^= 0xFF
        shard.write_bytes(data[:-5])
    assert everything_readable(tmp_path) < sum(map(len, expected.values()))
    run_chains.run(tmp_path, 120)
    assert everything(tmp_path) == expected


def everything_readable(path):
    with RunFolder.open(path) as folder:
        return sum(len(folder.keys(family)) for family in run_chains.FAMILIES)


def test_two_writers_are_refused_and_readers_are_not(tmp_path):
    with create(tmp_path) as folder:
        put(folder, "a", 1)
        with pytest.raises(RunError, match="another process is writing"):
            create(tmp_path)
        other = f"from artificer.run.store import RunFolder; RunFolder.create_or_continue({str(tmp_path)!r}, {{}})"
        done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True)
        assert "another process is writing" in done.stderr
        with RunFolder.open(tmp_path) as reader:
            assert list(reader.read("rows")) == [("a/0", 1)]
            with pytest.raises(RunError, match="reading only"):
                put(reader, "b", 1)
    create(tmp_path).close()


def test_other_settings_are_refused_with_every_difference(tmp_path):
    create(tmp_path).close()
    with pytest.raises(RunError) as caught:
        RunFolder.create_or_continue(tmp_path, {"recipe": "toy", "seed": 8, "knobs": {"goals": [1, 5], "extra": True}})
    assert "knobs.extra: was 'not set', now True" in caught.value.what
    assert "knobs.goals: was [1, 4], now [1, 5]" in caught.value.what
    assert "seed: was 7, now 8" in caught.value.what
    assert "recipe" not in caught.value.what
    create(tmp_path).close()  # and the refusal let go of the folder


def test_versions_and_about_may_differ(tmp_path):
    RunFolder.create_or_continue(tmp_path, {"seed": 1, "about": {"by": "a"}, "versions": {"model": "1"}}).close()
    with RunFolder.create_or_continue(tmp_path, {"seed": 1, "about": {"by": "b"}}) as folder:
        assert folder.manifest["about"] == {"by": "a"}
        assert folder.manifest["versions"].keys() >= {"python", "artificer", "msgspec", "zstandard", "model"}


def test_folders_that_are_not_runs_are_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match=r"not empty and is not a run.*'thesis.txt'"):
        create(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunError, match=r"File exists|Not a directory"):
        create(tmp_path / "thesis.txt")


@pytest.mark.parametrize(
    ("text", "says"), [("format = 2\n", "has format 2; this version .* format 1"), ("seed = 1\n", "format none"), ("a = [", "cannot be read")]
)
@pytest.mark.parametrize("opening", [create, RunFolder.open])
def test_a_run_of_another_format_is_refused(tmp_path, text, says, opening):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(RunError, match=says):
        opening(tmp_path)


def test_a_run_killed_while_it_was_created_can_be_created(tmp_path):
    (tmp_path / "run.lock").touch()
    (tmp_path / "run.toml.new").write_text("form")
    create(tmp_path).close()


toml_values = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(knobs=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), toml_values, max_size=4))
def test_any_settings_are_written_and_recognised(tmp_path, knobs):
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    for _ in range(2):
        with RunFolder.create_or_continue(tmp_path / "run", {"knobs": knobs}) as folder:
            assert folder.manifest["knobs"] == knobs


def test_settings_that_toml_cannot_hold_are_refused(tmp_path):
    with pytest.raises(RunError, match="cannot be written as TOML"):
        RunFolder.create_or_continue(tmp_path / "run", {"knobs": [1, None]})
    assert not (tmp_path / "run").exists()


def test_small_files_are_replaced_whole(tmp_path):
    with create(tmp_path) as folder:
        folder.put_json("piece.json", Piece(1, ("a",)))
        folder.put_json("piece.json", Piece(2, ("b",)))
        assert folder.get_json("piece.json", Piece) == Piece(2, ("b",))
        assert folder.has("piece.json")
        with pytest.raises(RunError, match=r"the run has no 'other\.json'"):
            folder.get_json("other.json")
        with pytest.raises(RunError, match="not what was expected"):
            folder.get_json("piece.json", int)
        for name in ("../escape.json", "a/b", "", ".hidden", "x" * 300):
            with pytest.raises(RunError, match="cannot name a file"):
                folder.put_json(name, 1)


def test_a_row_of_another_shape_says_so(tmp_path):
    with create(tmp_path) as folder:
        put(folder, "a", {"number": "one"})
        with pytest.raises(RunError, match=r"a row of 'rows' is not what was expected: .*number"):
            list(folder.read("rows", Piece))


def test_reading_is_in_bounded_memory(tmp_path):
    import tracemalloc

    with create(tmp_path, shard_bytes=1 << 20) as folder:
        for n in range(400):
            put(folder, f"{n:04}", {"text": os.urandom(20_000).hex()})
    with RunFolder.open(tmp_path) as folder:
        tracemalloc.start()
        count = sum(1 for _ in folder.read("rows")) + sum(1 for _ in folder.read("rows", ordered=True))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 800
    assert peak < 2 << 20  # of 16 MB


# what the operating system refuses

FULL = """
import sys
sys.path.insert(0, {here!r})
from test_store import fill
fill({path!r}, limit={limit})
"""


def fill(path, limit=None):
    """Writes until it is refused; run in a process of its own because the limit cannot be taken back."""
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with create(path) as folder:
        for n in range(len(folder.family("rows").done), 2000):
            try:
                put(folder, f"{n}", {"text": os.urandom(500).hex()})
            except RunError as error:
                print(error)
                break


def check_recovered(path, told):
    with RunFolder.open(path) as folder:
        assert folder.torn == []  # the refused part was taken back
        safe = len(folder.keys("rows"))
        assert safe > 50
    assert f"{safe} rows of 'rows' are safe" in told
    fill(path)
    with RunFolder.open(path) as folder:
        assert sorted(folder.family("rows").done) == sorted(f"{n}" for n in range(2000))


def test_a_file_size_limit(tmp_path):
    path = str(tmp_path / "run")
    script = FULL.format(here=str(Path(__file__).parent), path=path, limit=100_000)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "File too large" in done.stdout, done.stderr
    assert "ulimit -f" in done.stdout
    check_recovered(path, done.stdout)


def test_a_full_disk(tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root; the size limit above takes the same path")
    try:
        fill(disk / "run")
        told = capsys.readouterr().out
        assert "No space left on device" in told
        assert "free some space" in told
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        check_recovered(disk / "run", told)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk_while_a_run_is_played(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        with pytest.raises(RunError, match="No space left on device"):
            run_chains.run(disk / "run", 400)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert run_chains.run(disk / "run", 400).complete
        run_chains.run(tmp_path / "undisturbed", 400)
        assert everything(disk / "run") == everything(tmp_path / "undisturbed")
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("path", ["/proc/run", "/dev/full/run", "/tmp/" + "long" * 80, "/dev/null"])
def test_folders_that_cannot_be_written_are_refused(path):
    with pytest.raises(RunError, match="cannot use the run folder") as caught:
        create(path)
    assert caught.value.where
    assert caught.value.remedy


def test_a_refusal_at_any_moment_of_a_run_can_be_continued(tmp_path):
    """Files may grow to so many bytes and no further: the run is refused in each of its phases, one time or another, and always continues."""
    run_chains.run(tmp_path / "undisturbed", 60)
    expected = everything(tmp_path / "undisturbed")
    largest = max(shard.stat().st_size for shard in (tmp_path / "undisturbed").glob("*.zst"))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    phases = set()
    for limit in range(250, largest, 211):
        to = tmp_path / f"{limit}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(RunError, match="File too large") as caught:
                run_chains.run(to, 60, concurrency=3)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        phases.add(Path(caught.value.where).name)
        with RunFolder.open(to) as folder:
            assert folder.torn == []
        summary = run_chains.run(to, 60, concurrency=5)
        assert everything(to) == expected
        assert summary["finish"].rows_out == len(expected["final"])
    assert phases >= {"parts-000.jsonl.zst", "final-000.jsonl.zst"}  # before the `whole` and after it
