"""Rows of tokens on the chat templates that TRL carries, against transformers' rendering and its masks.

    python benchmarks/parity_tokens.py [--json FILE] [--site FOLDER] [--llama-cpp CLONE]

Installs TRL (for its templates) into a temporary folder, or uses `--site`; with `--llama-cpp` the templates of a clone of
ggml-org/llama.cpp (`models/templates/*.jinja`) are looked at too. For each template and three conversations (plain, with calls, with
calls and thoughts):

* text: our rendering of every opening of the conversation equals `apply_chat_template`, or both refuse it;
* rows: every sampled message is in exactly one row behind exactly what the model would be shown, or is named as missing;
* masks: where the template marks what is learnt (`{% generation %}`), the learnt text of the one-row rendering is compared with the marked text,
  but for white space. Some of TRL's templates mark what the prompt holds already (an opened thought), which no model writes: these are counted.

The tokenizer is the embedded model's with the template's control tokens added. Exits 1 when a text or a row differs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from datetime import datetime
from itertools import groupby
from pathlib import Path

from upstream.place import install

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.formats.openai import tool_record
from artificer.models.embedded import embedded_folder
from artificer.training.chat.merged import merged_of
from artificer.training.chat.rows import CONTEXT, rows_of
from artificer.training.chat.template import Template

TRL = "trl==1.16.0"
MARK = re.compile(r"<\|[^|<>\s]+\|?>|<\|?[a-z_]+\|>|<｜[^｜<>]+｜>|</?(?:start|end)_of_turn>|\[/?[A-Z_]{3,}\]|<(?:start|end)_of_[a-z]+>")
TOOL = ToolSpec("find_order", "Finds an order.", {"type": "object", "properties": {"id": {"type": "integer", "description": "Its number."}}})


def conversations():
    def made(thoughts, calls):
        def thought(text):
            return text if thoughts else None

        at = datetime.now().isoformat()
        said = [Message("user", "Please cancel order 7.", at=at)]
        if calls:
            said += [
                Message("assistant", "", thought("I look it up."), (ToolCall("call00001", "find_order", {"id": 7}),)),
                Message("tool", result=ToolResult("call00001", {"state": "open"})),
                Message("assistant", "", thought("And the other."), (ToolCall("call00002", "find_order", {"id": 8}),)),
                Message("tool", result=ToolResult("call00002", {"state": "gone"})),
            ]
        said += [Message("assistant", "Order 7 is open.", thought("All is known.")), Message("user", "Thanks!"), Message("assistant", "Good bye.")]
        return tuple([Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said)])

    return {"plain": made(False, False), "calls": made(False, True), "thoughts": made(True, True)}


def tokenizer_for(source):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(embedded_folder(), local_files_only=True)
    tokenizer.add_special_tokens({"additional_special_tokens": sorted(set(MARK.findall(source)))})
    tokenizer.chat_template = source
    return tokenizer


def theirs(tokenizer, template, messages, tools, prompt):
    specs = [tool_record(tool) for tool in tools] or None
    records = template.records(messages, template.ways)
    return tokenizer.apply_chat_template(records, tools=specs, add_generation_prompt=prompt, tokenize=False)


def texts(tokenizer, template, nodes, tools, found):
    for size in range(1, len(nodes) + 1):
        messages = [node.message for node in nodes[:size]]
        for prompt in (False, True):
            try:
                ours = template.text(messages, tools, prompt=prompt)
            except ArtificerError:
                ours = None
            try:
                other = theirs(tokenizer, template, messages, tools, prompt)
            except Exception:
                other = None
            found["texts"] += 1
            found["text_differs"] += ours != other


def rows(template, nodes, tools, found):
    trace = Trace("t", "t", "", "", nodes)
    made = rows_of(trace, template, tools, hidden="drop")
    messages = [node.message for node in nodes]
    owned = Counter()
    for row in made.rows:
        for index in set(row.owner) - {CONTEXT}:
            start = row.owner.index(index)
            owned[index] += 1
            if template.said(row.ids[:start]) != template.text(messages[:index], tools, prompt=True):
                found["row_differs"] += 1
    sampled = sum(node.sampled for node in nodes)
    found["messages"] += sampled
    found["owned"] += len(owned)
    found["missing"] += made.missing.total()
    found["row_differs"] += any(times != 1 for times in owned.values()) or len(owned) + made.missing.total() != sampled
    return len(made.rows), dict(made.missing)


def masks(tokenizer, template, nodes, tools, found):
    """Learnt text of one row against what the template marks."""
    made = merged_of(Trace("t", "t", "", "", nodes), template, tools, hidden="drop")
    specs = [tool_record(tool) for tool in tools] or None
    records = template.records([node.message for node in nodes], template.ways)
    try:
        marked = tokenizer.apply_chat_template(records, tools=specs, return_dict=True, tokenize=True, return_assistant_tokens_mask=True)
    except Exception:
        return
    if 1 not in marked["assistant_masks"] or not made.rows or made.missing:
        found["masks_not_comparable"] += 1
        return
    theirs = groups(marked["input_ids"], marked["assistant_masks"], tokenizer)
    ours = groups(made.rows[0].ids, [label != -100 for label in made.rows[0].labels], tokenizer)
    found["masks"] += 1
    if bare("".join(theirs)) == bare("".join(ours)):
        found["mask_same"] += 1
        return
    prompts = [template.text([node.message for node in nodes[:at]], tools, prompt=True) for at, node in enumerate(nodes) if node.sampled]
    more = [bare(a).removesuffix(bare(b)) for a, b in zip(theirs, ours, strict=False)]
    in_prompt = len(theirs) == len(ours) == len(prompts) and all(bare(prompt).endswith(part) for prompt, part in zip(prompts, more, strict=True))
    found["mask_theirs_learn_what_the_prompt_holds" if in_prompt else "mask_otherwise"] += 1


def bare(text):
    return "".join(text.split())


def groups(ids, mask, tokenizer):
    """The texts of neighbouring learnt tokens."""
    return [
        tokenizer.decode([token for token, _ in group])
        for learnt, group in groupby(zip(ids, mask, strict=True), lambda pair: bool(pair[1]))
        if learnt
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--site", type=Path)
    parser.add_argument("--llama-cpp", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = asked.site or Path(folder)
        if asked.site is None:
            install(site, [TRL], ["packaging"])
        sources = {path.stem: path.read_text("utf-8") for path in sorted((site / "trl" / "chat_templates").glob("*.jinja"))}
    if asked.llama_cpp is not None:
        sources |= {f"llama.cpp/{path.stem}": path.read_text("utf-8") for path in sorted(asked.llama_cpp.glob("**/templates/*.jinja"))}
    total, by_template = Counter(), {}
    for name, source in sources.items():
        tokenizer = tokenizer_for(source)
        found, told = Counter(), {}
        for kind, nodes in conversations().items():
            template = Template(tokenizer)
            tools = (TOOL,) if kind != "plain" else ()
            texts(tokenizer, template, nodes, tools, found)
            count, missing = rows(template, nodes, tools, found)
            told[kind] = {"rows": count, "missing": missing}
            if "generation" in source:
                masks(tokenizer, template, nodes, tools, found)
        by_template[name] = dict(found) | told
        total += found
        if found["text_differs"] or found["row_differs"] or found["mask_otherwise"]:
            print(name, dict(found))
    print(f"{len(sources)} templates: {dict(total)}")
    if asked.json:
        Path(asked.json).write_text(json.dumps({"trl": TRL, "total": dict(total), "templates": by_template}, indent=1) + "\n")
    return 1 if total["text_differs"] or total["row_differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
