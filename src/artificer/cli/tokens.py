"""`artificer tokens`: which tokens of traces are trained."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from artificer.cli.show import counted, counts, note, options_of, plain, say

if TYPE_CHECKING:
    from artificer.training.chat.show import Stretch

_ON, _OFF = "\x1b[30;42m", "\x1b[0m"


def command(
    data: str,
    /,
    *,
    model: str = "hf:smollm2",
    template: str | None = None,
    options: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    given: Annotated[str | None, Parameter(name="--from")] = None,
    rows: Literal["exact", "one"] = "exact",
    hidden: Literal["refuse", "drop", "inline"] = "refuse",
    every: Annotated[bool, Parameter(name="--all", negative=())] = False,
    trace: str | None = None,
    shown: Annotated[int, Parameter(name=("--shown", "-n"))] = 1,
    full: Annotated[bool, Parameter(negative=())] = False,
    html: str | None = None,
    out: Annotated[str | None, Parameter(name=("--out", "-o"))] = None,
) -> int:
    """Render traces with a model's own chat template and show which tokens are trained: what the model wrote, where it wrote it.

    Example: `artificer tokens runs/shop --model hf:smollm2 -n 2`

    Parameters
    ----------
    data
        A run folder (of which the passed branches are taken), a file of any known format, or a folder of files.
    model
        hf:smollm2, or hf:FOLDER with a tokenizer.
    template
        A file with a chat template to use instead of the tokenizer's own.
    options
        Variables for the template, KEY=VALUE, once for each; e.g. --options enable_thinking=false.
    given
        The format of a file; guessed from its first rows otherwise.
    rows
        exact: where a template rewrites earlier turns, a branch becomes several rows, so that every message is learnt in the context it was written
        in. one: one row a branch, as most trainers make it.
    hidden
        What becomes of a message whose reasoning, or text beside calls, the template does not show: refuse (it is not
        trained), drop (it is trained without), or inline (reasoning stands in front of the text, between `<think>` and `</think>`).
    every
        Also branches that did not pass their checks.
    trace
        Only the trace with this id.
    shown
        How many rows to print.
    full
        Print all of the context too; otherwise only both ends of long stretches.
    html
        Write the printed rows as a page.
    out
        Write all rows for trainers, with input_ids, labels, owner and weights: JSON lines, or Parquet when the name ends in .parquet.
    """
    from artificer.api import tokenize

    found = tokenize(
        data,
        model=model,
        template=template,
        options={name: _value(value) for name, value in options_of(options).items()},
        given=given,
        rows=rows,
        hidden=hidden,
        every=every,
        only=trace,
        show=shown,
        out=out,
    )
    for row, stretches in found.shown:
        say(f"{row.trace}, branch {row.leaf}: {counted(len(row.ids), 'token')}, {sum(row.learnt)} learnt")
        _print(stretches, full)
        say()
    share = 100 * found.learnt / found.tokens if found.tokens else 0.0
    made = f"{counted(found.traces, 'trace')} -> {counted(found.rows, 'row')}"
    facts = [f"{made}, {counted(found.tokens, 'token')}, {found.learnt:,} learnt ({share:.1f}%)"]
    facts += [f"not trained: {counts({reason: number})}" for reason, number in found.missing.most_common()]
    facts += [f"trained without: {counts({reason: number})}" for reason, number in found.shortened.most_common()]
    if found.read.dropped:
        facts.append(f"not read: {counts(found.read.dropped)}")
    for fact in facts:
        say(fact)
    if html is not None:
        from artificer.run.files import whole_file
        from artificer.studio.tokens import page

        with whole_file(html, "page") as made:
            made.write_text(page(found.shown, facts), encoding="utf-8", errors="replace")
        say(f"page: {html}")
    if out is not None:
        say(f"rows: {out}")
    for hint in _hints(found.missing):
        note(hint)
    if not found.rows:
        note("nothing is trained")
    return 0 if found.rows else 1


def _hints(missing: Collection[str]) -> Iterator[str]:
    """What helps against the reasons for which messages are not trained."""
    from artificer.training.chat.aligning import REASONING, TEXT, THOUGHT
    from artificer.training.chat.telling import BROKEN, RESULTS, UNREADABLE

    if REASONING in missing:
        yield "--hidden drop trains messages without reasoning that the template does not show; --hidden inline puts it in front of their text"
    if not {TEXT, RESULTS}.isdisjoint(missing):
        yield "--hidden drop trains messages without text beside calls, and behind results, that the template does not show"
    if THOUGHT in missing:
        yield "a thought is trained where it stands apart from the text: as reasoning_content"
    if not {BROKEN, UNREADABLE, THOUGHT}.issuperset(missing):
        yield "another template may show what this one does not: --template FILE.jinja"


def _value(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text.lower(), text)


def _print(stretches: list[Stretch], full: bool) -> None:
    """Learnt stretches in colour on a terminal, between brackets elsewhere."""
    from artificer.training.chat.show import folded

    on, off = (_ON, _OFF) if sys.stdout.isatty() else ("⟦", "⟧")
    texts = [plain(one.text if full else folded(one)).replace(on, "[").replace(off, "]") for one in stretches]  # none can look as if it were marked
    sys.stdout.write("".join(f"{on}{text}{off}" if one.learnt else text for one, text in zip(stretches, texts, strict=True)) + "\n")
