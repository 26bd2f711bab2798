"""The data card on a terminal, and where it is written. Not a command: `artificer stats` prints it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from artificer.cli.show import counted, note, say, shortened, table

if TYPE_CHECKING:
    from artificer.curation.quality.card import Card

_SHOWN = 10


def show(card: Card) -> None:
    """Prints a card."""
    from artificer.curation.quality.findings import RULES
    from artificer.curation.quality.markdown import adp_rows, counts_of, length_rows, percent

    calls = int(card.lengths["calls"].total)
    calls_of = f"{counted(calls, 'call')} of {counted(len(card.tools), 'tool')}"
    say(f"{card.source} ({card.form}): {counted(card.traces, 'trace')}, {calls_of}, {counted(card.offered, 'tool')} offered")
    for reason, times in card.dropped.items():
        say(f"  not read: {reason} ({times:,})")
    say(f"\nverdict: {card.status}")
    say(table([(line.status, line.figure, percent(line.value), line.bound) for line in card.lines]))
    if card.found:
        say("\nwhat was found")
        rows = [
            (RULES[rule].severity, rule, one.findings, one.traces, one.excused or "", shortened(_example(card, rule), 70))
            for rule, one in card.found.items()
        ]
        say(table(rows, ("", "rule", "findings", "traces", "excused", "for instance")))
    say("\nthe Agent Data Protocol's own check")
    say(table(adp_rows(card)))
    say("\nlengths of traces")
    say(table(length_rows(card), ("", "mean", "10%", "median", "90%", "99%", "most", "in all")))
    say("\nwhat there is")
    for title, counts in counts_of(card):
        shown = ", ".join(f"{shortened(name, 40)} {number:,}" for name, number in list(counts.items())[:_SHOWN])
        more = f" and {counted(len(counts) - _SHOWN, 'other')}" if len(counts) > _SHOWN else ""
        say(f"  {title}: {shown}{more}")
    for name, licence in card.beside.items():
        say(f"  licence beside the data: {licence} ({name})")
    for remark in card.notes:
        say(f"  {remark}")


def _example(card: Card, rule: str) -> str:
    examples = card.found[rule].examples
    if not examples:
        return ""
    place = "" if examples[0].at is None else f"message {examples[0].at}: "
    return f"{examples[0].trace[:24]} {place}{examples[0].evidence}"


def where_to(out: str) -> list[Path]:
    """The files that a card is written to: one that ends in .md or .html, or both in a folder.

    Raises:
        ArtificerError: one is there already, or the name says no kind.
    """
    from artificer.core.errors import ArtificerError
    from artificer.run.files import taken

    path = Path(out)
    if path.suffix in (".md", ".html"):
        chosen = [path]
    elif path.is_dir() or not path.suffix:
        chosen = [path / "card.md", path / "card.html"]
    else:
        raise ArtificerError(f"a card is Markdown or HTML, not {path.suffix!r}", where=out, remedy="name a file .md or .html, or a folder")
    for one in chosen:
        if one.exists():
            raise taken(one)
    return chosen


def write(card: Card, files: list[Path], command: str) -> None:
    """Writes a card as Markdown and as a page.

    Raises:
        ArtificerError: a file cannot be written.
    """
    from artificer.curation.quality.markdown import markdown
    from artificer.run.files import whole_file
    from artificer.studio.card import card_page

    name = Path(card.source).name or card.source
    for path in files:
        text = markdown(card, name) if path.suffix == ".md" else card_page(card, name, command)
        with whole_file(path, "card") as made:
            made.write_text(text, encoding="utf-8", errors="replace")


def progress(quiet: bool) -> Callable[[int], None] | None:
    """Says on stderr how many traces have been looked at, where somebody watches."""
    if quiet or not sys.stderr.isatty():
        return None
    return lambda number: note(f"looked at {number:,} traces") if number and number % 20_000 == 0 else None


def counter(tokenizer: str) -> Callable[[str], int]:
    """What counts tokens: the tokenizer of a model's folder.

    Raises:
        ArtificerError: it cannot be loaded. MissingExtra: transformers is not installed.
    """
    from artificer.core.errors import ArtificerError
    from artificer.models.tokens import transformers_quietly

    if not Path(tokenizer).is_dir():
        raise ArtificerError(f"there is no folder {tokenizer!r}", remedy="name a folder with a model's tokenizer")
    try:
        loaded = transformers_quietly().AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ArtificerError(
            f"the tokenizer cannot be loaded: {str(error).splitlines()[0]}", where=tokenizer, remedy="name another folder"
        ) from error
    return lambda text: len(loaded.encode(text, add_special_tokens=False))
