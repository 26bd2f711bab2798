"""What we write as ATIF and ADP, validated by the models of those who made the formats.

    python benchmarks/parity_formats.py [--site FOLDER] [--adp CLONE] [--bfcl FOLDER] [--tau2-root CLONE] [--n 500]

ATIF: the Pydantic models in the `harbor` wheel (installed without its dependencies; only the models are loaded). ADP has no package: with `--adp` the
models of a clone of neulab/agent-data-protocol are used; the link rules are checked by ours in any case. Traces are drawn by the tests' strategies:
trees, parallel calls, errors, images, empty contents, Unicode. Exits 1 when anything is refused.

BFCL: every file of bfcl-eval's data (installed, or in the folder `--bfcl`) is read, must be written again as it stood, and what
is written anew of its questions and answers must be loaded and judged right by its own reader and checker. tau2-bench: with
`--tau2-root` (a clone of sierra-research/tau2-bench) what we write must be taken by its models; without it this is skipped, and it is
said.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import types
import zipfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from upstream.place import install, told

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.formats.strategies import items

from artificer.formats import adp, format_named
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.convert import parse, read, render, write
from artificer.formats.source import Row

HARBOR = "harbor==0.26.0"
BFCL = "bfcl-eval==2026.3.23"
LIBRARIES = ["mpmath>=1.3", "filelock", "tenacity", "python-dotenv", "tqdm"]
MODELS = ["pydantic>=2.7", "deepdiff>=8.6", "toml", "loguru", "addict", "python-dotenv", "pyyaml>=6", "docstring-parser"]
UNFIT = {"live_simple_106-63-0", "live_simple_112-68-0", "live_multiple_507-149-4", "live_multiple_862-181-3", "live_multiple_964-207-0"}
"""BFCL's cases that no answer passes: the reference allows nothing for a required parameter, or names one that the function does not have."""
AST = ["simple_python", "multiple", "parallel", "parallel_multiple", "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple"]


