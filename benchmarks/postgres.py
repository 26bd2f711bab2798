"""What a PostgreSQL world costs: sampling from a table of a million rows, and calls of a live session.

    python benchmarks/postgres.py [--rows N] [--json FILE]

Starts a server of its own (`tests/worlds/pgserver.py`), so PostgreSQL's programs must be installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "worlds"))

from pgserver import running

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.base import World

SCHEMA = """
CREATE TABLE customer (id serial PRIMARY KEY, name text NOT NULL, email text UNIQUE, since date);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES customer ON DELETE CASCADE,
  status text CHECK (status IN ('new', 'paid')),
  total numeric(10,2), placed timestamptz);
INSERT INTO customer (name, email, since)
  SELECT 'Customer ' || i, 'c' || i || '@x.example', date '2000-01-01' + i % 9000 FROM generate_series(1, {few}) i;
INSERT INTO orders (customer_id, status, total, placed)
  SELECT 1 + (i * 7919::bigint) % {few}, (ARRAY['new', 'paid'])[1 + i % 2], i % 1000 / 7.0, now()
  FROM generate_series(1, {many}) i;
CREATE INDEX ON orders (customer_id); ANALYZE;
"""


async def live(url: str) -> dict[str, float]:
    """Median milliseconds of calls in one session."""
    world = World.of(url, live="true")
    session = await world.open(Start())
    calls = {
        "get": lambda at: ToolCall("c", "get_customer", {"id": at + 1}),
        "update": lambda at: ToolCall("c", "update_customer", {"id": at + 1, "name": f"New {at}"}),
        "delete with its cascade": lambda at: ToolCall("c", "delete_order", {"id": at + 1}),
    }
    out: dict[str, float] = {}
    for name, make in calls.items():
        taken = []
        for at in range(100):
            began = time.perf_counter()
            result = await session.call(make(at))
            taken.append((time.perf_counter() - began) * 1e3)
            assert result.error is None, result
        out[name] = round(statistics.median(taken), 2)
    await session.close()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="What a PostgreSQL world costs.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with running() as server:
        url = server.make("big", SCHEMA.format(few=arguments.rows // 10, many=arguments.rows))
        began = time.perf_counter()
        world = World.of(url)
        seconds = time.perf_counter() - began
        figures = {
            "rows": {"orders": arguments.rows, "customer": arguments.rows // 10},
            "load_seconds": round(seconds, 2),
            "image_bytes": len(world.image),
            "live_call_ms": asyncio.run(live(url)),
        }
    about = {"python": platform.python_version(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2), "figures": figures}
    for name, value in figures.items():
        print(f"{name:16} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
