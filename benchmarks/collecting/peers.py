"""The same rollouts by other libraries, each on its public, documented path. Run when the package can be imported."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import shop
from lanes import begin, in_lanes, order


def by_openai(url: str, rows: int, concurrency: int, folder: Path) -> dict[str, object]:
    """A bare loop over the `openai` client: what most libraries stand on."""
    from openai import AsyncOpenAI

    names = ("price", "add", "total")
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}} for name in names]
    kept: list[list[object]] = []

    async def play(row: int, client: AsyncOpenAI) -> None:
        basket = shop.Basket()
        messages: list[object] = [{"role": "user", "content": order(row)}]
        while True:
            answer = await client.chat.completions.create(model="mock", messages=messages, tools=tools)  # type: ignore[call-overload]
            said = answer.choices[0].message
            messages.append(said)
            for call in said.tool_calls or ():
                function = shop.price if call.function.name == "price" else getattr(basket, call.function.name)
                result = function(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
            if not said.tool_calls:
                kept.append(messages)
                return

    async def run() -> None:
        async with AsyncOpenAI(base_url=url, api_key="none") as client:
            await in_lanes(lambda row: play(row, client), rows, concurrency)

    began, cpu = begin()
    asyncio.run(run())
    return {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "done": len(kept)}


def by_inspect(url: str, rows: int, concurrency: int, folder: Path) -> dict[str, object]:
    """inspect-ai: a task of samples with a tool loop, its own log on disk."""
    from inspect_ai import Task, eval  # its own name for it
    from inspect_ai.dataset import Sample
    from inspect_ai.solver import generate, use_tools
    from inspect_ai.tool import Tool, tool

    @tool
    def price() -> Tool:
        async def execute(sku: str) -> str:
            """What one piece costs.

            Args:
                sku: the article.
            """
            return json.dumps(shop.price(sku))

        return execute

    @tool
    def add() -> Tool:
        async def execute(sku: str, pieces: int) -> str:
            """Puts pieces into the basket.

            Args:
                sku: the article.
                pieces: how many.
            """
            return json.dumps({"pieces": pieces})

        return execute

    @tool
    def total() -> Tool:
        async def execute() -> str:
            """What the basket costs."""
            return json.dumps({"total": 1})

        return execute

    os.environ["OPENAI_API_KEY"] = "none"
    asked = Task(dataset=[Sample(order(row), id=row) for row in range(rows)], solver=[use_tools(price(), add(), total()), generate()])
    began, cpu = begin()
    logs = eval(
        asked,
        model="openai/mock",
        model_base_url=url,
        model_args={"responses_api": False},
        max_connections=concurrency,
        max_samples=concurrency,
        log_dir=str(folder),
        display="none",
    )
    done = len(logs[0].samples or []) if logs[0].status == "success" else 0
    return {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "done": done}


PEERS = {"openai": by_openai, "inspect_ai": by_inspect}
