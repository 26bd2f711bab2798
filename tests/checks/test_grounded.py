"""Where values may come from, and where they may not."""

from typing import Any

import msgspec
import pytest

from artificer.checks.grounded import Grounded
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

ANY: dict[str, Any] = {"type": "object", "properties": {"x": {}}}


async def ungrounded(shop, nodes, tools=None, policy: str = "") -> int:
    result = await Grounded()(shop.episode(nodes, tools=tools or (ToolSpec("t", "t", ANY),), policy=policy))
    assert result.passed == (result.numbers["ungrounded"] == 0)
    assert result.kinds == (() if result.passed else (ErrorKind.ungrounded_argument,))
    assert len(result.evidence) == min(20, result.numbers["ungrounded"])
    return int(result.numbers["ungrounded"])


async def grounds(shop, said: str, value: Any) -> bool:
    return await ungrounded(shop, [shop.user(said), shop.calls(shop.call("1", "t", x=value)), shop.result("1", "ok")]) == 0


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("Make it Blue Lamp, please", "blue lamp"),
        ("it costs $1,234.50.", 1234.5),
        ("it costs 1.234,50 €", 1234.5),
        ("set it to 5", 5.0),
        ("I want two of them", 2),
        ("15% off", 0.15),
        ("15 % off", 15),
        ("it is -3 degrees", -3),
        ("on May 6th, 2024", "2024-05-06"),
        ("on 6 May 2024", "2024-05-06"),
        ("on 05/06/2024", "2024-05-06"),
        ("on 6.5.2024", "2024-05-06T00:00:00"),
        ("on the 6th of May 2024", "2024-05-06"),
        ("Sept. 1, 2023 it was", "2023-09-01"),
        ("mail ana@example.com", "ana@example.com"),
        ('call it "A+ (new)"', "A+ (new)"),
        ("whatever", True),
        ("whatever", None),
        ("whatever", ""),
        ("whatever", []),
        ("red and blue", ["red", {"deep": ["blue"]}]),
        ("straße", "STRASSE"),
    ],
)
async def test_what_was_said_grounds(shop, said: str, value: Any) -> None:
    assert await grounds(shop, said, value)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("Make it Blue Lampshade", "Blue Lamp"),
        ("it costs 12345", 1234),
        ("it costs 1.5", 5),
        ("order W4711", 4711),
        ("five", 6),
        ("on May 6th, 2024", "2024-05-07"),
        ("on May 6th", "2024-05-06"),
        ("red", ["red", "green"]),
        ("red", {"a": {"b": "green"}}),
        ("", "x"),
        ("a.c", "abc"),
        ("abc", "a.c"),
        ("2024-02-30", "2024-02-31"),
    ],
)
async def test_what_was_not_said_does_not(shop, said: str, value: Any) -> None:
    assert not await grounds(shop, said, value)


async def test_the_policy_and_results_ground_but_the_agent_does_not_ground_itself(shop) -> None:
    call = [shop.calls(shop.call("2", "t", x="express")), shop.result("2", "ok")]
    assert await ungrounded(shop, [shop.user("hi"), *call]) == 1
    assert await ungrounded(shop, [shop.user("hi"), *call], policy="Ship by express only.") == 0
    assert await ungrounded(shop, [shop.user("hi"), shop.says("express?"), shop.user("yes"), *call]) == 1
    first = shop.calls(shop.call("1", "t"))
    for content in ({"ways": [{"by": "express"}]}, "You may use express or post", ["post", ["express"]]):
        assert await ungrounded(shop, [shop.user("hi"), first, shop.result("1", content), *call]) == 0
    refusal = shop.result("1", error=ErrorKind.invalid_argument, detail="use express or post")
    assert await ungrounded(shop, [shop.user("hi"), first, refusal, *call]) == 0
    assert await ungrounded(shop, [shop.user("hi"), first, shop.result("1", {"way": "expressly"}), *call]) == 1


async def test_refused_calls_and_unanswered_ones_are_not_looked_at(shop) -> None:
    refused = [shop.calls(shop.call("1", "t", x="guess")), shop.result("1", error=ErrorKind.not_found, detail="no")]
    assert await ungrounded(shop, [shop.user("hi"), *refused]) == 0
    assert await ungrounded(shop, [shop.user("hi"), refused[0]]) == 0


