"""What hostile programs try, and that the host, other sessions and source data stay untouched."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.code import open_world
from artificer.worlds.code.inside import kernel
from artificer.worlds.code.inside.watch import descendants
from artificer.worlds.code.world import CodeSession, CodeWorld

JAILS = ("namespaces", "landlock")


@pytest.fixture(scope="module", params=JAILS)
def world(request: pytest.FixtureRequest) -> Iterator[CodeWorld]:
    found = open_world("python", timeout="30", memory="128", disk="2", files="32", processes="6", jail=request.param)
    yield found
    found.sandbox.close()


@pytest.fixture(scope="module", params=JAILS)
def hasty(request: pytest.FixtureRequest) -> Iterator[CodeWorld]:
    """A world for programs that do not end by themselves."""
    found = open_world("python", timeout="0.9", memory="128", disk="2", files="32", processes="6", jail=request.param)
    yield found
    found.sandbox.close()


@pytest.fixture
async def session(world: CodeWorld) -> AsyncIterator[CodeSession]:
    opened = await world.open(Start())
    yield opened
    await opened.close()


async def run(session: CodeSession, code: str) -> ToolResult:
    return await session.call(ToolCall("c", "run_python", {"code": code}))


async def printed(session: CodeSession, code: str) -> str:
    result = await run(session, code)
    assert result.error is None, result.detail
    assert "error" not in result.content, result.content["error"]
    return result.content["stdout"]


def processes(world: CodeWorld) -> set[int]:
    """Every process of the sandbox, as the host sees them."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return descendants(proc, world.sandbox._jails[0]._process.pid)
    finally:
        os.close(proc)


async def is_alone(world: CodeWorld, before: set[int]) -> bool:
    """Whether soon no process is left that was not there before."""
    for _ in range(100):
        if processes(world) <= before:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_an_endless_loop_is_a_timeout_and_changes_nothing(hasty: CodeWorld) -> None:
    session = await hasty.open(Start())
    await run(session, "open('kept', 'w').write('1')")
    state = session.digest()
    result = await run(session, "open('kept', 'w').write('2')\nwhile True: pass")
    assert result.error is ErrorKind.timeout
    assert result.content is None
    assert "0.9 seconds" in (result.detail or "")
    assert session.digest() == state


async def test_a_fork_bomb_leaves_no_process(hasty: CodeWorld) -> None:
    world, session = hasty, await hasty.open(Start())
    before = processes(world)
    result = await run(session, "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass")
    assert result.error in (ErrorKind.timeout, ErrorKind.constraint)
    assert await is_alone(world, before)
    assert await printed(session, "print(1)") == "1\n"


async def test_processes_are_limited(session: CodeSession) -> None:
    code = """
import subprocess, time
for i in range(30):
    try: subprocess.Popen(['sleep', '60'])
    except OSError: print(i); break
time.sleep(.5)
"""
    result = await run(session, code)
    if result.error is None:  # counted by the kernel
        assert 3 <= int(result.content["stdout"]) <= 8
    else:  # counted by the supervisor
        assert result.error is ErrorKind.constraint
        assert "processes" in (result.detail or "")


async def test_one_process_that_takes_all_memory_gets_a_memory_error(session: CodeSession) -> None:
    result = await run(session, "x = bytearray(1 << 30)")
    assert result.error is None
    assert result.content["error"].endswith("MemoryError")


async def test_processes_that_together_take_all_memory_are_ended(world: CodeWorld, session: CodeSession) -> None:
    before = processes(world)
    code = "import os, time\nfor i in range(4):\n    if os.fork() == 0:\n        x = b'x' * (90 << 20); time.sleep(60)\ntime.sleep(60)"
    result = await run(session, code)
    assert result.error is ErrorKind.constraint
    assert "memory" in (result.detail or "")
    assert await is_alone(world, before)


