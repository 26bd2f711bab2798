"""The kernel's doors that Python has no names for: namespaces, mounts, capabilities, seccomp, Landlock; by ctypes.

Every function raises `OSError` with what was tried. Sources: the man pages of the calls, seccomp(2), landlock(7),
and the kernel's own tables of syscall numbers (a test compares ours with the headers of the machine).
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 4, 8, 22, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 36, 38, 47
CAP_DAC_READ_SEARCH = 2
MACHINE = platform.machine()

_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # name: x86_64, aarch64; None where the architecture has no such call
    "accept": (43, 202),
    "accept4": (288, 242),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bind": (49, 200),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "connect": (42, 203),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "listen": (50, 201),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "set_mempolicy": (238, 237),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "socket": (41, 198),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
_SIGNALS = {"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240)}
_SPECIAL = {"capset": (126, 91), "clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "socketpair": (53, 199)}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET | 0x80
_EPERM, _ENOSYS = 1, 38
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

_libc = ctypes.CDLL(None, use_errno=True)


def numbers() -> dict[str, tuple[int | None, int | None]]:
    """Every syscall number this module relies on: name, then (x86_64, aarch64)."""
    return {**_NUMBERS, **_SIGNALS, **_SPECIAL}


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def _syscall(number: int, what: str, *arguments: object) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), what)


def _number(name: str) -> int:
    at = _ARCHITECTURES.get(MACHINE)
    number = None if at is None else numbers()[name][at[0]]
    if number is None:
        raise OSError(_ENOSYS, f"{name} is not known on {MACHINE}")
    return number


def unshare(flags: int) -> None:
    """Moves this process (for pids: its children) into new namespaces."""
    _checked(_libc.unshare(ctypes.c_int(flags)), f"unshare({flags:#x})")


def map_user(inside: int, outside: int, group: int) -> None:
    """Maps one user and one group of the new user namespace to those outside."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {outside} 1"), ("gid_map", f"{inside} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2)."""
    arguments = (source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), data.encode() or None)
    _checked(_libc.mount(*arguments), f"mount {kind or source} on {target}")


def read_only(path: str, *, recursive: bool = True, devices: bool = False) -> None:
    """Makes the mount at `path` read-only, without set-user-id programs or (unless `devices`) device files.

    mount_setattr(2), Linux 5.12.
    """
    attributes = struct.pack("QQQQ", _ATTR_RDONLY | _ATTR_NOSUID | (0 if devices else _ATTR_NODEV), 0, 0, 0)
    flags = ctypes.c_uint(_AT_RECURSIVE if recursive else 0)
    _syscall(442, f"read-only {path}", ctypes.c_int(_AT_FDCWD), path.encode(), flags, attributes, ctypes.c_size_t(len(attributes)))


def umount(path: str) -> None:
    """Detaches what is mounted at `path`."""
    _checked(_libc.umount2(path.encode(), ctypes.c_int(MNT_DETACH)), f"umount {path}")


def pivot_root(new: str, old: str) -> None:
    """Makes `new` the root and puts the old root at `old`."""
    _syscall(_number("pivot_root"), f"pivot_root {new}", new.encode(), old.encode())


def _prctl(what: str, option: int, *arguments: int) -> int:
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl(ctypes.c_int(option), *padded), what)


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that made it ends."""
    _prctl("die with parent", _PR_SET_PDEATHSIG, 9)


def untouchable() -> None:
    """Nobody of the same user may look into this process or change it."""
    _prctl("dumpable", _PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Orphaned descendants become children of this process."""
    _prctl("adopt orphans", _PR_SET_CHILD_SUBREAPER, 1)


