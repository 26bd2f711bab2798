"""Files as rows, in bounded memory whatever the file: compression by its first bytes, encodings by their mark, JSON
lines or JSON arrays.

Knows nothing of formats. A row longer than `ROW` bytes is passed over and reported; nothing is read twice, and no
more than one row and one block of the file are held. Parquet goes through DuckDB, which the `data` extra brings; ZIP
(Inspect's `.eval`) is read an entry at a time.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import zstandard
from msgspec import Struct

from artificer.core.errors import ArtificerError

ROW = 64 << 20
"""Bytes that one row may have."""
BLOCK = 1 << 18
RATIO, FREE = 2000, 256 << 20
"""A compressed file may give at most so many times its size, once it has given `FREE` bytes."""

_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|"', re.DOTALL)
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}"])', re.DOTALL)
"""The next bracket outside strings, or the quote of a string without an end."""
_TORN = (zlib.error, EOFError, lzma.LZMAError, zstandard.ZstdError, OSError, ValueError)
_BETWEEN = re.compile(rb"[\s,]*")


class Row(Struct, frozen=True):
    """A row: where it stands, and its bytes, or its value where no text was read, or what is wrong with it."""

    where: str
    raw: bytes = b""
    value: Any = None
    wrong: str = ""


def files(path: Path) -> list[Path]:
    """The files of a folder, and of the folders in it, in order; hidden ones, and what is in hidden folders, are not."""
    found: list[Path] = []
    for folder, inner, names in os.walk(path):
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [one for name in names if not name.startswith(".") and (one := Path(folder, name)).is_file()]
    return sorted(found)


def rows(path: Path) -> Iterator[Row]:
    """The rows of a file in order.

    Raises:
        ArtificerError: it cannot be read.
        MissingExtra: it is Parquet and DuckDB is not installed.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ArtificerError(
            "This is a pipe or a device, and a file is read twice: once to see what it is", where=str(path), remedy="write it to a file first"
        )
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(0)
            if head[:4] == b"PAR1":
                yield from _parquet(path)
            elif head[:4] == b"PK\x03\x04":
                yield from _zipped(file, str(path))
            else:
                yield from split(blocks(file, path.stat().st_size, str(path)), str(path))
    except OSError as error:
        why = str(error.strerror or error).rstrip(".")
        raise ArtificerError(f"The file cannot be read: {why}.", where=str(path), remedy="check the path") from error


def blocks(file: BinaryIO, size: int, name: str | None = None) -> Iterator[bytes]:
    """The file's text as UTF-8 without a mark, a block at a time.

    Raises:
        ArtificerError: it cannot be unpacked, unpacks to far too much, or is not in the encoding that its mark says; `name` says where.
    """
    try:
        opened = _opened(file)
        first = opened.read(BLOCK)
    except _TORN as error:
        raise ArtificerError(f"The file cannot be unpacked: {error}", where=name, remedy="fetch or compress it again") from error
    encoding = next((name for mark, name in _MARKS if first.startswith(mark)), "")
    decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
    given, block = 0, first.removeprefix(codecs.BOM_UTF8)
    try:
        while block or given == 0:
            yield decoder.decode(block).encode("utf-8", "surrogatepass") if decoder is not None else block
            given += len(block) or 1
            if opened is not file and given > FREE and given > RATIO * size:
                what = f"The file unpacks to more than {RATIO} times its size"
                raise ArtificerError(what, where=name, remedy="unpack it yourself, if it is to be trusted")
            block = opened.read(BLOCK)
        if decoder is not None:
            decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise ArtificerError(f"The file begins as {encoding} but is not: {error.reason}", where=name, remedy="save it as UTF-8") from error
    except _TORN as error:
        raise ArtificerError(f"The file cannot be unpacked to its end: {error}", where=name, remedy="fetch or compress it again") from error


