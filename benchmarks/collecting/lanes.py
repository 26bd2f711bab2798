"""What is measured, each in a fresh process: `python lanes.py LANE URL ROWS CONCURRENCY FOLDER`. Prints one JSON line.

CPU and wall run from the first call into the library to results that can be read; imports are not counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

HERE = Path(__file__).parent
WORLD = f"python:{HERE / 'shop.py'}"


def order(row: int) -> str:
    return f"Order {row}: please look up the price of article S{row % 100}, put {1 + row % 5} into my basket and tell me what it costs in all."


def peak_mb() -> float:
    """This process's own highest resident memory (`ru_maxrss` would carry the parent's over)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def begin() -> tuple[float, float]:
    """Says that a lane begins; the wall clock and the CPU clock then."""
    print(json.dumps({"began": time.monotonic()}), flush=True)
    return time.perf_counter(), time.process_time()


async def in_lanes(play: Callable[[int], Awaitable[None]], rows: int, concurrency: int) -> None:
    """A bare loop's way to play rows, `concurrency` at a time."""
    waiting = iter(range(rows))

    async def lane() -> None:
        for row in waiting:
            await play(row)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(lane())


def tasks_in(folder: Path, rows: int) -> None:
    """A run with the tasks to be played."""
    from artificer.checks.suite import standard
    from artificer.core.messages import ToolCall
    from artificer.core.tasks import Effect, Goal, Start, Task, Want
    from artificer.run.chain import encode
    from artificer.run.frames import Note
    from artificer.run.stage import each
    from artificer.run.store import RunFolder

    with RunFolder.create_or_continue(folder, {"recipe": "benchmark", "knobs": {"world": WORLD}}) as run:
        stage = each("tasks", lambda: None, keep="tasks", of=Task)  # type: ignore[arg-type,return-value]
        checks = tuple(check.name for check in standard() if check.name != "confirmed")  # nobody asks before it acts here
        for row in range(rows):
            key, sku, pieces = f"{row:06}", f"S{row % 100}", 1 + row % 5
            want = Want("turn", tell=((f"Order {row}",),), gold=(ToolCall("g", "add", {"sku": sku, "pieces": pieces}),))
            goal = Goal((want,), (), (Effect("pieces", (sku,), "insert", {"value": (None, pieces)}),), {"open:0": order(row)})
            task = Task(f"task-{key}", WORLD, Start(row), order(row), goal, checks=checks)
            lines, _ = encode(stage, [(key, task)], [])
            run.commit("tasks", Note(key, (key,)), lines)


def artificer(url: str, rows: int, concurrency: int, folder: Path) -> dict[str, object]:
    """The product: a run folder of tasks in, a run folder of judged traces out."""
    from artificer import api
    from artificer.agents import function_calling
    from artificer.models import openai
    from artificer.rollout import play

    _ = (function_calling, openai, play)
    tasks_in(folder / "tasks", rows)
    began, cpu = begin()
    summary = api.rollout(folder / "tasks", out=folder / "run", agent=f"openai:mock@{url}", concurrency=concurrency)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    judged = summary["judge"]
    return {"wall_s": wall, "cpu_s": cpu, "done": judged.rows_out, "rejects": judged.rejects, "complete": summary.complete}


def floor(url: str, rows: int, concurrency: int, folder: Path) -> dict[str, object]:
    """A bare loop over aiohttp: messages in memory, nothing checked, nothing recorded."""
    import aiohttp
    import msgspec
    import shop

    tools = [
        {"type": "function", "function": {"name": name, "description": "A tool.", "parameters": {"type": "object", "properties": properties}}}
        for name, properties in (
            ("price", {"sku": {"type": "string", "description": "the article"}}),
            ("add", {"sku": {"type": "string"}, "pieces": {"type": "integer"}}),
            ("total", {}),
        )
    ]
    kept: list[list[dict[str, object]]] = []

    async def play(row: int, session: aiohttp.ClientSession) -> None:
        basket = shop.Basket()
        messages: list[dict[str, object]] = [{"role": "user", "content": order(row)}]
        while True:
            body = msgspec.json.encode({"model": "mock", "messages": messages, "tools": tools})
            async with session.post(f"{url}/chat/completions", data=body) as response:
                said = msgspec.json.decode(await response.read())["choices"][0]["message"]
            messages.append(said)
            for call in said.get("tool_calls") or ():
                function = call["function"]
                tool = shop.price if function["name"] == "price" else getattr(basket, function["name"])
                result = tool(**msgspec.json.decode(function["arguments"]))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": msgspec.json.encode(result).decode()})
            if not said.get("tool_calls"):
                kept.append(messages)
                return

    async def run() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"}) as session:
            await in_lanes(lambda row: play(row, session), rows, concurrency)

    began, cpu = begin()
    asyncio.run(run())
    return {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "done": len(kept)}


def barrier(url: str, rows: int, concurrency: int, folder: Path) -> dict[str, object]:
    """The same episodes in batches: the next begins when the slowest row of the one before has ended."""
    from artificer.core.tasks import Task
    from artificer.models.base import Model
    from artificer.rollout.episode import play
    from artificer.rollout.parties import agent_maker, user_maker
    from artificer.run.store import RunFolder
    from artificer.worlds.base import World

    tasks_in(folder / "tasks", rows)

    async def run() -> int:
        world, model = World.of(WORLD), Model.of(f"openai:mock@{url}")
        agent, user = agent_maker(model.name, None, model=model), user_maker()
        done = 0
        with RunFolder.open(folder / "tasks") as given:
            tasks = [task for _, task in given.read("tasks", Task, ordered=True)]
        for at in range(0, rows, concurrency):
            batch = await asyncio.gather(*(play(task, world, agent, user) for task in tasks[at : at + concurrency]))
            done += len(batch)
        await model.close()
        return done

    began, cpu = begin()
    done = asyncio.run(run())
    return {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "done": done}


LANES = {"artificer": artificer, "floor": floor, "barrier": barrier}


def main() -> None:
    lane, url, rows, concurrency, folder = sys.argv[1:]
    if lane.startswith("peer:"):
        from peers import PEERS

        play = PEERS[lane.removeprefix("peer:")]
    else:
        play = LANES[lane]
    found = play(url, int(rows), int(concurrency), Path(folder))
    print(json.dumps(found | {"rss_mb": peak_mb()}), flush=True)


if __name__ == "__main__":
    main()
