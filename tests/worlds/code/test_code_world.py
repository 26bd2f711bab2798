"""Code worlds: what a session remembers, what an agent is shown, what cannot be asked for."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import File, Image, Text, ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.code import open_world
from artificer.worlds.code.content import parts
from artificer.worlds.code.inside.watch import descendants
from artificer.worlds.code.world import CodeWorld

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")


@pytest.fixture(scope="module")
def world() -> Iterator[CodeWorld]:
    found = open_world("python", timeout="30")
    yield found
    found.sandbox.close()


@pytest.fixture(scope="module")
def notebook() -> Iterator[CodeWorld]:
    found = open_world("notebook", timeout="30")
    yield found
    found.sandbox.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[CodeWorld]:
    """A notebook world for cells that do not end by themselves."""
    found = open_world("notebook", timeout="0.8")
    yield found
    found.sandbox.close()


async def run(session: Session, code: str) -> ToolResult:
    return await session.call(ToolCall("c", "run_python", {"code": code}))


async def shown(session: Session, code: str) -> dict[str, object]:
    result = await run(session, code)
    assert result.error is None, result.detail
    return result.content


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("print('hi')", {"stdout": "hi\n"}),
        ("6 * 7", {"stdout": "", "result": "42"}),
        ("x = 1", {"stdout": ""}),
        ("None", {"stdout": ""}),
        ("print(1)\n[2, 3]", {"stdout": "1\n", "result": "[2, 3]"}),
        ("", {"stdout": ""}),
        ("# nothing", {"stdout": ""}),
        ("import sys; print('e', file=sys.stderr)", {"stdout": "", "stderr": "e\n"}),
        ("print('äöü\\ud800')", {"stdout": "äöü\\ud800\n"}),
        ("import sys; sys.exit()", {"stdout": ""}),
        ("import sys; sys.exit(3)", {"stdout": "", "error": "SystemExit: 3"}),
        ("import os; print(1, flush=True); os._exit(0)", {"stdout": "1\n"}),
        ("import os; print(1, flush=True); os._exit(4)", {"stdout": "1\n", "error": "The program exited with status 4."}),
        ("__name__", {"stdout": "", "result": "'__main__'"}),
        ("input()", None),
        ("import threading; threading.Thread(target=print, args=('late',)).start()", {"stdout": "late\n"}),
        ("import atexit; atexit.register(print, 'bye')\nprint('hi')", {"stdout": "hi\nbye\n"}),
        ("import subprocess; subprocess.run(['echo', 'sub'])\nNone", {"stdout": "sub\n"}),
        ("import multiprocessing as m\np = m.get_context('fork').Process(target=print, args=('child',)); p.start(); p.join()", {"stdout": "child\n"}),
    ],
)
async def test_what_an_agent_is_shown(world: CodeWorld, code: str, content: dict[str, str] | None) -> None:
    session = await world.open(Start())
    found = await shown(session, code)
    if content is None:
        assert str(found["error"]).endswith("EOFError: EOF when reading a line")
    else:
        assert found == content


async def test_a_traceback_names_lines_of_the_program_and_no_place_of_the_host(world: CodeWorld) -> None:
    session = await world.open(Start())
    error = str((await shown(session, "import json\ndef f():\n    return json.loads('{')\nf()"))["error"])
    assert error.startswith('Traceback (most recent call last):\n  File "<program>", line 4, in <module>\n    f()\n')
    assert error.endswith("json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)")
    assert "    return json.loads('{')" in error
    assert "/root" not in error
    assert "inside" not in error
    assert str((await shown(session, "1 +"))["error"]).endswith("SyntaxError: invalid syntax")
    deep = str((await shown(session, "def f(n): return f(n + 1)\nf(0)"))["error"])
    assert "RecursionError" in deep
    assert len(deep) < 3000


async def test_each_call_has_a_fresh_interpreter_and_the_files_of_the_session(world: CodeWorld) -> None:
    session = await world.open(Start())
    await shown(session, "import math; math.pi = 3; x = 1\nopen('a.txt', 'w').write('one')")
    assert (await shown(session, "import math\nprint(math.pi, 'x' in globals(), open('a.txt').read())"))["stdout"] == "3.141592653589793 False one\n"


async def test_the_same_program_gives_the_same(world: CodeWorld) -> None:
    code = "import random, uuid, secrets\nprint(object(), hash('a'), {'b', 'c', 'a'}, random.random(), uuid.uuid4(), secrets.token_hex(4))"
    one, other, third = [await world.open(Start(seed=seed)) for seed in (1, 1, 2)]
    await shown(one, "x = [object() for _ in range(100000)]")
    first = await shown(one, code)
    assert first == await shown(one, code) == await shown(other, code)
    assert first != await shown(third, code)
    again = open_world("python")
    assert first == await shown(await again.open(Start(seed=1)), code)
    await again.close()


async def test_forks_digests_and_effects_are_of_files(world: CodeWorld) -> None:
    session = await world.open(Start())
    empty = session.digest()
    await shown(session, "open('a', 'w').write('1'); open('b', 'w').write('2')")
    mark, fork = session.calls, await session.fork()
    assert fork.digest() == session.digest() != empty
    await shown(fork, "import os; os.remove('a'); os.makedirs('d'); open('d/c', 'wb').write(bytes(range(256)) * 20)")
    gone, made = fork.effects(mark)
    assert (gone.change, gone.key, gone.columns) == ("delete", ("a",), {"text": ("1", None)})
    assert (made.change, made.key, made.columns["bytes"]) == ("insert", ("d/c",), (None, 5120))
    assert [effect.key for effect in fork.effects()] == [("b",), ("d/c",)]
    assert session.effects(mark) == ()
    other = await world.open(Start())
    await shown(other, "open('b', 'w').write('2')")
    await shown(other, "open('a', 'w').write('1')")
    assert other.digest() == session.digest()
    msgspec.json.encode(fork.effects())


async def test_files_can_be_listed_and_read(world: CodeWorld) -> None:
    session = await world.open(Start())
    await shown(session, "import os; os.mkdir('d'); open('d/t.csv', 'w').write('a,b\\n' * 9000); open('x.bin', 'wb').write(b'\\xff\\x00')")

    async def ask(name: str, **arguments: object) -> ToolResult:
        return await session.call(ToolCall("c", name, arguments))

    assert (await ask("list_files")).content == [
        {"path": "d/t.csv", "mime": "text/csv", "bytes": 36000},
        {"path": "x.bin", "mime": "application/octet-stream", "bytes": 2},
    ]
    first = (await ask("read_file", path="/scratch/d/t.csv")).content
    assert (len(first["text"]), first["next_offset"]) == (20_000, 20_000)
    rest = (await ask("read_file", path="d/t.csv", offset=20_000)).content
    assert first["text"] + rest["text"] == "a,b\n" * 9000
    assert "next_offset" not in rest
    assert (await ask("read_file", path="x.bin")).error is ErrorKind.invalid_argument
    assert (await ask("read_file", path="nothing")).error is ErrorKind.not_found
    assert (await ask("read_file", path=3)).error is ErrorKind.mistyped_argument
    assert (await ask("run_python")).error is ErrorKind.missing_argument
    assert (await ask("run_python", code="1", more=1)).error is ErrorKind.extra_argument
    assert (await ask("run_python", code="\ud800")).error is ErrorKind.invalid_argument
    assert (await ask("run_python", code="x" * 200_001)).error is ErrorKind.invalid_argument
    assert (await ask("exec", code="1")).error is ErrorKind.unknown_tool
    assert str((await shown(session, "a\0b"))["error"]).startswith(("ValueError", "SyntaxError", "Traceback"))


async def test_pictures_and_files_come_back_as_content_parts(world: CodeWorld) -> None:
    session = await world.open(Start())
    code = f"""
