"""What the client of `openai:` endpoints costs: CPU per request, beside a bare aiohttp loop over the same requests, in one run.

    python benchmarks/client.py --json benchmarks/results/client.json

Conversations of four requests (three tool calls, made as calls of nothing, then a text), `--rows` of them, at several
numbers in flight, against the endpoint of `tests/models/endpoint.py` in a process of its own. The floor sends bodies
that were encoded beforehand and reads bytes; it decodes nothing. CPU is this process's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.models.base import Model, Request, Sampling
from artificer.models.openai import ChatCompletions

TURNS = 4
TOOLS = tuple(
    ToolSpec(
        name,
        f"Calculates the {name} of two numbers, with all the care that is due to numbers, and gives the result.",
        {
            "type": "object",
            "properties": {"a": {"type": "integer", "description": "the first number"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    )
    for name in ("add", "difference", "product", "quotient", "power")
)
POLICY = Message("system", "You are a careful calculator. Use the tools for every sum; never guess. " * 3)
CALL = Message("assistant", calls=(ToolCall("c1", "add", {"a": 2, "b": 40}),))


async def rows(count: int, concurrency: int, one: Any) -> None:
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(lane() for _ in range(concurrency)))


async def ours(url: str, count: int, concurrency: int, key: bool) -> None:
    model = Model.of(f"openai:m@{url}?parallel={concurrency}&start={concurrency}")

    async def one(number: int) -> None:
        talk = [POLICY, Message("user", f"What is two and forty? This is question {number}.")]
        while True:
            reply = await model.reply(Request(tuple(talk), TOOLS, Sampling(), key=f"row-{number}" if key else ""))
            assert reply.error is None, reply
            if not reply.message.calls:
                return
            talk += [reply.message, Message("tool", result=ToolResult(reply.message.calls[0].id, 42))]

    await rows(count, concurrency, one)
    await model.close()


async def floor(url: str, count: int, concurrency: int) -> None:
    dialect = ChatCompletions("m")
    talk = [POLICY, Message("user", "What is two and forty? This is question 12.")]
    bodies = []
    for _ in range(TURNS):
        bodies.append(dialect.encode(Request(tuple(talk), TOOLS, Sampling())))
        talk += [CALL, Message("tool", result=ToolResult("c1", 42))]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"}) as session:

        async def one(number: int) -> None:
            for body in bodies:
                async with session.post(f"{url}/chat/completions", data=body) as response:
                    await response.read()

        await rows(count, concurrency, one)


def measured(work: Any) -> tuple[float, float]:
    """CPU seconds and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    asyncio.run(work)
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    script = Path(__file__).parents[1] / "tests/models/endpoint.py"
    found: list[dict[str, Any]] = []
    for concurrency in given.concurrency:
        count = max(given.rows, concurrency)
        for lane in ("floor", "client", "client, sticky"):
            server = subprocess.Popen(
                [sys.executable, str(script), "--latency-ms", str(given.latency_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            cpu, wall = measured(floor(url, count, concurrency) if lane == "floor" else ours(url, count, concurrency, lane != "client"))
            told = json.loads(server.communicate()[0])
            requests = count * TURNS
            assert told["requests"] == requests, told
            row = {
                "lane": lane,
                "in_flight": concurrency,
                "requests": requests,
                "cpu_ms_per_request": round(cpu / requests * 1000, 3),
                "requests_per_s": round(requests / wall),
                "most_in_flight": told["most"],
                "server_cpu_ms_per_request": round(told["cpu_s"] / requests * 1000, 3),
            }
            found.append(row)
            print(json.dumps(row), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak RSS {peak} MB")
    if given.json:
        given.json.write_text(json.dumps({"latency_ms": given.latency_ms, "peak_rss_mb": peak, "lanes": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
