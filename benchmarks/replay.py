"""Making other people's calls again: what it costs, whether planted changes are found at their message, and whether
what upstream's own code answered replays in our worlds.

    python benchmarks/replay.py [--json FILE] [--n 1000] [--bfcl-site FOLDER] [--tau2-site FOLDER --tau2-root CLONE]

1. A retail run of `--n` tasks, verified as a run (tasks, checks, gold calls and all) and as data in other formats, with
   and without a repaired copy: traces a second of CPU time, the best of three, in one process, and the ratio.
2. In each trace one change is planted, of nine kinds; counted is how often the verdict is right and the first problem
   stands at the message that was changed. Changes of form must change no verdict.
3. Gold calls of BFCL's multi-turn categories and of tau2-bench, executed by bfcl-eval and by a clone of tau2-bench, are
   replayed in `bfcl:` and `tau2:` worlds.

Exits 1 when a planted change is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from upstream.place import told

import artificer

FORMATS = ("artificer", "chat", "anthropic", "sharegpt", "atif", "adp")
CATEGORIES = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")
DOMAINS = ("airline", "retail", "telecom")
TRIES = 3


# costs


def cost(work, n):
    """Traces a second of CPU time, the best of several."""
    best = float("inf")
    for _ in range(TRIES):
        began = time.process_time()
        holds = work()
        best = min(best, time.process_time() - began)
        assert holds
    return round(n / best)


def costs(run, place, n):
    found = {"run": cost(lambda: artificer.verify(run, engine="local").holds, n)}
    for form in FORMATS:
        data = place / f"data.{form}"
        artificer.convert(run, data, to=form)
        found[form] = cost(lambda data=data: artificer.verify_data(data, world="domain:retail", engine="local").holds, n)
    names = iter(range(100))
    chat = place / "data.chat"

    def repaired():
        return artificer.verify_data(chat, world="domain:retail", engine="local", repair=place / f"copy{next(names)}").holds

    found["chat, repaired"] = cost(repaired, n)
    return {form: {"traces_per_cpu_s": rate, "ratio": round(rate / found["run"], 2)} for form, rate in found.items()}


# planted changes


def results(row):
    return [at for at, message in enumerate(row["messages"]) if message["role"] == "tool"]


def asks(row, call_id, before):
    """The message and the call that a result answers."""
    for at in range(before - 1, -1, -1):
        for call in row["messages"][at].get("tool_calls", ()):
            if call["id"] == call_id:
                return at, call
    raise LookupError(call_id)


def objects(row):
    return [at for at in results(row) if row["messages"][at]["content"][:1] == "{"]


def another_value(row, chance):
    at = chance.choice(objects(row))
    content = json.loads(row["messages"][at]["content"])
    key = chance.choice(sorted(content))
    content[key] = f"{content[key]}x"
    row["messages"][at]["content"] = json.dumps(content)
    return "differs", at


def a_missing_field(row, chance):
    at = chance.choice(objects(row))
    content = json.loads(row["messages"][at]["content"])
    del content[chance.choice(sorted(content))]
    row["messages"][at]["content"] = json.dumps(content)
    return "differs", at


def a_failure_now_well(row, chance):
    at = chance.choice(results(row))
    row["messages"][at]["content"] = "error: forbidden: not today"
    return "differs", at


def another_tool(row, chance):
    at = chance.choice([at for at in results(row) if not row["messages"][at]["content"].startswith("error")])
    asks(row, row["messages"][at]["tool_call_id"], at)[1]["function"]["name"] += "_v2"
    return "cannot", at


def another_argument(row, chance):
    at = chance.choice([at for at in results(row) if not row["messages"][at]["content"].startswith("error")])
    function = asks(row, row["messages"][at]["tool_call_id"], at)[1]["function"]
    function["arguments"] = json.dumps(json.loads(function["arguments"]) | {"fast": True})
    return "cannot", at


def no_result(row, chance):
    at = chance.choice(results(row))
    asked, _ = asks(row, row["messages"][at]["tool_call_id"], at)
    del row["messages"][at]
    return "cannot", asked


def of_no_call(row, chance):
    at = chance.choice(results(row))
    row["messages"].insert(at + 1, {"role": "tool", "tool_call_id": "nobody", "content": "{}"})
    return "cannot", at + 1


def another_form(row, chance):
    for at in results(row):
        content = row["messages"][at]["content"]
        if content[:1] in "{[":
            row["messages"][at]["content"] = json.dumps(json.loads(content), indent=2, sort_keys=True)
    return "exact", None


def as_python_has_it(row, chance):
    for at in results(row):
        content = row["messages"][at]["content"]
        if content[:1] in "{[":
            row["messages"][at]["content"] = repr(json.loads(content))
    return "exact", None


CHANGES = (another_value, a_missing_field, a_failure_now_well, another_tool, another_argument, no_result, of_no_call, another_form, as_python_has_it)


def planted(place):
    rows = [json.loads(line) for line in (place / "data.chat").read_text("utf-8").splitlines()]
    found = {}
    for change in CHANGES:
        changed, wanted = [], []
        for at, row in enumerate(rows):
            copy, chance = json.loads(json.dumps(row)), random.Random(f"{change.__name__} {at}")
            try:
                wanted.append(change(copy, chance))
            except IndexError:  # there is nothing to change
                continue
            changed.append(json.dumps(copy))
        path, each = place / f"{change.__name__}.jsonl", place / f"{change.__name__}.each"
        path.write_text("\n".join(changed), "utf-8")
        artificer.verify_data(path, world="domain:retail", engine="local", each=each)
        counts = Counter()
        for line, (verdict, at) in zip(map(json.loads, each.read_text("utf-8").splitlines()), wanted, strict=True):
            counts["verdict"] += line.get("verdict", "exact") == verdict
            counts["place"] += (line["problems"][0]["at"] if line.get("problems") else None) == at
        found[change.__name__] = {"planted": len(wanted), "verdict": counts["verdict"], "place": counts["place"]}
    return found


# what upstream's own code answered


def replayed(rows, world, place, **options):
    path = place / "upstream.jsonl"
    path.write_text(rows, "utf-8")
    proof = artificer.verify_data(path, world=world, options={name: str(value) for name, value in options.items()}, shown=3)
    levels = Counter()
    for tools in proof.calls.values():
        levels.update(tools)
    shown = [f"{one.trace_id}: {one.problems[0].what}" for one in proof.problems]
    counts = {name: getattr(proof, name) for name in ("traces", "exact", "like", "differs", "cannot")}
    return counts | {"calls": dict(levels), "tolerated": proof.tolerated, "first": shown}


def bfcl(site, place):
    from artificer.worlds.base import World

    sys.path.append(str(site))
    found = {}
    for category in CATEGORIES:
        world = World.of(f"bfcl:{category}")
        texts = {name: gold.ground_truth for name, gold in world.source.gold.items()}
        gold = {}
        for task in world.tasks():
            if task.gold is not None:
                calls = iter(task.gold)
                gold[task.id] = [[[text, (call := next(calls)).name, call.arguments] for text in turn] for turn in texts[task.id]]
        rows = told("run_recorded.py", {"set": "bfcl", "category": category, "gold": gold}, site, category)
        found[category] = replayed(rows, f"bfcl:{category}", place)
    return found


def tau2(site, root, place):
    from parity_tau2 import Domain

    sys.path.append(str(site))
    os.environ["TAU2_DATA_DIR"] = str(root / "data")
    found = {}
    for name in DOMAINS:
        domain = Domain(name, root)
        asked = {
            "set": "tau2",
            "domain": name,
            "root": str(root),
            "database": domain.database,
            "records": {one: domain.records[one] for one in domain.tasks},
        }
        found[name] = replayed(told("run_recorded.py", asked, site, name), f"tau2:{name}", place, root=root)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--bfcl-site", type=Path, help="a folder with bfcl-eval installed")
    parser.add_argument("--tau2-site", type=Path, help="a folder with what tau2-bench needs")
    parser.add_argument("--tau2-root", type=Path, help="a clone of sierra-research/tau2-bench")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artificer-replay-") as folder:
        place = Path(folder)
        artificer.synth("cove", world="domain:retail", n=arguments.n, seed=7, out=place / "run")
        n = artificer.verify(place / "run", engine="local").proven
        found = {"traces": n, "python": platform.python_version(), "cores": os.cpu_count(), "costs": costs(place / "run", place, n)}
        found["planted"] = planted(place)
        if arguments.bfcl_site:
            found["bfcl"] = bfcl(arguments.bfcl_site, place)
        if arguments.tau2_site and arguments.tau2_root:
            found["tau2"] = tau2(arguments.tau2_site, arguments.tau2_root, place)
    print(json.dumps(found, indent=1, ensure_ascii=False))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
    missed = any(one["verdict"] < one["planted"] or one["place"] < one["planted"] for one in found["planted"].values())
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
