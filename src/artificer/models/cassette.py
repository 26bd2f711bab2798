"""Cassettes: what a model answered, so that a run can be played again without it, byte for byte.

A file of JSON lines that only grows: the model's name first, then sets of tools (each once) and exchanges. An exchange
is known by its request, in canonical form and with the conversation it belongs to (`Request.key`), and by its number
among equal requests of that conversation, in the order in which they were asked. Within a conversation requests
follow each other, so with keys every row hears what it heard before, whatever the concurrency. Without keys equal
requests of different rows share one count: together they hear the same answers, each row perhaps another's.

Lines are appended one at a time under a lock of the file, so tasks and processes may record into one file. A last line that was cut
off is dropped; any other line that cannot be read is an error, since something would be missing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from artificer.core.canon import Json, canonical, digest
from artificer.core.errors import ArtificerError
from artificer.models.base import Reply, Request
from artificer.models.endpoints.kept import Kept
from artificer.models.prompt import record_of, rows_of

VERSION = 1
_SHOWN = 160
_NOTHING = Raw()


class Line(Struct, omit_defaults=True):
    """One line: a head (`cassette`, `model`), a set of tools (`tools`, `specs`), or an exchange (`id`, `n`, `request`, `reply`)."""

    cassette: int | None = None
    model: str | None = None
    tools: str | None = None
    specs: Raw = _NOTHING
    id: str | None = None
    n: int = 0
    request: Raw = _NOTHING
    reply: Raw = _NOTHING


_decode_line = msgspec.json.Decoder(Line).decode
_decode_reply = msgspec.json.Decoder(Reply).decode


class Asked(Struct, frozen=True):
    """A request as cassettes know it: its id, its canonical JSON, the digest of its tools and their JSON."""

    id: str
    request: bytes
    tools: str
    specs: bytes


class _Tools(Struct, frozen=True):
    """Hashable stand-in for a set of tools."""

    digest: str
    specs: bytes


class Canon:
    """Requests in canonical form: everything a model may go by, the tools by their digest; each message is encoded once."""

    def __init__(self) -> None:
        self._message: Kept[Any] = Kept(canonical)
        self._sets: dict[tuple[int, ...], tuple[tuple[Any, ...], _Tools]] = {}

    def __call__(self, request: Request) -> Asked:
        tools = self._tools(request)
        rest = {
            "constrained": request.constrained,
            "key": request.key,
            "sampling": request.sampling,
            "schema": request.schema,
            "style": request.style,
            "tools": tools.digest,
        }
        messages = b",".join([self._message(message) for message in request.messages])
        body = b'{"messages":[' + messages + b"]," + canonical(rest)[1:]
        return Asked(digest(Raw(body)), body, tools.digest, tools.specs)

    def _tools(self, request: Request) -> _Tools:
        ids = tuple([id(tool) for tool in request.tools])
        known = self._sets.get(ids)
        if known is None:
            told = [{"name": t.name, "description": t.description, "parameters": t.parameters, "returns": t.returns} for t in request.tools]
            known = (request.tools, _Tools(digest(told, size=8), canonical(told)))
            if len(self._sets) > 512:
                self._sets.clear()
            self._sets[ids] = known
        return known[1]


class Cassette:
    """What a file holds.

    Args:
        path: of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model: str | None = None
        self._replies: dict[str, dict[int, bytes]] = {}
        self._sets: set[str] = set()
        self._file: int | None = None
        if path.exists():
            for number, line in self._lines():
                self._take(line, number)

    def __len__(self) -> int:
        return sum(len(replies) for replies in self._replies.values())

    def get(self, asked: Asked, n: int) -> Reply | None:
        """The recorded answer to the `n`th such request."""
        found = self._replies.get(asked.id, {}).get(n)
        return None if found is None else _decode_reply(found)

    def count(self, asked: Asked) -> int:
        """How often it was recorded."""
        return len(self._replies.get(asked.id, ()))

    def put(self, model: str, asked: Asked, n: int, reply: Reply) -> Reply:
        """Records an answer; the reply as it will be read again.

        Raises:
            ArtificerError: the file cannot be written.
        """
        said = msgspec.json.encode(reply)
        head = msgspec.json.encode(Line(cassette=VERSION, model=model)) + b"\n" if self.model is None else b""
        if asked.tools not in self._sets:
            head += msgspec.json.encode(Line(tools=asked.tools, specs=Raw(asked.specs))) + b"\n"
        line = msgspec.json.encode(Line(id=asked.id, n=n, request=Raw(asked.request), reply=Raw(said))) + b"\n"
        try:
            self._append(head + line)
        except OSError as error:
            raise ArtificerError(
                f"The cassette cannot be written: {error.strerror}.", where=str(self.path), remedy="check the path and the disk"
            ) from error
        self.model = model
        self._sets.add(asked.tools)
        self._replies.setdefault(asked.id, {})[n] = said
        return _decode_reply(said)

    def requests(self) -> Iterator[tuple[dict[str, Json], dict[str, Json]]]:
        """Every recorded request, with the sets of tools that were read so far, by digest."""
        sets: dict[str, Json] = {}
        for _, line in self._lines():
            if line.tools is not None:
                sets[line.tools] = msgspec.json.decode(line.specs)
            elif line.id is not None:
                yield msgspec.json.decode(line.request), sets

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, lines: bytes) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            _mend(self._file)
            while lines:
                lines = lines[os.write(self._file, lines) :]
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _lines(self) -> Iterator[tuple[int, Line]]:
        try:
            with self.path.open("rb") as file:
                for number, text in enumerate(file, 1):
                    if not text.endswith(b"\n"):
                        return  # cut off: whoever wrote it did not get to use it
                    if not text.strip():
                        continue
                    try:
                        yield number, _decode_line(text)
                    except (msgspec.MsgspecError, UnicodeError) as error:
                        remedy = "give a file that record: has written; a damaged line can be taken out by hand"
                        raise ArtificerError(f"This is no line of a cassette: {error}", where=f"{self.path}:{number}", remedy=remedy) from error
        except OSError as error:
            raise ArtificerError(f"The cassette cannot be read: {error.strerror}.", where=str(self.path), remedy="check the path") from error

    def _take(self, line: Line, number: int) -> None:
        where = f"{self.path}:{number}"
        if line.cassette is not None:
            if line.cassette != VERSION:
                raise ArtificerError(f"The cassette has version {line.cassette}, not {VERSION}.", where=where, remedy="record it again")
            if self.model is not None and line.model != self.model:
                told = f"{self.model!r} and {line.model!r}"
                raise ArtificerError(f"The cassette holds two models, {told}.", where=where, remedy="use a file of its own for each model")
            self.model = line.model
        elif line.tools is not None and bytes(line.specs):
            self._sets.add(line.tools)
        elif line.id is not None and bytes(line.reply) and bytes(line.request):
            replies = self._replies.setdefault(line.id, {})
            n = line.n
            while n in replies:  # another process had counted by itself
                n += 1
            replies[n] = bytes(line.reply)
        else:
            raise ArtificerError("This is no line of a cassette.", where=where, remedy="give a file that record: has written")