def become(user: int, keep: int = 0) -> None:
    """Becomes an unprivileged user and group for good; `keep` is a set of capability bits to keep while doing so."""
    _prctl("keep capabilities", _PR_SET_KEEPCAPS, 1 if keep else 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _prctl("dumpable", _PR_SET_DUMPABLE, 1)


def drop_capabilities(keep: int = 0) -> None:
    """Gives up every capability except the bits of `keep`, for this process and for whatever it executes."""
    _prctl("ambient", _PR_CAP_AMBIENT, 4)
    for capability in range(64):
        if not keep >> capability & 1:
            try:
                _prctl("bounding set", _PR_CAPBSET_DROP, capability)
            except OSError:  # beyond the last one, or no right to
                break
    header = struct.pack("Ii", 0x20080522, 0)
    sets = struct.pack("IIIIII", keep & 0xFFFFFFFF, keep & 0xFFFFFFFF, 0, keep >> 32, keep >> 32, 0)
    _syscall(_number("capset"), "capset", header, sets)


def no_new_privileges() -> None:
    """Nothing executed from here on gains rights."""
    _prctl("no new privileges", _PR_SET_NO_NEW_PRIVS, 1)


def _line(code: int, yes: int, no: int, value: int) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def prepare() -> None:
    """Makes once what each program would have to make: its filter."""
    if MACHINE in _ARCHITECTURES:
        filter_program(MACHINE)


@functools.lru_cache(maxsize=1)
def filter_program(machine: str, own_pid: int | None = None) -> bytes:
    """The seccomp filter (classic BPF): everything is allowed except what is denied.

    Denied with EPERM: `_NUMBERS`, new namespaces through clone, terminal injection, socket pairs that are not local,
    and with `own_pid` signals to any other process. clone3, whose flags a filter cannot read, does not exist (ENOSYS),
    so libc falls back to clone. A call of another architecture ends the process.

    Raises:
        OSError: an architecture without a table.
    """
    if machine not in _ARCHITECTURES:
        raise OSError(_ENOSYS, f"no seccomp table for {machine}")
    column, architecture = _ARCHITECTURES[machine]
    deny, allow = _line(_RETURN, 0, 0, _ERRNO | _EPERM), _line(_RETURN, 0, 0, _ALLOW)
    out = [_line(_LOAD, 0, 0, 4), _line(_EQUAL, 1, 0, architecture), _line(_RETURN, 0, 0, _KILL), _line(_LOAD, 0, 0, 0)]
    if machine == "x86_64":  # the x32 calls
        out += [_line(_AT_LEAST, 0, 1, 0x40000000), deny]
    for name in sorted(_NUMBERS):
        number = _NUMBERS[name][column]
        if number is not None:
            out += [_line(_EQUAL, 0, 1, number), deny]
    out += [_line(_EQUAL, 0, 1, _SPECIAL["clone3"][column]), _line(_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    out += [_line(_EQUAL, 0, 4, _SPECIAL["clone"][column]), _line(_LOAD, 0, 0, 16), _line(_ANY_BIT, 0, 1, _NAMESPACES & ~0x80), deny, allow]
    out += [_line(_EQUAL, 0, 4, _SPECIAL["socketpair"][column]), _line(_LOAD, 0, 0, 16), _line(_EQUAL, 1, 0, 1), deny, allow]
    out += [_line(_EQUAL, 0, 5, _SPECIAL["ioctl"][column]), _line(_LOAD, 0, 0, 24), _line(_EQUAL, 1, 0, _TIOCSTI)]
    out += [_line(_EQUAL, 0, 1, _TIOCLINUX), deny, allow]
    if own_pid is not None:
        for name in sorted(_SIGNALS):
            out += [_line(_EQUAL, 0, 4, _SIGNALS[name][column]), _line(_LOAD, 0, 0, 16), _line(_EQUAL, 1, 0, own_pid), deny, allow]
    return b"".join([*out, allow])


def deny_syscalls(own_pid: int | None = None) -> None:
    """Installs the filter of `filter_program` for this process and all it starts. Needs `no_new_privileges` before."""
    code = filter_program(MACHINE, own_pid)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(program, len(program))
    _prctl("seccomp", _PR_SET_SECCOMP, 2, ctypes.addressof(holder))


_LL_EXECUTE, _LL_WRITE, _LL_READ_FILE, _LL_READ_DIR = 1, 2, 4, 8
_LL_ALL = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}


def landlock_abi() -> int:
    """The version of Landlock this kernel offers; 0 when there is none."""
    return max(0, _libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def landlock(readable: list[str], devices: list[str], writable: list[str]) -> int:
    """From now on this process and all it starts sees only these folders.

    Args:
        readable: folders and files to read and execute.
        devices: device files to read and write.
        writable: folders in which everything is allowed but making devices.

    Returns:
        The version: from 4 on no TCP, from 6 on no signals to processes outside.
    """
    abi = landlock_abi()
    if abi < 1:
        raise OSError(_ENOSYS, "no Landlock")
    files = _LL_ALL.get(abi, (1 << 16) - 1)
    rules = struct.pack("QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _syscall(444, "landlock ruleset", rules, ctypes.c_size_t(len(rules)), ctypes.c_uint(0))
    reading = _LL_EXECUTE | _LL_READ_FILE | _LL_READ_DIR
    everything = files & ~(1 << 6 | 1 << 11)  # no device files
    for paths, rights in ((readable, reading), (devices, _LL_READ_FILE | _LL_WRITE), (writable, everything)):
        for path in paths:
            if not os.path.exists(path):
                continue
            allowed = rights if os.path.isdir(path) else rights & (_LL_EXECUTE | _LL_WRITE | _LL_READ_FILE | 1 << 14)
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", allowed, handle)
            _syscall(445, f"landlock {path}", ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint(0))
            os.close(handle)
    _syscall(446, "landlock", ctypes.c_int(ruleset), ctypes.c_uint(0))
    os.close(ruleset)
    return abi