def _opened(file: BinaryIO) -> BinaryIO:
    head = file.read(6)
    file.seek(0)
    if head[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if head[:4] == b"\x28\xb5\x2f\xfd" or (len(head) > 3 and head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return cast("BinaryIO", _Zstd(file))
    if head[:3] == b"BZh":
        return cast("BinaryIO", bz2.BZ2File(file))
    return cast("BinaryIO", lzma.LZMAFile(file)) if head == b"\xfd7zXZ\x00" else file


class _Zstd:
    """A zstd file with any number of frames. The library's own reader takes a torn frame for the end of the file; this one does not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame: Any = None
        self._left = b""

    def read(self, size: int) -> bytes:
        """Some more of the text, b"" at its end. Input goes in by 2 KiB, which cannot become more than some 64 MiB."""
        while True:
            given = self._left or self._file.read(2048)
            self._left = b""
            if not given:
                if self._frame is not None:
                    raise EOFError("the last frame is cut off")
                return b""
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            made = self._frame.decompress(given)
            if self._frame.eof:
                self._left, self._frame = self._frame.unused_data, None
            if made:
                return made


def split(text: Iterator[bytes], name: str) -> Iterator[Row]:
    """The rows of a text: of JSON lines, of a JSON array, of JSON values behind each other, or of a document that holds a list of them."""
    from artificer.formats import documents

    head, more = bytearray(), True
    while more and len(head) < 4 * BLOCK and not head.strip(b" \t\r\n"):
        block = next(text, None)
        more = block is not None
        head += block or b""

    def whole() -> Iterator[bytes]:
        yield bytes(head)
        yield from text

    given, lines = whole(), _by_line(bytes(head))
    if documents.begins(bytes(head)) and (not lines or (len(head) >= BLOCK and b"\n" not in head.strip())):
        found, given = documents.split(given, name)
        if found is not None:
            yield from found
            return
    yield from _lines(given, name) if lines else _values(given, name)


def _by_line(head: bytes) -> bool:
    lines = [line for line in head.split(b"\n") if line.strip()]
    if not lines or (lines[0].lstrip()[:1] not in (b"{", b"[")):
        return True
    whole = lines if len(lines) == 1 else lines[:20] if head.endswith(b"\n") else lines[: min(20, len(lines) - 1)]
    if len(lines) == 1 and len(head) >= BLOCK:
        return lines[0].lstrip()[:1] == b"{"
    good = sum(_is_json(line) for line in whole)
    if lines[0].lstrip()[:1] == b"[":
        return good > 1 and good == len(whole)
    return _is_json(lines[0]) or good * 2 >= len(whole)


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict | list)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False


def _lines(text: Iterator[bytes], name: str) -> Iterator[Row]:
    number, pieces, size = 1, list[bytes](), 0
    for block in text:
        parts = block.split(b"\n")
        for part in parts[:-1]:
            pieces.append(part)
            row = _row(f"{name}:{number}", pieces, size + len(part))
            if row is not None:
                yield row
            number, pieces, size = number + 1, [], 0
        size += len(parts[-1])
        pieces = [*pieces, parts[-1]] if size <= ROW else []
    row = _row(f"{name}:{number}", pieces, size)
    if row is not None:
        yield row


def _row(where: str, pieces: list[bytes], size: int) -> Row | None:
    if size > ROW:
        return Row(where, wrong=f"longer than {ROW >> 20} MiB")
    raw = (pieces[0] if len(pieces) == 1 else b"".join(pieces)).strip()
    return Row(where, raw) if raw else None


def _values(text: Iterator[bytes], name: str) -> Iterator[Row]:
    """Scans for brackets outside strings. Blocks are gathered until what is held has doubled: no string is scanned again and again."""
    scan = _Scan(name)
    yield from _scanned(text, scan)
    rest = scan.buffer[scan.start if scan.start is not None else scan.end :].strip(b" \t\r\n,]")
    if rest or scan.start is not None:
        yield scan.row(rest, "cut off" if scan.start is not None else "not an object")


def _scanned(text: Iterator[bytes], scan: _Scan) -> Iterator[Row]:
    waiting, held = list[bytes](), 0
    for block in text:
        waiting.append(block)
        held += len(block)
        if held >= len(scan.buffer):
            scan.buffer += b"".join(waiting)
            waiting, held = [], 0
            yield from scan.found()
            if scan.over:
                return
    scan.buffer += b"".join(waiting)
    yield from scan.found()


def elements(text: Iterator[bytes], name: str, rest: list[bytes]) -> Iterator[Row]:
    """The elements of a JSON array with which a text begins; what was read behind its end goes to `rest`."""
    scan = _Scan(name, once=True)
    yield from _scanned(text, scan)
    if scan.over:
        rest.append(scan.buffer[scan.at :])
    else:
        yield scan.row(b"", "cut off")


class _Scan:
    """Where a scan stands. `base` is the depth at which rows begin: 1 inside an array."""

    def __init__(self, name: str, *, once: bool = False) -> None:
        self.name = name
        self.once = once
        self.over = False
        self.buffer = b""
        self.at = self.end = self.depth = self.base = self.number = 0
        self.start: int | None = None
        self.too_long = self.begun = False

    def row(self, raw: bytes, wrong: str = "") -> Row:
        self.number += 1
        if self.too_long:
            raw, wrong = b"", f"longer than {ROW >> 20} MiB"
        self.too_long = False
        return Row(f"{self.name}[{self.number - 1}]", b"" if wrong else raw, wrong=wrong)

    def found(self) -> Iterator[Row]:
        """The rows that end in the buffer; what is behind them stays."""
        unclosed = False
        while not self.over and (token := _BRACKET.match(self.buffer, self.at)):
            mark, self.at = token[1], token.end()
            if mark == b'"':
                self.at, unclosed = self.at - 1, True
                break
            if mark in (b"{", b"["):
                if self.depth > self.base:  # inside a row
                    self.depth += 1
                else:
                    yield from self._opens(mark)
            elif self.depth > self.base + 1:
                self.depth -= 1
            else:
                yield from self._closes()
        if self.over:
            return
        if not unclosed:
            self.at = len(self.buffer)
        yield from self._forget(unclosed)

    def _opens(self, mark: bytes) -> Iterator[Row]:
        if mark == b"[" and not self.begun:
            self.begun, self.base, self.depth, self.end = True, 1, 1, self.at
            return
        self.begun = True
        if self.depth == self.base:
            stray = self.buffer[self.end : self.at - 1]
            if _BETWEEN.fullmatch(stray) is None:
                yield self.row(stray, "not an object")
            self.start = self.at - 1
        self.depth += 1

    def _closes(self) -> Iterator[Row]:
        self.depth -= 1
        if self.depth == self.base and self.start is not None:
            yield self.row(self.buffer[self.start : self.at])
            self.start, self.end = None, self.at
        elif self.depth < self.base:
            stray = self.buffer[self.end : self.at - 1]
            if self.once and _BETWEEN.fullmatch(stray) is None:
                yield self.row(stray, "not an object")
            self.base = self.depth = 0
            self.over = self.once

    def _forget(self, unclosed: bool) -> Iterator[Row]:
        """Lets go of what was given, and of rows that have grown too long, whose end is still looked for."""
        keep = min(self.at, self.start if self.start is not None else self.end)
        if len(self.buffer) - keep <= ROW:
            self.buffer = self.buffer[keep:]
            self.at, self.end = self.at - keep, max(0, self.end - keep)
            self.start = None if self.start is None else self.start - keep
            return
        if self.start is None:
            yield self.row(b"", f"longer than {ROW >> 20} MiB")
        else:
            self.start, self.too_long = 0, True
        tail = self.buffer[-1000:]
        odd = (len(tail) - len(tail.rstrip(b"\\"))) % 2
        self.buffer = b'"' + b"\\" * odd if unclosed else b""
        self.at = self.end = 0


def _zipped(file: BinaryIO, name: str) -> Iterator[Row]:
    """Inspect's `.eval`: `header.json` and one file for each sample. No entry is written anywhere, and none is unpacked further.

    Entries may lie over each other in an archive made to grow: what they give together is bounded as a compressed file's is.
    """
    size = file.seek(0, io.SEEK_END)
    given = 0
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith(".json") and not entry.filename.startswith("_journal/")]
            latest = {entry.filename: entry for entry in entries}
            for entry in entries:
                where = f"{name}!{entry.filename}"
                if latest[entry.filename] is not entry:
                    yield Row(where, wrong="written again later in the archive")
                    continue
                if entry.file_size > ROW:
                    yield Row(where, wrong=f"longer than {ROW >> 20} MiB")
                    continue
                try:
                    with archive.open(entry) as inner:
                        raw = inner.read(ROW + 1)
                except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
                    yield Row(where, wrong=f"cannot be unpacked: {error}")
                    continue
                given += len(raw)
                if given > FREE and given > RATIO * size:
                    raise ArtificerError(
                        f"The archive unpacks to more than {RATIO} times its size", where=name, remedy="unpack it yourself, if it is to be trusted"
                    )
                yield Row(where, raw) if len(raw) <= ROW else Row(where, wrong=f"longer than {ROW >> 20} MiB")
    except (zipfile.BadZipFile, ValueError) as error:
        raise ArtificerError(f"The archive cannot be read: {error}", where=name, remedy="fetch it again") from error


def _parquet(path: Path) -> Iterator[Row]:
    from artificer.formats import parquet

    for number, value in enumerate(parquet.read(path)):
        yield Row(f"{path}[{number}]", value=value)


def of_text(text: str, name: str = "text") -> Iterator[Row]:
    """The rows of a text in memory."""
    return split(blocks(io.BytesIO(text.encode("utf-8", "surrogatepass")), 0), name)