def _mend(file: int) -> None:
    """Cuts off a last line that has no end; its writer is gone, as the lock is ours."""
    size = os.fstat(file).st_size
    if size == 0 or os.pread(file, 1, size - 1) == b"\n":
        return
    at = size
    while at > 0:
        start = max(0, at - 65536)
        found = os.pread(file, at - start, start).rfind(b"\n")
        if found >= 0:
            os.ftruncate(file, start + found + 1)
            return
        at = start
    os.ftruncate(file, 0)


# what differs


def difference(asked: Asked, cassette: Cassette) -> str:
    """How a request differs from the nearest recorded one: the one that shares most messages from the beginning, then most other fields."""
    wanted: dict[str, Any] = msgspec.json.decode(asked.request)
    best: tuple[int, int] = (-1, -1)
    told = "the cassette is empty"
    specs: Json = msgspec.json.decode(asked.specs)
    for request, sets in cassette.requests():
        shared = _shared(request["messages"], wanted["messages"])
        same = sum(request.get(name) == value for name, value in wanted.items())
        if (shared, same) > best:
            best = (shared, same)
            told = _told(request, wanted, sets.get(str(request.get("tools"))), specs)
    return told


def _shared(recorded: list[Any], asked: list[Any]) -> int:
    count = 0
    for one, other in zip(recorded, asked):
        if one != other:
            break
        count += 1
    return count


def _told(recorded: dict[str, Any], asked: dict[str, Any], recorded_tools: Json, asked_tools: Json) -> str:
    if recorded["tools"] != asked["tools"]:
        recorded, asked = {**recorded, "tools": recorded_tools}, {**asked, "tools": asked_tools}
    pairs = [
        found
        for name in ("messages", "tools", *sorted(set(asked) - {"messages", "tools"}))
        for found in _differences(recorded.get(name), asked.get(name), name)
    ]
    shown = [f"{path}: recorded {_short(one)}, asked {_short(other)}" for path, one, other in pairs[:3]]
    return "; ".join(shown) + (f"; and {len(pairs) - 3} more" if len(pairs) > 3 else "")


_MISSING = "(nothing)"


def _differences(recorded: Json, asked: Json, path: str) -> Iterator[tuple[str, Json, Json]]:
    one, other = record_of(recorded), record_of(asked)
    if one is not None and other is not None:
        for name in sorted({*one, *other}):
            yield from _differences(one.get(name, _MISSING), other.get(name, _MISSING), f"{path}.{name}")
        return
    rows, others = rows_of(recorded), rows_of(asked)
    if rows is not None and others is not None:
        for index, (left, right) in enumerate(zip_longest(rows, others, fillvalue=_MISSING)):
            yield from _differences(left, right, f"{path}[{index}]")
    elif recorded != asked:
        yield path, recorded, asked


def _short(value: Json) -> str:
    text = value if value is _MISSING else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
