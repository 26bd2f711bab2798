"""What a session of a SQL world costs: open, fork, a call, a digest, each against the bare apsw calls that it cannot do without.

    python benchmarks/sqlite_world.py [--json FILE]

Prints the best of several rounds, in microseconds of wall time, on the Chinook sample (1 MB).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import time
from pathlib import Path

import apsw

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds import World
from artificer.worlds.samples import sample_image


def best(function, count=200, rounds=7):
    """Microseconds a call in the fastest round."""
    fastest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(count):
            function()
        fastest = min(fastest, (time.perf_counter() - start) / count * 1e6)
    return round(fastest, 2)


def bare_open(image):
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    connection.execute("SELECT 1 FROM genre").fetchone()
    connection.close()


async def measured():
    image = sample_image("chinook")
    world = World.of("sqlite:chinook")
    session = await world.open(Start())
    session.digest()
    connection = session.connection
    state = {"n": 0}

    def savepoint():
        connection.execute("SAVEPOINT a")
        connection.execute("UPDATE track SET unit_price = ? WHERE track_id = ?", (1.5, 5))
        connection.execute("ROLLBACK TO a")
        connection.execute("RELEASE a")

    def write():
        state["n"] += 1
        session.run(ToolCall("c", "update_track", {"track_id": 5, "unit_price": float(state["n"])}))

    def finish(coroutine):
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a session waits for nothing")

    def forked():
        copy = finish(session.fork())
        finish(copy.close())

    def opened():
        finish(finish(world.open(Start())).close())

    def written_fork():
        write()
        forked()

    figures = {
        "bytes": len(image),
        "bare open + deserialize": best(lambda: bare_open(image)),
        "open": best(opened),
        "fork": best(forked),
        "savepoint + write + rollback": best(savepoint, 1000),
        "bare read": best(lambda: connection.execute("SELECT * FROM track WHERE track_id = ?", (5,)).fetchone(), 1000),
        "read call": best(lambda: session.run(ToolCall("c", "get_track", {"track_id": 5})), 1000),
        "write call": best(write, 500),
        "write call + fork": best(written_fork, 50),
        "digest": best(session.digest, 1000),
    }
    figures["open / bare"] = round(figures["open"] / figures["bare open + deserialize"], 2)
    figures["fork / bare"] = round(figures["fork"] / figures["bare open + deserialize"], 2)
    figures["read call / bare"] = round(figures["read call"] / figures["bare read"], 2)
    return figures


def main():
    parser = argparse.ArgumentParser(description="What a session of a SQL world costs.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = asyncio.run(measured())
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if arguments.json:
        about = {"python": platform.python_version(), "sqlite": apsw.sqlite_lib_version(), "unit": "microseconds, best round", "figures": figures}
        arguments.json.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