async def test_shared_memory_counts(session: CodeSession) -> None:
    code = (
        "import mmap, os, time\nfor i in range(4):\n    if os.fork() == 0:\n        m = mmap.mmap(-1, 90 << 20)\n"
        "        for at in range(0, len(m), 4096): m[at] = 1\n        time.sleep(60)\ntime.sleep(60)"
    )
    result = await run(session, code)
    assert result.error is ErrorKind.constraint
    assert "memory" in (result.detail or "")


async def test_much_output_is_cut_in_the_middle(session: CodeSession) -> None:
    text = await printed(session, "print('a' * 50_000 + 'b' * 50_000)")
    assert text.startswith("aaa")
    assert text.endswith("bbb\n")
    assert "[80001 bytes left out]" in text


async def test_endless_output_is_ended(session: CodeSession) -> None:
    result = await run(session, "import os\nwhile True: os.write(1, b'x' * 65536)")
    assert result.error in (ErrorKind.constraint, ErrorKind.timeout)
    assert len(result.detail or "") < 2000


async def test_a_full_disk(session: CodeSession) -> None:
    result = await run(session, "with open('big', 'wb') as f:\n    while True: f.write(b'x' * (1 << 20))")
    assert "File too large" in str(result.content) or "No space" in str(result.content)
    assert sum(map(len, session.files.values())) <= 2 << 20
    result = await run(session, "for i in range(20):\n    with open(f'f{i}', 'wb') as f: f.write(b'x' * (1 << 20))\nimport time; time.sleep(.2)")
    assert result.error is ErrorKind.constraint or "No space" in result.content["error"]
    assert sum(map(len, session.files.values())) <= 2 << 20


async def test_files_without_end(session: CodeSession) -> None:
    result = await run(session, "for i in range(100_000): open(f'f{i}', 'w').close()")
    assert result.error is ErrorKind.constraint or "No space" in result.content["error"]
    assert len(session.files) <= 32


async def test_a_sparse_file_and_a_zip_bomb(session: CodeSession) -> None:
    sparse = await run(session, "f = open('s', 'wb'); f.truncate(1 << 40)")
    assert "File too large" in sparse.content["error"]
    bomb = (
        "import zipfile, io\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('x', bytes(60 << 20))\n"
        "zipfile.ZipFile(b).extractall('.')"
    )
    result = await run(session, bomb)
    assert "File too large" in result.content["error"] or "No space" in result.content["error"]


async def test_a_zip_with_paths_that_escape(session: CodeSession, tmp_path: Path) -> None:
    code = (
        "import zipfile, io\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w') as z: z.writestr('../../../../tmp/escaped', 'x')\n"
        "zipfile.ZipFile(b).extractall('.')"
    )
    await run(session, code)
    assert not Path("/tmp/escaped").exists()


