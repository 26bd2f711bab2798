"""Hostile episodes: huge, deep, odd. Every check answers, soon, with evidence that can be written down."""

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks import judge, standard
from artificer.checks.leaks import goal_leaks
from artificer.checks.values import freeze, same
from artificer.core.canon import canonical
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec

MEGA = 10_000_000


def deep(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


OPEN = ToolSpec("t", "t", {"type": "object"}, None, "write")
LOOP = ToolSpec("t", "t", {"$ref": "#", "properties": {"x": {"$ref": "#"}}}, {"$ref": "#", "items": {"$ref": "#"}}, "write")
_TWICE: dict[str, Any] = {"$ref": "#/$defs/s"}
SPLIT = ToolSpec(
    "t",
    "t",
    {"properties": {"x": _TWICE}, "$defs": {"s": {"anyOf": [{"items": _TWICE, "properties": {"k": _TWICE}}, {"items": _TWICE}]}}},
    None,
    "write",
)
"""A schema whose parts would double at every level."""
NASTY: dict[str, Any] = {
    "deep": deep(1000),
    "very deep": deep(20_000),
    "wide": list(range(20_000)),
    "keys": {f"k{n}": n for n in range(5_000)},
}


@pytest.mark.parametrize(
    ("name", "tool"), [("very deep", OPEN), ("wide", OPEN), ("deep", LOOP), ("very deep", LOOP), ("keys", LOOP), ("very deep", SPLIT)]
)
async def test_nothing_crashes_or_hangs(shop, name: str, tool: ToolSpec) -> None:
    """All standard checks over one episode, with tools whose schemas are odd. Every check by itself, against everything:
    `test_hostile_everywhere.py`.
    """
    value = NASTY[name]
    text = value if isinstance(value, str) else "hello"
    key = value if not isinstance(value, list | dict) else 1
    effect = Effect("t", (key,), "insert", {"v": (None, value), "id": (None, key)}, generated=True)
    nodes = [
        shop.user(text),
        shop.calls(shop.call("1", "t", x=value, y="a" * 5000 + "b"), shop.call(text[:100], "t", x="aaa", z=5)),
        shop.result("1", value, effects=[effect]),
        shop.result(text[:100], {"rows": [value]}),
        shop.says(text),
        shop.user(text),
        shop.calls(shop.call("3", "t", x=value, q=text)),
        shop.result("3", text),
        shop.says(text),
    ]
    started = time.process_time()
    verdict = await judge(shop.with_goal([effect, effect], [effect], nodes=nodes, tools=(tool,), policy=text), standard())
    assert time.process_time() - started < 20
    assert len(verdict.parts) == 9
    assert not verdict.passed
    assert canonical(verdict)
    assert all(len(line) < 2500 for part in verdict.parts for line in part.evidence)


async def test_many_equal_rows_take_no_time(shop) -> None:
    effects = [Effect("t", (n,), "insert", {"id": (None, n), "parent": (None, n - 1)}, generated=True) for n in range(300)]
    started = time.process_time()
    await judge(shop.with_goal(effects, effects), standard())
    assert time.process_time() - started < 10


def test_deep_values_are_compared() -> None:
    assert same(deep(20_000), deep(20_000))
    assert not same(deep(20_000), deep(19_998))
    assert same(math.nan, math.nan)


def test_leaks_in_hostile_scripts_are_looked_for(shop) -> None:
    assert goal_leaks(shop.right_task(), ["x" * MEGA, 10**400, math.nan, -1, None, True]) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(JSON, JSON)
def test_frozen_values_are_equal_exactly_when_values_are(left: Any, right: Any) -> None:
    assert same(left, left)
    assert hash(freeze(left)) is not None
    assert same(left, right) == same(right, left)
    if same(left, right) and "NaN" not in repr(left) and "nan" not in repr(left):
        assert left == right


@settings(max_examples=150, deadline=None)
@given(st.text(), st.text(), JSON, JSON)
async def test_any_words_and_values_are_judged_and_twice_alike(shop, said: str, answered: str, argument: Any, content: Any) -> None:
    nodes = [shop.user(said), shop.calls(shop.call("1", "t", x=argument)), shop.result("1", content), shop.says(answered)]
    episode = shop.episode(nodes, tools=(OPEN,), policy=said)
    assert await judge(episode, standard()) == await judge(episode, standard())


@settings(max_examples=100, deadline=None)
@given(JSON)
async def test_whatever_a_tool_showed_may_be_sent_back(shop, content: Any) -> None:
    nodes = [shop.user("hi"), shop.calls(shop.call("1", "t")), shop.result("1", content)]
    nodes += [shop.calls(shop.call("2", "t", x=content)), shop.result("2", 1), shop.says("ok")]
    verdict = await judge(shop.episode(nodes, tools=(OPEN,)), standard())
    assert verdict.parts[3].passed
