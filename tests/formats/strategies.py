"""Traces with everything that a trace may have: trees, parallel calls, errors, images, empty contents, Unicode."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from artificer.core.messages import File, Image, Message, Text, ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Tokens, Trace, Usage
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict
from artificer.formats.base import ALL, Item, toolset_digest

words = st.text(max_size=12) | st.sampled_from(
    ["", " ", "Grüß Gott 🙂", "a\nb", "</s>", '{"a": 1}', "error: not_found: x", "1.50", '"', "\u2028", "null", "user: hi", "<think>a</think>b"]
)
names = st.text("abcdefghijklmnop_ABC019", min_size=1, max_size=10)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(words, json_values, max_size=3)
results = st.builds(ToolResult, names, json_values) | st.builds(
    lambda call, error, detail: ToolResult(call, error=error, detail=detail), names, st.sampled_from(ErrorKind), st.none() | words
)
images = st.sampled_from([Image("data:image/png;base64,AA", "image/png"), Image("shots/1.jpg", "image/jpeg")])
parts = st.lists(st.builds(Text, words) | images | st.just(File("a.pdf", "application/pdf")), min_size=1, max_size=3).map(tuple)
authors = st.none() | names
extras = st.just({}) | st.dictionaries(
    st.sampled_from(["x-score", "x-note"]), json_values.filter(lambda value: value is not None), min_size=1, max_size=2
).map(lambda kept: {"extra": kept})


@st.composite
def message(draw, ids):
    role = draw(st.sampled_from(["system", "user", "user", "assistant", "assistant", "assistant", "tool", "tool"]))
    author, at = draw(authors), draw(st.none() | st.just("2026-01-02T03:04:05"))
    if role == "tool":
        return Message("tool", result=draw(results), author=author, at=at)
    content = draw(words | parts)
    if role == "system":
        return Message("system", content, author=author, at=at)
    made = []
    if role == "assistant" or draw(st.integers(0, 9)) == 0:
        for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
            ids.append(f"call_{len(ids)}")
            made.append(ToolCall(ids[-1], draw(names), draw(arguments)))
    thought = draw(st.none() | words) if role == "assistant" else None
    return Message(role, content, thought, tuple(made), author=author, at=at)


effects = st.just(Effect("t", (1,), "update", {"a": (1, None)}))
tokens = st.lists(st.integers(0, 99), max_size=3).map(lambda ids: Tokens(tuple(ids), tuple(-0.5 for _ in ids), {"loss": tuple(1.0 for _ in ids)}))
verdicts = st.booleans().map(lambda good: Verdict(1.0 if good else 0.25, good, (CheckResult("c", 1.0 if good else 0.25, good, ("why",)),)))
tools = st.lists(
    st.builds(
        ToolSpec,
        names,
        words,
        st.just({"type": "object", "properties": {"x": {"type": "integer", "description": "ä"}}}) | st.just({"type": "object", "properties": {}}),
        st.none() | st.just({"type": "string"}),
        st.sampled_from(["read", "write", "unknown"]),
        st.just({}) | st.just({"op": "search"}),
        st.just(()) | st.just(({"x": 1},)),
    ),
    max_size=3,
    unique_by=lambda tool: tool.name,
).map(tuple)


def suits(said, before, holds):
    """Whether a message is one that a format can hold, rather than one that it drops or joins by name."""
    if said.role == "system" and ("system" if any(one.role != "system" for one in before) else "opening") not in holds:
        return False
    if said.role == "user" and said.calls and "user_calls" not in holds:
        return False
    if len(said.calls) > 1 and "parallel" not in holds:
        return False
    return not (said.role == "assistant" and "adjacent" not in holds and before and before[-1].role == "assistant")


@st.composite
def items(draw, *, tree: bool = False, rich: bool = True, holds: frozenset[str] = ALL):
    """Traces with one branch, or with several."""
    ids: list[str] = []
    waiting: list[str] = []
    nodes = []
    for index in range(draw(st.integers(1, 6))):
        parent = None if index == 0 else draw(st.integers(0, index - 1)) if tree else index - 1
        said = draw(message(ids))
        if waiting and draw(st.integers(0, 3)):  # an answer to one of the calls, in whatever order
            said = Message("tool", result=msgspec.structs.replace(draw(results), call_id=waiting.pop(draw(st.integers(0, len(waiting) - 1)))))
        if not tree and not suits(said, [one.message for one in nodes], holds):
            said = Message("user", "and then?")
        waiting = waiting if said.role == "tool" else [call.id for call in said.calls]
        sampled = draw(st.booleans()) if rich else said.role == "assistant"
        more = rich and draw(st.integers(0, 4)) == 0
        nodes.append(
            Node(
                parent,
                said,
                draw(st.none() | names) if more else None,
                sampled,
                (draw(effects),) if more else (),
                draw(tokens) if more else None,
                draw(extras | st.just({"error": "injected"})) if more else draw(extras),
            )
        )
    offered = draw(tools)
    name = draw(names)
    leaf = len(nodes) - 1
    trace = Trace(name, name, "", toolset_digest(offered), tuple(nodes), lineage=draw(extras))
    if rich and draw(st.booleans()):
        good = {at: draw(verdicts) for at in (trace.leaves() if tree else [leaf])}
        trace = Trace(
            name,
            draw(names),
            draw(names),
            trace.tools,
            trace.nodes,
            good if tree or good[leaf].passed else {},
            {leaf: StopReason.user_done},
            {leaf: (draw(effects),)},
            {leaf: "d1"},
            Usage(1, 2, 3),
            draw(st.integers(0, 9)),
            {"seed": 3, **trace.lineage},
        )
    return Item(trace, offered)
