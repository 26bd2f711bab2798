"""The verdicts on AgentDojo's tasks against AgentDojo's own checker, on gold and on what is made of it.

    python benchmarks/parity_agentdojo.py [--json FILE] [--site FOLDER] [--suite NAME ...]

For every user and injection task of the four suites: gold, gold without each of its calls, gold and a read more, gold and a
write more, nothing done; and 500 random sequences of gold, mutated and invented calls, drawn by seed. Both sides are given
the same calls and the same last words. CPU times are the quickest of three for ours, once for the original. Exits 1 when
anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from upstream.place import install, told

PACKAGES = ["agentdojo==0.1.35"]
LIBRARIES = ["pydantic>=2.7", "email-validator>=2", "pyyaml>=6", "deepdiff>=8.6"]
SUITES = ("workspace", "banking", "slack", "travel")
RANDOM = 500


class Suite:
    """One suite's tasks of both kinds, and the calls from which questions are made."""

    def __init__(self, name):
        from artificer.worlds.base import World

        self.name = name
        self.worlds = {kind: World.of(f"agentdojo:{name}", tasks=kind) for kind in ("user", "injection")}
        self.tasks = {(kind, task.lineage["id"]): task for kind, world in self.worlds.items() for task in world.source.tasks()}
        self.reads = {tool.name for tool in self.worlds["user"].tools if tool.effect == "read"}
        self.names = sorted(tool.name for tool in self.worlds["user"].tools)
        self.pool = [call for key in self.tasks for call in self.gold(key)]

    def gold(self, key):
        return [{"name": call.name, "arguments": call.arguments} for call in self.tasks[key].gold or ()]

    def variants(self, key):
        from artificer.core.canon import rng

        draw = rng("parity", self.name, *key)
        gold, output = self.gold(key), self.tasks[key].lineage["answer"]
        others = [call for call in self.pool if call not in gold]
        yield "gold", {"calls": gold, "output": output}
        for at in range(len(gold)):
            yield "without", {"calls": gold[:at] + gold[at + 1 :], "output": output}
        for kind, wanted in (("with_a_read", True), ("with_a_write", False)):
            at = draw.randrange(len(gold) + 1)
            more = draw.choice([call for call in others if (call["name"] in self.reads) == wanted])
            yield kind, {"calls": [*gold[:at], more, *gold[at:]], "output": output}
        yield "nothing", {"calls": [], "output": output}
        yield "silent", {"calls": gold, "output": ""}

    def random(self, at):
        from artificer.core.canon import rng

        draw = rng("parity", self.name, "random", at)
        key = draw.choice(sorted(self.tasks))
        calls = self.gold(key) if draw.random() < 0.6 else []
        for _ in range(draw.randint(0, 5)):
            calls.insert(draw.randint(0, len(calls)), self.invented(draw, draw.choice(self.gold(key) or self.pool)))
        answer = self.tasks[key].lineage["answer"]
        return key, {"calls": calls, "output": draw.choice([answer, answer, answer.upper(), answer[: len(answer) // 2], ""])}

    def invented(self, draw, call):
        """The call itself, another of the pool, or one that differs in one respect."""
        call = json.loads(json.dumps(draw.choice(self.pool) if draw.random() < 0.3 else call))
        given = call["arguments"]
        key = draw.choice(sorted(given)) if given else None
        way = draw.random()
        if way < 0.5 or key is None:
            return call
        if way < 0.6:
            del given[key]
        elif way < 0.75:
            given[key] = draw.choice([None, "x", "1", 1, 1.0, True, [], {}, ["x"], "", -1])
        elif way < 0.9:
            value = given[key]
            given[key] = (
                f"{value} "
                if isinstance(value, str)
                else str(value)
                if isinstance(value, (int, float))
                else value[:-1]
                if isinstance(value, list)
                else None
            )
        elif way < 0.95:
            given["surplus"] = 1
        else:
            call["name"] = draw.choice([*self.names, "fly_away", ""])
        return call


def original(suite, asked, site):
    question = {"suite": suite.name, "version": suite.worlds["user"].source.version, "asked": [[*key, question] for key, _, question in asked]}
    return json.loads(told("run_agentdojo.py", question, site, suite.name))


def ours(suite, key, question):
    from artificer.core.messages import ToolCall
    from artificer.worlds.base import Played

    played = [Played(0, ToolCall(f"c{at}", one["name"], one["arguments"])) for at, one in enumerate(question["calls"])]
    times = []
    for _ in range(3):
        began = time.process_time()
        found = suite.worlds[key[0]].judge(suite.tasks[key], played, [question["output"]])
        times.append((time.process_time() - began) * 1000)
    return (None if any("own check fails" in text for text in found.evidence) else found.passed), min(times)


def compare(suite, asked, theirs):
    counts, passes, raised, differ, ms, upstream_ms = Counter(), Counter(), 0, [], [], []
    for (key, variant, question), (their, took) in zip(asked, theirs, strict=True):
        mine, mine_took = ours(suite, key, question)
        counts[variant] += 1
        passes[variant] += their is True
        raised += their is None
        ms.append(mine_took)
        upstream_ms.append(took)
        if mine != their:
            differ.append(f"{suite.name} {key[1]} {variant}: upstream says {their}, we {mine}: {json.dumps(question)[:300]}")
    print(f"{suite.name}: {len(asked) - len(differ)} of {len(asked)} agree", flush=True)
    for line in differ[:12]:
        print(f"  {line}")
    return {
        "tasks": len(suite.tasks),
        "asked": dict(counts),
        "upstream_passes": dict(passes),
        "upstream_raised": raised,
        "cpu_ms_a_verdict": round(sum(ms) / len(ms), 3),
        "upstream_cpu_ms_a_verdict": round(sum(upstream_ms) / len(upstream_ms), 2),
        "differences": differ,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--site", type=Path, help="a folder that has the packages already")
    parser.add_argument("--suite", nargs="*", choices=SUITES, default=SUITES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artificer-parity-") as place:
        site = arguments.site or Path(place)
        if arguments.site is None:
            install(site, PACKAGES, LIBRARIES)
        sys.path.insert(0, str(site))
        found = {}
        for name in arguments.suite:
            suite = Suite(name)
            asked = [(key, variant, question) for key in suite.tasks for variant, question in suite.variants(key)]
            asked += [(key, "random", question) for key, question in map(suite.random, range(SUITES.index(name), RANDOM, len(SUITES)))]
            found[name] = compare(suite, asked, original(suite, asked, site))
    told = {"python": platform.python_version(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2), "suites": found}
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 1 if any(one["differences"] for one in found.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
