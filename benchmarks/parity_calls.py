"""Our presets `acebench`, `mnms` and `mcptoolbench`, in `code` mode, against the code they follow.

    python benchmarks/parity_calls.py [--acebench FOLDER] [--mnms FOLDER] [--mcptoolbench FOLDER] [-n 3000] [--json] [--record FILE]

FOLDERs hold the repositories ACEBench/ACEBench, RAIVNLab/mnms and mcp-tool-bench/MCPToolBenchPP. m&m's needs
scikit-learn and Levenshtein; what else they import (models, images, spreadsheets) is not used here and stood in for. Cases:
ACEBench's own answers, right and spoiled at random places, refusals and milestones; random plans; random chains of calls
and random responses of servers.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib
import io
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest.mock import MagicMock

from artificer.checks.calls import acebench, acebench_special, mcptoolbench, mnms
from artificer.checks.calls.base import Expected
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec

HERE = Path(__file__).parent
RECORDED: dict[str, list] = {"acebench": [], "mnms": [], "mcptoolbench": []}
STOOD_IN = [
    "torch",
    "open_clip",
    "PIL",
    "nltk",
    "nltk.translate",
    "nltk.translate.bleu_score",
    "skimage",
    "skimage.metrics",
    "pycocotools",
    "pycocotools.coco",
    "pycocotools.cocoeval",
    "datasets",
    "tqdm",
    "pandas",
    "numpy",
    "openpyxl",
    "openpyxl.styles",
    "bs4",
    "pydantic_settings",
    "src.mcp_tool_bench.model_utils.model_provider",
    "src.mcp_tool_bench.model_utils.base_api",
    "src.mcp_tool_bench.global_variables",
]


def stand_in() -> None:
    for name in STOOD_IN:
        try:
            if name.startswith("src."):
                raise ImportError
            importlib.import_module(name)
        except ImportError:
            module = MagicMock()
            module.__all__ = []
            sys.modules[name] = module
    for constant in ("MODEL_SELECTION_GPT4O", "KEY_COMPLETION", "KEY_BASE_COMPARE_FUNC"):
        setattr(sys.modules["src.mcp_tool_bench.global_variables"], constant, constant)
    sys.modules["src.mcp_tool_bench.global_variables"].__all__ = ["KEY_BASE_COMPARE_FUNC", "KEY_COMPLETION", "MODEL_SELECTION_GPT4O", "json"]
    sys.modules["src.mcp_tool_bench.global_variables"].json = json


def leaf(chance: random.Random, value: object) -> object:
    """Another value, often near."""
    if isinstance(value, bool):
        return chance.choice([not value, "true", "false", int(value), "maybe"])
    if isinstance(value, int | float):
        return chance.choice([value + 1, str(value), float(value), -value, value * 10, True])
    if isinstance(value, str):
        return chance.choice([value + " now", value.upper(), value[:-1], value.replace(" ", "_"), "", "wrong", 5, [value], "true", "the " + value])
    if isinstance(value, list):
        return chance.choice([value[::-1], value[:-1], [*value, "x"], [], "x", [str(item) for item in value], {"a": 1}])
    return chance.choice([{}, "x", [], {**value, "extra": 1}, dict(list(value.items())[1:])]) if isinstance(value, dict) else "x"


def spoiled(chance: random.Random, value: object) -> object:
    if isinstance(value, dict) and value and chance.random() < 0.7:
        key = chance.choice(list(value))
        return {**value, key: spoiled(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.6:
        at = chance.randrange(len(value))
        return [*value[:at], spoiled(chance, value[at]), *value[at + 1 :]]
    return leaf(chance, value)


def spoiled_calls(chance: random.Random, calls: list[tuple[str, dict]], names: list[str]) -> list[tuple[str, dict]]:
    calls = copy.deepcopy(calls)
    for _ in range(chance.choice([1, 1, 1, 2])):
        at = chance.randrange(len(calls))
        name, arguments = calls[at]
        what = chance.choice(["value", "value", "value", "value", "drop", "add", "rename", "none", "less", "more", "tool", "order"])
        if what == "value" and arguments:
            key = chance.choice(list(arguments))
            calls[at] = (name, {**arguments, key: spoiled(chance, arguments[key])})
        elif what == "drop" and arguments:
            gone = chance.choice(list(arguments))
            calls[at] = (name, {key: value for key, value in arguments.items() if key != gone})
        elif what in ("add", "rename"):
            calls[at] = (name, {**arguments, "surplus": 1})
        elif what == "none":
            calls[at] = (name, {})
        elif what == "less" and len(calls) > 1:
            del calls[at]
        elif what == "more":
            calls.append(chance.choice(calls))
        elif what == "tool":
            calls[at] = (chance.choice([*names, "nowhere"]), arguments)
        else:
            chance.shuffle(calls)
    return calls


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def of_acebench(folder: Path, wrong: int, chance: random.Random) -> dict[str, object]:
    sys.path.insert(0, str(folder))
    theirs = importlib.import_module("model_eval.checker")
    report, words, seen = Counter(), Counter(), []
    ours_s = theirs_s = 0.0
    for language in ("en", "zh"):
        data = folder / "data_all" / f"data_{language}"
        for path in sorted(data.glob("data_normal_*.json")):
            for row, answer in zip(rows(path), rows(data / "possible_answer" / path.name), strict=True):
                golds = answer["ground_truth"] if isinstance(answer["ground_truth"], list) else [answer["ground_truth"]]
                tools = [ToolSpec(tool["name"], "", tool["parameters"]) for tool in row["function"] if "parameters" in tool]
                for gold in golds:
                    known = {tool["name"] for tool in row["function"]}
                    right = [(name if name in known else re.sub(r"_\d+$", "", name), arguments) for name, arguments in gold.items()]
                    wanted = [Expected(name, {key: (value,) for key, value in arguments.items()}) for name, arguments in right]
                    keyed = [Expected(name, one.arguments) for name, one in zip(gold, wanted, strict=True)]
                    for case in [right, *[spoiled_calls(chance, right, [tool.name for tool in tools]) for _ in range(wrong)]]:
                        started = time.process_time()
                        try:
                            said = theirs.normal_checker(row["function"], [{n: copy.deepcopy(a)} for n, a in case], copy.deepcopy(gold), "", "normal")
                        except Exception as error:  # it may fail in any way
                            said = type(error).__name__
                        between = time.process_time()
                        found = acebench.match([ToolCall("", name, arguments) for name, arguments in case], keyed, tools)
                        theirs_s, ours_s = theirs_s + between - started, ours_s + time.process_time() - between
                        report["cases"] += 1
                        if isinstance(said, str):
                            report["theirs raised, ours passed" if found.passed else "theirs raised, ours failed"] += 1
                            continue
                        word = found.faults[0].source if found.faults else ""
                        words[said["error_type"] if not said["valid"] else "valid"] += 1
                        same = said["valid"] == found.passed and (said["valid"] or said["error_type"] == word)
                        report["same"] += same
                        if language == "en" and report["cases"] % 400 == 0:
                            used = {name for name, _ in [*right, *case]}
                            schemas = {tool.name: tool.parameters for tool in tools if tool.name in used}
                            RECORDED["acebench"].append(
                                {"tools": schemas, "gold": gold, "made": case, "valid": said["valid"], "word": said.get("error_type", "")}
                            )
                        if not same and len(seen) < 5:
                            seen.append([said, word, case, gold])
                        if case is right and not found.passed:
                            report["gold that fails in both"] += not said["valid"]
                        strict = acebench.match([ToolCall("", name, arguments) for name, arguments in case], wanted, tools, mode="strict")
                        report["passes there, fails in strict"] += said["valid"] and not strict.passed
                        report["fails there, passes in strict"] += not said["valid"] and strict.passed
    return {
        **report,
        "words": dict(words),
        "differences": seen,
        "ours_us": 1e6 * ours_s / report["cases"],
        "theirs_us": 1e6 * theirs_s / report["cases"],
    }


def of_acebench_talk(folder: Path, count: int, chance: random.Random) -> dict[str, object]:
    theirs = importlib.import_module("eval_main")
    kept: list[list[dict]] = []
    theirs.save_score_as_json = lambda _name, found, *_rest: kept.append(found)
    theirs.convert_result_to_excel = lambda *_rest: None
    theirs.OUTPUT_PATH, theirs.language = "", "en"
    report = Counter()
    for kind in ("incomplete", "error_param", "irrelevant"):
        answers = [row["ground_truth"] for row in rows(folder / "data_all" / "data_en" / "possible_answer" / f"data_special_{kind}.json")]
        for _ in range(count):
            wanted = chance.choice(answers)
            named = wanted if isinstance(wanted, dict) else {}
            parts = [part for name, values in named.items() for part in [name, *values] if chance.random() < 0.85]
            text = chance.choice([*acebench_special.PHRASES.values(), acebench_special.PHRASES[kind], "Sure"]) + " (" + ", ".join(parts) + ")"
            theirs.special_eval([{"result": text}], [{"id": "0"}], [{"ground_truth": wanted}], f"special_{kind}", "m", None)
            wrong = kept.pop()[1:]
            found = acebench_special.special(kind, text, named)
            report["special cases"] += 1
            report["special same"] += found.passed == (not wrong) and (found.passed or found.faults[0].source == wrong[0]["error_type"])
    with tempfile.TemporaryDirectory() as where, contextlib.chdir(where):
        Path("score_all/score_en/m").mkdir(parents=True)
        for _ in range(count):
            ways = [[chance.choice("abcd") for _ in range(chance.randint(1, 4))] for _ in range(chance.randint(1, 3))]
            calls = [chance.choice("abcdx") for _ in range(chance.randint(0, 6))]
            stones = chance.choice([ways, ways[0]])
            said = theirs.agent_eval_process("m", [{"process": calls}], [{"mile_stone": stones}], "agent", [], "en")
            report["process cases"] += 1
            report["process same"] += round(acebench_special.process_accuracy(calls, stones), 3) == said
    return dict(report)


TOOLS = ["image captioning", "text summarization", "question answering", "tag", "count", "get weather"]
VALUES = [
    "2327.jpg",
    'say "hi"',
    "it's",
    "<node-0>.text",
    "<node-1>.image",
    "of <node-0>.text here",
    "a {brace}",
    "a {brace} <node-0>.text",
    2001,
    3.5,
    True,
    None,
]
ODD = ["back\\slash", "ends\\", "two\nlines", "\\d+", "\\n", ["a", 'b"'], {"k": "v"}, "<node-x>.text", "<node-0>", "Ünïcode", "", "tab\t", "\\400"]


def plan(chance: random.Random) -> list[ToolCall]:
    pool = VALUES if chance.random() < 0.7 else [*VALUES, *ODD]
    return [
        ToolCall(
            str(at),
            chance.choice([*TOOLS, "nowhere"]),
            {name: chance.choice(pool) for name in chance.sample(["image", "text", "question"], chance.randint(0, 3))},
        )
        for at in range(chance.randint(0, 4))
    ]


def near(chance: random.Random, calls: list[ToolCall]) -> list[ToolCall]:
    changed = [call for call in calls if chance.random() < 0.85]
    if chance.random() < 0.2:
        chance.shuffle(changed)
    other = plan(chance)
    return [chance.choice(other) if other and chance.random() < 0.15 else call for call in changed]


def figures_of(metrics, pairs: list) -> dict[str, float]:
    """What the original reports of a corpus of (made, reference) labels."""
    categories = [name.replace(" ", "_") for name in TOOLS]
    table = {"tool_macro": metrics.PRFMetrics(categories, "macro")} | {
        kind: metrics.PRFMetrics(None, "binary") for kind in ("argname", "argvalue", "edge")
    }
    table |= {f"plan_{kind}": metrics.PlanAccMetrics() for kind in ("tool", "argname", "argvalue")}
    table["tool"] = metrics.EditDistMetrics(categories)
    for name, metric in table.items():
        kind = name.removeprefix("plan_").removesuffix("_macro")
        for given, sought in pairs:
            metric.update(sought[kind], given[kind])
    return {f"{name}_{word}": value for name, metric in table.items() for word, value in metric.compute().items()}


def of_mnms(folder: Path, count: int, chance: random.Random) -> dict[str, object]:
    sys.path.insert(0, str(folder))
    theirs = importlib.import_module("mnms.evaluation.evaluator")
    metrics = importlib.import_module("mnms.evaluation.metrics")
    for name in ("pandas", "torch"):  # scikit-learn asks whether it is given theirs
        if isinstance(sys.modules.get(name), MagicMock):
            del sys.modules[name]
    kinds = {
        "tool": {},
        "argname": {"include_arg_names": True},
        "argvalue": {"include_arg_names": True, "include_arg_values": True},
        "edge": {"edge_as_label": True},
    }
    report, seen = Counter(), []
    ours_s = theirs_s = 0.0

    def code_of(calls: list[ToolCall]) -> str:
        try:
            return theirs.nodes_to_code([{"id": at, "name": call.name, "args": call.arguments} for at, call in enumerate(calls)])
        except Exception:  # as the evaluator does
            return ""

    def says(calls: list[ToolCall]) -> dict[str, list[str]]:
        return {kind: theirs.get_code_labels(code_of(calls), **options) for kind, options in kinds.items()}

    corpora = max(count // 40, 1)
    for _ in range(corpora):
        plans = []
        for _ in range(40):
            wanted = plan(chance)
            plans.append((near(chance, wanted), wanted))
        pairs = []
        for made, wanted in plans:
            started = time.process_time()
            pair = says(made), says(wanted)
            between = time.process_time()
            ours = mnms.labels(made), mnms.labels(wanted)
            theirs_s, ours_s = theirs_s + between - started, ours_s + time.process_time() - between
            pairs.append(pair)
            for calls, one, two in ((made, pair[0], ours[0]), (wanted, pair[1], ours[1])):
                report["plans"] += 1
                if report["plans"] % 300 == 0:
                    RECORDED["mnms"].append({"plan": [[call.name, call.arguments] for call in calls], "labels": one})
                same = all(one[kind] == ["--".join(label) for label in getattr(two, kind)] for kind in kinds)
                report["same labels"] += same
                if not same and len(seen) < 5:
                    seen.append([one, str(two), str(calls)])
        said = figures_of(metrics, pairs)
        found = mnms.corpus(plans, TOOLS)
        report["corpora"] += 1
        worst = max(abs(said[key] - found[key]) for key in said)
        report["same figures"] += said.keys() == found.keys() and worst <= 0.0101
        report["largest difference of a figure, in hundredths of a per cent"] = max(
            report["largest difference of a figure, in hundredths of a per cent"], round(worst * 100)
        )
    return {**report, "differences": seen, "ours_us": 1e6 * ours_s / report["plans"], "theirs_us": 1e6 * theirs_s / report["plans"]}


def of_mcptoolbench(folder: Path, count: int, chance: random.Random) -> dict[str, object]:
    sys.path.insert(0, str(folder))
    theirs = importlib.import_module("src.mcp_tool_bench.agents.base_tool_call_agent.check_functions")
    health = importlib.import_module("src.mcp_tool_bench.evaluation.evaluation_utils")
    health.json = json
    report, seen = Counter(), []
    datas = [[], [""], [{}], ["x"], {}, {"a": ""}, {"a": "x"}, "", "[]", '""', '"[]"', "x", None, 5]
    for _ in range(count):
        body = {
            key: chance.choice(pool)
            for key, pool in (("success", [True, False, None]), ("data", datas), ("error", ["", "boom", None]))
            if chance.random() < 0.8
        }
        result = chance.choice([body, json.dumps(body), "no json", "{"])
        status = chance.choice([200, 200, 200, 500, 404])
        with contextlib.redirect_stdout(io.StringIO()):
            said = health.base_error_analysis([{"status_code": status, "result": result}])
        found = mcptoolbench.answered(status, result)
        report["responses"] += 1
        if report["responses"] % 250 == 0:
            RECORDED["mcptoolbench"].append(
                {"status": status, "result": result, "right": bool(said["result_success_label_list"][0]), "word": said["result_list"][0]}
            )
        same = bool(said["result_success_label_list"][0]) == found[0] and said["result_list"][0] == found[1]
        report["responses same"] += same
        if not same and len(seen) < 5:
            seen.append([status, result, said, found])
        wanted = [
            {"name": chance.choice("abc"), "similar_tools": [{"name": name} for name in chance.sample("abcde", chance.randint(0, 2))]}
            for _ in range(chance.randint(1, 4))
        ]
        made = [{"name": chance.choice("abcde"), "output": {"status_code": 200, "result": "{}"}} for _ in range(chance.randint(0, 4))]
        with contextlib.redirect_stdout(io.StringIO()):
            tool_ok = theirs.check_multi_tool_call_dag(made, wanted)[0]
        similar = {wanted[-1]["name"]: [tool["name"] for tool in wanted[-1]["similar_tools"]]}
        ours = mcptoolbench.match([ToolCall("", call["name"], {}) for call in made], [Expected(call["name"]) for call in wanted], similar=similar)
        report["chains"] += 1
        report["chains same"] += tool_ok == bool(ours.numbers["tool_ok"])
    return {**report, "differences": seen}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("acebench", "mnms", "mcptoolbench"):
        options.add_argument(f"--{name}", type=Path)
    options.add_argument("-n", type=int, default=3000)
    options.add_argument("--json", action="store_true")
    options.add_argument("--record", type=Path, help="where to write a few of the cases with what the originals say of them")
    given = options.parse_args()
    stand_in()
    chance = random.Random(5)
    report: dict[str, object] = {}
    if given.acebench:
        report["acebench"] = of_acebench(given.acebench.resolve(), max(given.n // 500, 1), chance)
        report["acebench_talk"] = of_acebench_talk(given.acebench.resolve(), given.n, chance)
    if given.mnms:
        report["mnms"] = of_mnms(given.mnms.resolve(), given.n, chance)
    if given.mcptoolbench:
        report["mcptoolbench"] = of_mcptoolbench(given.mcptoolbench.resolve(), given.n, chance)
    print(json.dumps(report, indent=2, ensure_ascii=False, default=str))
    if given.record:
        given.record.write_text(json.dumps(RECORDED, ensure_ascii=False, indent=0) + "\n", "utf-8")
    if given.json:
        (HERE / "results" / "calls_presets.json").write_text(json.dumps(report, indent=2, ensure_ascii=False, default=str) + "\n", "utf-8")


if __name__ == "__main__":
    main()