def harbor(site):
    """The wheel alone, also where it asks for a newer Python: its models run on ours."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--python-version", "3.12"]
    subprocess.run([*pip, "--only-binary=:all:", "-d", str(site), HARBOR], check=True)
    for wheel in Path(site).glob("harbor-*.whl"):
        zipfile.ZipFile(wheel).extractall(site)


def trajectory_model(site):
    for name in ("harbor", "harbor.models"):  # their __init__ would load the whole package
        module = types.ModuleType(name)
        module.__path__ = [str(Path(site, *name.split(".")))]
        sys.modules[name] = module
    from harbor.models.trajectories import Trajectory

    return Trajectory


def bfcl(site, folder):
    """Its files come back; questions with their answers, written anew, are loaded and judged right by its own code."""
    form, data, counted, again = format_named("bfcl"), Path(site, "bfcl_eval", "data"), 0, 0
    for path in sorted([*data.glob("BFCL_*.json"), *data.glob("possible_answer/BFCL_*.json")]):
        if "format_sensitivity" in path.name:  # one object that names cases of the other files
            continue
        account, written = Account(), Account()
        rows = [json.loads(row) for row in render(read(path, form, account), form, written)]
        assert account.balanced, path
        assert written.balanced, path
        assert not account.dropped, path
        assert not written.dropped, path
        counted += len(rows)
        again += sum(row == json.loads(line) for row, line in zip(rows, path.read_text("utf-8").splitlines(), strict=True))
    print(f"BFCL: {counted} rows of its data read, {again} written again as they stood")
    out, categories, calls = Path(folder, "bfcl.jsonl"), [], []
    with out.open("wb") as file:
        for category in AST:
            questions = (data / f"BFCL_v4_{category}.json").read_text("utf-8").splitlines()
            answers = (data / "possible_answer" / f"BFCL_v4_{category}.json").read_text("utf-8").splitlines()
            for question, answer in zip(questions, answers, strict=True):
                row = json.dumps({**json.loads(answer), **json.loads(question)}).encode()
                (item,) = parse([Row(category, row)], form, Account())
                bare = Item(msgspec.structs.replace(item.trace, lineage={}), item.tools)
                write([bare], file, form, Account())
                categories.append(category)
                calls.append([{call.name: call.arguments} for call in item.trace.nodes[-1].message.calls])
    found = json.loads(told("run_formats_bfcl.py", {"file": str(out), "categories": categories, "calls": calls}, site))
    print(f"BFCL: {found['rows']} questions with their answers written anew, loaded by bfcl-eval; it judges {found['valid']} references right")
    for name, why in found["wrong"]:
        print(f"  {name}: {why}" + (": its reference does not fit its functions" if name in UNFIT else ""))
    return again == counted and {name for name, _ in found["wrong"]} <= UNFIT


def tau2(clone, folder, n):
    """Documents of simulations are taken by its models, and so are tasks."""
    drawn = []

    @given(items(tree=True))
    @settings(max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def draw(item):
        drawn.append(item)

    draw()
    fixtures = Path(__file__).parents[1] / "tests" / "formats" / "fixtures"
    results, tasks = [], [Path(folder, "tasks.json")]
    for name, given_items in (("drawn", drawn), ("fixture", read(fixtures / "tau2.jsonl", format_named("tau2"), Account()))):
        results.append(Path(folder, f"{name}.json"))
        with results[-1].open("wb") as file:
            write(given_items, file, format_named("tau2"), Account())
    given_tasks = [fixtures / "tau2_tasks.jsonl", *sorted(Path(clone, "data", "tau2", "domains").glob("*/tasks.json"))]
    with tasks[0].open("wb") as file:
        form = format_named("tau2_tasks")
        write((item for path in given_tasks for item in read(path, form, Account())), file, form, Account())
    asked = {"results": [str(file) for file in results], "tasks": [str(file) for file in tasks]}
    place = str(Path(clone, "src"))
    if importlib.util.find_spec("addict") is None:
        install(Path(folder, "libraries"), MODELS[:1], MODELS[1:])
        place = os.pathsep.join([place, str(Path(folder, "libraries"))])
    found = json.loads(told("run_formats_tau2.py", asked, place))
    print(f"tau2-bench: {found['simulations']} simulations and {found['tasks']} tasks are taken by its models")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--site")
    parser.add_argument("--adp")
    parser.add_argument("--bfcl")
    parser.add_argument("--tau2-root")
    parser.add_argument("--n", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = asked.site or folder
        if not asked.site:
            harbor(site)
        atif_model, adp_model = trajectory_model(site), None
        if asked.adp:
            sys.path.insert(0, asked.adp)
            from schema.trajectory import Trajectory as adp_model
        counted = {"atif": 0, "adp": 0}

        @given(items(tree=True))
        @settings(max_examples=asked.n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def validated(item):
            for row in render([item], format_named("atif"), Account()):
                atif_model.model_validate_json(row)
                counted["atif"] += 1
            for row in render([item], format_named("adp"), Account()):
                assert adp.problems(json.loads(row)) == []
                if adp_model is not None:
                    adp_model.model_validate_json(row)
                counted["adp"] += 1

        validated()
    print(f"ATIF: {counted['atif']} trajectories accepted by {HARBOR}")
    print(f"ADP: {counted['adp']} trajectories keep the link rules" + (" and are accepted by the clone's models" if asked.adp else ""))
    with tempfile.TemporaryDirectory() as folder:
        if not asked.bfcl:
            install(Path(folder, "bfcl"), [BFCL], LIBRARIES)
        good = bfcl(asked.bfcl or str(Path(folder, "bfcl")), folder)
        if asked.tau2_root:
            tau2(asked.tau2_root, folder, asked.n)
        else:
            print("tau2-bench: skipped, name a clone of sierra-research/tau2-bench: --tau2-root CLONE")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
