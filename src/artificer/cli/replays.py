"""What making other people's calls again showed, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer.cli.show import counted, counts, say, table

if TYPE_CHECKING:
    from artificer.rollout.foreign.data import DataProof
    from artificer.rollout.foreign.findings import Again

_SHOWN = 12
_TITLES = {"like": "replays alike", "differs": "differs here", "cannot": "cannot run"}
_LEVELS = ("exact", "like", "differs", "cannot")


def show(proof: DataProof, shown: int, repair: str | None) -> None:
    """Prints all that a proof of data says."""
    for again in proof.problems:
        _trace(again)
    others = proof.traces - proof.exact
    if others > len(proof.problems):
        say(f"... and {counted(others - len(proof.problems), 'more trace')} not replaying exactly (--shown {others}, or --each FILE)")
    _details(proof)
    if repair is not None:
        rejected = f"; {sum(proof.rejected.values())} rejected ({counts(dict(proof.rejected))})" if proof.rejected else ""
        say(f"repaired: {proof.repaired} of the {counted(proof.kept, 'trace')} in {repair} changed{rejected}")
    if proof.unread:
        say(f"{counted(proof.unread, 'row')} could not be read as {proof.form} (artificer convert tells why)")
    verdicts = f"{proof.exact} exact, {proof.like} alike, {proof.differs} differ, {proof.cannot} cannot run"
    say(f"{counted(proof.traces, 'trace')} on {proof.world}: {verdicts}")
    if proof.silent:
        say(f"{proof.silent} of the exact ones make no call")
    if not proof.calls:
        say("there is no call to make again")


def _details(proof: DataProof) -> None:
    """Calls by tool, and what was needed or found beside."""
    if proof.calls:
        rows = sorted(proof.calls.items(), key=lambda item: (-sum(number for level, number in item[1].items() if level != "exact"), item[0]))
        say("\ncalls by tool")
        say(table([(name, *(levels.get(level, 0) for level in _LEVELS)) for name, levels in rows[:_SHOWN]], ("tool", *_LEVELS)))
        if len(rows) > _SHOWN:
            say(f"... and {counted(len(rows) - _SHOWN, 'more tool')} (--json)")
    for name, unknown in list(proof.unknown.items())[:_SHOWN]:
        hint = " ".join(f"--map {name}={found}" for found in unknown.near[:1])
        say(f"the world has no tool {name!r} ({counted(unknown.traces, 'trace')}){f'; perhaps {hint}' if hint else ''}")
    if proof.tolerated:
        say(f"tolerated: {counts(dict(proof.tolerated))}")
    if proof.claims:
        say(f"effects and states that were recorded too: {proof.held} of {proof.claims} hold")
    if proof.ungrounded:
        say(f"beside: {counted(proof.ungrounded, 'argument value')} in {counted(proof.guessed, 'trace')} from nowhere (ids: that no result showed)")
    if proof.judged:
        say(f"beside: verdicts in {counted(proof.judged, 'trace')}, which are not judged anew without their tasks")


def _trace(again: Again) -> None:
    say(f"{_TITLES[again.verdict]}: {again.trace_id}{f' ({again.where})' if again.where else ''}")
    for problem in again.problems:
        place = "" if problem.at is None else f"message {problem.at}: "
        hint = f"; perhaps {', '.join(problem.near)}" if problem.near else ""
        say(f"  {place}{problem.what}{hint}")
        for one in problem.differences:
            say(f"    {one.path or 'the result'}: was {one.recorded}, now {one.now}")
        if problem.fields > len(problem.differences):
            say(f"    ... and {problem.fields - len(problem.differences)} more fields")
    if again.count > len(again.problems):
        say(f"  ... and {again.count - len(again.problems)} more calls")
