"""What emulated worlds cost: calls a second of the offline variant, and CPU a call against the floor, which is validating the
arguments and the result with the compiled schemas.

    python benchmarks/emulated.py [--json FILE]

One process, one thread. CPU time (`process_time`), best of several rounds. The machine's load is told with the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
from pathlib import Path

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.tools import compile_schema, validate_arguments
from artificer.models.scripted import Scripted
from artificer.worlds.base import World
from artificer.worlds.emulated import EmulatedWorld, Records
from artificer.worlds.emulated.files import read_material

SHOP = Path(__file__).parents[1] / "examples" / "emulated_shop.toml"
PRODUCT, ORDER = "PRO-1003", "ORD-1002"
CALLS = {
    "list_products": {},
    "get_product": {"product_id": PRODUCT},
    "list_orders": {"status": "open"},
    "place_order": {"product_id": PRODUCT, "quantity": 2, "note": "ring twice"},
    "change_order": {"order_id": ORDER, "note": "leave it"},
    "cancel_order": {"order_id": ORDER},
    "get_weather": {"city": "Rome"},
}


def cpu(function, count, rounds=7):
    """Microseconds of CPU a call in the best round."""
    fastest = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            function()
        fastest = min(fastest, (time.process_time() - start) / count * 1e6)
    return round(fastest, 2)


def finish(coroutine):
    """Runs a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def offline(world):
    figures = {}
    tools = {tool.name: tool for tool in world.tools}
    for name, arguments in CALLS.items():
        session = finish(world.open(Start()))
        result = finish(session.call(ToolCall("c", name, arguments)))
        assert result.error is None, result
        takes, gives = (compile_schema(schema or {}, name) for schema in (tools[name].parameters, tools[name].returns))

        def floor(takes=takes, gives=gives, arguments=arguments, content=result.content):
            validate_arguments(takes, arguments)
            gives.is_valid(content)

        def call(name=name, arguments=arguments):
            fresh = finish(world.open(Start()))
            finish(fresh.call(ToolCall("c", name, arguments)))

        ours, least = cpu(call, 300), cpu(floor, 3000)
        figures[name] = {"cpu_us": ours, "floor_us": least, "ratio": round(ours / least, 1)}
    return figures


def mixed(world, seconds=2.0):
    """Calls a second of sessions that make the seven calls, take effects and a digest, and end."""
    calls, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        session = finish(world.open(Start(seed=calls)))
        for name, arguments in CALLS.items():
            finish(session.call(ToolCall("c", name, arguments)))
        session.effects()
        session.digest()
        calls += len(CALLS)
    return round(calls / (time.process_time() - start))


def forks(world):
    session = finish(world.open(Start()))
    for _ in range(100):
        finish(session.call(ToolCall("c", "place_order", CALLS["place_order"])))
    return {"fork_us": cpu(lambda: finish(session.fork()), 2000), "digest_us": cpu(session.digest, 100), "effects_us": cpu(session.effects, 100)}


def modelled():
    """CPU of a call that a model plays (the model itself costs nothing here), and of the same call from records."""
    answer = json.dumps({"observation": {"product_id": "P1", "name": "lamp", "price": 5, "stock": 2}, "error": None, "state": []})
    material = read_material(SHOP)

    def ask(world):
        session = finish(world.open(Start()))
        result = finish(session.call(ToolCall("c", "get_product", {"product_id": "P1"})))
        assert result.error is None, result

    worlds = [EmulatedWorld(material, "emulated:shop", model=Scripted.saying([answer])) for _ in range(2)]

    def fresh():
        worlds[0].records = Records()
        ask(worlds[0])

    ask(worlds[1])
    return {"played_us": cpu(fresh, 100), "recorded_us": cpu(lambda: ask(worlds[1]), 300)}


def loading():
    start = time.process_time()
    World.of(f"emulated:{SHOP}")
    return round((time.process_time() - start) * 1e3, 1)


async def measured():
    loading()  # imports
    world = World.of(f"emulated:{SHOP}")
    return {
        "load_ms": loading(),
        "calls_per_cpu_second": mixed(world),
        "calls": offline(world),
        **forks(world),
        **modelled(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    figures = asyncio.run(measured())
    figures |= {"load_average": round(os.getloadavg()[0], 1), "python": platform.python_version(), "machine": platform.machine()}
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for inner, parts in value.items():
                print(f"  {inner:14}", "  ".join(f"{key} {part}" for key, part in parts.items()))
        else:
            print(f"{name:22} {value}")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
