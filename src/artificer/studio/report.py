"""`report.html`: one self-contained page about one or more runs and, when there are any, the results of training on them.

What is shown comes from run folders and evaluation results as they are; nothing is computed here but shares. Everything is escaped by `studio.html`,
and the page's own policy forbids it to load or run anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from artificer.rollout.mistakes import Mistakes
from artificer.studio.charts import Bar, bars, key, ranking
from artificer.studio.dialogue import dialogue
from artificer.studio.gather import Shown
from artificer.studio.html import Child, Html, h, join
from artificer.studio.layout import contents, document, table, tiles


class Share(Struct, frozen=True):
    """A measured proportion with its confidence interval, all from 0 to 1, of `n` cases."""

    value: float
    low: float
    high: float
    n: int


class Arm(Struct, frozen=True):
    """One way a model was examined: `scores` by slice and measure, e.g. `{"new rows": {"exact call": Share}}`, and what went wrong, counted."""

    name: str
    scores: dict[str, dict[str, Share]]
    errors: dict[str, int] = {}


class Learned(Struct, frozen=True):
    """What training did: the arms in order (before, ..., after), and facts worth stating (`{"training rows": "2,000"}`)."""

    arms: tuple[Arm, ...]
    facts: dict[str, str] = {}


def page(runs: Sequence[Shown], learned: Learned | None = None, commands: Sequence[str] = (), title: str = "Artificer report") -> str:
    """The whole page.

    Args:
        runs: what was made.
        learned: results of training, if any.
        commands: how to make all this again.
    """
    sections: list[tuple[str, str, Child]] = []
    if learned is not None:
        sections.append(("learned", "What the model learnt", _learned(learned)))
    sections.append(("made", "What was made", _made(runs)))
    sections.append(("dialogues", "Dialogues", _dialogues(runs)))
    sections.append(("spread", "How varied it is", join(_spread(run, len(runs) > 1) for run in _first_of_each_world(runs))))
    sections.append(("speed", "Where the time went", _speed(runs)))
    sections.append(("again", "How to run it again", _again(runs, commands)))
    body = h(
        "main",
        None,
        h("h1", None, title),
        h("p", {"class": "lead"}, _lead(runs)),
        _tiles(runs, learned),
        contents(sections),
    )
    return document(title, body)


def _lead(runs: Sequence[Shown]) -> str:
    traces = sum(run.stats.traces for run in runs)
    worlds = ", ".join(dict.fromkeys(str(run.manifest.get("knobs", {}).get("world", run.path)) for run in runs))
    return f"{traces:,} conversations in which an agent uses tools, made in {worlds}; each judged by execution, not by opinion."


def _world(run: Shown) -> str:
    """The run's world, and which share of its rows and phrasings was used, when it was not all."""
    knobs = run.manifest.get("knobs", {})
    part = knobs.get("part", "all")
    phrasing = knobs.get("phrasing", part)
    share = "" if part == phrasing == "all" else f" ({part})" if part == phrasing else f" ({part} rows, {phrasing} phrasings)"
    return f"{knobs.get('world', run.path)}{share}"


def _first_of_each_world(runs: Sequence[Shown]) -> list[Shown]:
    """The runs to show in full; others in the same world differ little from them."""
    return list({str(run.manifest.get("knobs", {}).get("world", run.path)): run for run in reversed(runs)}.values())[::-1]


def _tiles(runs: Sequence[Shown], learned: Learned | None) -> Html:
    made, asked = sum(run.stats.traces for run in runs), sum(_asked(run) for run in runs)
    seconds = sum(run.summary.seconds for run in runs if run.summary)
    shown = [(f"{made:,}", "traces that passed every check"), (_percent(made, asked), f"yield of {asked:,} asked for")]
    verified = [run.verified for run in runs if run.verified]
    if len(verified) == len(runs):
        shown.append((f"{sum(v.proven for v in verified):,}", f"proven by re-execution, {sum(v.refuted for v in verified):,} refuted"))
    if seconds:
        shown.append((f"{made / seconds:.0f}/s", "verified traces a second"))
    if learned is not None and len(learned.arms) > 1:
        first, last = (_first(arm) for arm in (learned.arms[0], learned.arms[-1]))
        if first is not None and last is not None:
            shown.insert(0, (f"{100 * (last.value - first.value):+.0f} points", f"{_measure(learned.arms[0])}, before to after"))
    return tiles(shown)


def _first(arm: Arm) -> Share | None:
    return next((share for scores in arm.scores.values() for share in scores.values()), None)


def _measure(arm: Arm) -> str:
    return next((name for scores in arm.scores.values() for name in scores), "")


