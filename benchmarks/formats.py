"""What converting costs: traces a second of CPU time for each format, the best of several runs. What it takes of memory: `memory_formats.py`.

    python benchmarks/formats.py [--n 5000] [--runs 3] [--only NAME ...] [--own-tools] [--json FILE]

A trace is six messages with two calls and four tools, about 1.7 kB of chat. A narrow format is measured on as much of it as it holds: a question
and its calls (`xlam`, `bfcl`), a question (`grpo`, `verl`), two answers to one (`dpo`), a task that nobody has begun (`tau2_tasks`). A row counts
only where all that went in came out again; a format that leaves something of its row out is passed over by name, with what it left out.

The rows of most data sets share their tools, and tools that were seen before are not read again; with `--own-tools` no two rows have the same.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import time
from pathlib import Path

import msgspec

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import Verdict
from artificer.formats import _BUILT_IN, format_named
from artificer.formats.account import Account
from artificer.formats.base import Item, toolset_digest
from artificer.formats.convert import parse, write
from artificer.formats.source import blocks, split

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer", "description": "The id."}, "name": {"type": "string"}}, "required": ["id"]}
TOOLS = tuple(ToolSpec(f"tool_{n}", "Looks up one order of a customer by its number.", SCHEMA) for n in range(4))


FIRST = {"xlam": 2, "bfcl": 2, "grpo": 1, "verl": 1}
"""How many messages of the trace the formats of single questions hold."""


def item(n, own=False):
    tools = tuple(msgspec.structs.replace(tool, description=f"{tool.description} Shop {n}.") for tool in TOOLS) if own else TOOLS
    said = [
        Message("user", f"Please cancel order {n} and tell me what it cost."),
        Message("assistant", calls=(ToolCall("c1", "tool_1", {"id": n, "name": "Ann"}),)),
        Message("tool", result=ToolResult("c1", {"order": n, "total": 12.5, "items": [{"sku": "a1", "qty": 2}], "status": "open"})),
        Message("assistant", calls=(ToolCall("c2", "tool_2", {"id": n}),)),
        Message("tool", result=ToolResult("c2", {"ok": True})),
        Message("assistant", f"Your order {n} is cancelled. It cost 12.50 euros and you get the money back within a week."),
    ]
    nodes = tuple(Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said))
    return Item(Trace(f"t{n}", f"t{n}", "", toolset_digest(tools), nodes), tools)


def task(name):
    """A task of tau2-bench: one that a trace carries, with nothing said yet."""
    asked = {"domain": "retail", "reason_for_call": "Cancel an order.", "known_info": "You are Ann.", "task_instructions": "Be short."}
    actions = [{"action_id": f"{name}_{n}", "name": f"tool_{n}", "arguments": {"id": n}, "info": None} for n in range(2)]
    row = {
        "id": name,
        "description": {"purpose": "An order is cancelled.", "relevant_policies": None, "notes": None},
        "user_scenario": {"persona": None, "instructions": asked},
        "initial_state": None,
        "evaluation_criteria": {"actions": actions, "communicate_info": ["12.50"], "nl_assertions": None},
    }
    (made,) = format_named("tau2_tasks").parse(row, Account())
    return made


def shaped(whole, name):
    """The trace, or as much of it as a narrow format holds."""
    trace = whole.trace
    if name in FIRST:
        return Item(msgspec.structs.replace(trace, nodes=trace.nodes[: FIRST[name]]), whole.tools)
    if name == "tau2_tasks":
        return task(trace.id)
    if name == "dpo":
        nodes = (*trace.nodes, Node(4, Message("assistant", "I cannot do that."), sampled=True))
        return Item(msgspec.structs.replace(trace, nodes=nodes, verdicts={5: Verdict(1.0, True), 6: Verdict(0.0, False)}), whole.tools)
    return whole


def timed(work):
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def measured(name, n, runs, own):
    """The figures of one format, and what of its rows did not come back ("" when all did)."""
    form = format_named(name)
    items = [shaped(item(number, own), name) for number in range(n)]
    best, size = {"write": 1e9, "read": 1e9}, 0
    for _ in range(runs):
        out, written, read = io.BytesIO(), Account(), Account()
        _, seconds = timed(lambda out=out, written=written: write(items, out, form, written))
        best["write"] = min(best["write"], seconds)
        size = out.tell()
        out.seek(0)
        found, seconds = timed(lambda out=out, read=read: sum(1 for _ in parse(split(blocks(out, 0), "x"), form, read)))
        best["read"] = min(best["read"], seconds)
        assert written.balanced, name
        assert read.balanced, name
        left = [reason for account in (written, read) for reason in account.dropped]
        if found != n or written.events_in != read.events_out or left:
            return None, "; ".join(left) or f"{found} of {n} came back"
    both = n / (best["read"] + best["write"])
    return {
        "bytes": size // n,
        "events": read.events_out // n,
        **{key: round(n / value) for key, value in best.items()},
        "converted": round(both),
    }, ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--own-tools", action="store_true")
    parser.add_argument("--json")
    given = parser.parse_args()
    figures, passed_over = {}, {}
    for name in given.only or _BUILT_IN:
        form = format_named(name)
        found, why = (
            (None, "only read")
            if form.render is None
            else (None, "only written")
            if form.parse is None
            else measured(name, given.n, given.runs, given.own_tools)
        )
        if found is None:
            passed_over[name] = why
            print(f"{name:12} passed over: {why}")
            continue
        figures[name] = found
        print(
            f"{name:12} {found['bytes']:5} B, {found['events']} events a row  "
            f"write {found['write']:7,}/s  read {found['read']:7,}/s  both {found['converted']:7,}/s",
            flush=True,
        )
    if given.json:
        about = {"python": platform.python_version(), "traces": given.n, "runs": given.runs, "formats": figures, "passed_over": passed_over}
        Path(given.json).write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
