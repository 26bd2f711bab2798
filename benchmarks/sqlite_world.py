"""What a session of a SQL world costs: open, fork, a call, a digest, each against the bare apsw calls that it cannot
do without.

    python benchmarks/sqlite_world.py [--json FILE]

Prints the best of several rounds, in microseconds of wall time, on the Chinook sample, filled up to 1.2 MB. The
machine's load is told with the figures: on a busy one they say little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
from pathlib import Path

import apsw

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.samples import sample_image
from artificer.worlds.sqlite import read_schema
from artificer.worlds.sqlite.derive import derive
from artificer.worlds.sqlite.world import SqlWorld, opened

SIZE = 1_200_000


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


def filled(image):
    """The image with a table of bytes that nobody asks for, so that it has the size at which forks are measured."""
    connection = opened(image)
    connection.execute("CREATE TABLE filler (id INTEGER PRIMARY KEY, bytes BLOB)")
    while len(image) < SIZE:
        connection.execute("INSERT INTO filler (bytes) VALUES (zeroblob(20000))")
        image = connection.serialize("main")
    return image


def chinook(image):
    connection = opened(image)
    schema = read_schema(connection)
    connection.close()
    return SqlWorld("sqlite:chinook", image, derive(schema)[0], schema=schema)


async def measured():
    image = filled(sample_image("chinook"))
    world = chinook(image)
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

    def forked(parent):
        copy = finish(parent.fork())
        finish(copy.close())

    def opened():
        finish(finish(world.open(Start())).close())

    written = await world.open(Start())
    for number in range(10):
        written.run(ToolCall("c", "update_track", {"track_id": 5 + number, "unit_price": float(number)}))
    fresh = await world.open(Start())
    figures = {
        "bytes": len(image),
        "bare open + deserialize": best(lambda: bare_open(image)),
        "open": best(opened),
        "fork": best(lambda: forked(fresh)),
        "fork after ten writes": best(lambda: forked(written)),
        "savepoint + write + rollback": best(savepoint, 1000),
        "bare read": best(lambda: connection.execute("SELECT * FROM track WHERE track_id = ?", (5,)).fetchone(), 1000),
        "read call": best(lambda: session.run(ToolCall("c", "get_track", {"track_id": 5})), 1000),
        "write call": best(write, 500),
        "digest": best(session.digest, 1000),
    }
    figures["open / bare"] = round(figures["open"] / figures["bare open + deserialize"], 2)
    figures["fork / bare"] = round(figures["fork"] / figures["bare open + deserialize"], 2)
    figures["fork after ten writes / bare"] = round(figures["fork after ten writes"] / figures["bare open + deserialize"], 2)
    figures["read call / bare"] = round(figures["read call"] / figures["bare read"], 2)
    return figures


def main():
    parser = argparse.ArgumentParser(description="What a session of a SQL world costs.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    figures = asyncio.run(measured())
    print(f"{'load, of ' + str(os.cpu_count()) + ' cores':32} {load:.2f}")
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if arguments.json:
        about = {
            "python": platform.python_version(),
            "sqlite": apsw.sqlite_lib_version(),
            "cores": os.cpu_count(),
            "load": round(load, 2),
            "unit": "microseconds, best round",
            "figures": figures,
        }
        arguments.json.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
