"""Our verdicts against CCTU's own checker, message by message, on its published constraints.

    git clone https://github.com/Junjie-Ye/CCTU; python benchmarks/parity_cctu.py --source CCTU [--each 200] [--json]

For every task whose constraints are (in part) JSON records, random transcripts are played through its
`DialogueConstraintChecker` and through ours (mode `code`, every message without calls an answer): which calls are
refused for which reason, and what is wrong with each answer, must be the same. The tools of a task are made up around
the names in its constraints, with arguments of every type, since the data set itself is kept elsewhere. Python
validators, one a task there, are no rules of ours and left out. Where a task counts calls of single tools, its checker
ends with a KeyError on a tool that does not exist; no transcript of such a task calls one. (The order that the code
holds for task 96 is never reached there: the record lists none, and the handler returns before.) Then the time for a message is taken for both.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections import Counter
from pathlib import Path
from time import process_time
from typing import Any

from artificer.checks.constraints.cctu import cctu_rule
from artificer.checks.constraints.rules import Available, Parameters, Rule, Values
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.steps import State, by_name, called, ended, spoke
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec

ROOT = Path(__file__).parents[1]
NAMES = {
    "MIN ROUND": "min rounds",
    "MIN CALL TIMES": "min calls",
    "MAX CALL TIMES": "max calls",
    "MIN PARALLEL CALLS": "min parallel calls",
    "MAX PARALLEL CALLS": "max parallel calls",
    "MAX CALLS PER TOOL": "max calls of a tool",
    "TOOL ORDER": "order",
    "TOOL PARALLEL": "parallel group",
    "MIN LENGTH": "min length",
    "MAX LENGTH": "max length",
}
LABELS = {
    "min_round": ("resource", "interaction rounds", "interact", "round"),
    "min_callTimes": ("resource", "tool call count", "", ""),
    "min_parallelCallTypes": ("behavior", "parallel calls count", "", ""),
    "max_calls_per_tool": ("resource", "specific tool call count", "", ""),
    "order_constraints": ("behavior", "sequential dependencies", "", ""),
    "parallel_groups": ("behavior", "parallel dependencies", "", ""),
    "min_responseLength": ("response", "length", "", ""),
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "enum": ["a", "b"]},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "flag": {"type": "boolean"},
        "place": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": ["integer", "null"]}}, "required": ["x"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name"],
}
_ERROR = re.compile(r"INSTRUCTION FOLLOWING ERROR: ([A-Z ]+?) NOT FOLLOWED!")


def tasks_of(source: Path) -> list[tuple[int, list[tuple[int, dict[str, Any]]]]]:
    """For every task its JSON records, with their indices."""
    found = []
    for folder in sorted((source / "data" / "check_code").iterdir(), key=lambda path: int(path.name)):
        records = [(int(path.stem.rsplit("_", 1)[1]), json.loads(path.read_text("utf-8"))) for path in folder.glob("check_constraint_*.json")]
        found.append((int(folder.name), sorted(records, key=lambda pair: pair[0])))
    return found


def names_in(records: list[tuple[int, dict[str, Any]]]) -> list[str]:
    names: dict[str, None] = {}
    for _, record in records:
        for key in ("order_constraints", "parallel_groups"):
            names |= dict.fromkeys(name for part in record.get(key, ()) for name in part)
        names |= dict.fromkeys(record.get("max_calls_per_tool", ()))
    return [*names, "look_up", "add_up"]


def arguments(luck: random.Random) -> dict[str, Any]:
    right: dict[str, Any] = {"name": "a", "count": 3, "share": 0.5, "flag": True, "place": {"x": 1}, "tags": ["t"]}
    chosen = {key: value for key, value in right.items() if key == "name" or luck.random() < 0.3}
    if luck.random() < 0.15:
        wrong: list[tuple[str, Any]] = [("name", "c"), ("name", 3), ("count", True), ("count", 1.5), ("share", "x"), ("flag", 1)]
        wrong += [
            ("place", {"y": 1}),
            ("place", {"x": 1, "z": 2}),
            ("place", {"x": True}),
            ("place", {"x": 1, "y": None}),
            ("tags", ["t", 3]),
            ("more", 1),
        ]
        key, value = luck.choice(wrong)
        chosen[key] = value
    if luck.random() < 0.03:
        chosen.pop("name", None)
    return chosen


def transcript(luck: random.Random, names: list[str], strangers: bool) -> list[tuple[str, list[ToolCall]]]:
    """Messages: words, or calls; groups and orders are hit often enough for every reason to come up."""
    said: list[tuple[str, list[ToolCall]]] = []
    for step in range(luck.randint(1, 14)):
        if luck.random() < 0.25:
            said.append((luck.choice(["done.", "word " * luck.randint(0, 300), "x" * luck.randint(0, 900), " <think>a b</think> yes "]), []))
            continue
        picked = [luck.choice(names) for _ in range(luck.choice([1, 1, 1, 2, 2, 3, 5]))]
        picked = picked * 2 if luck.random() < 0.15 else picked
        if luck.random() < 0.3:
            at = luck.randrange(len(names))
            picked = names[at : at + luck.randint(1, 3)]
        if strangers and luck.random() < 0.03:
            picked.append("nothing_such")
        said.append(("", [ToolCall(f"c{step}.{at}", name, arguments(luck)) for at, name in enumerate(picked)]))
    return said


Found = list[tuple[int | None, str]]


def theirs(checker: Any, said: list[tuple[str, list[ToolCall]]]) -> list[Found]:
    out: list[Found] = []
    for words, calls in said:
        made = [{"id": call.id, "function": {"name": call.name, "arguments": json.dumps(call.arguments)}} for call in calls]
        told = checker.get_feedback_if(is_final=not calls, content=words, tool_calls=made)
        told = checker.get_feedback_tool_arguments(told, made) if calls else told
        place = {call.id: at for at, call in enumerate(calls)}
        found: Found = []
        for message in told:
            at = place.get(message.get("tool_call_id", ""))
            found += [(at, "arguments" if name == "TOOL ARGUMENTS" else NAMES[name]) for name in _ERROR.findall(message["content"])]
        out.append(sorted(set(found), key=str))
    return out


def ours(rules: Rules, tools: Any, said: list[tuple[str, list[ToolCall]]]) -> list[Found]:
    state = State()
    out: list[Found] = []
    for words, calls in said:
        if calls:
            state, wrong = called(state, rules, tools, calls)
        else:
            state = spoke(state)
            wrong = ended(state, rules, words)
        found = {
            (one.call, "arguments" if one.name in ("available", "parameters", "values") else one.name) for one in wrong if one.name != "max rounds"
        }
        out.append(sorted(found, key=str))
    return out


def rules_of(records: list[tuple[int, dict[str, Any]]]) -> Rules:
    rules: list[Rule] = [rule for _, record in records if (rule := cctu_rule(record)) is not None]
    return Rules((*rules, Available(), Parameters(), Values()))


def compare(source: Path, each: int) -> dict[str, Any]:
    sys.path.insert(0, str(source))
    from utils.constraint_checker import DialogueConstraintChecker  # type: ignore[import-not-found]

    seen: Counter[str] = Counter()
    transcripts = messages = differ = 0
    spent = {"theirs": 0.0, "ours": 0.0}
    samples: list[Any] = []
    for number, records in tasks_of(source):
        names = names_in(records)
        specs = [ToolSpec(name, name, SCHEMA) for name in names]
        tools = by_name(specs)
        rules = rules_of(records)
        raw = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in names]
        strangers = not any("max_calls_per_tool" in record for _, record in records)
        listed: list[list[str]] = []
        for index, record in records:
            label = next(LABELS[key] for key in LABELS if key in record)
            listed += [["none", "none", ""]] * (index - len(listed)) + [[label[0], label[1], ""]]
        sample = {"id": f"{number}_0", "tools": json.dumps(raw), "constraints_list": listed}
        for trial in range(each):
            said = transcript(random.Random(f"{number}/{trial}"), names, strangers)
            checker = quietly(DialogueConstraintChecker, sample, str(source / "data"))
            said = said[: checker.max_round]  # where its loop ends
            began = process_time()
            right = theirs(checker, said)
            middle = process_time()
            mine = ours(rules, tools, said)
            spent["theirs"] += middle - began
            spent["ours"] += process_time() - middle
            transcripts += 1
            messages += len(said)
            seen.update(name for found in right for _, name in found)
            if right != mine:
                differ += 1
                samples += (
                    [(number, trial, at, a, b) for at, (a, b) in enumerate(zip(right, mine, strict=True)) if a != b][:1] if len(samples) < 5 else []
                )
    return {
        "tasks": len(tasks_of(source)),
        "transcripts": transcripts,
        "messages": messages,
        "differ": differ,
        "errors_compared": dict(sorted(seen.items())),
        "us_per_message_theirs": round(1e6 * spent["theirs"] / messages, 1),
        "us_per_message_ours": round(1e6 * spent["ours"] / messages, 1),
        "differences": samples,
    }


def quietly(kind: Any, sample: dict[str, Any], folder: str) -> Any:
    """A checker, without what it prints about constraints that it is not to read."""
    out = sys.stdout
    with open(os.devnull, "w") as sys.stdout:
        try:
            return kind(sample=sample, max_turns=20, validators_dir=folder)
        finally:
            sys.stdout = out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, required=True, help="a checkout of CCTU")
    parser.add_argument("--each", type=int, default=50, help="transcripts of each task")
    parser.add_argument("--json", action="store_true", help="write benchmarks/results/parity_cctu.json")
    given = parser.parse_args()
    found = compare(given.source, given.each)
    print(json.dumps(found, indent=1))
    if given.json:
        (ROOT / "benchmarks" / "results" / "parity_cctu.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    raise SystemExit(1 if found["differ"] else 0)


if __name__ == "__main__":
    main()
