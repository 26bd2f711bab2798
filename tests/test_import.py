"""`import artificer` is quick and loads nothing heavy; neither does the command line before a command needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "mcp", "ray", "xllamacpp", "pydantic", "numpy")


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "code",
    [
        "import artificer; artificer.World.of('domain:retail')",
        "import artificer; artificer.synth; artificer.verify; artificer.report; artificer.curate; artificer.train; artificer.evaluate",
        "from artificer.cli import main; main(['recipes'])",
        "from artificer.cli import main; main(['tools', 'sqlite:chinook'])",
    ],
)
def test_nothing_heavy_is_loaded(code):
    assert loaded_by(code).isdisjoint(HEAVY)


def test_help_loads_no_command():
    assert (
        "artificer.cli.synth"
        not in subprocess.run(
            [sys.executable, "-c", "from artificer.cli import main; main(['--help'])\nimport sys; print(*sys.modules)"],
            capture_output=True,
            text=True,
        )
        .stdout.splitlines()[-1]
        .split()
    )


def test_importing_takes_at_most_three_tenths_of_a_second_of_processor_time():
    code = "from time import process_time as t; a = t(); import artificer; print(t() - a)"
    assert min(float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout) for _ in range(3)) <= 0.3


def test_the_public_names_are_there():
    import artificer

    for name in artificer.__all__:
        assert getattr(artificer, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        artificer.nonsense  # noqa: B018


def test_a_step_and_a_package_of_one_name():
    """`artificer.rollout(...)` works before and after the package of that name is imported."""
    code = """
import artificer
first = artificer.rollout
import artificer.rollout.play
from artificer.core.errors import ArtificerError
for step in (first, artificer.rollout):
    try:
        step("no-such-run", out="no-such-place")
    except ArtificerError:
        print("called")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "called\ncalled\n", done.stderr