def _asked(run: Shown) -> int:
    return run.summary.stages[0].rows_in if run.summary else run.stats.tasks


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "-"


# learning


def _learned(learned: Learned) -> Html:
    measures = list(dict.fromkeys(name for arm in learned.arms for scores in arm.scores.values() for name in scores))
    slices = list(dict.fromkeys(name for arm in learned.arms for name in arm.scores))
    slices = [name for name in slices if name != "all"] if len(slices) == 2 else slices  # of one kind of rows, "all" says nothing new
    last = len(learned.arms) - 1
    colours = {arm.name: 0 if index == last else min(index + 1, 3) for index, arm in enumerate(learned.arms)}
    parts: list[Child] = [key([(arm.name, colours[arm.name]) for arm in learned.arms])]
    for measure in measures:
        groups: list[tuple[str, list[Bar]]] = []
        for name in slices:
            found = [(arm, arm.scores[name][measure]) for arm in learned.arms if measure in arm.scores.get(name, {})]
            drawn = [Bar(arm.name, s.value, f"{100 * s.value:.0f}%", colours[arm.name], s.low, s.high) for arm, s in found]
            if drawn:
                groups.append((f"{name} (n = {found[0][1].n})", drawn))
        parts += [h("h3", None, measure), h("div", {"class": "card"}, bars(groups))]
    parts.append(h("p", {"class": "soft small"}, "Whiskers are 95% confidence intervals."))
    kinds = list(dict.fromkeys(kind for arm in learned.arms for kind in arm.errors))
    if kinds:
        head = ["what went wrong", *(arm.name for arm in learned.arms)]
        parts += [h("h3", None, "Errors"), table(head, [[kind, *(arm.errors.get(kind, 0) for arm in learned.arms)] for kind in kinds])]
    if learned.facts:
        parts += [h("h3", None, "Setting"), table(["", ""], [[name, value] for name, value in learned.facts.items()])]
    return join(parts)


# making


def _made(runs: Sequence[Shown]) -> Html:
    rows = [
        [
            _world(run),
            run.tools or "-",
            _asked(run),
            run.stats.traces,
            _percent(run.stats.traces, _asked(run)),
            f"{_average(run, 'turns'):.1f}",
            f"{_average(run, 'calls'):.1f}",
            _verified(run),
        ]
        for run in runs
    ]
    head = ["world", "tools", "asked for", "traces", "yield", "turns", "calls", "re-executed"]
    shown = _first_of_each_world(runs)
    others = [_funnel(run, True) for run in runs if run not in shown]
    blamed = [_blame(run, len(runs) > 1) for run in runs if run.stats.blame.failed]
    wrong = [_mistakes(found, _world(run) if len(runs) > 1 else "") for run in runs if (found := run.stats.mistakes) is not None and found.tree]
    more = h("details", None, h("summary", None, f"Stage by stage: {len(others)} more runs"), *others) if others else None
    return join([table(head, rows), *(_funnel(run, len(runs) > 1) for run in shown), more, *wrong, *blamed])


def _average(run: Shown, name: str) -> float:
    return run.stats.averages.get(name, 0.0)


def _verified(run: Shown) -> Html:
    if run.verified is None:
        return h("span", {"class": "soft"}, "not yet")
    good = not run.verified.refuted and not run.verified.missing
    return h("span", {"class": "good" if good else "bad"}, f"{run.verified.proven:,} proven, {run.verified.refuted:,} refuted")


def _funnel(run: Shown, named: bool) -> Html:
    title = h("h3", None, f"Stage by stage: {_world(run)}" if named else "Stage by stage")
    if run.summary is None:
        return join([title, _rejects(run.stats.rejects)])
    top = max((stage.rows_in for stage in run.summary.stages), default=1) or 1
    groups = [Bar(stage.name, stage.rows_out / top, f"{stage.rows_out:,}") for stage in run.summary.stages]
    rejects = {stage.name: stage.rejects for stage in run.summary.stages if stage.rejects}
    return join([title, h("div", {"class": "card"}, bars([("", groups)])), _rejects(rejects)])


def _mistakes(found: Mistakes, of: str) -> Html:
    """The tree of errors, and the tools whose calls went wrong most often."""
    title = f"What went wrong: {found.tree[0].errors:,} errors in {found.rows.wrong:,} of {found.rows.n:,} conversations" + (f": {of}" if of else "")
    rows = [["\u2003" * (one.depth - 1) + one.place, one.errors, _percent(one.errors, found.tree[0].errors), one.rows] for one in found.tree[1:]]
    tools = [[name, one.n, one.wrong, _percent(one.wrong, one.n)] for name, one in list(found.tools.items())[:12] if one.wrong]
    apart = ", ".join(f"{kind} {number:,}" for kind, number in (*found.infrastructure.items(), *found.ended.items()))
    note = f"Also of conversations that ended well. Failures of the infrastructure stand apart: {apart or 'none'}."
    parts = [h("h3", None, title), table(["error", "errors", "share", "conversations"], rows), h("p", {"class": "soft small"}, note)]
    return join([*parts, table(["tool", "calls", "wrong", "share"], tools)] if tools else parts)


