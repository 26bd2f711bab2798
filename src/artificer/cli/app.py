"""The commands by name. Each is imported when it is called; `artificer --help` imports none."""

from __future__ import annotations

from cyclopts import App

from artificer import __version__

app = App(
    name="artificer",
    version=__version__,
    help="Teaches language models to use tools, and proves that they do.\n\nStart with `artificer demo`, or with `artificer tools sqlite:YOUR.db`.",
    suppress_keyboard_interrupt=False,
)

_COMMANDS = {
    "demo": "The whole loop on shipped inputs, offline: synthesise, verify, train, measure, report.",
    "tools": "What tools a source has, and what of it cannot be used.",
    "synth": "Make verified traces with a recipe.",
    "rollout": "Play a run's tasks again with another agent.",
    "verify": "Re-execute every trace and prove or refute what it claims.",
    "curate": "Turn proven traces into training rows: one decision each.",
    "convert": "Write traces of a run, or of a file in any known format, in another format.",
    "merge": "Put traces of several runs and files into one run, the same trace once.",
    "split": "Split traces into parts without a group in two of them.",
    "sample": "Draw traces, in strata if you like.",
    "dedup": "Leave out duplicates and near-duplicates.",
    "decontaminate": "Find what benchmarks and exams of one's own ask in data, and leave it out.",
    "query": "Ask runs and other data in SQL.",
    "export": "Write a run, or any file of traces, as Parquet tables.",
    "stats": "Count what data holds and what is wrong with it: a run, or any file of traces.",
    "tokens": "Show which tokens of traces are trained, and write them for trainers.",
    "train": "Fine-tune a model on training rows.",
    "eval": "Measure a model on held-out decisions.",
    "compare": "Compare two runs or examinations of the same tasks; fails when the second is worse.",
    "serve": "Offer a world to any MCP client, with a session for each.",
    "report": "Write a run's report.html.",
    "recipes": "List the recipes, or show one.",
}

for _position, (_name, _help) in enumerate(_COMMANDS.items()):
    _file = {"eval": "evaluate"}.get(_name, _name)
    app.command(f"artificer.cli.{_file}:command", name=_name, help=_help, sort_key=_position)


def told_whole(typed: list[str]) -> None:
    """Makes `artificer NAME --help` say what the command says of itself, its example too, and not the one line of `artificer --help` again.

    Only the command that is asked about is imported.
    """
    if typed and typed[0] in _COMMANDS and {"--help", "-h"}.intersection(typed):
        app[typed[0]].help = None
