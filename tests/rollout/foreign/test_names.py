"""Names: what is said is used, what is near is only suggested."""

from __future__ import annotations

import pytest

from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolCall
from artificer.rollout.foreign.names import near, renames_of

KNOWN = ["get_order", "get_customer", "cancel_order"]


def test_tools_and_arguments_are_renamed():
    names = renames_of(["fetchOrder=get_order", "fetchOrder:orderId=order_id", "get_customer:id=customer_id"], KNOWN)
    assert names.of(ToolCall("a", "fetchOrder", {"orderId": 1, "x": 2})) == ToolCall("a", "get_order", {"order_id": 1, "x": 2})
    assert names.of(ToolCall("a", "get_customer", {"id": 1})).arguments == {"customer_id": 1}
    assert names.of(ToolCall("a", "get_customer", {"id": 1, "customer_id": 2})).arguments == {"id": 1, "customer_id": 2}
    other = ToolCall("a", "cancel_order", {"id": 1})
    assert names.of(other) is other


@pytest.mark.parametrize(("name", "text"), [("m.toml", '[tools]\n"a.b" = "get_order"\n[arguments."a.b"]\nx = "y"'), ("m.json", None)])
def test_names_from_a_file(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text or '{"tools": {"a.b": "get_order"}, "arguments": {"a.b": {"x": "y"}}}')
    assert renames_of([str(path)], KNOWN).of(ToolCall("a", "a.b", {"x": 1})) == ToolCall("a", "get_order", {"y": 1})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a=get_ordr"], "use get_order"),
        (["nothing.toml"], "cannot be read"),
        (["=b"], "maps nothing"),
        (["a="], "maps nothing"),
    ],
)
def test_what_cannot_be_used_is_said(texts, message):
    with pytest.raises(ArtificerError, match=message):
        renames_of(texts, KNOWN)


def test_a_file_of_something_else_is_refused(tmp_path):
    for text in ("tools = 3", "other = 1", "not toml", ""):
        (tmp_path / "m.toml").write_text(text)
        if not text:
            assert renames_of([str(tmp_path / "m.toml")]).tools == {}
            continue
        with pytest.raises(ArtificerError, match="no names"):
            renames_of([str(tmp_path / "m.toml")])


def test_near_names():
    assert near("getOrder", KNOWN)[0] == "get_order"
    assert near("shop__cancel_order", KNOWN)[0] == "cancel_order"
    assert near("weather", KNOWN) == ()
    assert near("x" * 100_000, KNOWN) == ()
