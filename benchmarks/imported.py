"""Imported worlds against the packages they are loaded from: every gold call replayed, every verdict compared.

    python benchmarks/imported.py [--json FILE] [--site FOLDER] [--tau2-root CLONE] [--only SOURCE ...]

Installs the packages (and the few libraries they need) into a temporary folder, or uses `--site`. For every task of
every world its gold calls are run in a fresh session; the state they reach, and what they return, must be what
upstream's own code reaches in a process of its own. Then upstream's checker and `World.judge` decide on the gold and on
variants of it (the last write left out, a call made twice, nothing said) and must agree. What is wrong with a set's
gold is listed. Exits 1 when anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import re
import sys
import tempfile
import time
from importlib.metadata import distributions
from pathlib import Path

from upstream.place import install, told

PACKAGES = ["bfcl-eval==2026.3.23", "agentdojo==0.1.35", "inspect-evals==0.26.0"]
LIBRARIES = ["pydantic>=2.7", "email-validator>=2", "pyyaml>=6", "deepdiff>=8.6", "mpmath>=1.3", "toml", "loguru", "addict", "python-dotenv"]
BFCL = [f"bfcl:multi_turn_{name}" for name in ("base", "miss_func", "miss_param", "long_context")]
DOJO = [f"agentdojo:{name}" for name in ("workspace", "banking", "slack", "travel")]
TAU2 = ["tau2:retail", "tau2:airline", "tau2:telecom"]


def upstream(script, asked, site):
    """The answer of upstream's own code."""
    return json.loads(told(script, asked, site, asked.get("domain") or asked.get("category") or asked.get("suite")))


class Audit:
    """One world's tasks, replayed."""

    def __init__(self, source, **options):
        from artificer.worlds.base import World

        self.name = " ".join([source, *(f"{key}={'CLONE' if key == 'root' else value}" for key, value in options.items())])
        began, cpu = time.perf_counter(), time.process_time()
        self.world = World.of(source, **options)
        self.open_seconds = time.perf_counter() - began
        self.tasks = list(self.world.tasks())
        self.seconds = time.perf_counter() - began
        self.cpu_ms = (time.process_time() - cpu) * 1000
        self.judge_ms = 0.0
        self.dirty_reads = set()
        self.differ = []
        self.upstream_seconds = 0.0
        self.agreed = {}
        self.replayed = 0

    def replay(self, task):
        """A session after the task's gold calls, and their results."""
        session = self.world.session()
        for call in task.start.setup:
            assert session.perform(call, "setup").error is None
        mark = session.calls
        results = []
        for call in task.gold or ():
            before = session.calls
            results.append(session.perform(call, "gold"))
            if self.world.by_name[call.name].effect == "read" and session.effects(before):
                self.dirty_reads.add(call.name)
        if session.effects(mark) != task.goal.effects:
            self.differ.append(f"{task.id}: other effects when replayed")
        return session, results

    def ask(self, script, asked, site):
        """What upstream says, and how long it takes, its imports included."""
        began = time.perf_counter()
        answer = upstream(script, asked, site)
        self.upstream_seconds += time.perf_counter() - began
        return answer

    def judged(self, task, played, says):
        cpu = time.process_time()
        found = self.world.judge(task, played, says)
        self.judge_ms += (time.process_time() - cpu) * 1000
        return found.passed or found.numbers.get("decided") == 1.0  # without what only a judging model decides

    def compare(self, task, variant, mine, theirs):
        tally = self.agreed.setdefault(variant, [0, 0, 0])
        tally[0] += 1
        tally[1] += mine == theirs
        tally[2] += theirs
        if mine != theirs:
            self.differ.append(f"{task.id}: {variant}: upstream says {theirs}, World.judge {mine}")

    def fork_ms(self):
        """The quickest of a few forks, after a task's gold calls."""
        task = max(self.tasks, key=lambda task: len(task.gold or ()))
        session, _ = self.replay(task)
        times = []
        for _ in range(7):
            began = time.perf_counter()
            asyncio.run(session.fork())
            times.append((time.perf_counter() - began) * 1000)
        return round(min(times), 2)

    def result(self):
        count = max(1, len(self.tasks))
        judged = max(1, sum(tally[0] for tally in self.agreed.values()))
        agree = sum(tally[1] for tally in self.agreed.values())
        print(f"{self.name}: {self.replayed} of {len(self.tasks)} replay to upstream's state; {agree} of {judged} verdicts agree", flush=True)
        for line in self.differ[:10]:
            print(f"  {line}")
        return {
            "tasks": len(self.tasks),
            "replayed": self.replayed,
            "verdicts": {name: dict(zip(("asked", "agree", "upstream_passes"), tally)) for name, tally in self.agreed.items()},
            "no_gold": {task.id: task.lineage["wrong_gold"] for task in self.tasks if "wrong_gold" in task.lineage},
            "mistyped_gold": {task.id: task.lineage["mistyped_gold"] for task in self.tasks if "mistyped_gold" in task.lineage},
            "refused_gold": {task.id: task.lineage["refused_gold"] for task in self.tasks if "refused_gold" in task.lineage},
            "reads_that_write": sorted(self.dirty_reads),
            "differences": self.differ,
            "tools": len(self.world.tools),
            "user_tools": len(self.world.user_tools),
            "unusable_tools": [f"{problem.where}: {problem.what}" for problem in self.world.problems],
            "seconds_to_open": round(self.open_seconds, 2),
            "seconds": round(self.seconds, 2),
            "fork_ms": self.fork_ms(),
            "cpu_ms_a_task": round(self.cpu_ms / count, 2),
            "cpu_ms_a_judgement": round(self.judge_ms / judged, 2),
            "upstream_ms_a_judgement": round(self.upstream_seconds * 1000 / judged, 2),
        }


