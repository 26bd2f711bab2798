"""The embeddings of the `text` extra, which the development environment has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from artificer.core.errors import MissingExtra
from artificer.core.tools import ToolSpec
from artificer.worlds.catalogue import Catalogue
from artificer.worlds.catalogue import embeddings as module
from artificer.worlds.catalogue.embeddings import Vectors, static


def test_what_means_the_same_is_near() -> None:
    vectors = Vectors()
    for key, text in {"meal": "book a table at a restaurant", "kernel": "compile the kernel", "trip": "buy a train ticket"}.items():
        vectors.add(key, text)
    assert vectors.search("reserve a place for dinner")[0].key == "meal"
    assert [hit.key for hit in vectors.search("railway journey", 1)] == ["trip"]
    assert [hit.key for hit in vectors.search("railway journey", 3, {"kernel"})] == ["kernel"]


def test_shapes_and_texts_without_words() -> None:
    rows = static(["one", "", "\ud800\0", "x" * 300_000])
    assert rows.shape == (4, 256)
    assert not rows[1].any()
    vectors = Vectors()
    vectors.add("empty", "")
    assert vectors.search("") == vectors.search("anything")
    assert vectors.search("anything")[0].score == 0.0


def test_equal_texts_stand_in_the_order_of_keys() -> None:
    vectors = Vectors()
    for key in ("b", "c", "a"):
        vectors.add(key, "the same")
    assert [hit.key for hit in vectors.search("the same")] == ["a", "b", "c"]
    vectors.remove("a")
    vectors.add("a", "another thing altogether")
    assert [hit.key for hit in vectors.search("the same")] == ["b", "c", "a"]


def test_a_catalogue_by_meaning() -> None:
    tools = [ToolSpec("book_table", "Reserves seats in a restaurant.", {}), ToolSpec("send_parcel", "Ships a package.", {})]
    catalogue = Catalogue(tools, mode="meaning")
    assert catalogue.search("a place for dinner", 1)[0].tool.name == "book_table"


def test_without_the_package_the_remedy_is_told(monkeypatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", "no-such-package-of-anybody")
    module._loaded.cache_clear()
    try:
        with pytest.raises(MissingExtra, match=r"artificer\[text\]"):
            Catalogue([ToolSpec("a", "b", {})], mode="both").search("x")
    finally:
        module._loaded.cache_clear()


def test_searching_by_words_loads_nothing_heavy() -> None:
    code = (
        "from artificer.worlds.catalogue import Catalogue; from artificer.core.tools import ToolSpec\n"
        "Catalogue([ToolSpec('a', 'b', {})]).search('b'); import sys; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "tokenizers", "safetensors", "wordllama", "torch"} & set(loaded)
