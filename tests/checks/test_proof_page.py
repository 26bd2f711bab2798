"""The pages on proof and wording: their examples run, and name what there is."""

import re
from pathlib import Path

import pytest

from artificer.checks import Episode, judge, standard

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["proof.md", "wording.md"])
def test_the_examples_run(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {"__name__": page})  # our own page


async def test_the_table_lists_every_check(shop) -> None:
    page = (DOCS / "proof.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [check.name for check in standard()]
    episode: Episode = shop.episode()
    for part in (await judge(episode, standard())).parts:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{part.name}` |"))
        assert all(f"`{number}`" in row for number in part.numbers)