def played_of(turns, actor="agent"):
    from artificer.worlds.base import Played

    return [Played(at, call, actor) for at, calls in enumerate(turns) for call in calls]


def variants(turns):
    """Gold turns, the same without the last call, and with the first made twice."""
    busy = [at for at, calls in enumerate(turns) if calls]
    first, last = busy[0], busy[-1]
    return {
        "gold": turns,
        "without_last": [calls[:-1] if at == last else calls for at, calls in enumerate(turns)],
        "first_twice": [[*calls[:1], *calls] if at == first else calls for at, calls in enumerate(turns)],
    }


def bfcl(source, site):
    audit = Audit(source)
    texts = audit.world.source.gold
    answers, mine = {}, {}
    for task in audit.tasks:
        written = texts[task.id].ground_truth
        turns = [list(want.gold) for want in task.goal.wants]
        answers[task.id] = variants(written)
        mine[task.id] = {name: audit.judged(task, played_of(made), []) for name, made in variants(turns).items()}
    theirs = audit.ask("run_bfcl.py", {"category": source.removeprefix("bfcl:"), "answers": answers}, site)
    for task in audit.tasks:
        found = theirs[task.id]
        for name, verdict in found["verdicts"].items():
            audit.compare(task, name, mine[task.id][name], verdict["valid"])
        session, results = audit.replay(task)
        state = json.loads(json.dumps(session.state.tables())) == found["state"]
        same = [text_of(result) == text or close(result.content, text) for result, text in zip(results, found["results"], strict=True)]
        refused = task.lineage.get("refused_gold", [])
        audit.replayed += state and same.count(False) == len(refused)
        if not state or same.count(False) != len(refused):
            audit.differ.append(f"{task.id}: state equal: {state}; {same.count(False)} results differ, {len(refused)} refused")
    return audit.result()


def close(content, text):
    """Whether a number is the one that BFCL can only write as Python, to the digits it writes: `{'result': mpf('2.0')}`."""
    found = re.fullmatch(r"\{'result': mpf\('([^']+)'\)\}", text)
    return bool(found) and math.isclose(content["result"], float(found[1]), rel_tol=10.0 ** (2 - len(found[1])))


def text_of(result):
    """A result as BFCL writes it; a refusal is an `{"error": ...}` there."""
    if result.error is not None:
        return json.dumps({"error": result.detail})
    content = result.content
    if isinstance(content, list):  # one of the lists of long_context holds a Python `...`
        return str(content).replace("'<ellipsis>'", "Ellipsis")
    return content if isinstance(content, str) else json.dumps(content) if isinstance(content, dict) else str(content)


def agentdojo(source, site):
    found = {}
    for kind in ("user", "injection"):
        audit = Audit(source, tasks=kind)
        asked = {"suite": source.removeprefix("agentdojo:"), "version": audit.world.source.version}
        theirs = found.setdefault("theirs", None) or audit.ask("run_agentdojo.py", asked, site)
        found["theirs"] = theirs
        for task in audit.tasks:
            verdicts = theirs[kind][task.lineage["id"]]
            gold = list(task.gold or ())
            says = [task.lineage["answer"]]
            mine = {
                "gold": audit.judged(task, played_of([gold]), says),
                "without_last": audit.judged(task, played_of([gold[:-1]]), says),
                "silent": audit.judged(task, [], [""]),
            }
            for name, verdict in verdicts.items():
                audit.compare(task, name, mine[name], verdict)
            audit.replay(task)
            audit.replayed += task.gold is not None and mine["gold"] and verdicts["gold"]
        found[audit.name] = audit.result()
    del found["theirs"]
    return found


