"""The benchmark's endpoint, in a process of its own: chat completions, as cheap as Python makes them.

    python endpoint.py --mode fixed|heavy --latency-ms 50 --faults 0.3

Prints its port. Counts what it is sent, and says it on `GET /stats`. A conversation's row stands in its first message (`Order 17: ...`), and how
far it is follows from the assistant messages in it, so an answer depends on the request alone; faults are drawn by row, turn and attempt.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections import Counter

from latency import seconds

ROW = re.compile(rb"Order (\d+)")
SPOKE = re.compile(rb'"role": ?"assistant"')
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
FAULTS = ("429", "500", "hangs", "truncated", "wrong_tool", "no_choice", "cut")
HANGS_S = 3.0
"""An answer that hangs comes this late; clients are to give up before."""


def http(status: str, body: bytes, extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


def completion(message: dict[str, object]) -> bytes:
    usage = {"prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 102}
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "created": 0, "model": "mock", "choices": [choice], "usage": usage}).encode()


def answer(row: int, turn: int, name: str = "") -> bytes:
    sku = f"S{row % 100}"
    calls: tuple[tuple[str, dict[str, object]], ...] = (("price", {"sku": sku}), ("add", {"sku": sku, "pieces": 1 + row % 5}), ("total", {}))
    if turn >= len(calls):
        return completion({"content": f"Order {row} is complete."})
    called, arguments = calls[turn]
    call = {"id": f"t{turn}", "type": "function", "function": {"name": name or called, "arguments": json.dumps(arguments)}}
    return completion({"content": None, "tool_calls": [call]})


class Counts:
    def __init__(self) -> None:
        self.requests = self.connections = self.in_flight = self.peak = 0
        self.faults: Counter[str] = Counter()
        self.tries: Counter[tuple[int, int]] = Counter()


class Connection(asyncio.Protocol):
    """One client's connection: requests come one after another."""

    def __init__(self, asked: argparse.Namespace, counts: Counts) -> None:
        self.asked = asked
        self.counts = counts
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.counts.connections += 1

    def data_received(self, data: bytes) -> None:
        self.data = self.data + data if self.data else data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.data, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self.data) < size:
                return
            request, self.data = self.data[:size], self.data[size:]
            self.serve(request, end + 4)

    def serve(self, request: bytes, body: int) -> None:
        if request.startswith(b"GET"):
            counts = self.counts
            said = {"requests": counts.requests, "connections": counts.connections, "peak": counts.peak, "faults": counts.faults}
            self.transport.write(http("200 OK", json.dumps(said | {"cpu_s": time.process_time()}).encode()))
            return
        counts = self.counts
        counts.requests += 1
        counts.in_flight += 1
        counts.peak = max(counts.peak, counts.in_flight)
        found = ROW.search(request, body)
        row, turn = int(found[1]) if found else 0, len(SPOKE.findall(request, body))
        fault = self.fault(row, turn)
        after = HANGS_S if fault == "hangs" else seconds(self.asked.mode, self.asked.latency_ms, row, turn)
        asyncio.get_running_loop().call_later(after, self.reply, row, turn, fault)

    def fault(self, row: int, turn: int) -> str:
        if not self.asked.faults:
            return ""
        self.counts.tries[row, turn] += 1
        drawn = random.Random(f"{row} {turn} {self.counts.tries[row, turn]}")
        fault = drawn.choice(FAULTS) if drawn.random() < self.asked.faults else ""
        self.counts.faults[fault or "none"] += 1
        return fault

    def reply(self, row: int, turn: int, fault: str) -> None:
        self.counts.in_flight -= 1
        if self.transport.is_closing():
            return
        if fault == "cut":
            self.transport.close()
        elif fault == "429":
            self.transport.write(http("429 Too Many Requests", b'{"error": {"message": "slow down"}}', "Retry-After: 0.1\r\n"))
        elif fault == "500":
            self.transport.write(http("500 Internal Server Error", b'{"error": {"message": "broken"}}'))
        elif fault == "truncated":
            self.transport.write(http("200 OK", answer(row, turn)[:60]))
        elif fault == "no_choice":
            self.transport.write(http("200 OK", b'{"object": "chat.completion", "choices": []}'))
        else:
            self.transport.write(http("200 OK", answer(row, turn, "no_such_tool" if fault == "wrong_tool" else "")))


async def serve(asked: argparse.Namespace) -> None:
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(asked, counts), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("fixed", "heavy"), default="fixed")
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--faults", type=float, default=0)
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
