"""The data card: what was counted, as plain data."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.curation.quality.findings import RULES, Finding
from artificer.curation.quality.length import Spread
from artificer.curation.quality.thoughts import AdpCheck

Status = Literal["pass", "warn", "fail", "undecided"]


class Tally(Struct, frozen=True):
    """How often a rule found something: in all, in how many traces, and the first few. `excused` of them are only notes: placeholders, and calls that
    the tool refused.
    """

    findings: int
    traces: int
    excused: int = 0
    examples: tuple[Finding, ...] = ()


class Line(Struct, frozen=True):
    """One figure held against its threshold. `bound` says the threshold in words; undecided where there was nothing to count."""

    figure: str
    value: float | None
    status: Status
    says: str
    bound: str
    source: str


class Card(Struct, frozen=True):
    """What a data set holds and what is wrong with it.

    Args:
        source: what was looked at. form: its format, "artificer" for a run folder.
        traces: how many there are. branches: of them, as far as they were looked at. rows: rows read. dropped: rows and events that the reader could
            not keep, by reason.
        found: what each rule found; a rule that found nothing is left out.
        figures: shares from 0 to 1 that `thresholds.toml` names; None where there was nothing to count.
        lines: the figures held against thresholds, and `status`, the worst of them.
        adp: ADP's own check, decided as ADP does.
        lengths: of traces: messages, characters, tokens, calls, tools. tokens_by: what counted the tokens.
        languages, scripts: traces by the language of what users and agents say, and by script.
        licences: traces by licence that their row names; `beside`: licences that files beside the data name.
        roles: messages by role. tools: calls by tool. offered: how many tools there are by name. errors: failed results by kind. outcomes: traces by
            verdict. origins: traces by what their lineage says of where they come from.
        values, worded: values in arguments, and those from nowhere that are an agent's own words.
        notes: what could not be looked at, and why.
    """

    source: str
    form: str
    traces: int
    branches: int
    rows: int
    dropped: dict[str, int]
    found: dict[str, Tally]
    figures: dict[str, float | None]
    adp: AdpCheck
    lengths: dict[str, Spread]
    languages: dict[str, int]
    scripts: dict[str, int]
    licences: dict[str, int]
    beside: dict[str, str]
    roles: dict[str, int]
    tools: dict[str, int]
    offered: int
    errors: dict[str, int]
    outcomes: dict[str, int]
    origins: dict[str, int]
    values: int = 0
    worded: int = 0
    tokens_by: str = "a quarter of the characters"
    lines: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The worst of all lines."""
        present = {line.status for line in self.lines}
        return "fail" if "fail" in present else "warn" if "warn" in present else "pass" if "pass" in present else "undecided"

    def of_group(self, group: str) -> dict[str, Tally]:
        """What the rules of a group found."""
        return {name: tally for name, tally in self.found.items() if RULES[name].group == group}
