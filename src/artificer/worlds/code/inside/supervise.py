"""The supervisor of one program: makes its private walls, starts it, watches it, and reports what is left behind.

A program runs as a process of its own user and process namespaces, without capabilities, behind the seccomp filter and
the resource limits, in a scratch folder that is a file system of limited size. Its supervisor stays outside of these
walls (but inside the jail), passes frames between it and the host, collects its output, sums up the memory of all its
processes, ends everything when a limit is reached, and then looks at the files.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import socket
import time
from typing import Any

from . import kernel, program, watch
from .files import Scratch
from .wire import Garbled, Inbox, pack

OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MIB = 1 << 20
_FRAME = 8 * _MIB
_FLOOD = 64 * _MIB
_LOOK_S = 0.025
_INSIDE = 1000


def main(control: socket.socket, taking: int, orders: dict[str, Any], steps: dict[str, str]) -> None:
    """Takes one request off `control` and serves it until its channel is closed."""
    _, handles, _, _ = socket.recv_fds(control, 65536, 1)
    control.close()
    os.close(taking)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel = socket.socket(fileno=handles[0])
    supervisor = Supervisor(channel, orders, dict(steps))
    try:
        supervisor.serve()
    except (BrokenPipeError, ConnectionResetError):  # the host went away
        pass
    except OSError as error:
        channel.send(pack({"failed": str(error.strerror or error)}))
    finally:
        supervisor.end()


class Supervisor:
    """One program and its walls."""

    def __init__(self, channel: socket.socket, orders: dict[str, Any], steps: dict[str, str]) -> None:
        self._channel = channel
        self._orders = orders
        self._steps = steps
        self._limits: dict[str, Any] = orders["limits"]
        self._user = orders["user"] and not orders["apart"] and int(orders["user"]) + os.getpid() % 16384
        """The user a program becomes, where that can be done for each."""
        self._host = Inbox(1 << 31)
        self._line: socket.socket | None = None
        self._from_program = Inbox(_FRAME)
        self._pipes: dict[int, watch.Output] = {}
        self._init = self._program = 0
        self._proc = -1
        self._space = self._bare = 0
        """What a bare interpreter has of address space, and of memory."""
        self._folder = ""
        self._scratch: Scratch | None = None
        self._alive = False
        self._asked_at = 0.0
        """When the program asked the host for something it has not got yet."""

    # the host's side

    def serve(self) -> None:
        """Frames from the host: `open` with the files, then `run` as often as it likes."""
        while True:
            frame = self._host.take()
            if frame is None:
                data = self._channel.recv(1 << 20)
                if not data:
                    return
                self._host.feed(data)
                continue
            header, blob = frame
            if header["do"] == "open":
                self._open(header, blob)
            elif header["do"] == "run":
                self._run(header)

    def _open(self, header: dict[str, Any], blob: bytes) -> None:
        self._proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY) if os.path.exists("/proc/self") else -1
        self._space, self._bare = watch.own_memory(self._proc)
        place = self._private_walls() if self._orders["apart"] else self._plain_folder()
        self._scratch = Scratch(place, self._limits["files"], self._limits["disk"])
        self._scratch.put(header["files"], blob)
        if self._proc < 0:
            self._steps["total memory"] = ""
        else:
            self._steps["total memory"] = "the memory of all processes of a program together"
        self._start(place, header)

    def _private_walls(self) -> str:
        watch.first_to_go(self._proc)
        user, group = os.getuid(), os.getgid()
        kernel.unshare(kernel.NEWUSER | kernel.NEWNS | kernel.NEWPID | kernel.NEWIPC)
        kernel.map_user(_INSIDE, user, group)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        size, count = self._limits["disk"], self._limits["files"] + 64
        kernel.mount("space", "/space", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"size={size},nr_inodes={count},mode=755")
        for place in ("/scratch", self._orders["temporary"]):
            os.mkdir(f"/space{place}", 0o755)
            kernel.mount(f"/space{place}", place, None, kernel.MS_BIND)
        kernel.umount("/space")
        kernel.mount("nothing", "/proc", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_RDONLY, "size=4k,mode=555")
        self._steps["processes"] = "a process namespace for each program"
        self._steps["disk"] = "a file system in memory of limited size for each program"
        return "/scratch"

    def _plain_folder(self) -> str:
        kernel.adopt_orphans()
        kernel.untouchable()
        self._folder = os.path.join(self._orders["work"], str(os.getpid()))
        for name in ("", "scratch", "tmp"):
            os.mkdir(os.path.join(self._folder, name), 0o700)
            if self._user:
                os.chown(os.path.join(self._folder, name), self._user, self._user)
        self._steps["disk"] = "" if self._proc < 0 else "the size of a program's folder is watched"
        return os.path.join(self._folder, "scratch")

    # the program's side

    def _start(self, place: str, header: dict[str, Any]) -> None:
        if self._orders["apart"]:
            self._init = os.fork()
            if self._init == 0:
                _first_process()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        outputs = [os.pipe(), os.pipe()]
        self._program = os.fork()
        if self._program == 0:
            try:
                os.setsid()
                sight = program.Sight(place, os.path.join(os.path.dirname(place), "tmp") if self._folder else self._orders["temporary"])
                self._wall_in(sight, theirs.fileno(), [writing for _, writing in outputs])
                program.main(sight, header, self._orders, self._steps)
            except OSError as error:  # a wall that cannot be put up
                theirs.sendall(pack({"failed": str(error.strerror or error)}))
            finally:
                os._exit(70)
        theirs.close()
        self._line = ours
        for reading, writing in outputs:
            os.close(writing)
            os.set_blocking(reading, False)
            self._pipes[reading] = watch.Output(self._limits["output"])
        self._alive = True
        self._settle()

    def _wall_in(self, sight: program.Sight, line: int, outputs: list[int]) -> None:
        """In the program's process: nothing open but its own ends, limits, no rights, no dangerous calls."""
        program.only_own_files(line, outputs)
        counted = self._orders["apart"] or bool(self._user)
        program.limit(self._limits, self._space, counted=counted, spare=3 if self._orders["apart"] else 0)
        keep = 0
        if self._user:
            keep = 1 << kernel.CAP_DAC_READ_SEARCH if self._orders["unreadable"] else 0
            kernel.become(self._user, keep)
            self._steps["user"] = "an unprivileged user for each program"
            self._steps["processes"] = "signals reach no process of others"
        program.give_up(self._orders, self._steps, sight, keep)

    def _settle(self) -> None:
        """Waits until the program has all its walls and says so."""
        line = self._open_line()
        line.settimeout(30)
        while (frame := self._from_program.take()) is None:
            data = line.recv(65536)
            if not data:
                raise OSError(5, "the program's process ended before it began")
            self._from_program.feed(data)
        if "failed" in frame[0]:
            raise OSError(1, str(frame[0]["failed"]))
        self._channel.sendall(pack({"ready": frame[0]["ready"]}))

    def _run(self, header: dict[str, Any]) -> None:
        line = self._open_line()
        self._from_program = Inbox(_FRAME)
        for output in self._pipes.values():
            output.clear()
        if self._program:
            os.kill(self._program, signal.SIGCONT)
        answer, died = None, "not running"
        if self._alive:
            try:
                line.settimeout(self._limits["seconds"])
                line.sendall(pack({"run": header["code"], "name": header["name"]}))
                answer, died = self._watch(time.monotonic() + self._limits["seconds"])
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                answer, died = None, self._how_it_died()
        self._report(answer, died, keep=bool(header.get("keep")))

    def _watch(self, deadline: float) -> tuple[dict[str, Any] | None, str]:
        """Until the program is done: its answer, or why it was ended. The time the host takes for a call does not count."""
        line, waiting = self._open_line(), select.poll()
        for handle in (self._channel.fileno(), line.fileno(), *self._pipes):
            waiting.register(handle, select.POLLIN | select.POLLHUP)
        self._asked_at, looked = 0.0, time.monotonic()
        while True:
            ready = [handle for handle, _ in waiting.poll(int(_LOOK_S * 1000))]
            now = time.monotonic()
            if not self._asked_at and now > deadline:
                return None, "timeout"
            if now - looked >= _LOOK_S:
                looked = now
                excess = self._excess()
                if excess:
                    return None, excess
            for handle in ready:
                if handle in self._pipes and not self._pipes[handle].read(handle):
                    waiting.unregister(handle)
            if sum(output.total for output in self._pipes.values()) > _FLOOD:
                return None, "wrote too much"
            if self._channel.fileno() in ready:
                deadline += self._pass_on()
            if line.fileno() in ready:
                answer = self._hear()
                if answer is not None:
                    self._drain()
                    return answer

    def _open_line(self) -> socket.socket:
        if self._line is None:
            raise OSError(5, "nothing is open")
        return self._line

    def _hear(self) -> tuple[dict[str, Any] | None, str] | None:
        """What the program says: its last word (its answer, or how it died), or None when it goes on."""
        try:
            data = self._open_line().recv(1 << 18)
            self._from_program.feed(data)
            frame = self._from_program.take()
        except Garbled:
            return None, "spoke garbage"
        except ConnectionResetError:
            return None, self._how_it_died()
        if frame is None:
            return None if data else (None, self._how_it_died())
        header = frame[0]
        if isinstance(header.get("done"), dict):
            return header["done"], ""
        if not self._asked_at and isinstance(header.get("call"), str) and isinstance(header.get("arguments"), dict):
            self._asked_at = time.monotonic()
            self._channel.sendall(pack({"call": header["call"], "arguments": header["arguments"]}))
            return None
        return None, "spoke garbage"

    def _pass_on(self) -> float:
        """The host's answer to a call, to the program; the seconds it took, 0 while it is not complete.

        Raises:
            BrokenPipeError: the host closed the channel: it does not want the program any more.
        """
        data = self._channel.recv(1 << 20)
        if not data:
            raise BrokenPipeError
        self._host.feed(data)
        frame = self._host.take()
        if frame is None or not self._asked_at:
            return 0.0
        self._open_line().sendall(pack(frame[0]))
        taken, self._asked_at = time.monotonic() - self._asked_at, 0.0
        return taken

    def _excess(self) -> str:
        """Which limit the program's processes are over, if any."""
        if self._proc < 0:
            return ""
        usage = watch.usage(self._proc, self._program if self._init == 0 else os.getpid(), {os.getpid(), self._init})
        if usage.memory - usage.processes * self._bare > self._limits["memory"] + program.SLACK:
            return "out of memory"
        if usage.threads > self._limits["processes"] + 1:
            return "too many processes"
        if self._folder:
            count, size = watch.size_of(self._folder, self._limits["files"] + 64)
            return "too many files" if count > self._limits["files"] + 64 else "disk full" if size > self._limits["disk"] else ""
        return ""

    def _drain(self) -> None:
        for handle, output in self._pipes.items():
            while output.read(handle) and output.more:
                pass

    def _how_it_died(self) -> str:
        gone, status = os.waitpid(self._program, os.WNOHANG)
        for _ in range(200):
            if gone:
                break
            time.sleep(0.005)
            gone, status = os.waitpid(self._program, os.WNOHANG)
        if not gone:
            return "closed its line"
        self._program = 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return "used too much processor time" if number in (signal.SIGXCPU,) else f"was killed by {signal.Signals(number).name}"
        return f"exited with status {os.WEXITSTATUS(status)}"

    # what is left

    def _report(self, answer: dict[str, Any] | None, died: str, keep: bool) -> None:
        assert self._scratch is not None
        if keep and answer is not None:
            os.kill(self._program, signal.SIGSTOP)
            if self._proc >= 0:
                watch.kill_all_but(self._proc, self._program if self._init == 0 else os.getpid(), {os.getpid(), self._init, self._program})
        else:
            self._kill()
        listing, changed = self._scratch.look()
        output, errors = (output.text() for output in self._pipes.values())
        header: dict[str, Any] = {"done": answer, "died": died, "files": listing, "dropped": self._scratch.dropped}
        header |= {"stdout": output, "stderr": errors, "sizes": [len(data) for data in changed]}
        used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        header["processor_s"] = sum(usage.ru_utime + usage.ru_stime for usage in used)
        self._channel.sendall(pack(header, b"".join(changed)))

    def _kill(self) -> None:
        """Ends every process of the program; nothing survives."""
        self._alive = False
        if self._init:
            os.kill(self._init, signal.SIGKILL)
            for child in (self._program, self._init):  # the first process ends only when no other is left
                _reap(child)
        elif self._program and self._folder:
            if self._proc >= 0:
                watch.kill_all_but(self._proc, os.getpid(), {os.getpid()})
            else:
                os.killpg(self._program, signal.SIGKILL)
            _reap(self._program)
        self._init = self._program = 0

    def end(self) -> None:
        """Ends the program and clears its folder."""
        self._kill()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _reap(child: int) -> None:
    if child:
        try:
            os.waitpid(child, 0)
        except ChildProcessError:
            pass


def _first_process() -> None:
    """The first process of a process namespace: when it ends, all do; orphans become its children."""
    try:
        os.closerange(0, 4096)
        kernel.drop_capabilities()
        kernel.die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            signal.pause()
    finally:
        os._exit(0)
