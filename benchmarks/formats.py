"""What converting costs: traces a second of CPU time for each format. What it takes of memory: `memory_formats.py`.

    python benchmarks/formats.py [--n 5000] [--json FILE]

A trace is six messages with two calls and four tools, about 1.7 kB of chat; for `xlam` a question and its calls, for `dpo` two answers to a question.
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


def item(n):
    said = [
        Message("user", f"Please cancel order {n} and tell me what it cost."),
        Message("assistant", calls=(ToolCall("c1", "tool_1", {"id": n, "name": "Ann"}),)),
        Message("tool", result=ToolResult("c1", {"order": n, "total": 12.5, "items": [{"sku": "a1", "qty": 2}], "status": "open"})),
        Message("assistant", calls=(ToolCall("c2", "tool_2", {"id": n}),)),
        Message("tool", result=ToolResult("c2", {"ok": True})),
        Message("assistant", f"Your order {n} is cancelled. It cost 12.50 euros and you get the money back within a week."),
    ]
    nodes = tuple(Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said))
    return Item(Trace(f"t{n}", f"t{n}", "", toolset_digest(TOOLS), nodes), TOOLS)


def shaped(whole, name):
    """The trace, or as much of it as a narrow format holds."""
    trace = whole.trace
    if name == "xlam":
        return Item(msgspec.structs.replace(trace, nodes=trace.nodes[:2]), whole.tools)
    if name == "dpo":
        nodes = (*trace.nodes, Node(4, Message("assistant", "I cannot do that."), sampled=True))
        return Item(msgspec.structs.replace(trace, nodes=nodes, verdicts={5: Verdict(1.0, True), 6: Verdict(0.0, False)}), whole.tools)
    return whole


def timed(work):
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--json")
    given = parser.parse_args()
    figures = {}
    for name in _BUILT_IN:
        form = format_named(name)
        if form.render is None:
            continue
        items = [shaped(item(n), name) for n in range(given.n)]
        best = {"write": 1e9, "read": 1e9}
        for _ in range(3):
            out, account = io.BytesIO(), Account()
            _, seconds = timed(lambda out=out, form=form, items=items: write(items, out, form, Account()))
            best["write"] = min(best["write"], seconds)
            size = out.tell()
            out.seek(0)
            found, seconds = timed(lambda out=out, form=form, account=account: sum(1 for _ in parse(split(blocks(out, 0), "x"), form, account)))
            best["read"] = min(best["read"], seconds)
            assert found == given.n
            assert account.balanced
        both = given.n / (best["read"] + best["write"])
        figures[name] = {"bytes": size // given.n, **{key: round(given.n / value) for key, value in best.items()}, "converted": round(both)}
        print(f"{name:10} {size // given.n:5} B/trace  write {figures[name]['write']:7,}/s  read {figures[name]['read']:7,}/s  both {both:7,.0f}/s")
    if given.json:
        about = {"python": platform.python_version(), "traces": given.n, "formats": figures}
        Path(given.json).write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
