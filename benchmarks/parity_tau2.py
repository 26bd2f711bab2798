"""The verdicts on tau2's tasks against tau2's own evaluator, part by part.

    python benchmarks/parity_tau2.py [--json FILE] [--site FOLDER] [--tau2-root CLONE] [--domain NAME ...] [--record FOLDER]

For every task of airline, retail and telecom: gold, gold without each of its calls, gold and a read more, gold and a write
more; and 1,000 random sequences of calls over the three, drawn by seed from gold, mutated and invented calls, with
things said, ends, and what a judging model says drawn too. The mode is `code`. Each part and the reward must be equal, or
the difference is one that `docs/fidelity.md` proves. Where the mode `strict` says otherwise is counted beside it.

With `--tau2-root` (a clone of sierra-research/tau2-bench) the original is its `evaluate_simulation`; without, the
toolkits of inspect-evals' port, which decide DB and ENV_ASSERTION alone. What a clone lacks of data is taken from the
port. CPU times are the quickest of three for ours; the evaluator's is its mean. Exits 1 when anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from upstream.place import install, told

PACKAGES = ["inspect-evals==0.26.0"]
LIBRARIES = ["pydantic>=2.7", "deepdiff>=8.6", "toml", "loguru", "addict", "python-dotenv", "pyyaml>=6", "docstring-parser"]
DOMAINS = ("airline", "retail", "telecom")
STOPS = {
    "user_stop": "user_done",
    "agent_stop": "agent_done",
    "max_steps": "max_turns",
    "too_many_errors": "too_many_errors",
    "agent_error": "agent_error",
    "user_error": "user_error",
}
RANDOM = 1000


# what is asked


class Domain:
    """One domain's tasks, and the calls from which questions are made."""

    def __init__(self, name, root):
        from artificer.worlds.base import World
        from artificer.worlds.imported.tau2_data import _bytes

        self.name = name
        self.world = World.of(f"tau2:{name}", **({"root": str(root)} if root else {}))
        data = self.world.source._data
        self.records = {row["id"]: row for row in json.loads(_bytes(data.file("tasks.json", "tasks.json.gz")))}
        self.database = data.object("db.json", "db.json.gz", "db.toml")
        self.tasks = {task.lineage["id"]: task for task in self.world.source.tasks()}
        self.reads = {tool.name for tools in (self.world.tools, self.world.user_tools) for tool in tools if tool.effect == "read"}
        self.pool = [call for name in self.tasks for call in self.gold(name)]
        self.names = sorted({tool.name for tools in (self.world.tools, self.world.user_tools) for tool in tools})

    def criteria(self, name):
        return self.records[name]["evaluation_criteria"]

    def gold(self, name):
        return [
            {"name": one["name"], "arguments": one["arguments"], "requestor": one.get("requestor", "assistant")}
            for one in self.criteria(name)["actions"] or []
        ]

    def question(self, name, calls, says=None, stop="user_stop", nl=None):
        infos, assertions = (self.criteria(name).get(key) or [] for key in ("communicate_info", "nl_assertions"))
        says = [f"It is {info}." for info in infos] if says is None else says
        return {"calls": calls, "says": says, "stop": stop, "nl": [True] * len(assertions) if nl is None else nl}

    def variants(self, name):
        """Gold, and what is made of it by one call."""
        from artificer.core.canon import rng

        draw = rng("parity", self.name, name)
        gold = self.gold(name)
        reads = [call for call in self.pool if call["name"] in self.reads]
        writes = [call for call in self.pool if call["name"] not in self.reads and call not in gold]
        yield "gold", self.question(name, gold)
        for at in range(len(gold)):
            yield f"without_{at}", self.question(name, gold[:at] + gold[at + 1 :])
        for kind, pool in (
            ("with_a_read", reads or [{"name": "get_user_details", "arguments": {"user_id": "x"}, "requestor": "assistant"}]),
            ("with_a_write", writes),
        ):
            at = draw.randrange(len(gold) + 1)
            yield kind, self.question(name, [*gold[:at], draw.choice(pool), *gold[at:]])

    def random(self, at):
        """A random sequence, by its number."""
        from artificer.core.canon import rng

        draw = rng("parity", self.name, "random", at)
        name = draw.choice(sorted(self.tasks))
        gold = self.gold(name)
        calls = list(gold) if draw.random() < 0.4 else []
        if calls and draw.random() < 0.5:
            draw.shuffle(calls)
        for _ in range(draw.randint(0, 5)):
            calls.insert(
                draw.randint(0, len(calls)), self.invented(draw, draw.choice(gold or self.pool) if draw.random() < 0.6 else draw.choice(self.pool))
            )
        infos, assertions = (self.criteria(name).get(key) or [] for key in ("communicate_info", "nl_assertions"))
        says = [
            draw.choice([f"It is {info}.", f"{info}0", info.upper(), f"{info[:1]},{info[1:]}", "", "Done, 1,234 in all."])
            for info in infos
            if draw.random() < 0.8
        ]
        stop = "user_stop" if draw.random() < 0.85 else draw.choice(sorted(STOPS))
        return name, self.question(name, calls, says, stop, [draw.random() < 0.8 for _ in assertions])

    def invented(self, draw, call):
        """The call itself, or one that differs in one respect."""
        call = json.loads(json.dumps(call))
        given = call["arguments"]
        key = draw.choice(sorted(given)) if given else None
        way = draw.random()
        if way < 0.4 or (key is None and way < 0.9):
            return call
        if way < 0.5:
            del given[key]
        elif way < 0.6:
            given[key] = draw.choice([None, "x", 1, 1.0, True, [], {}, ["x"], "", -1])
        elif way < 0.7:
            value = given[key]
            given[key] = (
                float(value) if isinstance(value, int) else f"{value}x" if isinstance(value, str) else value[:-1] if isinstance(value, list) else None
            )
        elif way < 0.75:
            given["surplus"] = 1
        elif way < 0.8:
            given.clear()
        elif way < 0.85:
            call["name"] = draw.choice(self.names)
        elif way < 0.9:
            call["requestor"] = "user" if call["requestor"] == "assistant" else "assistant"
        else:
            call["name"] = draw.choice(["fly_away", "", "get_db_hash", "__init__", "cancel"])
        return call


