"""Builds the walls, once for many programs, and becomes the zygote within them.

`namespaces`: own user, mount, pid, network, IPC and host name namespaces; a root folder of its own in which only the
system's programs and libraries, the interpreter and its packages appear, all read-only; no network device. Started as
root it first builds them with root's rights and then becomes an unprivileged user for good, started as an ordinary
user it does all within a user namespace. `bubblewrap`: those walls were built by bwrap before this started.
`landlock` and `none` have no walls of this kind.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from typing import Any

from . import kernel, zygote
from .program import DEVICES
from .wire import pack

_APART = kernel.NEWNS | kernel.NEWPID | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP
_NO_RANDOM_ADDRESSES = 0x0040000


def main() -> None:
    """Reads its orders from the command line: a JSON object, and later a flag that says that it started anew."""
    orders: dict[str, Any] = json.loads(sys.argv[1])
    if len(sys.argv) == 2:
        _same_addresses()
    control = socket.socket(fileno=int(orders["control"]))
    steps: dict[str, str] = {}
    try:
        if orders["tier"] == "namespaces":
            _namespaces(orders, control, steps)
        os.environ["HOME"] = os.environ["TMPDIR"] = orders["work"] if not orders["apart"] else orders["temporary"]
        preloaded = zygote.preload(orders["paths"], orders["preload"])
        if orders["tier"] == "landlock":
            kernel.no_new_privileges()
            kernel.landlock([*orders["binds"], "/proc"], [f"/dev/{device}" for device in DEVICES], [orders["work"]])
    except OSError as error:
        control.send(pack({"failed": str(error.strerror or error)}))
        os._exit(3)
    control.send(pack({"ready": steps, "preloaded": preloaded}))
    zygote.serve(control, orders, steps)


def _same_addresses() -> None:
    """Starts anew without address randomisation, so that `print(object())` prints the same each time."""
    persona = ctypes.CDLL(None, use_errno=True).personality
    current = persona(ctypes.c_ulong(0xFFFFFFFF))
    if current >= 0 and not current & _NO_RANDOM_ADDRESSES and persona(ctypes.c_ulong(current | _NO_RANDOM_ADDRESSES)) >= 0:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], "again"])


def _namespaces(orders: dict[str, Any], control: socket.socket, steps: dict[str, str]) -> None:
    user, group, privileged = os.geteuid(), os.getegid(), False
    if user == 0 and orders["user"]:
        try:
            kernel.unshare(_APART)
            privileged = True
        except OSError:  # root without the right to: as anybody
            pass
    if not privileged:
        kernel.unshare(_APART | kernel.NEWUSER)
        kernel.map_user(0, user, group)
    slot = os.getpid() % 16384
    child = os.fork()
    if child:
        control.close()
        os.waitpid(child, 0)
        os._exit(0)
    _root(orders["binds"], orders["links"], orders["temporary"])
    if privileged:
        user = int(orders["user"]) + slot
        kernel.become(user)
        kernel.unshare(kernel.NEWUSER | kernel.NEWNS)
        kernel.map_user(0, user, user)
    kernel.die_with_parent()
    if os.getppid():  # in a pid namespace of its own the parent is nobody
        raise OSError(1, "no process namespace")
    steps["user"] = "an unprivileged user" if user else ""


def _root(binds: list[str], links: dict[str, str], temporary: str) -> None:
    """A root folder that shows `binds` at their own paths, read-only, and little else.

    What the zygote writes while it loads modules goes to `temporary`, over which each program has a folder of its own.
    """
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("root", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    os.mkdir("/tmp/new")
    os.mkdir("/tmp/old")
    kernel.mount("/tmp/new", "/tmp/new", None, kernel.MS_BIND)
    kernel.pivot_root("/tmp", "/tmp/old")
    os.chdir("/")
    for path in binds:
        if os.path.exists(f"/old{path}"):
            _show(f"/old{path}", f"/new{path}")
            kernel.read_only(f"/new{path}")
    for path, target in links.items():
        os.symlink(target, f"/new{path}")
    for folder in ("dev", "proc", "scratch", "tmp", "temporary", "space", "etc"):
        os.makedirs(f"/new/{folder}", exist_ok=True)
    for device in DEVICES:
        _show(f"/old/dev/{device}", f"/new/dev/{device}")
    for name, text in (("passwd", "user:x:1000:1000::/scratch:/bin/false\n"), ("group", "user:x:1000:\n")):
        with open(f"/new/etc/{name}", "w") as file:
            file.write(text)
    kernel.mount("proc", "/new/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.mount("temporary", f"/new{temporary}", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=16m,mode=1777")
    os.mkdir("/new/gone")
    kernel.pivot_root("/new", "/new/gone")
    os.chdir("/")
    kernel.umount("/gone")
    os.rmdir("/gone")
    kernel.read_only("/", recursive=False)


def _show(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "x"):
            pass
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)