png = {PIXEL!r}
class Picture:
    def _repr_png_(self): return png
class Figure:
    def savefig(self, path): open(path, 'wb').write(png)
display(Picture(), Figure(), 'words')
open('table.csv', 'w').write('a')
open('fake.png', 'w').write('not a picture')
open('large.png', 'wb').write(png + bytes(300_000))
None
"""
    content = await shown(session, code)
    assert content["stdout"] == "words\n"
    uri = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    assert content["files"] == [
        {"path": "display-1.png", "mime": "image/png", "bytes": len(PIXEL), "uri": uri},
        {"path": "display-2.png", "mime": "image/png", "bytes": len(PIXEL), "uri": uri},
        {"path": "fake.png", "mime": "text/plain", "bytes": 13},
        {"path": "large.png", "mime": "image/png", "bytes": len(PIXEL) + 300_000},
        {"path": "table.csv", "mime": "text/csv", "bytes": 1},
    ]
    found = parts(content)
    assert found[:3] == (Text("words"), Image(uri, "image/png"), Image(uri, "image/png"))
    assert [part for part in found if isinstance(part, File)] == [
        File("scratch/fake.png", "text/plain"),
        File("scratch/large.png", "image/png"),
        File("scratch/table.csv", "text/csv"),
    ]
    eleven = await shown(session, f"for i in range(11): open(f'p{{i:02}}.png', 'wb').write({PIXEL!r})")
    assert sum("uri" in about for about in eleven["files"]) == 10  # type: ignore[attr-defined]
    assert parts("text") == ()


async def test_packages_are_there_unless_one_says_no() -> None:
    found = open_world("python", preload="decimal msgspec nothing_of_that_name")
    assert [problem.what for problem in found.problems if problem.where == "preload"] == ["nothing_of_that_name: ModuleNotFoundError"]
    assert (await shown(await found.open(Start()), "import msgspec; msgspec.json.encode(1)"))["result"] == "b'1'"
    await found.close()
    bare = open_world("python", packages="false")
    assert "ModuleNotFoundError" in str((await shown(await bare.open(Start()), "import msgspec"))["error"])
    await bare.close()


async def test_a_notebook_remembers(notebook: CodeWorld) -> None:
    session = await notebook.open(Start(seed=3))
    assert await shown(session, "import random\nx = [random.random()]\nopen('f', 'w').write(str(x))\nx") != {}
    first = await shown(session, "x")
    await shown(session, "def grow(): x.append(len(x))\ngrow()")
    assert "NameError" in str((await shown(session, "half = 1\nnothing"))["error"])
    assert (await shown(session, "half, len(x)"))["result"] == "(1, 2)"
    fork = await session.fork()
    assert fork.digest() == session.digest()
    await shown(fork, "x.append('fork')")
    assert (await shown(session, "len(x)"))["result"] == "2"
    assert (await shown(fork, "x[:1] + x[2:]"))["result"] == str(first["result"])[:-1] + ", 'fork']"
    assert fork.digest() != session.digest()
    await session.close()
    await fork.close()


@pytest.mark.parametrize(("code", "kind"), [("while True: pass", ErrorKind.timeout), ("import os; os._exit(1)", ErrorKind.constraint)])
async def test_a_cell_that_is_ended_leaves_the_notebook_as_it_was(hasty: CodeWorld, code: str, kind: ErrorKind) -> None:
    session = await hasty.open(Start())
    await shown(session, "x = 1\nopen('f', 'w').write('1')")
    state = session.digest()
    result = await run(session, f"x = 2\nopen('f', 'w').write('2')\n{code}")
    assert result.error is kind
    assert "as it was" in str(result.detail)
    assert session.digest() == state
    assert (await shown(session, "x, open('f').read()"))["result"] == "(1, '1')"
    await session.close()


async def test_between_cells_everything_stands_still(notebook: CodeWorld) -> None:
    session = await notebook.open(Start())
    code = """
