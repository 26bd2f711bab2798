"""Logs that we write as AgentDojo's and Inspect AI's, loaded by these.

    python benchmarks/parity_logs.py [--agentdojo FOLDER] [--inspect FOLDER] [--n 500]

AgentDojo and Inspect AI are installed into folders of their own (or named by `--agentdojo`, `--inspect`) and asked each in a
process of its own; where one cannot be installed, that is said. AgentDojo's `load_task_results` reads each judged trace from
the place where it looks for it; its types take the messages of all. Inspect's `read_eval_log` reads the JSON log and the
archive, whose messages must say what ours say. Traces are drawn by the tests' strategies. Exits 1 when anything is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.formats.strategies import items

from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.convert import render, write

HARBOR = "harbor==0.26.0"
HERE = Path(__file__).resolve()


def drawn(n, **knobs):
    """The same traces each time."""
    found = []

    @given(items(tree=True, **knobs))
    @settings(max_examples=n, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def draw(item):
        found.append(item)

    draw()
    return [msgspec.structs.replace(item, trace=msgspec.structs.replace(item.trace, id=f"t{at}")) for at, item in enumerate(found)]


def check_agentdojo(n):
    """In a process that has AgentDojo: its types on the messages of every log, its loader on every log.

    It refuses, as it does of its own, logs without a verdict and logs of one message: those must be all that it refuses.
    """
    from agentdojo.benchmark import load_task_results
    from agentdojo.types import ChatMessage
    from pydantic import TypeAdapter, ValidationError

    messages, counts = TypeAdapter(list[ChatMessage]), Counter()
    with tempfile.TemporaryDirectory() as folder:
        for at, raw in enumerate(render(drawn(n), format_named("agentdojo"), Account())):
            row = json.loads(raw)
            messages.validate_python(row["messages"])
            place = Path(folder, "p", "s", f"t{at}", "none")
            place.mkdir(parents=True)
            (place / "none.json").write_bytes(raw)
            why = "unjudged" if "utility" not in row else "of one message" if len(row["messages"]) < 2 else ""
            try:
                found = load_task_results("p", "s", f"t{at}", "none", "none", Path(folder))
            except ValidationError:
                found = None
            counts[why] += 1
            if (found is None) != bool(why) or (found is not None and (found.utility, len(found.messages)) != (row["utility"], len(row["messages"]))):
                print(f"AgentDojo: log {at} ({why or 'whole'}): {raw[:500]}")
                return 1
    refused = ", ".join(f"{count} {why}" for why, count in counts.items() if why)
    print(f"AgentDojo: the messages of {counts.total()} logs are accepted, {counts['']} logs loaded; refused as its own are: {refused}")
    return 0 if counts[""] else 1


def check_inspect(n):
    """In a process that has Inspect AI: its reader on a JSON log and on an archive."""
    from inspect_ai.log import read_eval_log

    form, traces = format_named("inspect"), drawn(n)
    rows = [json.loads(raw) for raw in render(traces, form, Account())]
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("json", "eval"):
            path = Path(folder, f"log.{ending}")
            with path.open("wb") as out:
                if ending == "json":
                    write(traces, out, form, Account())
                else:
                    form.packed(render(traces, form, Account()), out)
            found = read_eval_log(str(path))
            said = {str(sample.uuid or sample.id) + json.dumps(sample.metadata, sort_keys=True): sample for sample in found.samples}
            assert len(found.samples) == len(rows), ending
            for row in rows:
                sample = said[str(row["id"]) + json.dumps(row["metadata"], sort_keys=True)]
                assert [message.role for message in sample.messages] == [message["role"] for message in row["messages"]]
                for theirs, ours in zip(sample.messages, row["messages"], strict=True):
                    kept = theirs.model_dump(exclude_none=True)["content"]
                    assert kept == ours["content"] or _blocks(kept) == _blocks(ours["content"]), (kept, ours)
                    calls = [(call.id, call.function, call.arguments) for call in getattr(theirs, "tool_calls", None) or ()]
                    assert calls == [(call["id"], call["function"], call["arguments"]) for call in ours.get("tool_calls", ())]
            print(f"Inspect AI: {len(rows)} samples read from a .{ending} log with the same messages and calls")
    return 0


def _blocks(content):
    """What blocks say, without the fields that Inspect adds by default."""
    return [(block["type"], block.get(block["type"], block.get("text"))) for block in content]


PACKAGES = {"agentdojo": "agentdojo==0.1.35", "inspect": "inspect-ai==0.3.285"}


def apart(name, site, n):
    """Runs one check in a process whose path begins with the package's folder; the package is installed where no folder is given."""
    with tempfile.TemporaryDirectory() as folder:
        if site is None:
            pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder, PACKAGES[name]]
            if subprocess.run(pip, check=False, capture_output=True).returncode:
                print(f"{name}: NOT CHECKED, since {PACKAGES[name]} cannot be installed (--{name} FOLDER names one that has it)")
                return 0
        path = os.pathsep.join([str(site or folder), *sys.path])
        asked = [sys.executable, str(HERE), "--only", name, "--n", str(n)]
        return subprocess.run(asked, env={**os.environ, "PYTHONPATH": path}, check=False).returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--agentdojo")
    parser.add_argument("--inspect")
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--only", choices=["agentdojo", "inspect"], help="used by this script itself")
    asked = parser.parse_args()
    if asked.only:
        return {"agentdojo": check_agentdojo, "inspect": check_inspect}[asked.only](asked.n)
    return 1 if apart("agentdojo", asked.agentdojo, asked.n) + apart("inspect", asked.inspect, asked.n) else 0


if __name__ == "__main__":
    raise SystemExit(main())
