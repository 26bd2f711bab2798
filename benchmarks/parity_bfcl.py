"""Our verdicts against bfcl-eval's own: every single-turn case and every multi-turn entry, right and wrong.

    python benchmarks/parity_bfcl.py [--json FILE] [--site FOLDER] [--fixture FILE] [--only ast|turns]

Installs bfcl-eval (and the few libraries its checkers need) into a temporary folder, or uses `--site`. Each single-turn
case is answered with its reference, and with twenty and more answers made from it by a seed (`benchmarks/bfcl/answers.py`);
each multi-turn entry with its gold and variants of it. Upstream's checker, in a process of its own, and ours must agree
on right or wrong and on the name of the error. `--fixture` writes a few hundred cases with upstream's verdicts, for the
tests. Exits 1 when anything differs that docs/fidelity.md does not describe.
"""

import argparse
import asyncio
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from upstream.place import install, told

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "bfcl"))
import answers as making  # noqa: E402

VERSION = "2026.3.23"
LIBRARIES = ["mpmath>=1.3", "filelock", "tenacity", "python-dotenv", "tqdm"]
PYTHON = ["simple_python", "multiple", "parallel", "parallel_multiple"]
LIVE = ["live_simple", "live_multiple", "live_parallel", "live_parallel_multiple"]
AST = [*PYTHON, "simple_java", "simple_javascript", *LIVE, "irrelevance", "live_irrelevance", "live_relevance"]
SEED = 5


def upstream(script, asked, site):
    return json.loads(told(script, asked, site))


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def cases(site, category):
    """(id, functions, reference) of a category's cases."""
    data = site / "bfcl_eval" / "data"
    path = data / "possible_answer" / f"BFCL_v4_{category}.json"
    entries = lines(data / f"BFCL_v4_{category}.json")
    gold = [row["ground_truth"] for row in lines(path)] if path.exists() else [[] for _ in entries]
    return [(entry["id"], entry["function"], right) for entry, right in zip(entries, gold, strict=True)]


def language_of(category):
    return "javascript" if "javascript" in category else "java" if "java" in category else "python"


def asked_of(category, found):
    """The answers of each case."""
    made = []
    for name, functions, gold in found:
        if gold:
            made.append(making.answers(name, functions, gold, language_of(category), SEED))
            made[-1] += [("shape", {"calls": wrong}) for wrong in (made[-1][0][1]["calls"][0], ["f"], [{"f": 1}], [{}], [{"f": {}, "g": {}}])]
        else:
            calls = [{function["name"]: {}} for function in functions[:2]]
            texts = [*making.TEXTS, "[{}]", "[{}, {}]"]
            plain = making.text_of(calls)[1:-1] or "f()"
            given = [("called", {"calls": calls}), ("none", {"calls": []}), ("empty", {"calls": [{}]})]
            made.append([*given, *(("text", {"text": text.replace("{}", plain)}) for text in texts)])
    return made


def mine(case, answer):
    from artificer.checks.calls.bfcl import match_decoded, match_text

    found = match_text(case, answer["text"]) if "text" in answer else match_decoded(case, answer["calls"])
    return None if found.passed else found.faults[0].source


def known(theirs, ours):
    """Why a difference is one: see docs/fidelity.md."""
    if theirs is not None and theirs.startswith("raises:") and ours is not None:
        return "upstream raises"
    return None


def ask(sets, site):
    """What upstream says, and the answers it was asked about."""
    asked = {category: asked_of(category, found) for category, found in sets.items()}
    asked = json.loads(json.dumps(asked))  # as upstream gets it: no tuples
    timed = [category for category in AST if "relevance" not in category]
    question = {name: [[answer for _, answer in given] for given in made] for name, made in asked.items()}
    told = upstream("run_bfcl_ast.py", {"answers": question, "timed": timed}, site)
    return told, asked


def quickest(work):
    """Microseconds a check, the best of several rounds."""
    from artificer.checks.calls.bfcl import first_wrong

    best = float("inf")
    gc.disable()
    for _ in range(7):
        began = time.process_time()
        for one, calls in work:
            first_wrong(one, calls)
        best = min(best, time.process_time() - began)
    gc.enable()
    return best / len(work) * 1e6


