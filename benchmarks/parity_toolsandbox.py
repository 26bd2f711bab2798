"""Our milestones against ToolSandbox's own matcher, on random runs and random milestones.

    python benchmarks/parity_toolsandbox.py --upstream FOLDER [--path SITE] [-n 1000] [--json] [--fixture FILE]

FOLDER holds the `tool_sandbox` package (its repository); SITE what it needs (polars==0.20.31 networkx scipy rouge-score
attrs dill strenum decorator rapidfuzz), when the running Python has it not. `--fixture` writes the first cases with
upstream's answers, for the tests. CPU seconds are of the matching alone, each by its own process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from artificer.checks.state.graph import Milestone, graph_of
from artificer.checks.state.reached import judged
from artificer.checks.state.snapshots import Snapshots
from artificer.core.tasks import Effect

HERE = Path(__file__).parent
KEYS = {"setting": "device_id", "contact": "person_id", "reminder": "reminder_id"}
WORDS = ["wifi", "is", "turned", "off", "now", "running", "runs", "reminder", "set", "cellular", "dogs"]
NAMES = ["Ann", "Bob", "Cid"]


def text(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(1, 4)))


def row_of(chance: random.Random, table: str, key: str) -> dict:
    if table == "setting":
        return {"device_id": key, "cellular": chance.random() < 0.5, "wifi": chance.random() < 0.5, "latitude": chance.choice([None, 0.0, 1.5])}
    if table == "contact":
        return {"person_id": key, "name": chance.choice(NAMES), "phone_number": chance.choice([None, "+1", "+2"]), "relationship": text(chance)}
    return {"reminder_id": key, "content": text(chance), "reminder_timestamp": chance.choice([None, 1.0, 2.0, 2.05])}


def run_of(chance: random.Random) -> tuple[dict, list[dict]]:
    """Tables by the messages at which they changed, and the messages."""
    now = {
        "setting": [row_of(chance, "setting", "d")],
        "contact": [row_of(chance, "contact", f"p{at}") for at in range(chance.randint(0, 2))],
        "reminder": [],
    }
    tables = {table: {0: list(rows)} for table, rows in now.items()}
    messages = [{"sender": "user", "recipient": "agent", "content": text(chance), "tool_trace": None}]
    for number in range(chance.randint(1, 3)):
        messages.append(
            {"sender": "agent", "recipient": "tools", "content": f"{chance.choice(['set_wifi', 'add_contact'])}({{}})", "tool_trace": None}
        )
        at = len(messages)
        for table in now:
            if chance.random() < 0.4:
                change = "update" if table == "setting" else chance.choice(["insert", "update", "delete"])
                rows = now[table]
                if change == "insert":
                    rows = [*rows, row_of(chance, table, f"{table[0]}n{number}")]
                elif change == "delete":
                    rows = rows[1:]
                elif rows:
                    rows = [row_of(chance, table, rows[0][KEYS[table]]), *rows[1:]]
                now[table] = rows
                tables[table][at] = list(rows)
        trace = {
            "tool_name": chance.choice(["set_wifi", "add_contact"]),
            "arguments": {"on": chance.random() < 0.5, "at": chance.choice([1.0, 1.05, 2.0])},
        }
        trace["result"] = {"value": chance.choice([1.25, 2.0, 20.5])}
        messages.append({"sender": "tools", "recipient": "agent", "content": text(chance), "tool_trace": chance.choice([None, [trace]])})
        if chance.random() < 0.6:
            messages.append({"sender": "agent", "recipient": "user", "content": chance.choice([text(chance), "it is 20.5 now"]), "tool_trace": None})
    return tables, messages


def constraint_of(chance: random.Random, tables: dict, earlier: list[int]) -> dict:
    kind = chance.choice(["said", "trace", "dependent", "contains", "setting", "contact", "reminder", "reminder"])
    reference = chance.choice([-1, *earlier])
    if kind == "said":
        return {"table": "@messages", "rows": [{"sender": "agent", "recipient": "user", "content": text(chance)}]}
    if kind == "trace":
        wanted = {"tool_name": chance.choice(["set_wifi", "add_contact"]), "arguments": chance.choice([{}, {"on": True}, {"at": 1.0}])}
        columns = chance.choice([{}, {"tool_trace": {"kind": "tool_trace", "atol": {"at": 0.1}}}])
        return {"table": "@messages", "rows": [{"sender": "tools", "tool_trace": wanted}], "columns": columns}
    if kind == "dependent" and earlier:
        reference = chance.choice(earlier)
        common = {"table": "@messages", "kind": "tool_trace_dependent", "reference": reference, "take": {"at": ["result", "value"]}}
        if chance.random() < 0.5:
            return {**common, "fill": "content", "rows": [{"sender": "agent", "content": "it is {at} now"}]}
        return {**common, "fill": "tool_trace", "rows": [{"sender": "tools", "tool_trace": {"tool_name": "set_wifi", "arguments": {}}}]}
    if kind in ("contains", "dependent"):
        return {
            "table": "@messages",
            "rows": [{"sender": "agent", "recipient": "tools", "content": "add_contact"}],
            "columns": {"content": "contains"},
        }
    versions = list(tables[kind].values())
    rows = [dict(row) for row in chance.choice(versions)]
    how = "snapshot" if kind == "setting" else chance.choice(["snapshot", "addition", "removal", "update"])
    if how != "snapshot":
        old, new = versions[0], chance.choice(versions)
        rows = [dict(row) for row in (old if how == "removal" else new) if row not in (new if how == "removal" else old)]
    if not rows:  # upstream cannot compare with no rows: it raises
        return {"table": "@messages", "rows": [{"sender": "agent", "recipient": "user", "content": text(chance)}]}
    rows = [{name: value for name, value in row.items() if chance.random() < 0.7 or name in ("person_id", "content", "wifi")} for row in rows]
    for row in rows:
        if "content" in row and chance.random() < 0.4:
            row["content"] = text(chance)
    common = [name for name in (rows[0] if rows else {}) if all(name in row for row in rows)]
    rows = [{name: row[name] for name in common} for row in rows]
    columns = {"relationship": "rouge_l", "content": "rouge_l"}
    columns = {name: given for name, given in columns.items() if (kind, name) in (("contact", "relationship"), ("reminder", "content"))}
    dated = kind == "reminder" and how == "snapshot" and all(isinstance(row.get("reminder_timestamp"), float) for row in rows)
    if dated and chance.random() < 0.5:
        columns["reminder_timestamp"] = {"kind": "close", "atol": 0.1}
    made = {"table": kind, "rows": rows, "columns": columns}
    return made | ({} if how == "snapshot" else {"kind": how, "reference": reference})


def case_of(seed: int) -> dict:
    chance = random.Random(seed)
    tables, messages = run_of(chance)
    count = chance.randint(1, 4)
    edges = None
    if chance.random() < 0.5 and count > 1:
        edges = [list(pair) for pair in itertools.combinations(range(count), 2) if chance.random() < 0.6]
    known = [[at, at + 1] for at in range(count - 1)] if edges is None else edges
    ancestors: list[set[int]] = []
    for node in range(count):
        ancestors.append({one for first, second in known if second == node for one in (first, *ancestors[first])})
    milestones = []
    for node in range(count):
        constraints = [constraint_of(chance, tables, sorted(ancestors[node])) for _ in range(chance.randint(1, 2))]
        milestones.append({"constraints": constraints, "free": chance.choice([[], ["setting"], ["contact", "reminder"]])})
    mines = [{"constraints": [constraint_of(chance, tables, [])]}] if chance.random() < 0.3 else []
    return {"tables": tables, "messages": messages, "milestones": milestones, "edges": edges, "minefields": mines}


def snapshots(case: dict) -> Snapshots:
    """A case's run as ours: the start and what each message changed."""
    effects: list[list[Effect]] = [[] for _ in case["messages"]]
    start = {}
    for table, versions in case["tables"].items():
        keyed = {int(at): {(row[KEYS[table]],): row for row in rows} for at, rows in versions.items()}
        start[table] = keyed[0]
        before = keyed[0]
        for at, rows in keyed.items():
            for key in sorted({*before, *rows}):
                old, new = before.get(key), rows.get(key)
                if old != new:
                    change = "insert" if old is None else "delete" if new is None else "update"
                    columns = {name: ((old or {}).get(name), (new or {}).get(name)) for name in {**(old or {}), **(new or {})}}
                    effects[at].append(Effect(table, key, change, columns))
            before = rows
    return Snapshots(start, case["messages"], effects)


