"""A model endpoint for tests and measurements: HTTP over real sockets, answers by a function, and every way to fail.

In a test: `async with Serving(answer) as endpoint: ... endpoint.url`. As a program, in a process of its own:
`python tests/models/endpoint.py --latency-ms 50` prints its address, and its own CPU seconds when its input is closed.
Nothing here is Artificer's: what it says is what real endpoints say.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CALLS = 3


@dataclass
class Seen:
    """A request: `number` counts from 0."""

    number: int
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Answer:
    """What is sent: after `delay` seconds; without saying how long it is (`chunked`); cut off in the middle of the body; or never (the connection
    just stays open)."""

    body: bytes | dict[str, Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    silent: bool = False
    chunked: bool = False

    def wire(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        told = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        if self.chunked:
            pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
            head = f"HTTP/1.1 {self.status} X\r\nTransfer-Encoding: chunked\r\n{told}\r\n".encode()
            return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        head = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{told}\r\n".encode()
        return head + (body[: len(body) // 2] if self.cut else body)


Script = Callable[[Seen], Answer]


def said(text: str | None, calls: list[tuple[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for index, (name, given) in enumerate(calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", **more}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}}


def one_after_another(*answers: Answer) -> Script:
    """These answers, then the last one for ever."""
    return lambda seen: answers[min(seen.number, len(answers) - 1)]


def conversation(delay: Callable[[int], float] = lambda number: 0.0) -> Script:
    """Calls the first tool `CALLS` times, then speaks; by the request alone."""
    call = Answer(said(None, [("add", {"a": 2, "b": 40})])).wire()
    text = Answer(said("The sum is 42.")).wire()

    def answer(seen: Seen) -> Answer:
        more = b'"tools":[' in seen.raw and seen.raw.count(b'"role":"assistant"') < CALLS
        return _Ready(call if more else text, delay(seen.number))

    return answer


def restless() -> Script:
    """Never says the same twice, and answers overtake each other: some calls of whatever there is, then a text."""

    def answer(seen: Seen) -> Answer:
        tools = seen.body.get("tools", ())
        calling = tools and seen.raw.count(b'"role":"assistant"') < 2 + seen.number % 4
        body = said(None, [(tools[seen.number % len(tools)]["function"]["name"], {})]) if calling else said(f"This is answer {seen.number}.")
        return Answer(body, delay=0.001 * (seen.number * 7 % 5))

    return answer


def faulty(good: Script, share: float = 0.3, seed: int = 0, slow: float = 60.0) -> Script:
    """A script of which a share of the answers is wrong, in turn by chance: 429, 500, a time-out, JSON cut off, a broken connection, a tool that
    does not exist, no choices."""
    chance = random.Random(seed)

    def answer(seen: Seen) -> Answer:
        if chance.random() >= share:
            return good(seen)
        return chance.choice(
            (
                Answer({"error": {"message": "slow down"}}, 429),
                Answer({"error": {"message": "slow down"}}, 429, {"Retry-After": "0.05"}),
                Answer({"error": {"message": "broken"}}, 500),
                Answer(b"late", delay=slow),
                Answer(json.dumps(said("A long text that is cut off.")).encode()[:60]),
                Answer(said("never whole"), cut=True),
                Answer(said(None, [("no_such_tool", {"x": 1})])),
                Answer({"choices": []}),
            )
        )

    return answer


class _Ready(Answer):
    """An answer whose bytes are there already."""

    def __init__(self, ready: bytes, delay: float) -> None:
        super().__init__(delay=delay)
        self.ready = ready

    def wire(self) -> bytes:
        return self.ready


class Serving:
    """The server; `seen` holds what it was asked (`keep` False: nothing), `most` how many requests it had in hand at a time."""

    def __init__(self, answer: Script, *, keep: bool = True) -> None:
        self.answer = answer
        self.keep = keep
        self.seen: list[Seen] = []
        self.count = self.busy = self.most = self.connections = 0
        self.open: set[_Connection] = set()

    async def __aenter__(self) -> Serving:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=20_000)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *error: object) -> None:
        self.server.close()
        for connection in list(self.open):
            connection.transport.abort()
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.serving.open.add(self)
        self.serving.connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        self.serving.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self.buffer.lower().find(b"content-length:", 0, end)
        length = int(self.buffer[at + 15 : self.buffer.find(b"\r", at)])
        if len(self.buffer) < end + 4 + length:
            return
        head, raw, self.buffer = self.buffer[:end], self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
        lines = head.decode().split("\r\n")
        headers = {}
        if self.serving.keep:
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        seen = Seen(self.serving.count, lines[0].split(" ")[1], headers, raw)
        self.serving.count += 1
        if self.serving.keep:
            self.serving.seen.append(seen)
        self.serving.busy += 1
        self.serving.most = max(self.serving.most, self.serving.busy)
        answer = self.serving.answer(seen)
        if answer.delay:
            asyncio.get_running_loop().call_later(answer.delay, self.send, answer)
        else:
            self.send(answer)

    def send(self, answer: Answer) -> None:
        self.serving.busy -= 1
        if answer.silent or self.transport.is_closing():
            return
        self.transport.write(answer.wire())
        if answer.cut:
            self.transport.close()


async def _main(latency: float, share: float, never_the_same: bool) -> None:
    script = restless() if never_the_same else conversation(lambda number: latency)
    async with Serving(faulty(script, share) if share else script, keep=False) as endpoint:
        print(endpoint.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps({"cpu_s": time.process_time(), "requests": endpoint.count, "most": endpoint.most, "connections": endpoint.connections}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--restless", action="store_true")
    given = parser.parse_args()
    asyncio.run(_main(given.latency_ms / 1000, given.faults, given.restless))
