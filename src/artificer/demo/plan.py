"""The demo as a list of commands, in order. What is printed is what is run."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

GIT = "mcp:mcp-server-git --repository {scratch}"
"""A third-party MCP server from PyPI; `{scratch}` is the session's own copy of the template repository."""


HELD_OUT = (
    "search_invoices",
    "get_invoice",
    "update_invoice",
    "create_invoice",
    "delete_invoice",
    "list_invoices_of_customer",
    "cancel_order",
    "update_email",
    "search_products",
)
"""Tools that training never sees: conversations that use them teach nothing, and no training row offers them."""

WORLDS = {"chinook": "sqlite:chinook", "retail": "domain:retail"}
KINDS = {"new-rows": ("test", "train"), "new-phrasings": ("train", "test")}
"""What is held out, with the shares of rows and of phrasings that its conversations are made of."""


class Size(Struct, frozen=True):
    """How much the demo does.

    Args:
        traces: tasks tried in each of the two larger worlds.
        held_out: tasks tried in each of them for each kind of held-out rows.
        server: tasks tried on the MCP server.
        rows: most training rows.
        examined: rows of each kind that models are examined on.
        longest: steps after a longer conversation than this many characters are left out, for time's sake.
        minutes: of training.
    """

    traces: int = 1000
    held_out: int = 100
    server: int = 8
    rows: int = 1500
    examined: int = 24
    longest: int = 1000
    minutes: float = 4.0


SMALL = Size(traces=30, held_out=12, server=4, rows=60, examined=4, minutes=0.2)
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
    plan = [
        Step("the tools derived from a sample database", ("tools", WORLDS["chinook"])),
        Step("a shop with a written policy", ("tools", WORLDS["retail"])),
    ]
    if server:
        plan.append(Step("a third-party MCP server", ("tools", GIT, *git_options)))
    made: list[str] = []
    for name, world in WORLDS.items():
        made.append(str(at / name))
        plan.append(Step("tasks sampled from their answers, played and judged", _synth(world, size.traces, 7, "train", None, made[-1])))
    for kind, (rows, phrasing) in KINDS.items():
        for name, world in WORLDS.items():
            made.append(str(at / f"{name}-{kind}"))
            plan.append(Step(f"the same for examination: {kind}", _synth(world, size.held_out, 8, rows, phrasing, made[-1])))
    if server:
        made.append(str(at / "git"))
        words = ("synth", "cove", "--world", GIT, *git_options, "-n", str(size.server), "--seed", "7", "--wants", "1", "1", "--impossible", "0")
        plan.append(Step("the same on the MCP server: its data flow is found by executing", (*words, "--concurrency", "2", "-o", made[-1])))
    plan += [Step("every trace is executed again and compared", ("verify", run, "--quiet")) for run in made]
    report = ("report", *made, "-o", str(at / "report.html"))
    if learning:
        plan += _learning(at, size)
        report = (*report, "--results", str(at / "results"), "--trained", str(at / "model"))
    return [*plan, Step("a page to look at", report)]


def _learning(at: Path, size: Size) -> list[Step]:
    data, model, results = str(at / "rows"), str(at / "model"), str(at / "results")
    short = ("--most", str(size.longest))
    hidden = _flags("--hidden", *HELD_OUT)
    plan = [
        Step(
            "training rows: one decision each, nothing of the held-out tools",
            ("curate", *(str(at / name) for name in WORLDS), *hidden, *short, "--limit", str(size.rows), "-o", data),
        )
    ]
    examined = ("--part", "test", "--texts", "0", "--per-trace", "1", *short, "--limit", str(size.examined))
    for kind in KINDS:
        runs = tuple(str(at / f"{name}-{kind}") for name in WORLDS)
        plan.append(Step(f"rows to be examined on: {kind}", ("curate", *runs, *hidden, *examined, "-o", str(at / kind))))
    shown = (*(str(at / f"{name}-new-rows") for name in WORLDS), *_flags("--shown", *HELD_OUT))
    plan.append(Step("rows to be examined on: new tools", ("curate", *shown, *examined, "-o", str(at / "new-tools"))))
    rows = (*(str(at / kind) for kind in KINDS), str(at / "new-tools"))
    return [
        *plan,
        Step("the embedded model before training", ("eval", *rows, "--model", "hf:smollm2", "--name", "1-before", "-o", results)),
        Step(
            "the same model, made to write a valid call",
            ("eval", *rows, "--model", "local:smollm2", "--constrained", "--name", "2-before-constrained", "-o", results),
        ),
        Step("fine-tuning", ("train", data, "--model", "hf:smollm2", "--minutes", f"{size.minutes:g}", "--save-every", "25", "-o", model)),
        Step("after training", ("eval", *rows, "--model", f"hf:{model}", "--name", "3-after", "-o", results)),
    ]


def _synth(world: str, n: int, seed: int, part: str, phrasing: str | None, out: str) -> tuple[str, ...]:
    words = ("synth", "cove", "--world", world, "-n", str(n), "--seed", str(seed), "--part", part)
    return (*words, *(("--phrasing", phrasing) if phrasing else ()), "--engine", "processes:2", "-o", out)


def _flags(flag: str, *values: str) -> tuple[str, ...]:
    return tuple(word for value in values for word in (flag, value))