def asked_of(domain, randoms):
    asked = [[name, variant, question] for name in domain.tasks for variant, question in domain.variants(name)]
    return asked + [[name, f"random_{at}", question] for at, (name, question) in ((at, domain.random(at)) for at in randoms)]


# what both say


def original(domain, asked, site, root):
    question = {
        "domain": domain.name,
        "root": str(root) if root else None,
        "database": domain.database,
        "records": {name: domain.records[name] for name in domain.tasks},
        "writes": [name for name in domain.names if name not in domain.reads],
        "asked": asked,
    }
    return [json.loads(line) for line in told("run_tau2_reward.py", question, site, domain.name).splitlines()]


class Told:
    """A judge that says what it is told to."""

    def __init__(self, answers):
        self.answers = list(answers)

    async def __call__(self, question):
        from artificer.checks.judges.base import Judgement

        return Judgement("met" if self.answers.pop(0) else "not_met")


def played_of(calls):
    from artificer.core.messages import ToolCall
    from artificer.worlds.base import Played

    return [
        Played(0, ToolCall(f"c{at}", one["name"], one["arguments"]), "user" if one["requestor"] == "user" else "agent")
        for at, one in enumerate(calls)
    ]


def ours(domain, name, question):
    """What our check says of the same: the parts, and the reward."""
    from artificer.checks.tau2 import FINISHED, in_mode, judged, nl_assertions, unfinished
    from artificer.core.verdicts import StopReason
    from artificer.worlds.imported.tau2_reward import with_part

    task = in_mode(domain.tasks[name], "code")
    stop = StopReason(STOPS[question["stop"]])
    if stop not in FINISHED:
        return unfinished(stop, "code")
    found = domain.world.judge(task, played_of(question["calls"]), question["says"])
    assertions = nl_assertions(task)
    return with_part(found, asyncio.run(judged(Told(question["nl"]), assertions, ""))) if assertions else found


def parts_of(found):
    return {key.removeprefix("aside."): value for key, value in found.numbers.items() if key not in ("undecided", "decided")}


def differences(theirs, mine):
    """The names of what differs: a part, or the reward; a part that one of both did not look at cannot."""
    if theirs["raised"] is not None:
        return [] if mine.score == 0 and any("evaluator fails here" in text for text in mine.evidence) else [f"raised: {theirs['raised']}"]
    numbers = parts_of(mine)
    found = [
        f"{part}: {value} there, {numbers[part]} here"
        for part, value in theirs["parts"].items()
        if value is not None and numbers.get(part, value) != value
    ]
    return found + ([f"reward: {theirs['reward']} there, {mine.score} here"] if theirs["reward"] not in (None, mine.score) else [])


def quickest(work):
    times = []
    for _ in range(3):
        began = time.process_time()
        found = work()
        times.append((time.process_time() - began) * 1000)
    return found, min(times)


def stricter(domain, name, question, mine):
    """The parts on which `strict` says otherwise than `code`: what the quirks of the code decide."""
    from artificer.checks.tau2 import in_mode

    found = domain.world.judge(in_mode(domain.tasks[name], "strict"), played_of(question["calls"]), question["says"])
    numbers, code = parts_of(found), parts_of(mine)
    return [f"{part}: {'passes' if value else 'fails'} in strict alone" for part, value in numbers.items() if code.get(part, value) != value]