async def test_files_of_the_host_cannot_be_read_or_written(session: CodeSession, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the host's secret")
    places = [
        str(secret),
        "/etc/shadow",
        "/etc/hostname",
        str(Path.home() / ".bashrc"),
        str(Path(__file__)),
        __file__ + "/../x",
        "/dev/sda",
        "/dev/mem",
    ]
    code = (
        f"import os\nfor place in {places!r}:\n    for mode in ('rb', 'ab'):\n        try: open(place, mode); print('opened', place, mode)\n"
        "        except OSError: pass\n"
        "for place in ('/usr/x', '/x', '/etc/x', os.path.dirname(os.__file__) + '/x', '/dev/x', '/usr/lib/x'):\n"
        "    try: open(place, 'w'); print('written', place)\n    except OSError: pass"
    )
    assert await printed(session, code) == ""
    assert secret.read_text() == "the host's secret"


async def test_only_its_own_two_folders_can_be_written(session: CodeSession) -> None:
    code = """
import os
for folder, inner, _ in os.walk('/'):
    if folder.count('/') > 2: inner[:] = []
    try:
        open(folder + '/.mark', 'x').close(); os.remove(folder + '/.mark')
        print(folder)
    except OSError: pass
for folder in ('.', os.environ['TMPDIR'], '/tmp', '/temporary', '/scratch', '/space', '/dev/shm', '/run', '/var/tmp'):
    try:
        open(folder + '/.mark', 'x').close(); os.remove(folder + '/.mark')
        print(os.path.realpath(folder))
    except OSError: pass
print(os.getcwd()); print(os.environ['TMPDIR'])
"""
    assert len(set((await printed(session, code)).split())) == 2


async def test_homes_cannot_be_listed(session: CodeSession) -> None:
    homes = [str(Path.home()), "/home", "/root", "/var", "/srv", "/opt", "/run", str(Path(__file__).parents[3])]
    way_to_python = set(Path(sys.base_prefix).parts) | set(Path(sys.prefix).resolve().parts)
    code = f"import os\nfor place in {homes!r}:\n    try: print('\\n'.join(os.listdir(place)))\n    except OSError: pass"
    assert set((await printed(session, code)).split()) <= way_to_python


async def test_links_are_not_followed_and_not_kept(session: CodeSession, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the host's secret")
    code = f"""
import os
for target, name in (({str(secret)!r}, 'a.txt'), ('/etc/passwd', 'b.txt'), ('/', 'root'), ('.', 'loop'), ({str(tmp_path)!r}, 'folder')):
    os.symlink(target, name)
try: os.mkfifo('pipe')
except PermissionError: pass
os.makedirs('deep/er'); os.symlink('../..', 'deep/er/up')
open('plain', 'w').write('1')
"""
    result = await run(session, code)
    assert list(session.files) == ["plain"]
    assert len(result.content["dropped"]) == 6
    for path in ("a.txt", "../../etc/passwd", "/etc/passwd", "folder/secret.txt", "root/etc/passwd", str(secret)):
        answer = await session.call(ToolCall("r", "read_file", {"path": path}))
        assert answer.error is ErrorKind.not_found
    assert await printed(session, "import os; print(os.listdir('.'))") == "['plain']\n"


async def test_odd_names_and_rights(session: CodeSession) -> None:
    code = (
        "import os\nopen(b'\\xff\\xfe', 'w').close(); open('new\\nline', 'w').close(); open('ok', 'w').write('1'); os.chmod('ok', 0)\n"
        "os.makedirs('/'.join('d' * 40)); open('/'.join('d' * 40) + '/x', 'w').close()"
    )
    result = await run(session, code)
    assert set(session.files) <= {"ok"}
    assert len(result.content["dropped"]) >= 3


async def test_the_hosts_environment_is_not_there(session: CodeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "s3cr3t")
    world = open_world("python", jail=session._world.settings.jail)
    try:
        inner = await world.open(Start())
        code = """
import os, subprocess
print(dict(os.environ), subprocess.run(['env'], capture_output=True, text=True).stdout)
for path in ['/proc/self/environ', '/proc/1/environ', *[f'/proc/{n}/environ' for n in range(2, 40)]]:
    try: print(open(path).read())
    except OSError: pass
"""
        assert "s3cr3t" not in str((await run(inner, code)).content)
    finally:
        await world.close()


async def test_proc_shows_nothing(session: CodeSession) -> None:
    code = """
import os
for path in ('/proc/self/mem', '/proc/self/maps', '/proc/1/root/etc/shadow', '/proc/self/root', '/proc/kcore', '/proc/sys/kernel/core_pattern',
             '/proc/self/fd/3', '/sys/kernel', '/sys/fs/cgroup', '/proc/sysrq-trigger'):
    for mode in ('rb', 'r+b'):
        try: open(path, mode); print('opened', path)
        except OSError: pass
    try: print('listed', path, os.listdir(path))
    except OSError: pass
"""
    assert await printed(session, code) == ""


async def test_no_network_not_even_within_the_machine(session: CodeSession) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    port = server.getsockname()[1]
    code = f"""
import socket, ctypes
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try: socket.socket(family, kind); print('made', family, kind)
        except OSError: pass
try: socket.create_connection(('127.0.0.1', {port})); print('connected')
except OSError: pass
try: socket.socketpair(socket.AF_INET); print('made a pair')
except OSError: pass
a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))
try: a.connect('\\0artificer'); print('connected')
except OSError: pass
import urllib.request
try: urllib.request.urlopen('http://127.0.0.1:{port}')
except OSError as error: print('refused')
"""
    assert await printed(session, code) == "b'x'\nrefused\n"
    with pytest.raises(TimeoutError):
        server.accept()
    server.close()


async def test_other_processes_get_no_signals(session: CodeSession) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        code = f"""
import os, signal
own = os.getpid()
for pid in [{bystander.pid}, {os.getpid()}, {os.getppid()}, os.getppid(), 0, -1, *range(2, 300)]:
    if pid not in (own, 0):
        for send in (os.kill, os.killpg):
            try: send(pid, signal.SIGTERM)
            except OSError: pass
print('alive')
"""
        result = await run(session, code)
        assert result.error in (None, ErrorKind.constraint)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    assert await printed(session, "print(1)") == "1\n"


async def test_its_own_children_get_signals(session: CodeSession) -> None:
    found = kernel.landlock_abi()
    if session._world.settings.jail == "landlock" and found < 6 and os.geteuid() != 0:
        pytest.skip(f"Landlock {found} does not tell signals apart")
    code = "import subprocess\np = subprocess.Popen(['sleep', '60']); p.terminate(); print(p.wait())"
    assert await printed(session, code) == "-15\n"


async def test_dangerous_calls_are_refused(session: CodeSession) -> None:
    code = """
import ctypes, os, errno
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    print(name, 'refused' if result == -1 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES) else f'{result} {ctypes.get_errno()}')
tried('ptrace', 16, os.getppid(), 0, 0)
tried('mount', b'x', b'/tmp', b'tmpfs', 0, None)
tried('umount2', b'/proc', 2)
tried('unshare', 0x10000000)
tried('setns', 3, 0)
tried('chroot', b'/tmp')
tried('personality', 0)
tried('sethostname', b'x', 1)
tried('process_vm_readv', 1, None, 0, None, 0, 0)
tried('memfd_create', b'x', 0)
tried('syscall', 425, 1, 0)
tried('syscall', 435, 0, 0)
tried('reboot', 0)
"""
    lines = (await printed(session, code)).splitlines()
    assert len(lines) == 13
    assert [line for line in lines if not line.endswith("refused")] == []


async def test_no_rights_to_be_gained(session: CodeSession) -> None:
    code = """
import os, subprocess
for become in (os.setuid, os.setgid, lambda number: os.setgroups([number])):
    try: become(0); print('became')
    except OSError: pass
try: os.chown('/tmp', 0, 0)
except OSError: pass
open('x', 'w').close()
try: os.chmod('x', 0o4755)
except OSError: pass
for command in ('su -c id', 'sudo -n id', 'mount -t tmpfs x /tmp', 'unshare -Ur id', 'nsenter -t 1 -m id'):
    try: done = subprocess.run(command.split(), capture_output=True, text=True, timeout=1); print(done.stdout if done.returncode == 0 else '', end='')
    except (OSError, subprocess.TimeoutExpired): pass
"""
    assert await printed(session, code) == ""


async def test_nothing_survives_a_call(world: CodeWorld, session: CodeSession) -> None:
    before = processes(world)
    mark = f"{time.time_ns() % 10**9 + 1000}"
    code = f"""
import os, subprocess
subprocess.Popen(['sleep', '{mark}'], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 100)
        os.execvp('sleep', ['sleep', '{mark}'])
    os._exit(0)
"""
    assert await printed(session, code) == ""
    assert await is_alone(world, before)
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert mark not in place.read_text()
        except OSError:
            continue


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.write(3, b'garbage' * 1000); os.read(0, 1); import time; time.sleep(5)",
        "import os, struct; os.write(3, struct.pack('>II', 2**32 - 1, 2**32 - 1)); import time; time.sleep(5)",
        "import os, struct; t = b'[' * 100_000; os.write(3, struct.pack('>II', len(t), 0) + t); import time; time.sleep(5)",
        "import os; os.close(3)",
        "import os; os.close(1); os.close(2); os.close(3); os._exit(3)",
        "import os; os.abort()",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import ctypes; ctypes.string_at(0)",
        "import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    ],
    ids=["garbage", "a frame of 8 GB", "deep json", "closed line", "closed outputs", "abort", "killed", "segfault", "recursion"],
)
async def test_a_program_can_only_spoil_its_own_answer(session: CodeSession, code: str) -> None:
    state = session.digest()
    result = await run(session, code)
    assert result.error is not None or "error" in result.content
    assert session.digest() == state
    assert await printed(session, "print('next')") == "next\n"


@pytest.mark.parametrize(
    "code",
    [
        "import builtins, sys, os, json\nbuiltins.compile = builtins.exec = builtins.eval = builtins.repr = None\n"
        "sys.stdout = None; json.dumps = None; os.kill = None; sys.modules.clear()",
        "import sys\nfor frame in [sys._getframe(n) for n in range(3)]: frame.f_globals.clear()",
        "class E(BaseException):\n    def __str__(self): raise self\nraise E",
        "class R:\n    def __repr__(self): return 'x' * 10**7\nR()",
        "import atexit, threading, time\natexit.register(lambda: 1 / 0)\nprint('said')",
    ],
    ids=["builtins", "our frames", "hostile exception", "long repr", "atexit"],
)
async def test_monkeypatching_reaches_no_other_program(session: CodeSession, code: str) -> None:
    result = await run(session, code)
    assert len(str(result)) < 100_000
    assert await printed(session, "import json, builtins\nprint(json.dumps([1]), builtins.repr(2), eval('3'))") == "[1] 2 3\n"


async def test_a_forged_answer_is_that_programs_own(session: CodeSession) -> None:
    code = (
        "import os, struct, json\nopen('real', 'w').write('1')\n"
        "t = json.dumps({'done': {'result': 'forged', 'error': None, 'files': ['+x']}, 'sizes': [1]}).encode()\n"
        "os.write(3, struct.pack('>II', len(t), 0) + t)\nwhile True: pass"
    )
    result = await run(session, code)
    assert result.content["result"] == "forged"
    assert session.files == {"real": b"1"}


async def test_sessions_do_not_see_each_other(world: CodeWorld) -> None:
    sessions = [await world.open(Start(seed=number)) for number in range(12)]
    code = """
import os, time
other = os.environ['TMPDIR']
found = os.listdir('.') + os.listdir(other)
open('mine', 'w').write('{0}'); open(other + '/t', 'w').close()
time.sleep(.1)
print(found, open('mine').read())
"""
    results = await asyncio.gather(*(printed(session, code.format(number)) for number, session in enumerate(sessions)))
    assert results == [f"[] {number}\n" for number in range(12)]


async def test_one_hanging_program_holds_up_no_other(hasty: CodeWorld) -> None:
    sessions = [await hasty.open(Start()) for _ in range(17)]
    hanging = asyncio.create_task(run(sessions[0], "while True: pass"))
    results = await asyncio.gather(*(printed(session, "print(1)") for session in sessions[1:]))
    assert results == ["1\n"] * 16
    assert (await hanging).error is ErrorKind.timeout


async def test_the_template_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "data.csv").write_text("a,b\n1,2\n")
    os.symlink("/etc/passwd", tmp_path / "in" / "link")
    world = World.of("code:python", template=str(tmp_path / "in"))
    session = await world.open(Start())
    assert isinstance(session, CodeSession)
    assert await printed(session, "import os\nprint(os.listdir('.'))\nopen('data.csv', 'a').write('3,4\\n')") == "['data.csv']\n"
    assert session.files["data.csv"] == b"a,b\n1,2\n3,4\n"
    assert (tmp_path / "in" / "data.csv").read_text() == "a,b\n1,2\n"
    await world.close()