import os, threading, time
def write():
    n = 0
    while True:
        n += 1
        open('n', 'w').write(str(n))
threading.Thread(target=write, daemon=True).start()
if os.fork() == 0:
    os.setsid()
    while True: open('m', 'a').write('x')
time.sleep(.05)
"""
    await shown(session, code)
    files = dict(session.files)
    await asyncio.sleep(0.2)
    now = await shown(session, "open('m').read()")
    assert now["result"] == repr(files["m"].decode())
    await session.close()


async def test_a_notebook_that_cannot_be_played_again_says_so(notebook: CodeWorld) -> None:
    session = await notebook.open(Start())
    await shown(session, "import time\nprint(time.time_ns())")
    fork = await session.fork()
    result = await run(fork, "1")
    assert result.error is ErrorKind.internal
    assert "cell 1 does not give the same" in str(result.detail)
    assert (await shown(session, "1"))["result"] == "1"
    await session.close()


async def test_fifty_notebooks_each_with_its_own_value(notebook: CodeWorld) -> None:
    wide = open_world("notebook", parallel="4")
    sessions = [await wide.open(Start()) for _ in range(50)]
    await asyncio.gather(*(shown(session, f"x = {number}") for number, session in enumerate(sessions)))
    await sessions[7].close()
    found = await asyncio.gather(*(shown(session, "x") for session in sessions[8:]))
    assert [content["result"] for content in found] == [str(number) for number in range(8, 50)]
    await asyncio.gather(*(session.close() for session in sessions))
    await wide.close()


async def test_a_zygote_that_died_is_started_again() -> None:
    found = open_world("python")
    session = await found.open(Start())
    await shown(session, "open('f', 'w').write('1')")
    found.sandbox._jails[0]._process.kill()
    found.sandbox._jails[0]._process.wait()
    await asyncio.sleep(0.1)
    assert (await shown(session, "open('f').read()"))["result"] == "'1'"
    await found.close()


async def test_calls_of_one_session_take_turns(world: CodeWorld, notebook: CodeWorld) -> None:
    for each in (world, notebook):
        session = await each.open(Start())
        await shown(session, "open('n', 'w').write('0')")
        await asyncio.gather(*(shown(session, "n = int(open('n').read()) + 1\nopen('n', 'w').write(str(n))") for _ in range(8)))
        assert (await shown(session, "open('n').read()"))["result"] == "'8'"
        await session.close()


HOST = """
import asyncio
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.code import open_world
async def main():
    world = open_world("python", timeout="60", jail="JAIL")
    print(world.sandbox._jails[0]._process.pid, flush=True)
    session = await world.open(Start())
    await session.call(ToolCall("c", "run_python", {"code": "import subprocess; subprocess.Popen(['sleep', '60'])\\nwhile True: pass"}))