async def test_calls_of_one_message_do_not_ground_each_other(shop) -> None:
    nodes = [shop.user("hi"), shop.calls(shop.call("1", "t"), shop.call("2", "t", x="new")), shop.result("1", "new"), shop.result("2", "ok")]
    assert await ungrounded(shop, nodes) == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["asc", "desc"]},
        {"const": "asc"},
        {"default": "asc"},
        {"examples": ["asc"]},
        {"anyOf": [{"enum": ["asc"]}, {"type": "null"}]},
        {"$ref": "#/$defs/order"},
        {"type": "array", "items": {"$ref": "#/$defs/order"}},
    ],
)
async def test_the_schema_grounds_what_it_names(shop, schema) -> None:
    tool = ToolSpec("t", "t", {"type": "object", "properties": {"x": schema}, "$defs": {"order": {"enum": ["asc", "desc"]}}})
    value = ["asc"] if "items" in schema else "asc"
    nodes = [shop.user("hi"), shop.calls(shop.call("1", "t", x=value)), shop.result("1", "ok")]
    assert await ungrounded(shop, nodes, (tool,)) == 0
    assert await ungrounded(shop, nodes) == 1


async def test_an_id_counts_only_where_it_is_shown_as_that_id(shop) -> None:
    def nodes(content) -> list:
        return [
            shop.user("track 15, album 15, 15, fifteen"),
            shop.calls(shop.call("1", "search_track", limit=10)),
            shop.result("1", content),
            shop.calls(shop.call("2", "get_track", track_id=15)),
            shop.result("2", {}),
        ]

    assert await ungrounded(shop, nodes([{"track_id": 15}]), shop.tools) == 0
    assert await ungrounded(shop, nodes([{"album_id": 15, "price": 15, "name": "15"}]), shop.tools) == 1
    assert await ungrounded(shop, nodes([]), shop.tools) == 1
    assert await ungrounded(shop, nodes([{"track_id": "15"}]), shop.tools) == 1


async def test_ids_are_found_at_any_depth_of_the_returned_schema(shop) -> None:
    ref = {"type": ["integer", "null"], "x-ref": "a.id"}
    returns = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
            "by_name": {"type": "object", "additionalProperties": {"anyOf": [ref, {"type": "string"}]}},
        },
        "$defs": {"row": {"type": "object", "properties": {"id": ref, "children": {"type": "array", "items": {"$ref": "#/$defs/row"}}}}},
    }
    tools = (
        ToolSpec("find", "find", ANY, returns),
        ToolSpec("use", "use", {"type": "object", "properties": {"id": ref, "ids": {"type": "array", "items": ref}}}),
    )
    content = {"rows": [{"id": 1, "children": [{"id": 2, "children": []}]}], "by_name": {"x": 3}, "count": 9}

    async def wrong(**arguments) -> int:
        found = [shop.user("9"), shop.calls(shop.call("1", "find")), shop.result("1", content)]
        return await ungrounded(shop, [*found, shop.calls(shop.call("2", "use", **arguments)), shop.result("2", 1)], tools)

    assert await wrong(id=1) == 0
    assert await wrong(id=2) == 0
    assert await wrong(id=3) == 0
    assert await wrong(id=9) == 1
    assert await wrong(id=None) == 0
    assert await wrong(ids=[1, 2, 3]) == 0
    assert await wrong(ids=[1, 9, 8]) == 2


@pytest.mark.parametrize(("content", "wrong"), [({"a": [{"b": 15}]}, 0), ("created number 15.", 0), ("created number 150.", 1), ({"a": 16}, 1)])
async def test_a_tool_without_a_returns_schema_shows_all_that_it_returns(shop, content, wrong: int) -> None:
    tools = tuple(msgspec.structs.replace(tool, returns=None) if tool.name == "search_track" else tool for tool in shop.tools)
    nodes = [shop.user("hi"), shop.calls(shop.call("1", "search_track")), shop.result("1", content)]
    nodes += [shop.calls(shop.call("2", "get_track", track_id=15)), shop.result("2", {})]
    assert await ungrounded(shop, nodes, tools) == wrong


async def test_a_refusal_shows_no_ids(shop) -> None:
    nodes = [shop.user("hi"), shop.calls(shop.call("1", "search_track")), shop.result("1", error=ErrorKind.not_found, detail="not 15")]
    nodes += [shop.calls(shop.call("2", "get_track", track_id=15)), shop.result("2", {})]
    assert await ungrounded(shop, nodes, shop.tools) == 1
