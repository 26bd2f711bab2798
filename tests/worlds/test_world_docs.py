"""The examples of the MCP, Python and serving pages run and print what the pages say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", re.DOTALL)
PAGES = {page: (ROOT / "docs" / page).read_text() for page in ("worlds-python.md", "worlds-mcp.md", "serve.md")}
CASES = [(page, at, *match) for page, text in PAGES.items() for at, match in enumerate(EXAMPLE.findall(text))]


@pytest.mark.parametrize(("code", "printed"), [case[2:] for case in CASES], ids=[f"{page}-{at}" for page, at, *_ in CASES])
def test_the_example_prints_what_the_page_says(code: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == printed


def test_every_page_has_examples() -> None:
    assert len(CASES) == 5


async def test_the_world_of_your_own_on_the_page_works() -> None:
    page = (ROOT / "docs" / "worlds.md").read_text("utf-8").partition("## A world of your own")[2]
    block = page.partition("```python\n")[2].partition("```")[0]
    space: dict[str, Any] = {"__name__": "lights"}
    exec(compile(block, "docs/worlds.md", "exec"), space)
    world = space["open_world"]("x")
    session = await world.open(Start())
    start = session.digest()
    assert (await session.call(ToolCall("1", "switch", {"lamp": "hall", "on": True}))).content == {"hall": True, "porch": False}
    fork = await session.fork()
    await fork.call(ToolCall("2", "switch", {"lamp": "porch", "on": True}))
    assert [effect.key for effect in fork.effects()] == [("hall",), ("porch",)]
    assert [effect.key for effect in fork.effects(since=1)] == [("porch",)]
    assert [effect.key for effect in session.effects()] == [("hall",)]
    refused = await session.call(ToolCall("3", "switch", {"lamp": "cellar", "on": True}))
    assert refused.error is ErrorKind.invalid_argument
    assert (await session.call(ToolCall("4", "fly", {}))).error is ErrorKind.unknown_tool
    await session.call(ToolCall("5", "switch", {"lamp": "hall", "on": False}))
    assert session.digest() == start != fork.digest()
    assert session.effects() == ()