asyncio.run(main())
"""


def alive(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except OSError:
        return False


def name_of(pid: int) -> str:
    """What a process is called; nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("jail", ["namespaces", "landlock"])
def test_when_the_host_is_killed_nothing_is_left(jail: str) -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST.replace("JAIL", jail)], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    jailer = int(host.stdout.readline())
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    below: set[int] = set()
    for _ in range(250):
        below = descendants(proc, jailer)
        if any("sleep" in name_of(pid) for pid in below):
            break
        time.sleep(0.02)
    assert len(below) >= 4  # the zygote, a supervisor, a program and its child
    host.kill()
    host.wait()
    host.stdout.close()
    os.close(proc)
    for _ in range(250):
        if not any(map(alive, below)):
            break
        time.sleep(0.02)
    assert [pid for pid in below if alive(pid)] == []


@pytest.mark.parametrize(
    ("rest", "options", "said"),
    [
        ("ruby", {}, "is not a code world"),
        ("python", {"timeout": "0"}, "from 0.1 to 3600"),
        ("python", {"timeout": "nan"}, "from 0.1 to 3600"),
        ("python", {"memory": "1.5"}, "from 16 to 65536"),
        ("python", {"processes": "many"}, "from 1 to 512"),
        ("python", {"mode": "shell"}, "stateless, notebook"),
        ("python", {"jail": "paper"}, "namespaces, bubblewrap, landlock"),
        ("python", {"network": "true"}, "no option 'network'"),
        ("python", {"preload": "os; print(1)"}, "is not a module's name"),
        ("python", {"template": "/nothing/of/that/name"}, "there is no folder"),
    ],
)
def test_wrong_options(rest: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        World.of(f"code:{rest}", **options)


def test_a_template_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(2 << 20))
    with pytest.raises(SourceError, match="more than 256 files or 1 MiB"):
        World.of("code:python", template=str(tmp_path), disk="1")


def test_the_world_says_what_it_is(world: CodeWorld, notebook: CodeWorld) -> None:
    assert (world.forks, notebook.forks) == ("exact", "replay")
    assert world.notes[0] == f"sandbox: {world.protections.jail}"
    assert "30 seconds" in world.policy
    assert [tool.effect for tool in world.tools] == ["write", "read", "read"]
