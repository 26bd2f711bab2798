"""What a call costs through an MCP world, against the bare official client; what serving a world costs, against the
bare official server; and whether many sessions that open at once all come up.

    python benchmarks/mcp_world.py [--json FILE] [--sessions 64] [--calls 400]

CPU is that of the process concerned (ours as the client, the served process as the server), so that other work on the
machine disturbs it little; calls per second are wall time and do suffer. Each figure is the best of several rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

from mcp import Client
from mcp.client.stdio import StdioServerParameters

import artificer
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.base import World
from artificer.worlds.observe import Probe

SERVERS = Path(__file__).parents[1] / "tests" / "worlds" / "servers"
MOODY = [sys.executable, str(SERVERS / "moody.py"), "moody"]
SOURCES = str(Path(artificer.__file__).parents[1])
BARE_SERVER = """
import asyncio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool

async def tools(context, params):
    return ListToolsResult(tools=[Tool(name="balance", input_schema={"type": "object"})])

async def call(context, params):
    return CallToolResult(content=[TextContent(text="0")], structured_content={"result": 0})

async def main():
    server = Server("bare", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

asyncio.run(main())
"""


def parameters(words):
    return StdioServerParameters(command=words[0], args=words[1:], env={**os.environ, "PYTHONPATH": SOURCES})


async def rounds(one, calls, times=5, cpu=time.process_time):
    """Calls per second and milliseconds of CPU a call, each from its best round."""
    best = {"calls_per_second": 0.0, "cpu_ms_per_call": float("inf")}
    for _ in range(times):
        start, used = time.perf_counter(), cpu()
        for _ in range(calls):
            await one()
        wall, spent = time.perf_counter() - start, cpu() - used
        best["calls_per_second"] = round(max(best["calls_per_second"], calls / wall), 1)
        best["cpu_ms_per_call"] = round(min(best["cpu_ms_per_call"], spent / calls * 1e3), 3)
    return best


async def calling(calls):
    """The client's side."""
    found = {}
    async with Client(parameters(MOODY), mode="legacy") as client:
        found["bare client"] = await rounds(lambda: client.call_tool("peek", {}), calls)
    world = World.of("mcp:" + " ".join(MOODY))
    session = await world.open(Start())
    found["mcp: world, read"] = await rounds(lambda: session.call(ToolCall("c", "peek", {})), calls)
    await session.close()
    session = await world.open(Start())
    found["mcp: world, write without probes"] = await rounds(lambda: session.call(ToolCall("c", "add", {})), calls // 4)
    await session.close()
    world.probes = (Probe("peek", {}),)
    session = await world.open(Start())
    found["mcp: world, write with one probe"] = await rounds(lambda: session.call(ToolCall("c", "add", {})), calls // 4)
    await session.close()
    return found


def cpu_of(pid):
    """A function that gives the seconds of CPU a process has used."""
    tick = os.sysconf("SC_CLK_TCK")

    def read():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / tick

    return read


def children():
    me = os.getpid()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == me:
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


async def serving(calls):
    """The server's side: what the served process uses for a call."""
    found = {}
    ledger = f"python:{SERVERS / 'ledger.py'}"
    for name, words in (
        ("bare server", [sys.executable, "-c", BARE_SERVER]),
        ("artificer serve", [sys.executable, "-m", "artificer", "serve", ledger]),
    ):
        before = children()
        async with Client(parameters(words), mode="legacy") as client:
            (pid,) = children() - before
            await client.call_tool("balance", {})
            found[name] = await rounds(lambda: client.call_tool("balance", {}), calls * 2, cpu=cpu_of(pid))
    return found


async def opening(sessions):
    """Many sessions at once, each with a server process of its own; then many clients of one HTTP server."""
    light = await over_stdio(MOODY, ToolCall("c", "add", {}), sessions)
    heavy = await over_stdio([sys.executable, str(SERVERS / "notebook.py")], ToolCall("c", "list_notes", {}), sessions)
    return {"stdio, a light server": light, "stdio, a server on the SDK": heavy, "http": await over_http(sessions)}


async def over_stdio(words, call, sessions):
    world = World.of("mcp:" + " ".join(words))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own, start = time.process_time(), time.perf_counter()
    opened = await asyncio.gather(*(world.open(Start(seed)) for seed in range(sessions)), return_exceptions=True)
    wall = time.perf_counter() - start
    alive = [session for session in opened if not isinstance(session, BaseException)]
    answers = await asyncio.gather(*(session.call(call) for session in alive))
    await asyncio.gather(*(session.close() for session in alive))
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "sessions": sessions,
        "dropped": sessions - sum(answer.error is None for answer in answers),
        "seconds": round(wall, 2),
        "own_cpu_ms_per_session": round((time.process_time() - own) / sessions * 1e3, 2),
        "servers_cpu_ms_per_session": round((now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) / sessions * 1e3, 1),
    }


async def over_http(sessions):
    words = ["-m", "artificer", "serve", "domain:retail", "--control", "--http", "127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": SOURCES})
    http = []
    try:
        line = (await process.stderr.readline()).decode()
        url = next(word for word in line.split() if word.startswith("http"))

        async def one():
            async with Client(url, mode="legacy") as client:
                await client.list_tools()
                return (await client.call_tool("digest", {})).structured_content["digest"]

        await one()
        for number in (sessions, 4 * sessions):
            used, start = cpu_of(process.pid)(), time.perf_counter()
            digests = await asyncio.gather(*(one() for _ in range(number)), return_exceptions=True)
            good = sum(isinstance(found, str) for found in digests)
            spent = cpu_of(process.pid)() - used
            figures = {"clients": number, "dropped": number - good, "seconds": round(time.perf_counter() - start, 2)}
            http.append({**figures, "server_cpu_ms_per_client": round(spent / number * 1e3, 2)})
    finally:
        process.terminate()
        await process.wait()
    return http


async def measured(sessions, calls):
    client, server = await calling(calls), await serving(calls)
    ratios = {
        "client: world to bare": round(client["mcp: world, read"]["cpu_ms_per_call"] / client["bare client"]["cpu_ms_per_call"], 2),
        "server: serve to bare": round(server["artificer serve"]["cpu_ms_per_call"] / server["bare server"]["cpu_ms_per_call"], 2),
    }
    return {"calling": client, "serving": server, "cpu_ratios": ratios, "opening": await opening(sessions)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--calls", type=int, default=400)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    found = asyncio.run(measured(arguments.sessions, arguments.calls))
    found["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version(), "load_before": round(load, 2)}
    text = json.dumps(found, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
