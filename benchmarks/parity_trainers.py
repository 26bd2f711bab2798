"""Rows that we write, loaded by the trainers they are for: TRL (SFT, DPO, GRPO), verl, verifiers.

    python benchmarks/parity_trainers.py [--json FILE] [--trl FOLDER] [--verifiers FOLDER] [--n 24]

Installs the trainers into temporary folders, without what they do not need here; the environment must have torch,
transformers and the embedded model (only its tokenizer is used). Rows of a retail run are loaded and trained on for a
step: all must come back as they were written, and every call must stand in the tokens that are trained. Traces of the
tests' strategies (trees, errors, images, Unicode, large numbers) are loaded by verifiers, and what it saves is read
again. Exits 1 when a row differs, or when anything is refused.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from upstream.place import install, told

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.formats.strategies import items

import artificer
from artificer.core.canon import canonical
from artificer.core.messages import Message
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, Verdict
from artificer.formats import format_named, parquet
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.convert import read, render
from artificer.models.embedded import embedded_folder
from artificer.run.traded import opened

TRL = ["trl==1.16.0", "verl==0.9.1"]
TRL_NEEDS = ["datasets>=5", "pandas", "omegaconf", "codetiming", "dill", "pillow", "cloudpickle", "orjson", "pyvers"]
TENSORDICT = "tensordict==0.10.0"
VERIFIERS = "verifiers==0.4.0"
TEMPLATE = "qwen3_training"


def worse(item):
    """The same trace with a second, failed answer at its first step."""
    trace = item.trace
    first = next(index for index, node in enumerate(trace.nodes) if node.sampled)
    refusal = Node(trace.nodes[first].parent, Message("assistant", "I cannot do that."), sampled=True)
    failed = Verdict.of((CheckResult("goal", 0.0, False, ("nothing was done",)),))
    return Item(msgspec.structs.replace(trace, nodes=(*trace.nodes, refusal), verdicts=trace.verdicts | {len(trace.nodes): failed}), item.tools)


def lines(path, traces, name):
    path.write_bytes(b"".join(row + b"\n" for row in render(traces, format_named(name), Account())))
    return str(path)


def drawn(count):
    found = []

    @seed(7)
    @given(items(tree=True))
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def draw(item):
        found.append(item)

    draw()
    return found


def trl_and_verl(site, place, traces):
    tokenizer = str(embedded_folder())
    asked = {"tokenizer": tokenizer, "template": TEMPLATE}
    asked["sft"] = lines(place / "sft.jsonl", traces, "trl")
    asked["dpo"] = lines(place / "dpo.jsonl", [worse(item) for item in traces], "dpo")
    asked["grpo"] = lines(place / "grpo.jsonl", traces, "grpo")
    parquet.write(render(traces, format_named("verl"), Account()), place / "verl.parquet")
    verl = {"file": str(place / "verl.parquet"), "prompts": lines(place / "verl.jsonl", traces, "verl"), "tokenizer": tokenizer}
    return {"trl": last(told("run_trl.py", asked, site)), "verl": last(told("run_verl.py", verl, site))}


def verifiers(site, place, traces):
    asked = {"file": lines(place / "verifiers.jsonl", traces, "verifiers"), "out": str(place / "again.jsonl")}
    found = last(told("run_verifiers.py", asked, site))
    account = Account()
    again = list(read(Path(asked["out"]), format_named("verifiers"), account))
    same = sum(graph(a) == graph(b) for a, b in zip(again, traces, strict=True))
    return found | {"read_again": len(again), "same_messages": same, "balanced": account.balanced}


def graph(item):
    """What was said and done, by whom, and behind what; its tokens."""
    return canonical([(node.parent, node.message, node.sampled, node.tokens) for node in item.trace.nodes])


def last(text):
    return json.loads(text.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--trl", type=Path)
    parser.add_argument("--verifiers", type=Path)
    parser.add_argument("--n", type=int, default=24)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if asked.trl is None:
            install(place / "trl", [*TRL, TENSORDICT], TRL_NEEDS)
        if asked.verifiers is None:
            install(place / "verifiers", [], [VERIFIERS])
        artificer.synth("cove", world="domain:retail", n=asked.n, seed=3, out=place / "run", progress=None)
        with opened(place / "run", Account()) as data:
            traces = list(data.items)
        found = trl_and_verl(asked.trl or place / "trl", place, traces)
        found["verifiers"] = verifiers(asked.verifiers or place / "verifiers", place, traces + drawn(300))
    print(json.dumps(found, indent=1))
    sft, dpo, grpo = (found["trl"][name] for name in ("sft", "dpo", "grpo"))
    verl, graphs = found["verl"], found["verifiers"]
    good = all(part["identical"] == part["rows"] > 0 and part["loss_is_finite"] for part in (sft, dpo, grpo))
    good &= sft["calls"] == sft["calls_in_trained_tokens"] > 0 and grpo["rewarded"] > 0
    good &= verl["identical"] == verl["rows"] > 0
    good &= graphs["accepted"] == graphs["rows"] == graphs["same_messages"] and graphs["tokens_agree"] == graphs["branches"] and graphs["balanced"]
    if asked.json:
        Path(asked.json).write_text(json.dumps(found | {"python": platform.python_version()}, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
