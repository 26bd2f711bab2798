"""Levels of documentation: what each shows, and that none shows more than the next."""

from __future__ import annotations

import pytest

from artificer.core.canon import canonical
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.models.prompt import PAGE, signature
from artificer.worlds.catalogue.docs import LEVELS, documented, level_of, tagged, text

SEND = ToolSpec(
    "send_parcel",
    "Sends a parcel. The fee depends on weight; see `list_fees --all here` for it.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "where to", "x-label": "city", "examples": ["Graz"]},
            "weight": {"type": "number", "minimum": 0, "description": "in kg"},
            "description": {"type": "string", "title": "Description"},
            "sender": {"$ref": "#/$defs/person"},
            "box": {"anyOf": [{"type": "integer", "x-ref": "box.id", "description": "which"}, {"type": "null"}], "default": None},
        },
        "required": ["city", "weight"],
        "additionalProperties": False,
        "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string", "description": "in full"}}}},
    },
    {"type": "object", "properties": {"parcel_id": {"type": "string", "x-ref": "parcel.id"}}},
    "write",
    {"intent": "transactional"},
    ({"city": "Graz", "weight": 1.5}, {"city": "Linz", "weight": 2}, {"city": "Wels", "weight": 3}),
)


def test_a_name_alone() -> None:
    assert documented(SEND, "name") == ToolSpec("send_parcel", "", {"type": "object"}, effect="write")
    assert text(SEND, "name") == "send_parcel"
    assert signature(documented(SEND, "name")) == "send_parcel(...)"


def test_a_signature_says_what_may_be_passed_and_nothing_of_what_it_means() -> None:
    shown = documented(SEND, "signature")
    assert shown.description == ""
    assert shown.parameters["properties"] == {
        "city": {"type": "string"},
        "weight": {"type": "number", "minimum": 0},
        "description": {"type": "string"},
        "sender": {"$ref": "#/$defs/person"},
        "box": {"anyOf": [{"type": "integer", "x-ref": "box.id"}, {"type": "null"}], "default": None},
    }
    assert shown.parameters["$defs"] == {"person": {"type": "object", "properties": {"name": {"type": "string"}}}}
    assert shown.parameters["required"] == ["city", "weight"]
    assert text(SEND, "signature") == "send_parcel(city, weight: number, description?, sender?, box?)"


def test_a_summary_adds_the_first_sentence() -> None:
    assert documented(SEND, "summary").description == "Sends a parcel."
    assert text(SEND, "summary") == "send_parcel(city, weight: number, description?, sender?, box?) - Sends a parcel"


def test_full_documentation_and_demonstrations() -> None:
    full = documented(SEND, "full")
    assert full.examples == ()
    assert (full.description, full.parameters, full.returns, full.attributes) == (SEND.description, SEND.parameters, SEND.returns, SEND.attributes)
    shown = documented(SEND, "demos", 2)
    assert shown.description == (
        f"{SEND.description}\n\nCalls that work:\n"
        '{"name":"send_parcel","arguments":{"city":"Graz","weight":1.5}}\n{"name":"send_parcel","arguments":{"city":"Linz","weight":2}}'
    )
    assert documented(SEND, "demos", 0) == full
    page = text(SEND, "demos", 1)
    assert "- city (required): where to" in page
    assert '"minimum":0' in page
    assert 'arguments":{"city":"Graz"' in page
    assert "parcel_id" in page
    assert "Linz" not in page


def test_each_level_tells_at_least_as_much_as_the_one_before() -> None:
    sizes = [len(canonical(documented(SEND, level))) for level in LEVELS]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)
    lengths = [len(text(SEND, level)) for level in LEVELS]
    assert lengths == sorted(lengths)


def test_attributes_are_told_when_asked_for() -> None:
    tool = ToolSpec("t", "About.", {}, attributes={"intent": "informational", "domains": ["bond", "fund"], "cost": 2})
    assert tagged(tool, ("domains", "cost", "none")).description == "About.\n[domains: bond, fund; cost: 2]"
    assert tagged(tool, ()) == tagged(tool, ("none",)) == tool
    assert tagged(documented(tool, "name"), ("intent",), tool.attributes).description == "[intent: informational]"


def test_long_descriptions_are_cut_between_words_and_never_within_code() -> None:
    assert documented(SEND, "full", words=3).description == "Sends a parcel. ..."
    assert documented(SEND, "full", words=9).description == "Sends a parcel. The fee depends on weight; see ..."
    assert documented(SEND, "full", words=10).description == "Sends a parcel. The fee depends on weight; see `list_fees --all here` ..."
    assert documented(SEND, "full", words=12).description == SEND.description


def test_a_tool_without_examples_or_parameters() -> None:
    bare = ToolSpec("ping", "", {"type": "object", "properties": {}, "additionalProperties": False})
    assert documented(bare, "demos") == documented(bare, "full") == bare
    assert [text(bare, level) for level in LEVELS] == ["ping", "ping()", "ping()", "ping()", "ping()"]


def test_pure_and_the_same_again() -> None:
    before = canonical(SEND)
    for level in LEVELS:
        assert documented(SEND, level) == documented(SEND, level)
    assert canonical(SEND) == before


def test_an_unknown_level() -> None:
    assert [level_of(level) for level in LEVELS] == list(LEVELS)
    with pytest.raises(SourceError, match="no level"):
        level_of("everything")


def test_pages_show_every_parameter() -> None:
    many = ToolSpec("t", "a\nb", {"type": "object", "properties": {f"p{at}": {"type": "integer"} for at in range(60)}})
    shown = signature(many, PAGE).splitlines()
    assert "p59?: int" in shown[0]
    assert "..." not in shown[0]
    assert shown[1:3] == ["  a", "  b"]
    assert len(shown) == 63