def tau2(source, site, root):
    domain = source.removeprefix("tau2:")
    options = {"root": str(root)} if root else {}
    if domain == "telecom":
        options["split"] = "base" if root else "full"
    audit = Audit(source, **options)
    data = audit.world.source._data
    path = data.file("tasks.json", "tasks.json.gz")
    from artificer.worlds.base import Played
    from artificer.worlds.imported.tau2_data import _bytes

    records = {row["id"]: row for row in json.loads(_bytes(path))}
    asked, mine, sessions = {}, {}, {}
    for task in audit.tasks:
        name = task.lineage["id"]
        actions = [{"requestor": "assistant", **action} for action in task.lineage["criteria"]["actions"] or []]
        writes = [at for at, action in enumerate(actions) if audit.world.by_name[action["name"]].effect != "read"]
        says = [f"It is {text}." for text in task.lineage["criteria"]["communicate_info"] or []]
        calls = [{key: action[key] for key in ("name", "arguments", "requestor")} for action in actions]
        variants = {
            "gold": (calls, says),
            "without_last_write": ([call for at, call in enumerate(calls) if not writes or at != writes[-1]], says),
        }
        if not root:  # the official evaluator takes half a second for each
            variants["silent"] = (calls, [])
        asked[name] = {variant: {"calls": made, "says": said} for variant, (made, said) in variants.items()}
        from artificer.core.messages import ToolCall

        def played(made):
            return [
                Played(0, ToolCall(str(at), one["name"], one["arguments"]), "user" if one["requestor"] == "user" else "agent")
                for at, one in enumerate(made)
            ]

        mine[name] = {variant: audit.judged(task, played(made), said) for variant, (made, said) in variants.items()}
        session, _ = audit.replay(task)
        kits = session.state.kits
        sessions[name] = {side: (kit.get_db_hash() if root else kit.db.get_hash()) for side, kit in kits.items()}
    question = {"domain": domain, "root": str(root) if root else None, "tasks": asked, "records": {name: records[name] for name in asked}}
    if root:
        question["database"] = data.object("db.json", "db.json.gz", "db.toml")
    theirs = audit.ask("run_tau2.py", question, site)
    for task in audit.tasks:
        name = task.lineage["id"]
        for variant, verdict in theirs[name].items():
            audit.compare(task, variant, mine[name][variant], verdict["valid"])
        same = sessions[name] == {side: mark for side, mark in theirs[name]["gold"]["hash"].items() if mark is not None}
        audit.replayed += same
        if not same:
            audit.differ.append(f"{task.id}: the databases' hashes differ from upstream's")
    return audit


def run(arguments, site):
    sys.path.insert(0, str(site))
    clones = [f"{source} root=CLONE" for source in TAU2] if arguments.tau2_root else []
    worlds = {}
    for name in [*BFCL, *DOJO, *TAU2, *clones]:
        source, _, cloned = name.partition(" ")
        if arguments.only and name not in arguments.only:
            continue
        if name in BFCL:
            worlds[name] = bfcl(source, site)
        elif name in DOJO:
            worlds |= agentdojo(source, site)
        else:
            audit = tau2(source, site, arguments.tau2_root if cloned else None)
            worlds[audit.name] = audit.result()
    return worlds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--site", type=Path, help="a folder that has the packages already")
    parser.add_argument("--tau2-root", type=Path, help="a clone of sierra-research/tau2-bench: compare with the official evaluator too")
    parser.add_argument("--only", nargs="*", help='these sources alone (also "tau2:retail root=CLONE"); the file\'s other figures are kept')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artificer-parity-") as place:
        site = arguments.site or Path(place)
        if arguments.site is None:
            install(site, PACKAGES, LIBRARIES)
        worlds = run(arguments, site)
        versions = {found.metadata["Name"]: found.version for found in distributions(path=[str(site)])}
    told = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {
            name: version
            for name, version in sorted(versions.items())
            if name.replace("_", "-") in ("bfcl-eval", "agentdojo", "inspect-evals", "pydantic")
        },
        "worlds": worlds,
    }
    if arguments.json:
        kept = json.loads(arguments.json.read_text("utf-8"))["worlds"] if arguments.only and arguments.json.exists() else {}
        arguments.json.write_text(json.dumps(told | {"worlds": kept | worlds}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    wrong = [name for name, found in worlds.items() if found["differences"] or found["reads_that_write"]]
    print(
        f"{len(worlds)} worlds, {sum(found['tasks'] for found in worlds.values())} tasks"
        + (f"; differences in {', '.join(wrong)}" if wrong else ", no differences")
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
