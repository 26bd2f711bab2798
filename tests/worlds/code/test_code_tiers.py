"""What a machine allows: the best walls are taken, what is missing is said, and nothing runs unprotected unasked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from artificer.cli import main
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.code import open_world
from artificer.worlds.code.protections import ESSENTIAL, protections_of
from artificer.worlds.code.sandbox import _mapped, _open_to_all

SOURCES = str(Path(__file__).parents[3] / "src")
PACKAGES = str(Path(msgspec.__file__).parents[1])

PROBE = """
import asyncio, os, sys
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.code import open_world
from artificer.worlds.code.inside import kernel
{before}
async def look():
    try: world = open_world("python", timeout="30")
    except SourceError as error:
        print("refused", error)
        return
    print(world.protections.jail)
    print(sorted(world.protections.off))
    session = await world.open(Start())
    code = '''
import os, socket
def refused(*attempt):
    try: attempt[0](*attempt[1:])
    except OSError: return True
    return False
open('f', 'w').write('1')
print(refused(open, '/etc/shadow'), refused(open, '/usr/f', 'w'), refused(socket.socket), refused(os.kill, PARENT, 0), open('f').read())
'''.replace("PARENT", str(os.getpid()))
    print((await session.call(ToolCall("c", "run_python", {{"code": code}}))).content)
    await world.close()
asyncio.run(look())
"""
WALLED = "{'stdout': 'True True True True 1\\n', 'files': [{'path': 'f', 'mime': 'text/plain', 'bytes': 1}]}"

NO_NAMESPACES = """
user, group = os.getuid(), os.getgid()
kernel.unshare(kernel.NEWUSER)
kernel.map_user(0, user, group)
with open("/proc/sys/user/max_user_namespaces", "w") as file:
    file.write("0")
"""
"""A user namespace of ours in which no other can be made."""

CONTAINER = """
kernel.no_new_privileges()
kernel.deny_syscalls()
"""
"""As under a container's own filter: no unshare, mount, pivot_root, and no sockets at that."""


def probe(before: str, *, user: int | None = None, python: str = sys.executable) -> list[str]:
    code = PROBE.format(before=before)
    environment = {"PYTHONPATH": f"{SOURCES}:{PACKAGES}", "PATH": os.environ["PATH"], "HOME": "/tmp"}
    more = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, timeout=60, cwd="/", **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_here_everything_essential_is_on() -> None:
    jail, off, printed = probe("")
    assert jail in ("namespaces", "bubblewrap", "landlock")
    assert not set(ESSENTIAL) & set(off)
    assert printed == WALLED


@pytest.mark.parametrize("before", [NO_NAMESPACES, CONTAINER], ids=["none allowed", "denied by a filter"])
def test_where_namespaces_are_refused_landlock_is_the_wall_and_the_rest_is_said(before: str) -> None:
    jail, off, printed = probe(before)
    assert jail == "landlock"
    assert ("user" in off) == (before == NO_NAMESPACES or os.geteuid() != 0)
    assert printed == WALLED


def ordinary_python() -> str | None:
    """An interpreter of the same version that any user may start, if there is one."""
    version = f"python3.{sys.version_info.minor}"
    candidates = [sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin") or ""]
    return next((path for path in candidates if path and _open_to_all(Path(os.path.realpath(path)).parent)), None)


@pytest.mark.parametrize("before", ["", NO_NAMESPACES], ids=["namespaces", "landlock"])
def test_an_ordinary_user(before: str) -> None:
    if os.geteuid() != 0:
        lines = probe(before)
    else:
        python = ordinary_python()
        if python is None:
            pytest.skip("no interpreter that an ordinary user could start; run the tests as an ordinary user to see it")
        lines = probe(before, user=12345, python=python)
    assert lines[0] == ("landlock" if before else "namespaces")
    assert lines[2] == WALLED


async def test_bubblewrap_or_the_reason_why_not() -> None:
    if shutil.which("bwrap") is None:
        with pytest.raises(SourceError, match="bwrap is not installed"):
            open_world("python", jail="bubblewrap")
        return
    world = open_world("python", jail="bubblewrap")
    assert world.protections.lacking == ()
    session = await world.open(Start())
    result = await session.call(
        ToolCall("c", "run_python", {"code": "open('f', 'w').write('1')\ntry: open('/etc/shadow')\nexcept OSError: print('no')"})
    )
    assert (result.content["stdout"], session.files) == ("no\n", {"f": b"1"})
    await world.close()


async def test_nothing_runs_unprotected_unless_one_says_so() -> None:
    with pytest.raises(SourceError) as refused:
        open_world("python", jail="none")
    assert "no protection of files" in str(refused.value)
    assert "unprotected=true" in str(refused.value)
    world = open_world("python", jail="none", unprotected="true")
    assert world.protections.lacking == ("files",)
    assert "protection files" in {problem.where for problem in world.problems}
    session = await world.open(Start())
    code = "import os, socket\nopen('f', 'w').write(str('HOME' in os.environ))\ntry: socket.socket()\nexcept OSError: print('no socket')"
    assert (await session.call(ToolCall("c", "run_python", {"code": code}))).content["stdout"] == "no socket\n"
    place = world.sandbox._work
    await world.close()
    assert not os.path.exists(place)


def test_unprotected_does_not_take_less_than_there_is() -> None:
    world = open_world("python", unprotected="true")
    assert world.protections.lacking == ()
    world.sandbox.close()


def test_what_is_said_is_what_was_done() -> None:
    found = protections_of("landlock", {"files": "Landlock", "syscalls": "", "network": "none"})
    assert found.on == {"files": "Landlock", "network": "none"}
    assert found.lacking == ("processes", "syscalls", "privileges", "limits")
    assert str(found) == ("landlock. files: Landlock; network: none. Off: processes, syscalls, privileges, limits, user, total memory, disk")


def test_the_command_line_shows_the_protections(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "code:python"]) == 0
    text = capsys.readouterr().out
    assert "run_python" in text
    assert "\nsandbox: " in text
    assert "\nnetwork: " in text


def test_ids_of_a_user_namespace() -> None:
    everybody, few = "         0          0 4294967295\n", "0 100000 65536\n"
    assert _mapped(everybody, 0x70000000, 16384)
    assert not _mapped(few, 0x70000000, 16384)
    assert _mapped(few, 40_000, 16384)
    assert not _mapped("0 0 1\n", 40_000, 16384)


def test_nothing_is_left_when_a_world_is_closed() -> None:
    world = open_world("python")
    process = world.sandbox._jails[0]._process
    world.sandbox.close()
    assert process.poll() is not None
