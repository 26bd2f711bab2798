"""What holds for every recipe: its defaults run offline with scripted parts in under ten seconds, give the golden output, and are documented.

After a change that is meant to change the output: `python tests/recipes/test_contract.py` writes the golden files anew.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from time import perf_counter

import msgspec
import pytest

from artificer.cli.knobs import field_helps
from artificer.core.canon import digest
from artificer.recipes import Recipe, recipes
from artificer.run.engine import execute
from artificer.run.store import RunFolder

HERE = Path(__file__).parent
RECIPES = sorted(name for name, recipe in recipes().items() if isinstance(recipe, Recipe))


class Golden(msgspec.Struct):
    """What a recipe's defaults give: rows by shard family, and a digest of each family's sorted rows."""

    rows: dict[str, int]
    digests: dict[str, str]


def run_defaults(recipe: Recipe, folder: Path) -> Golden:
    knobs = recipe.knobs()
    stages = recipe.stages(knobs)
    with RunFolder.create_or_continue(folder, {"recipe": recipe.name, "knobs": msgspec.to_builtins(knobs)}) as run:
        asyncio.run(execute(stages, recipe.source(knobs), run))
        families = {stage.keep: list(run.read(stage.keep, ordered=True)) for stage in stages if stage.keep}
    return Golden({name: len(rows) for name, rows in families.items()}, {name: digest(rows) for name, rows in families.items()})


@pytest.mark.parametrize("name", RECIPES)
def test_defaults_run_offline_in_ten_seconds_and_give_the_golden_output(name, tmp_path):
    began = perf_counter()
    made = run_defaults(recipes()[name], tmp_path / "run")
    assert perf_counter() - began < 10
    assert all(number > 0 for number in made.rows.values())
    assert made == msgspec.json.decode((HERE / "golden" / f"{name}.json").read_bytes(), type=Golden)


@pytest.mark.parametrize("name", RECIPES)
def test_it_is_documented(name):
    recipe = recipes()[name]
    assert isinstance(recipe, Recipe)
    page = (HERE.parents[1] / "docs" / "recipes" / f"{name}.md").read_text()
    assert recipe.paper in page
    for heading in ("## Mechanism", "## What differs", "## Command", "## Expected figures"):
        assert heading in page
    assert recipe.anchors
    assert recipe.fidelity
    helps = field_helps(recipe.knobs)
    assert [field for field in recipe.knobs.__struct_fields__ if not helps.get(field)] == []


def test_a_recipe_file_is_short_and_has_no_engine():
    for path in (HERE.parents[1] / "src" / "artificer" / "recipes").glob("*/*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 200
        assert "except " not in text
        assert "open(" not in text


if __name__ == "__main__":
    for each in RECIPES:
        with tempfile.TemporaryDirectory() as place:
            golden = run_defaults(recipes()[each], Path(place) / "run")  # type: ignore[arg-type]
        (HERE / "golden").mkdir(exist_ok=True)
        (HERE / "golden" / f"{each}.json").write_bytes(msgspec.json.format(msgspec.json.encode(golden), indent=1) + b"\n")