def _blame(run: Shown, named: bool) -> Html:
    """Of the conversations that failed, whose fault it was, and what it was."""
    blame = run.stats.blame
    title = f"Whose fault the {blame.failed:,} failed conversations were" + (f": {_world(run)}" if named else "")
    rows = [[label, number, _percent(number, blame.failed)] for label, number in blame.labels.items() if number]
    kinds = [[kind, number] for kind, number in list(blame.kinds.items())[:12]]
    note = h("p", {"class": "soft small"}, "By rules, each on evidence; what they leave open is undecided. One may have several causes.")
    return join([h("h3", None, title), table(["at fault", "conversations", "share"], rows), table(["cause", "conversations"], kinds), note])


def _rejects(rejects: dict[str, dict[str, int]]) -> Html:
    rows = [[stage, reason, number] for stage, reasons in rejects.items() for reason, number in reasons.items()]
    if not rows:
        return h("p", {"class": "soft"}, "Nothing was rejected.")
    return table(["stage", "rejected because", "rows"], rows)


def _dialogues(runs: Sequence[Shown]) -> Html:
    # of each run one, of another kind than the run's before it; then whatever else there is
    chosen = [run.examples[index % len(run.examples)] for index, run in enumerate(runs) if run.examples]
    chosen += [pair for run in runs for pair in run.examples if pair not in chosen]
    if not chosen:
        return h("p", {"class": "soft"}, "There is no trace.")
    note = h("p", {"class": "soft"}, "Calls open on click and show what the tool answered; below a call stands what it changed.")
    return join([note, *(dialogue(task, trace) for task, trace in chosen[:3])])


def _spread(run: Shown, named: bool) -> Html:
    parts: list[tuple[str, dict[str, int]]] = [
        ("Kinds of request", run.stats.ops),
        ("Outcomes", run.stats.outcomes),
        ("Tools called", run.stats.tools),
        ("Assistant messages in a trace", run.stats.turns),
        *((f"Difficulty: {name}", counts) for name, counts in run.stats.spread.items() if name != "impossible"),
    ]
    blocks = [h("div", None, h("h3", None, title), ranking(counts, 14 if "trace" in title else 10)) for title, counts in parts if counts]
    return join([h("h3", None, _world(run)) if named else None, h("div", {"class": "two"}, *blocks)])


def _speed(runs: Sequence[Shown]) -> Html:
    rows: list[list[Child]] = []
    for run in runs:
        if run.summary is not None:
            wall = run.summary.seconds
            rows.append([_world(run), "whole run, wall clock", f"{wall:.1f} s", f"{run.stats.traces / wall:.0f} traces/s" if wall else "-"])
            for stage in run.summary.stages:
                each = f"{1000 * stage.seconds / stage.rows_in:.1f} ms a row" if stage.rows_in else "-"
                rows.append(["", stage.name, f"{stage.seconds:.1f} s", each])
    if not rows:
        return h("p", {"class": "soft"}, "No timings were kept.")
    note = h(
        "p",
        {"class": "soft small"},
        "A stage's seconds are summed over its rows, waiting included, so with several rows in flight they add up to more.",
    )
    return join([table(["world", "stage", "seconds", "rate"], rows), note])


def _again(runs: Sequence[Shown], commands: Sequence[str]) -> Html:
    typed = list(commands) or [str(run.manifest.get("about", {}).get("command", "")) for run in runs]
    versions: dict[str, str] = {}
    for run in runs:
        versions |= {str(name): str(value) for name, value in run.manifest.get("versions", {}).items()}
    knobs = [[name, _plain(run.manifest.get("knobs", {}).get(name))] for run in runs[:1] for name in run.manifest.get("knobs", {})]
    return join(
        [
            h("pre", None, "\n".join(typed)),
            h("p", {"class": "soft"}, "The same command gives the same traces; an interrupted one is continued by it."),
            h("details", None, h("summary", None, f"Knobs of {_world(runs[0])}"), table(["knob", "value"], knobs)) if runs else None,
            h("h3", None, "Versions"),
            table(["package", "version"], [[name, value] for name, value in sorted(versions.items())]),
        ]
    )


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
