"""The catalogue: adding, removing, searching in three ways, conditions, files; and sixteen thousand tools."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.errors import ArtificerError, SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.catalogue import Catalogue, Filter, Where, route
from artificer.worlds.catalogue.bm25 import Scored
from artificer.worlds.catalogue.catalogue import fused, searchable
from artificer.worlds.catalogue.stored import FORMAT


def tool(name: str, about: str = "", **attributes: object) -> ToolSpec:
    return ToolSpec(name, about, {"type": "object", "properties": {}}, attributes=attributes)


TOOLS = (
    tool("get_weather", "Current weather of a city.", intent="informational"),
    tool("get_forecast", "The weather of the next days.", intent="informational"),
    tool("buy_share", "Buys shares of a company.", intent="transactional", domains=["equity"]),
    tool("share_price", "Latest price of a company's shares.", intent="informational", domains=["equity"]),
    tool("convert_currency", "Converts an amount of money.", intent="informational", domains=["forex"]),
)


def letters(texts: Sequence[str]) -> list[list[float]]:
    """Vectors for tests: how often a text has each letter."""
    return [[float(text.casefold().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]


def names(found: Sequence[object]) -> list[str]:
    return [hit.tool.name for hit in found]  # type: ignore[attr-defined]


def test_a_tool_is_found_by_its_name_description_parameters_and_attributes() -> None:
    spec = ToolSpec(
        "sendParcel",
        "Ships goods.",
        {"type": "object", "properties": {"heft": {"type": "number", "description": "in kilograms", "x-label": "mass"}}},
        attributes={"domain": "logistics", "tags": ["post", {"deep": "courier"}]},
    )
    assert sorted(set(searchable(spec))) == sorted(["send", "parcel", "ship", "good", "heft", "kilogram", "mass", "logistic", "post", "courier"])
    catalogue = Catalogue([spec, *TOOLS])
    for query in ("send a parcel", "ships", "HEFT", "kilograms?", "mass", "logistics", "courier"):
        assert names(catalogue.search(query, 1)) == ["sendParcel"]


def test_the_best_come_first_and_no_more_than_asked_for() -> None:
    catalogue = Catalogue(TOOLS)
    assert names(catalogue.search("price of shares", 2)) == ["share_price", "buy_share"]
    assert catalogue.search("price", 0) == catalogue.search("", 3) == catalogue.search("xyzzy", 3) == []
    assert len(catalogue) == 5
    assert [spec.name for spec in catalogue] == [spec.name for spec in TOOLS]
    assert catalogue["buy_share"] is TOOLS[2]


def test_conditions_hold_before_the_best_are_chosen() -> None:
    catalogue = Catalogue(TOOLS, embed=letters)
    reading = Where(all=(Filter("intent", "is", "informational"),))
    for mode in ("words", "meaning", "both"):
        found = names(catalogue.search("buy a share", 5, reading, mode))  # type: ignore[arg-type]
        assert "share_price" in found
        assert "buy_share" not in found
    catalogue.add(tool("share_news", "Shares in the news.", intent="informational"))
    assert "share_news" in names(catalogue.search("share", 5, reading))


def test_taken_and_unknown_names() -> None:
    catalogue = Catalogue(TOOLS)
    with pytest.raises(ArtificerError, match="already"):
        catalogue.add(TOOLS[0])
    with pytest.raises(ArtificerError, match="no tool"):
        catalogue.remove("none")
    with pytest.raises(ArtificerError, match="already"):
        Catalogue([TOOLS[0], TOOLS[0]])


def test_reciprocal_ranks_by_hand() -> None:
    """a: 1/61 + 1/62, b: 1/62 + 1/61, c: 1/63; a before b by name."""
    rankings = [[Scored("a", 9), Scored("b", 8), Scored("c", 1)], [Scored("b", 0.9), Scored("a", 0.8)]]
    assert fused(rankings) == [Scored("a", 1 / 61 + 1 / 62), Scored("b", 1 / 62 + 1 / 61), Scored("c", 1 / 63)]
    assert fused([]) == fused([[]]) == []


def test_by_meaning_and_by_both() -> None:
    catalogue = Catalogue(TOOLS, mode="both", embed=letters)
    assert set(names(catalogue.search("weather", 5, mode="meaning"))) == {spec.name for spec in TOOLS}
    assert names(catalogue.search("current weather of a city", 1)) == ["get_weather"]
    catalogue.remove("get_weather")
    assert "get_weather" not in names(catalogue.search("current weather of a city", 9, mode="meaning"))
    catalogue.add(TOOLS[0])
    assert names(catalogue.search("current weather of a city", 1)) == ["get_weather"]
    assert Catalogue((), embed=letters).search("x", mode="meaning") == []


@given(st.text(max_size=60), st.sampled_from(["words", "meaning", "both"]), st.integers(1, 6))
def test_any_query_gives_tools_of_the_catalogue_each_once(query: str, mode, k: int) -> None:
    found = names(CATALOGUE.search(query, k, mode=mode))
    assert len(found) == len(set(found)) <= k
    assert set(found) <= {spec.name for spec in TOOLS}


CATALOGUE = Catalogue(TOOLS, embed=letters)


@settings(max_examples=40)
@given(st.permutations(TOOLS), st.sets(st.sampled_from([spec.name for spec in TOOLS])), st.sampled_from(["share", "the weather of a company", "get"]))
def test_a_saved_catalogue_answers_as_before(tmp_path_factory, tools, removed, query) -> None:
    path = tmp_path_factory.mktemp("saved") / "index"
    catalogue = Catalogue(tools)
    for name in removed:
        catalogue.remove(name)
    catalogue.save(path)
    loaded = Catalogue.load(path)
    assert loaded.search(query, 9) == catalogue.search(query, 9)
    assert list(loaded) == list(catalogue)
    assert loaded.digest() == catalogue.digest() == Catalogue.digest_of(spec for spec in TOOLS if spec.name not in removed)
    loaded.add(tool("one_more", "Shares a weather report."))
    catalogue.add(tool("one_more", "Shares a weather report."))
    assert loaded.search(query, 9) == catalogue.search(query, 9)
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


def test_damaged_files_are_told_from_good_ones(tmp_path) -> None:
    path = tmp_path / "index"
    Catalogue(TOOLS).save(path)
    good = path.read_bytes()
    for wrong in (b"", b"hello", good[:-3], good[: len(good) // 2], good + b"\0", good.replace(FORMAT.encode(), b"artificer-catalogue-9")):
        path.write_bytes(wrong)
        with pytest.raises(SourceError) as raised:
            Catalogue.load(path)
        assert "index" in str(raised.value)
        assert raised.value.remedy
    deep = b"\xaaparameters" + b"\x81\xa1a" * 100_000 + b"\xc0"
    Catalogue([ToolSpec("a", "b", {})]).save(path)
    path.write_bytes(path.read_bytes().replace(b"\xaaparameters\x80", deep))
    with pytest.raises(SourceError):
        Catalogue.load(path)
    fields = msgspec.msgpack.decode(good)
    for field, wrong in (
        ("postings", b"\xff" * len(fields["postings"])),
        ("postings", fields["postings"][::-1]),
        ("sizes", fields["sizes"][:-4]),
        ("counts", b"\0" * len(fields["counts"])),
        ("keys", fields["keys"][:-1]),
        ("keys", [*fields["keys"][:-1], fields["keys"][0]]),
        ("words", [fields["words"][0], *fields["words"][:-1]]),
        ("tools", fields["tools"][:-1]),
        ("k1", -1.0),
        ("postings", b"abc"),
    ):
        path.write_bytes(msgspec.msgpack.encode(fields | {field: wrong}))
        with pytest.raises(ArtificerError):
            Catalogue.load(path)
    with pytest.raises(SourceError, match="cannot be read"):
        Catalogue.load(tmp_path / "none")
    with pytest.raises(ArtificerError, match="cannot be written"):
        Catalogue(TOOLS).save(tmp_path / "no" / "folder")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_index_or_an_error_of_the_users(data: bytes) -> None:
    from artificer.worlds.catalogue.stored import unpack

    with pytest.raises(SourceError):
        unpack(data, "index")


def test_names_that_deceive_are_reported() -> None:
    catalogue = Catalogue([*TOOLS, tool("get_we\u0430ther"), tool("buy\u200b_share")])
    assert {problem.where for problem in catalogue.problems()} == {"'get_we\\u0430ther'", "'buy\\u200b_share'"}
    assert Catalogue(TOOLS).problems() == []


def test_a_router_serves_every_part_of_a_request() -> None:
    catalogue = Catalogue(TOOLS)
    found = [spec.name for spec in route("How is the weather in Graz? And then convert an amount of currency.", catalogue, 3)]
    assert found[0] in ("get_weather", "get_forecast", "convert_currency")
    assert "convert_currency" in found
    assert {"get_weather", "get_forecast"} & set(found)
    assert len(found) == len(set(found)) == 3
    only = Where(none=(Filter("domains", "has", "forex"),))
    assert "convert_currency" not in [spec.name for spec in route("convert currency; weather", catalogue, 5, only)]
    assert [spec.name for spec in route("share price", catalogue, 1)] == ["share_price"]
    assert route("", catalogue) == []


def test_sixteen_thousand_tools() -> None:
    """Every tool is found by its own description among sixteen thousand, whatever is asked for besides; adding and removing keeps it so."""
    chance = Random(5)
    vocabulary = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("al", "en", "is", "or", "un") for c in ("ta", "ne", "ki", "lo", "mu", "ra")]
    specs = [tool(f"{chance.choice(vocabulary)}_{number}", " ".join(chance.choices(vocabulary, k=20))) for number in range(16_000)]
    catalogue = Catalogue(specs)
    assert len(catalogue) == 16_000
    for spec in chance.sample(specs, 20):
        found = catalogue.search(f"{spec.description} please", 5)
        assert found[0].tool is spec
        assert len(found) == 5
    catalogue.remove(specs[7].name)
    assert specs[7] not in [hit.tool for hit in catalogue.search(specs[7].description, 5)]
    catalogue.add(specs[7])
    assert catalogue.search(specs[7].description, 1)[0].tool is specs[7]