def ast(site, fixture):
    from artificer.checks.calls.bfcl import case

    sets = {category: cases(site, category) for category in AST}
    told, asked = ask(sets, site)
    differ, described, kinds, figures, recorded = [], Counter(), Counter(), {}, []
    for category, found in sets.items():
        agree = count = 0
        refused = {}
        work = []
        for (name, functions, gold), given, verdicts in zip(found, asked[category], told["verdicts"][category], strict=True):
            plain = case(functions, gold, category)
            dotless = case(functions, gold, category, underscores=True)
            work.append((plain, given[0][1].get("calls")))
            kept = []
            if gold and verdicts[0] is not None:  # the reference itself is refused: what does `strict` say of it?
                refused[name] = [verdicts[0], mine(case(functions, gold, category, mode="strict"), given[0][1])]
            for (how, answer), theirs in zip(given, verdicts, strict=True):
                ours = mine(dotless if answer.get("underscores") else plain, answer)
                count += 1
                kinds[theirs or "right"] += 1
                reason = known(theirs, ours)
                if ours == theirs:
                    agree += 1
                    kept.append((how, answer, theirs))
                elif reason:
                    described[f"{reason}: {theirs} is {ours} here"] += 1
                else:
                    differ.append(f"{name} {how}: upstream says {theirs}, we {ours}: {json.dumps(answer)[:200]}")
            recorded.append((category, name, functions, gold, kept))
        figures[category] = {"cases": len(found), "answers": count, "agree": agree}
        if gold:
            figures[category]["reference_refused_then_strict"] = refused
        if category in told["us"]:
            figures[category] |= {"us_a_check": round(quickest(work), 2), "upstream_us_a_check": round(told["us"][category], 2)}
        print(f"{category}: {agree} of {count} verdicts agree {figures[category]}", flush=True)
    for line in differ[:20]:
        print(f"  {line}")
    if fixture:
        write_fixture(fixture, recorded)
    return {"categories": figures, "differences": differ, "described": dict(described), "verdicts": dict(sorted(kinds.items()))}


TURNS = [f"multi_turn_{name}" for name in ("base", "miss_func", "miss_param", "long_context")]


