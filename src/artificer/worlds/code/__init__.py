"""`code:python` and `code:notebook`: a sandbox for Python that a model wrote.

A program runs behind several walls. From the outside in:

1. A jail (`inside/jail.py`): user, mount, process, network, IPC and host name namespaces of its own; a root folder with
   nothing but /usr, the interpreter and installed packages, read-only; no network device, not even loopback.
2. For each program (`inside/supervise.py`): user, process, mount and IPC namespaces within that; a scratch folder and a
   /tmp that are one file system in memory of limited size; no /proc. Its supervisor stays outside of these.
3. In the program's process (`inside/program.py`): no capabilities and none to be gained, resource limits, a seccomp
   filter that denies sockets, tracing, mounts, namespaces, memory files, kernel interfaces and the like.
4. Watched from outside: wall time, memory and number of all its processes together, output. When a call is over, its
   process namespace is ended, and with it whatever was left running.

Where namespaces are refused to Artificer but bubblewrap may make them, that builds 1; where nobody may, Landlock takes
the place of 1 and 2. `protections` and `artificer tools code:python` say which hold; without an essential one nothing
runs unless `unprotected=true`. Programs are forked from a zygote that has the usual modules loaded. Nothing of the
host's environment reaches them. What a session keeps (its files) is held by the host, and a program is given copies.

What this is not, and what it does not hold off:
- It shares the machine's kernel: who knows a hole in Linux gets out. For code of determined attackers use a virtual
  machine around it. Timing and cache side channels are open.
- Memory is summed 40 times a second, so several processes may together overshoot for some milliseconds. Processor time
  of several processes is bounded by the wall time times their number only, and the disk's and memory's bandwidth by
  nothing. Installed packages (`packages=false` hides them) and the names of folders on the way to them can be read.
- A program can forge its own answer (it runs in the process that gives it), never its files or another's answer.
- Under Landlock: whether a path exists can be found out, folders of the file system are seen by `stat`, the scratch
  folder is on the machine's disk and its size only watched, and before Linux
  6.12 a program that was not started by root cannot signal its own children.
- The same program gives the same output as long as it asks neither clock nor `random.Random()` without a seed, and has
  no race of its own. Hash seeds, `random`, `os.urandom`, `uuid4`, `secrets`, and numpy's generators are seeded; so are
  addresses, where the machine allows to switch their randomisation off.
- Empty folders, links, and file rights are not kept from call to call.
"""

from __future__ import annotations

from artificer.core.errors import SourceError
from artificer.worlds.code.settings import Mode, settings_of
from artificer.worlds.code.world import CodeWorld

_MODES: dict[str, Mode] = {"python": "stateless", "notebook": "notebook"}


def open_world(rest: str, **options: str) -> CodeWorld:
    """The world of `python` (a fresh interpreter for each call) or `notebook` (one for a session).

    Args:
        rest: which.
        options: see `settings.Settings`: `mode`, `timeout` (s), `memory` (MiB), `output` (characters), `files`, `disk` (MiB), `processes`,
            `packages`, `preload`, `jail`, `unprotected`, `parallel`, `template`.

    Raises:
        SourceError: an option out of range, or no sandbox can be had on this machine.
    """
    where = f"code:{rest}"
    if rest not in _MODES:
        raise SourceError(f"{where!r} is not a code world.", where=where, remedy="write code:python or code:notebook")
    return CodeWorld(settings_of(options, where, _MODES[rest]), where)
