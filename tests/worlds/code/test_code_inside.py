"""What runs inside, looked at from outside: syscall tables, frames, output, files."""

from __future__ import annotations

import json
import os
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.worlds.code.inside import kernel
from artificer.worlds.code.inside.files import Scratch
from artificer.worlds.code.inside.watch import Output
from artificer.worlds.code.inside.wire import Garbled, Inbox, pack

HEADERS = {
    0: ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    1: ("/usr/include/asm-generic/unistd.h",),
}


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_syscall_numbers_are_the_kernels_own(column: int) -> None:
    header = next((Path(path) for path in HEADERS[column] if Path(path).exists()), None)
    if header is None:
        pytest.skip("the kernel's headers are not installed (linux-libc-dev)")
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())}
    ours = {name: numbers[column] for name, numbers in kernel.numbers().items()}
    assert {name: number for name, number in ours.items() if number is not None and known.get(name, number) != number} == {}
    assert {name for name, number in ours.items() if number is not None and name not in known} == set()


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """A classic BPF machine of the few instructions the filter uses."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    lines = [struct.unpack_from("HBBI", program, at) for at in range(0, len(program), 8)]
    at, held = 0, 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == 0x20:
            held = struct.unpack_from("<I", data, value)[0]
        elif code == 0x06:
            return value
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += yes if holds else no


@pytest.mark.parametrize(("machine", "column", "architecture"), [("x86_64", 0, 0xC000003E), ("aarch64", 1, 0xC00000B7)])
def test_the_filter_denies_what_it_says_and_nothing_else(machine: str, column: int, architecture: int) -> None:
    allow, deny, missing, kill = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
    program = kernel.filter_program(machine, own_pid=77)
    special = {name: numbers[column] for name, numbers in (kernel._SPECIAL | kernel._SIGNALS).items()}
    denied = {numbers[column] for numbers in kernel._NUMBERS.values()} - {None}
    for number in range(470):
        if number not in special.values():
            assert decide(program, architecture, number) == (deny if number in denied else allow), number
    assert decide(program, architecture ^ 1, 0) == kill
    assert decide(program, architecture, special["clone3"]) == missing
    assert decide(program, architecture, special["clone"], 0x3D0F00) == allow  # a thread
    assert decide(program, architecture, special["clone"], 17) == allow  # fork
    assert decide(program, architecture, special["clone"], 0x10000000 | 17) == deny
    assert decide(program, architecture, special["socketpair"], 1) == allow
    assert decide(program, architecture, special["socketpair"], 2) == deny
    assert decide(program, architecture, special["ioctl"], 0, 0x5401) == allow
    assert decide(program, architecture, special["ioctl"], 0, 0x5412) == deny
    for name in ("kill", "tgkill", "tkill", "rt_sigqueueinfo"):
        assert decide(program, architecture, special[name], 77) == allow
        assert decide(program, architecture, special[name], 78) == deny
        assert decide(program, architecture, special[name], 2**32 - 1) == deny
        assert decide(kernel.filter_program(machine), architecture, special[name], 78) == allow
    if machine == "x86_64":
        assert decide(program, architecture, 0x40000000 | 41) == deny


def test_a_machine_without_a_table_is_an_error() -> None:
    with pytest.raises(OSError, match="no seccomp table for riscv64"):
        kernel.filter_program("riscv64")


JSON = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=9) | st.lists(st.booleans(), max_size=3), max_size=3)


@given(st.lists(st.tuples(JSON, st.binary(max_size=50)), max_size=4), st.integers(1, 17))
def test_frames_arrive_as_they_were_sent_however_they_are_cut(frames: list[tuple[dict[str, object], bytes]], step: int) -> None:
    data = b"".join(pack(header, blob) for header, blob in frames)
    inbox, found = Inbox(1 << 20), []
    for at in range(0, len(data), step):
        inbox.feed(data[at : at + step])
        while (frame := inbox.take()) is not None:
            found.append(frame)
    assert found == frames


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_garbled(data: bytes) -> None:
    inbox = Inbox(1000)
    inbox.feed(data)
    try:
        frame = inbox.take()
    except Garbled:
        return
    assert frame is None or isinstance(frame[0], dict)


@pytest.mark.parametrize("text", [b"[1]", b"nul", b"\xff", b"[" * 100_000])
def test_a_frame_must_be_an_object(text: bytes) -> None:
    inbox = Inbox(1 << 20)
    inbox.feed(struct.pack(">II", len(text), 0) + text)
    with pytest.raises(Garbled):
        inbox.take()


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.integers(2, 400))
def test_output_keeps_head_and_tail_and_counts_the_rest(pieces: list[bytes], limit: int) -> None:
    reading, writing = os.pipe()
    output = Output(limit)
    for piece in pieces:
        os.write(writing, piece)
        output.read(reading)
    os.close(writing)
    assert output.read(reading) is False
    os.close(reading)
    whole, half = b"".join(pieces), limit // 2
    text, lost = output.text(), len(whole) - 2 * half
    assert output.total == len(whole)
    if lost <= 0:
        assert text == whole.decode("utf-8", "replace")
    else:
        assert f"[{lost} bytes left out]" in text
        assert text.startswith(whole[:half].decode("utf-8", "ignore"))
        assert text.endswith(whole[len(whole) - half :].decode("utf-8", "ignore"))


def test_a_scratch_folder_gives_what_changed(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path), 10, 1000)
    scratch.put([["a", 1], ["d/e/b", 2]], b"122")
    assert scratch.look() == (["=a", "=d/e/b"], [])
    times = os.stat(tmp_path / "a")
    (tmp_path / "a").write_text("3")
    os.utime(tmp_path / "a", ns=(times.st_atime_ns, times.st_mtime_ns))  # pretends nothing happened
    (tmp_path / "c").write_text("new")
    (tmp_path / "d/e/b").unlink()
    assert scratch.look() == (["+a", "+c"], [b"3", b"new"])
    (tmp_path / "big").write_bytes(bytes(1001))
    for number in range(20):
        (tmp_path / f"n{number:02}").write_text("x")
    listing, _ = scratch.look()
    assert len(listing) == 9  # ten at most, and one of the ten too large
    assert any("too large" in said for said in scratch.dropped)
    assert any("too many files" in said for said in scratch.dropped)
    json.dumps(scratch.dropped)