def compare(domain, asked, theirs):
    kinds, agree, passes, parts, strict, gold = (Counter() for _ in range(6))
    differ, ms = [], []
    for (name, variant, question), their in zip(asked, theirs, strict=True):
        mine, took = quickest(lambda name=name, question=question: ours(domain, name, question))
        kind = variant.rstrip("0123456789").rstrip("_")
        wrong = differences(their, mine)
        kinds[kind] += 1
        agree[kind] += not wrong
        passes[kind] += their["reward"] == 1.0
        if their["parts"]:
            other = stricter(domain, name, question, mine)
            strict.update(other)
            gold.update(other if kind == "gold" else ())
        for part, value in their["parts"].items():
            parts[part, value] += value is not None
        differ += [f"{domain.name} {name} {variant}: {text}" for text in wrong]
        ms.append(took)
    took = [their["ms"] for their in theirs if their.get("ms")]
    print(f"{domain.name}: {sum(agree.values())} of {len(asked)} agree", flush=True)
    for line in differ[:20]:
        print(f"  {line}")
    return {
        "tasks": len(domain.tasks),
        "asked": dict(kinds),
        "agree": dict(agree),
        "upstream_passes": dict(passes),
        "parts": {part: {"0": parts[part, 0.0], "1": parts[part, 1.0]} for part in ("DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE", "NL_ASSERTION")},
        "upstream_raised": sum(their["raised"] is not None for their in theirs),
        "strict_differs": dict(sorted(strict.items())),
        "strict_differs_on_gold": dict(sorted(gold.items())),
        "cpu_ms_a_verdict": round(sum(ms) / len(ms), 3),
        "upstream_cpu_ms_a_verdict": round(sum(took) / max(1, len(took)), 2),
        "times_faster": round(sum(took) / max(1, len(took)) / (sum(ms) / len(ms)), 1),
        "differences": differ,
    }


def recorded_of(domain, asked, theirs):
    """A question of each outcome, with what the original says: small enough to stand in a test."""
    kept, seen = [], Counter()
    for (name, variant, question), their in zip(asked, theirs, strict=True):
        criteria = domain.criteria(name)
        sort = (tuple(their["parts"].items()), their["reward"])
        size = len(json.dumps([question, criteria["actions"]]))
        if their["raised"] is not None or not their["parts"] or seen[sort] or size > 2500:
            continue
        seen[sort] += 1
        made = {"domain": domain.name, "task": name, "variant": variant, "basis": criteria.get("reward_basis") or ["DB", "COMMUNICATE"], **question}
        made |= {key: criteria.get(key) or [] for key in ("communicate_info", "nl_assertions")}
        made["actions"] = [{key: value for key, value in one.items() if key != "info"} for one in criteria["actions"] or []]
        kept.append(made | {"parts": {part: their["parts"][part] for part in their["parts"]}, "reward": their["reward"]})
    return kept[:40]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--site", type=Path, help="a folder that has the packages already")
    parser.add_argument("--tau2-root", type=Path, help="a clone of sierra-research/tau2-bench: compare with the official evaluator")
    parser.add_argument("--domain", nargs="*", choices=DOMAINS, default=DOMAINS)
    parser.add_argument("--record", type=Path, help="also write some of the original's verdicts here, for tests")
    parser.add_argument("--random", type=int, default=RANDOM, help="random sequences over the three domains")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artificer-parity-") as place:
        site = arguments.site or Path(place)
        if arguments.site is None:
            install(site, PACKAGES, LIBRARIES)
        sys.path.insert(0, str(site))
        found, recorded = {}, []
        for name in arguments.domain:
            domain = Domain(name, arguments.tau2_root)
            asked = asked_of(domain, range(DOMAINS.index(name), arguments.random, len(DOMAINS)))
            theirs = original(domain, asked, site, arguments.tau2_root)
            found[name] = compare(domain, asked, theirs)
            recorded += recorded_of(domain, asked, theirs)
    told = {
        "original": "evaluate_simulation of a clone of sierra-research/tau2-bench"
        if arguments.tau2_root
        else "the toolkits of inspect-evals' port: DB and ENV_ASSERTION",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "domains": found,
    }
    print(f"original: {told['original']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if arguments.record and arguments.tau2_root:
        about = "Verdicts of tau2-bench's own evaluator; see tau2_verdicts.LICENSE. Made by benchmarks/parity_tau2.py --record."
        arguments.record.write_text(json.dumps({"about": about, "cases": recorded}, ensure_ascii=False) + "\n", "utf-8")
    return 1 if any(one["differences"] for one in found.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
