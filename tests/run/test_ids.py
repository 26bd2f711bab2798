"""Ids made of content: the same conversation is the same trace whichever format it came in, where these hold the same."""

from __future__ import annotations

import pytest

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import Verdict
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id, toolset_digest
from artificer.formats.convert import render
from artificer.run import traded
from artificer.run.store import RunFolder

TOOLS = (ToolSpec("find_order", "Finds it.", {"type": "object", "properties": {"id": {"type": "integer"}}}),)
SAID = (
    Message("system", "Be brief."),
    Message("user", "Is order 7 open?"),
    Message("assistant", "I look.", calls=(ToolCall("c1", "find_order", {"id": 7}),)),
    Message("tool", result=ToolResult("c1", {"state": "open"})),
    Message("assistant", "It is."),
)


def item(said=SAID, tools=TOOLS, **more) -> Item:
    nodes = tuple(Node(at - 1 if at else None, message, sampled=message.role == "assistant") for at, message in enumerate(said))
    return Item(Trace(more.pop("id", "x"), "task", "", toolset_digest(tools), nodes, {len(said) - 1: Verdict(1.0, True)}, **more), tools)


@pytest.mark.parametrize("other", ["anthropic", "responses", "adp", "atif", "verifiers"])
def test_one_trace_imported_in_two_formats_is_one(tmp_path, other):
    paths = {}
    for name in ("chat", other):
        form = format_named(name)
        rows = list(render([item()], form, Account()))
        paths[name] = tmp_path / f"{name}.json"
        paths[name].write_bytes(b"[" + b",".join(rows) + b"]" if form.file == "array" else b"\n".join(rows))
    with RunFolder.create_or_continue(tmp_path / "run", {"recipe": "import"}) as folder:
        kept = Account()
        for name, path in paths.items():
            read = Account()
            with traded.opened(path, read, given=name) as data:
                traded.keep(data.items, folder, kept, read, source=str(path), form=name)
        assert folder.keys("traces") == [content_id(item())]
        assert kept.rows_dropped == 1
        assert kept.balanced


def test_what_an_id_covers():
    same = content_id(item())
    assert content_id(item(id="y", seed=5, lineage={"from": "elsewhere"})) == same
    assert content_id(item(tools=(ToolSpec("find_order", "Otherwise described.", {}),))) == same
    for other in (
        item(SAID[:-1]),
        item((*SAID[:-1], Message("assistant", "It is!"))),
        item((*SAID[:2], Message("assistant", "I look.", "A thought.", SAID[2].calls), *SAID[3:])),
        item((*SAID[:2], Message("assistant", "I look.", calls=(ToolCall("c2", "find_order", {"id": 7}),)), *SAID[3:])),
        item(tools=()),
    ):
        assert content_id(other) != same
