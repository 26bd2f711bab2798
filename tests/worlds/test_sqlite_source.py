"""Sources and tools files: every bad one is one clear error; no source is ever changed."""

import re
from pathlib import Path

import apsw
import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.samples import sample_database
from artificer.worlds.sqlite import open_world

DOCS = Path(__file__).parents[2] / "docs" / "worlds.md"


def listing(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def made(path, sql="CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t (a) VALUES ('x')"):
    connection = apsw.Connection(str(path))
    connection.execute(sql).fetchall()
    connection.close()
    return path


def bad(tmp_path, kind):
    path = tmp_path / "x.db"
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("hello " * 500)
    elif kind == "corrupt":
        made(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); " + "INSERT INTO t (a) VALUES (hex(randomblob(900)));" * 20)
        image = path.read_bytes()
        path.write_bytes(image[:4096] + b"\xff" * 8192 + image[12288:])
    elif kind == "no tables":
        made(path, "CREATE VIRTUAL TABLE t USING fts5(a)")
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no file"),
        ("folder", "folder"),
        ("empty", "empty"),
        ("text", "not an SQLite"),
        ("corrupt", "damaged"),
        ("no tables", "no usable table"),
    ],
)
def test_a_bad_source_is_one_clear_error(tmp_path, kind, words):
    with pytest.raises(SourceError, match=words) as caught:
        open_world(str(bad(tmp_path, kind)))
    assert caught.value.remedy


async def test_a_write_ahead_log_is_read_and_nothing_is_touched(tmp_path):
    path = tmp_path / "x.db"
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)").fetchall()
    writer.execute("INSERT INTO t (a) VALUES ('only in the log')")
    before = listing(tmp_path)
    assert before["x.db-wal"]
    world = open_world(str(path))
    session = await world.open(Start())
    assert session.run(ToolCall("c", "search_ts", {})).content["total"] == 1
    assert session.run(ToolCall("c", "create_t", {"a": "new"})).error is None
    assert listing(tmp_path) == before
    writer.close()


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
async def test_a_source_in_a_read_only_folder_is_used_and_keeps_its_bytes(tmp_path, mode):
    folder = tmp_path / "theirs"
    folder.mkdir()
    path = made(folder / "x.db", f"PRAGMA journal_mode={mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t (a) VALUES ('x')")
    assert (path.read_bytes()[18] == 2) == (mode == "wal")
    path.chmod(0o444)
    folder.chmod(0o555)
    before, stamps = listing(folder), {item: item.stat().st_mtime_ns for item in (folder, path)}
    assert before.keys() == {"x.db"} | ({"x.db-journal"} if mode == "truncate" else set())
    try:
        world = open_world(str(path))
        session = await world.open(Start())
        assert session.run(ToolCall("c", "update_t", {"id": 1, "a": "new"})).error is None
        fork = await session.fork()
        assert fork.run(ToolCall("c", "delete_t", {"id": 1})).error is None
        assert listing(folder) == before
        await fork.close()
        await session.close()
        await world.close()
        assert listing(folder) == before
        assert {item: item.stat().st_mtime_ns for item in stamps} == stamps
    finally:
        folder.chmod(0o755)


async def test_a_locked_source_is_read_and_kept(tmp_path):
    path = made(tmp_path / "x.db")
    before = listing(tmp_path)
    locker = apsw.Connection(str(path))
    locker.execute("BEGIN EXCLUSIVE")
    session = await open_world(str(path)).open(Start())
    for arguments in ({"id": 1}, {"id": 1}):
        session.run(ToolCall("c", "delete_t", arguments))
    locker.execute("ROLLBACK")
    locker.close()
    assert session.effects()
    assert listing(tmp_path) == before


def test_the_sample_is_the_same_every_time(tmp_path):
    assert sample_database("chinook", tmp_path / "a").read_bytes() == sample_database("chinook", tmp_path / "b").read_bytes()


async def test_the_tools_file_of_the_page_works(tmp_path):
    path = tmp_path / "tools.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL).group(1))
    world = open_world("chinook", tools=str(path))
    names = {tool.name: tool for tool in world.tools}
    assert "find_tracks" in names
    assert not {"search_tracks", "search_employees", "delete_track"} & names.keys()
    assert names["top_customers"].effect == "read"
    session = await world.open(Start())
    assert session.run(ToolCall("c", "top_customers", {"n": 1})).content == {"rows": [{"customer_id": 6, "spent": 49.62}]}
    assert session.run(ToolCall("c", "discount_album", {"album_id": 1, "by": 0.5})).content == {"changed": 10}
    assert session.run(ToolCall("c", "discount_album", {"album_id": "1 OR 1=1", "by": 0})).error is ErrorKind.mistyped_argument
    assert len(session.effects()) == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = [", "TOML"),
        ("colour = 1", "wrong"),
        ('hide = ["nothing_*"]', "no tool fits"),
        ('hide = ["*"]', "hides every tool"),
        ('rename = { nothing = "x" }', "no tool 'nothing'"),
        ('rename = { get_album = "a b" }', "cannot be a tool's name"),
        ('rename = { get_album = "get_track" }', "two tools"),
        ('describe = { nothing = "x" }', "no tool 'nothing'"),
        *(
            (f'[tool.t]\ndescription = "d"\nsql = "{sql}"\nparameters = {{ {parameters} }}', words)
            for sql, parameters, words in [
                ("SELECT 1; SELECT 2", "", "one statement"),
                ("ATTACH 'x' AS y", "", "begin with 'ATTACH'"),
                ("VACUUM INTO 'x'", "", "begin with 'VACUUM'"),
                ("PRAGMA foreign_keys=OFF", "", "begin with 'PRAGMA'"),
                ("SELECT load_extension('x')", "", "may not use"),
                ("SELECT * FROM sqlite_schema", "", "may not use"),
                ("SELECT * FROM gone", "", "no such table"),
                ("SELECT ?", "", "without a name"),
                ("SELECT :a", "", "is no parameter"),
                ("SELECT 1", "b = { type = 'integer' }", "does not occur"),
                ("SELECT :a", "a = { type = 'object' }", "needs a type"),
                ("SELECT :a", "a = { type = 'integer', x-ref = 'a.b' }", "no column"),
            ]
        ),
    ],
)
def test_a_wrong_tools_file_is_one_clear_error(tmp_path, text, words):
    path = tmp_path / "tools.toml"
    path.write_text(text)
    with pytest.raises(SourceError, match=words) as caught:
        open_world("chinook", tools=str(path))
    assert str(path) in str(caught.value)
