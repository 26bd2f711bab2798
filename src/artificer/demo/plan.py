"""The demo as a list of commands, in order. What is printed is what is run."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

GIT = "mcp:mcp-server-git --repository {scratch}"
"""A third-party MCP server from PyPI; `{scratch}` is the session's own copy of the template repository."""


class Size(Struct, frozen=True):
    """How much the demo does.

    Args:
        traces: tasks tried in each of the two larger worlds for training.
        held_out: tasks tried in each of them on held-out rows and phrasings.
        server: tasks tried on the MCP server.
        rows: most training rows.
        examined: rows of each kind that models are examined on.
        minutes: of training.
    """

    traces: int = 1000
    held_out: int = 100
    server: int = 16
    rows: int = 1500
    examined: int = 45
    minutes: float = 4.0


SMALL = Size(traces=30, held_out=10, server=4, rows=60, examined=5, minutes=0.2)
"""Enough to see every step work."""


class Step(Struct, frozen=True):
    """One command: the words after `artificer`, and why it is run. `exclusive` steps write a folder that only they write."""

    title: str
    words: tuple[str, ...]


def steps(at: Path, template: Path, size: Size, *, server: bool = True, learning: bool = True) -> list[Step]:
    """The demo's commands.

    Args:
        at: the demo's folder.
        template: the repository that the MCP server works on.
        server: with the MCP server.
        learning: with training and evaluation.
    """
    git_options = _flags(
        "--options", f"template={template}", "env.GIT_AUTHOR_DATE=2026-03-16T12:00:00+00:00", "env.GIT_COMMITTER_DATE=2026-03-16T12:00:00+00:00"
    )
    out = {name: str(at / name) for name in ("chinook", "retail", "chinook-held-out", "retail-held-out", "git")}
    plan = [
        Step("the tools derived from a sample database", ("tools", "sqlite:chinook")),
        Step("a shop with a written policy", ("tools", "domain:retail")),
    ]
    if server:
        plan.append(Step("a third-party MCP server", ("tools", GIT, *git_options)))
    for name, world in (("chinook", "sqlite:chinook"), ("retail", "domain:retail")):
        plan.append(Step(f"{size.traces} tasks, sampled from their answers, played and judged", _synth(world, size.traces, 7, "train", out[name])))
        plan.append(Step("the same on rows and phrasings that training never sees", _synth(world, size.held_out, 8, "test", out[f"{name}-held-out"])))
    if server:
        words = ("synth", "cove", "--world", GIT, *git_options, "-n", str(size.server), "--seed", "7", "--wants", "1", "1", "--impossible", "0")
        plan.append(
            Step(
                "the same on the MCP server: its data flow is found by executing",
                (*words, "--concurrency", "2", "-o", out["git"], "--engine", "local"),
            )
        )
    made = [out[name] for name in ("chinook", "retail", "chinook-held-out", "retail-held-out", *(("git",) if server else ()))]
    plan += [Step("every trace is executed again and compared", ("verify", run, "--quiet")) for run in made]
    if learning:
        plan += _learning(at, out, size, server)
    report = ("report", *made, "-o", str(at / "report.html"))
    plan.append(Step("a page to look at", (*report, *_results(at)) if learning else report))
    return plan


def _learning(at: Path, out: dict[str, str], size: Size, server: bool) -> list[Step]:
    data, model, results = str(at / "rows"), str(at / "model"), str(at / "results")
    tests = {"new-rows-and-phrasings": (out["chinook-held-out"], out["retail-held-out"])} | ({"new-tools": (out["git"],)} if server else {})
    plan = [
        Step(
            "training rows: one decision each",
            ("curate", out["chinook"], out["retail"], "--limit", str(size.rows), "-o", data),
        )
    ]
    for name, runs in tests.items():
        words = ("curate", *runs, "--part", "test", "--texts", "0", "--limit", str(size.examined), "-o", str(at / name))
        plan.append(Step("rows to be examined on", words))
    rows = tuple(str(at / name) for name in tests)
    plan += [
        Step("the embedded model before training", ("eval", *rows, "--model", "hf:smollm2", "--name", "1-before", "-o", results)),
        Step(
            "the same model, made to write a valid call",
            ("eval", *rows, "--model", "local:smollm2", "--constrained", "--name", "2-before-constrained", "-o", results),
        ),
        Step("fine-tuning", ("train", data, "--model", "hf:smollm2", "--minutes", f"{size.minutes:g}", "--save-every", "25", "-o", model)),
        Step("after training", ("eval", *rows, "--model", f"hf:{model}", "--name", "3-after", "-o", results)),
    ]
    return plan


def _synth(world: str, n: int, seed: int, part: str, out: str) -> tuple[str, ...]:
    return ("synth", "cove", "--world", world, "-n", str(n), "--seed", str(seed), "--part", part, "--engine", "processes:2", "-o", out)


def _results(at: Path) -> tuple[str, ...]:
    return ("--results", str(at / "results"), "--trained", str(at / "model"))


def _flags(flag: str, *values: str) -> tuple[str, ...]:
    return tuple(word for value in values for word in (flag, value))
