"""What rows of tokens cost: tokens a second of CPU time, as a ratio to rendering and encoding each conversation once.

    python benchmarks/tokens.py [--n 60] [--template FILE.jinja ...] [--json FILE]

The traces are a retail run's, with all its tools in the prompt, and the same with four tools. The floor is one
`apply_chat_template` and one `encode` a branch, without any mask; where a template rewrites history, exact rows are many times
as many tokens. Measured are the exact rows, the merged row, and transformers' own mask where the template has marks. CPU time,
best of three; the embedded model's tokenizer.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import tempfile
import time
from pathlib import Path

import artificer
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.openai import tool_record
from artificer.models.embedded import embedded_folder
from artificer.run.traded import opened
from artificer.training.chat import files
from artificer.training.chat.template import Template

FIXTURES = Path(__file__).parents[1] / "tests" / "training" / "templates"
NAMES = ("qwen25", "qwen3", "llama31", "smollm3")


def best(work, times=3):
    found = []
    for _ in range(times):
        began = time.process_time()
        made = work()
        found.append(time.process_time() - began)
    return made, min(found)


def few(item):
    """The trace with the tools that it used and no others."""
    used = {call.name for node in item.trace.nodes for call in node.message.calls}
    return Item(item.trace, tuple(tool for tool in item.tools if tool.name in used)[:4])


def measured(tokenizer, source, items):
    template = Template(tokenizer, source)
    specs = [[tool_record(tool) for tool in item.tools] for item in items]
    records = [template.records([node.message for node in item.trace.branch()]) for item in items]

    def floor():
        texts = [
            tokenizer.apply_chat_template(chat, tools=tools, chat_template=source, tokenize=False) for chat, tools in zip(records, specs, strict=True)
        ]
        return sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in texts)

    def masked():
        made = [
            tokenizer.apply_chat_template(chat, tools=tools, chat_template=source, return_dict=True, return_assistant_tokens_mask=True)
            for chat, tools in zip(records, specs, strict=True)
        ]
        return sum(len(one["input_ids"]) for one in made)

    def ours(rows):
        made = list(files.rendered(items, Template(tokenizer, source), rows=rows, hidden="drop"))
        return sum(len(row.ids) for one in made for row in one.rows), sum(len(one.rows) for one in made)

    size, base = best(floor)
    (exact, rows), exact_s = best(lambda: ours("exact"))
    (merged, _), merged_s = best(lambda: ours("one"))
    found = {
        "tokens_once": size,
        "floor_tokens_per_cpu_s": round(size / base),
        "exact_rows": rows,
        "exact_tokens": exact,
        "exact_tokens_per_cpu_s": round(exact / exact_s),
        "exact_to_floor": round(exact_s / base, 2),
        "merged_tokens": merged,
        "merged_to_floor": round(merged_s / base, 2),
        "messages": sum(node.sampled for item in items for node in item.trace.nodes),
    }
    if "generation" in source:
        _, theirs = best(masked)
        found["transformers_mask_to_floor"] = round(theirs / base, 2)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--template", nargs="*", type=Path, default=[FIXTURES / f"{name}.jinja" for name in NAMES])
    parser.add_argument("--json")
    asked = parser.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    tokenizer = files.opened(embedded_folder(), None, {}).tokenizer
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        artificer.synth("cove", world="domain:retail", n=asked.n, seed=5, out=Path(folder) / "run", progress=None)
        with opened(Path(folder) / "run", Account()) as data:
            items = list(data.items)
    for path in asked.template:
        source = path.read_text("utf-8")
        for name, given in (("all tools", items), ("four tools", [few(item) for item in items])):
            figures[f"{path.stem}, {name}"] = found = measured(tokenizer, source, given)
            print(f"{path.stem}, {name}: {found}")
    if asked.json:
        about = {"python": platform.python_version(), "machine": platform.machine(), "traces": asked.n}
        Path(asked.json).write_text(json.dumps({"about": about, "figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