def turns(site):
    from artificer.core.messages import ToolCall
    from artificer.worlds.base import Played, World

    figures, differ, everything = {}, [], []
    for category in TURNS:
        world = World.of(f"bfcl:{category}")
        tasks = list(world.source.tasks())
        asked, given = {}, {}
        for task in tasks:
            made = making.turns(task, SEED)
            given[task.id] = made
            asked[task.id] = {how: [[making.text_of_call(call) for call in turn] for turn in said] for how, said in made.items()}
        told = upstream("run_bfcl.py", {"category": category, "answers": asked, "bare": True}, site)
        agree, count, kinds, work = 0, 0, Counter(), []
        for task in tasks:
            for how, said in given[task.id].items():
                theirs = told[task.id][how]["why"]
                played = [Played(at, ToolCall(str(index), name, values)) for at, turn in enumerate(said) for index, (name, values) in enumerate(turn)]
                work.append((task, played, how))
                found = world.judge(task, played, [])
                ours = None if found.passed else found.evidence[1]
                count, agree = count + 1, agree + (ours == theirs)
                kinds[theirs or "right"] += 1
                if ours != theirs:
                    differ.append(f"{task.id} {how}: upstream says {theirs}, we {ours} ({found.evidence})")
        mine, first = {}, {}
        fresh = World.of(f"bfcl:{category}")
        for task, played, how in work:
            fresh.source._kept.clear()  # nothing is kept of the task: what its first check costs
            began = time.process_time()
            fresh.judge(task, played, [])
            first.setdefault(how, []).append((time.process_time() - began) * 1e6)
        fresh = World.of(f"bfcl:{category}")
        for task, played, how in work:
            began = time.process_time()
            fresh.judge(task, played, [])
            mine.setdefault(how, []).append((time.process_time() - began) * 1e6)
        theirs = {how: [told[task.id][how]["us"] for task in tasks if how in told[task.id]] for how in mine}
        all_mine, all_first, all_theirs = (sum(map(sum, part.values())) / count for part in (mine, first, theirs))
        everything += [(world, task, played) for task, played, _ in work[:: max(1, len(work) // 280)]]
        figures[category] = {
            "entries": len(tasks),
            "answers": count,
            "agree": agree,
            "verdicts": dict(sorted(kinds.items())),
            "us_a_check": round(all_mine, 1),
            "upstream_us_a_check": round(all_theirs, 1),
            "times_faster": round(all_theirs / all_mine, 1),
            "us_a_check_of_a_new_task": round(all_first, 1),
            "times_faster_of_a_new_task": round(all_theirs / all_first, 1),
            "us_by_answer_ours_ours_of_a_new_task_upstream": {
                how: [round(sum(part[how]) / len(part[how]), 1) for part in (mine, first, theirs)] for how in sorted(mine)
            },
        }
        print(f"{category}: {agree} of {count} verdicts agree; {figures[category]}", flush=True)
    for line in differ[:20]:
        print(f"  {line[:400]}")
    return {"categories": figures, "concurrent": at_once(everything, differ), "differences": differ}


def at_once(work, differ):
    """The checks of all categories run one after another, in threads, and from an event loop, each on unprepared worlds."""
    from artificer.worlds.base import World

    def judged(worlds, one):
        world, task, played = one
        return worlds[world.name].judge(task, played, [])

    def fresh():
        return {f"bfcl:{category}": World.of(f"bfcl:{category}") for category in TURNS}

    async def gathered(worlds):
        return await asyncio.gather(*(asyncio.to_thread(judged, worlds, one) for one in work))

    worlds = fresh()
    one_by_one = [judged(worlds, one) for one in work]
    worlds = fresh()
    with ThreadPoolExecutor(32) as pool:
        threads = list(pool.map(lambda one: judged(worlds, one), work))
    tasks = asyncio.run(gathered(fresh()))
    found = {"checks": len(work), "threads_agree": threads == one_by_one, "asyncio_agrees": tasks == one_by_one}
    if not all(found.values()):
        differ.append(f"run at once, other verdicts: {found}")
    print(found)
    return found


def imports(site):
    """CPU seconds and peak memory of a process that imports a checker and nothing else; bare Python's besides."""
    measure = "; import time; print(time.process_time(), next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])"
    code = {
        "python": "pass",
        "ours": "import artificer.checks.calls.bfcl",
        "ours_turns": "import artificer.worlds.imported.bfcl",
        "upstream_less_its_models": "import run_bfcl_ast",
    }
    found = {}
    for name, text in code.items():
        path = os.pathsep.join([str(HERE / "upstream"), str(site), *sys.path[1:]])
        runs = [
            subprocess.run([sys.executable, "-c", text + measure], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
            for _ in range(5)
        ]
        seconds, memory = zip(*(map(float, done.stdout.split()) for done in runs), strict=True)
        found[name] = {"cpu_seconds": round(min(seconds), 3), "mb": round(min(memory) / 1024)}
    print(found)
    return found


def write_fixture(path, recorded):
    """A few cases of each category, and of each error: functions without their descriptions, answers, verdicts."""
    kept, seen, taken = [], Counter(), Counter()
    for category, name, functions, gold, verdicts in recorded:
        fresh = [row for row in verdicts if seen[category, row[2]] < 4]
        if not fresh or len(json.dumps(functions)) > 4000 or taken[category] >= 14:
            continue
        taken[category] += 1
        for row in fresh:
            seen[category, row[2]] += 1
        kept.append({
            "id": name,
            "category": category,
            "functions": [{"name": function["name"], "parameters": bare(function["parameters"])} for function in functions],
            "ground_truth": gold,
            "answers": [{"how": how, **answer, "error": theirs} for how, answer, theirs in fresh],
        })  # fmt: skip
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in kept) + "\n]\n", "utf-8")
    print(f"{path}: {len(kept)} cases, {sum(len(row['answers']) for row in kept)} answers, {path.stat().st_size} bytes")


def bare(schema):
    """A schema without its descriptions."""
    kept = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: bare(part) for name, part in value.items()}
        elif key == "items":
            kept[key] = bare(value)
        elif key in ("type", "required"):
            kept[key] = value
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--site", type=Path, help="a folder that has bfcl-eval already")
    parser.add_argument("--fixture", type=Path, help="also write some cases with upstream's verdicts here")
    parser.add_argument("--only", choices=["ast", "turns"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artificer-parity-") as place:
        site = arguments.site or Path(place)
        if arguments.site is None:
            install(site, [f"bfcl-eval=={VERSION}"], LIBRARIES)
        sys.path.append(str(site))
        result = {"bfcl_eval": VERSION, "python": platform.python_version(), "seed": SEED}
        if arguments.only != "turns":
            result["ast"] = ast(site, arguments.fixture)
        result["imports"] = imports(site)
        if arguments.only != "ast":
            result["turns"] = turns(site)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if any(part.get("differences") for part in result.values() if isinstance(part, dict)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