def ours(case: dict, mode: str) -> dict:
    goals, mines = (msgspec.convert(case[name], list[Milestone]) for name in ("milestones", "minefields"))
    edges = None if case["edges"] is None else [tuple(edge) for edge in case["edges"]]
    made = snapshots(case)
    began = time.process_time()
    found = judged(graph_of(goals, edges, mode), graph_of(mines, None, mode), made)
    took = time.process_time() - began
    places = {} if found.milestones is None else {str(node): place for node, place in enumerate(found.milestones.places) if place is not None}
    return {"similarity": found.similarity, "milestones": found.score, "places": places, "seconds": took}


def upstream(cases: list[dict], folder: Path, site: str | None) -> list[dict]:
    paths = [site, str(folder)] if site else [str(folder)]
    done = subprocess.run(
        [sys.executable, str(HERE / "upstream" / "run_toolsandbox.py")],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", type=Path)
    parser.add_argument("--path")
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fixture", type=Path)
    given = parser.parse_args()
    if given.upstream is None:
        print("give --upstream FOLDER, the repository of apple/ToolSandbox: nothing was compared")
        return
    cases = [json.loads(json.dumps(case_of(seed))) for seed in range(given.n)]
    theirs = upstream(cases, given.upstream, given.path)
    fine = [(case, found) for case, found in zip(cases, theirs, strict=True) if "error" not in found]
    mine = [ours(case, "code") for case, _ in fine]
    strict = [ours(case, "strict") for case, _ in fine]
    wrong = [at for at, ((_, found), own) in enumerate(zip(fine, mine, strict=True)) if abs(found["similarity"] - own["similarity"]) > 1e-6]
    graded = [at for at, ((_, found), own) in enumerate(zip(fine, mine, strict=True)) if abs(found["milestones"] - own["milestones"]) > 1e-6]
    moved = sum(found["places"] != own["places"] for (_, found), own in zip(fine, mine, strict=True))
    otherwise = sum(abs(found["similarity"] - own["similarity"]) > 1e-6 for (_, found), own in zip(fine, strict, strict=True))
    seconds = [sum(one["seconds"] for one in part) for part in ([found for _, found in fine], mine)]
    figures = {
        "cases": len(cases),
        "upstream_errors": len(cases) - len(fine),
        "between_0_and_1": sum(0 < found["milestones"] < 1 for _, found in fine),
        "differing_similarity": len(wrong),
        "differing_milestone_similarity": len(graded),
        "same_score_other_places": moved,
        "strict_mode_differs": otherwise,
        "upstream_ms_a_case": round(1000 * seconds[0] / len(fine), 3),
        "ours_ms_a_case": round(1000 * seconds[1] / len(fine), 3),
        "times_faster": round(seconds[0] / seconds[1], 1),
    }
    for name, value in figures.items():
        print(f"{name:32} {value}")
    for at in graded[:3]:
        print(json.dumps({"case": fine[at][0], "upstream": fine[at][1], "ours": mine[at]}))
    errors = sorted({found["error"] for found in theirs if "error" in found})
    for error in errors[:8]:
        print("upstream error:", error)
    if given.json:
        (HERE / "results" / "toolsandbox.json").write_text(json.dumps(figures, indent=2) + "\n")
    if given.fixture is not None:
        kept = [{"case": case, "upstream": {name: found[name] for name in ("similarity", "milestones", "minefields")}} for case, found in fine[:120]]
        given.fixture.write_text("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in kept) + "\n]\n")


if __name__ == "__main__":
    main()
