"""Which protections hold, as the sandbox itself found when it put them up, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

ESSENTIAL = ("files", "network", "processes", "syscalls", "privileges", "limits")
"""Without one of these nothing runs, unless the user says `unprotected=true`."""

_ALL = {
    "files": "programs see only the system's programs and libraries (read-only) and a scratch folder of their own",
    "network": "no network, not even within the machine",
    "processes": "no sight of and no signals to other processes; nothing survives a call",
    "syscalls": "dangerous system calls are denied",
    "privileges": "no rights, and none to be gained",
    "limits": "time, memory, output and files are limited",
    "user": "an unprivileged user who owns nothing",
    "total memory": "the memory of all processes of a program is limited together",
    "disk": "the size of all files is limited together",
}


class Protections(Struct, frozen=True):
    """What holds in a sandbox.

    Args:
        jail: `namespaces`, `bubblewrap`, `landlock` or `none`.
        on: protection to how it is achieved.
        off: protection to what its absence means.
    """

    jail: str
    on: dict[str, str]
    off: dict[str, str]

    @property
    def lacking(self) -> tuple[str, ...]:
        """The essential ones that are missing."""
        return tuple(name for name in ESSENTIAL if name not in self.on)

    def __str__(self) -> str:
        on = "; ".join(f"{name}: {how}" for name, how in self.on.items())
        off = f". Off: {', '.join(self.off)}" if self.off else ""
        return f"{self.jail}. {on or 'nothing'}{off}"


def protections_of(jail: str, steps: Mapping[str, str]) -> Protections:
    """From what a program's process reported just before its first line."""
    on = {name: steps[name] for name in _ALL if steps.get(name)}
    return Protections(jail, on, {name: f"not assured: {what}" for name, what in _ALL.items() if name not in on})
