"""The data card as a page: verdicts, findings, lengths and counts of a data set.

Everything it shows comes from the card (`curation.quality`); everything is escaped by `studio.html`, since most of it was written by strangers.
"""

from __future__ import annotations

from artificer.curation.quality.card import Card, Line, Status
from artificer.curation.quality.findings import RULES, Finding
from artificer.curation.quality.markdown import adp_rows, counts_of, length_rows, percent
from artificer.studio.charts import ranking
from artificer.studio.html import Child, Html, h, join
from artificer.studio.layout import contents, document, table, tiles

_WORDS: dict[Status, tuple[str, str | None]] = {
    "pass": ("pass", "good"),
    "warn": ("look at it", "warn"),
    "fail": ("fail", "bad"),
    "undecided": ("not counted", "soft"),
}


def card_page(card: Card, name: str | None = None, command: str = "") -> str:
    """The whole page.

    Args:
        name: how the data set is called; its source's when None.
        command: how the card was made.
    """
    title = name or card.source
    sections: list[tuple[str, str, Child]] = [
        ("verdict", "Verdict", _verdict(card)),
        ("found", "What was found", _found(card)),
        ("adp", "The Agent Data Protocol's own check", table(["check", "passes", "figure"], adp_rows(card))),
        ("lengths", "Lengths of traces", _lengths(card)),
        ("holds", "What there is", _holds(card)),
        ("limits", "What was not looked at", _limits(card, command)),
    ]
    body = h(
        "main",
        None,
        h("h1", None, title),
        h("p", {"class": "lead"}, f"{card.traces:,} conversations in the format {card.form}: what they hold, and what is wrong with them."),
        tiles(_tiles(card)),
        contents(sections),
    )
    return document(f"Data card: {title}", body)


def _tiles(card: Card) -> list[tuple[str, str]]:
    failed = sum(line.status == "fail" for line in card.lines)
    warned = sum(line.status == "warn" for line in card.lines)
    spoken = next((code for code in card.languages if code != "undecided"), "-")
    return [
        (_WORDS[card.status][0], f"{failed} {'threshold' if failed == 1 else 'thresholds'} failed, {warned} to look at"),
        (f"{card.traces:,}", "conversations"),
        (f"{int(card.lengths['calls'].total):,}", f"calls of {len(card.tools):,} tools, {card.offered:,} offered"),
        (percent(card.figures.get("errors")), "of the conversations with an error"),
        (percent(card.figures.get("duplicates")), "exact duplicates"),
        (spoken, f"{percent(card.languages.get(spoken, 0) / max(1, card.traces))} of the conversations"),
    ]


def _status(line: Line) -> Html:
    word, style = _WORDS[line.status]
    return h("span", {"class": style}, word)


def _verdict(card: Card) -> Html:
    order: tuple[Status, ...] = ("fail", "warn", "pass", "undecided")
    ours = [line for line in card.lines if not line.figure.startswith("adp_")]
    rows = [[_status(line), line.says, percent(line.value), line.bound or "-"] for status in order for line in ours if line.status == status]
    sources = [[line.figure, line.bound or "-", line.source] for line in card.lines]
    return join(
        [
            table(["", "figure", "value", "bounds"], rows) if rows else h("p", {"class": "soft"}, "No thresholds were given."),
            h("details", None, h("summary", None, "Where the bounds come from"), table(["figure", "bounds", "source"], sources)),
        ]
    )


def _found(card: Card) -> Html:
    if not card.found:
        return h("p", {"class": "soft"}, "No rule found anything.")
    note = "Personal data and secrets are masked. Excused are placeholders, such as example.com and test cards, and calls that the tool refused."
    parts: list[Child] = [h("p", {"class": "soft"}, note)]
    for group in dict.fromkeys(rule.group for rule in RULES.values()):
        tallies = card.of_group(group)
        if not tallies:
            continue
        rows = [
            [
                h("span", {"class": {"error": "bad", "warning": "warn"}.get(RULES[name].severity, "soft")}, RULES[name].severity),
                join([RULES[name].says, h("div", {"class": "soft small"}, *_examples(one.examples))]),
                one.findings,
                one.traces,
                one.excused,
            ]
            for name, one in tallies.items()
        ]
        parts += [h("h3", None, group.capitalize()), table(["", "what, and for instance", "findings", "traces", "excused"], rows)]
    return join(parts)


def _examples(examples: tuple[Finding, ...]) -> list[Html]:
    shown: list[Html] = []
    for one in examples[:2]:
        place = "the whole set" if not one.trace else one.trace[:60] if one.at is None else f"{one.trace[:60]}, message {one.at}"
        shown.append(h("div", None, f"{place}: ", h("code", None, one.evidence[:160])))
    return shown


def _lengths(card: Card) -> Html:
    blocks = [
        h("div", None, h("h3", None, f"{name} in a trace"), ranking(one.bins, 24))
        for name, one in card.lengths.items()
        if one.n and len(one.bins) > 1
    ]
    head = ["", "mean", "10%", "median", "90%", "99%", "most", "in all"]
    note = h("p", {"class": "soft small"}, f"Tokens are counted by {card.tokens_by}. Bars are numbers of traces; ranges double.")
    return join([table(head, length_rows(card)), h("div", {"class": "two"}, *blocks), note])


def _holds(card: Card) -> Html:
    blocks = [h("div", None, h("h3", None, title.capitalize()), ranking(counts)) for title, counts in counts_of(card)]
    if card.beside:
        rows = [[name, licence] for name, licence in card.beside.items()]
        blocks.append(h("div", None, h("h3", None, "Licences beside the data"), table(["file", "licence"], rows)))
    values = (
        f"{card.values:,} values stand in arguments; {card.worded:,} that were said nowhere are an agent's own words (a message, a query, code) and "
        "are not counted as coming from nowhere."
    )
    return join([h("div", {"class": "two"}, *blocks), h("p", {"class": "soft small"}, values)])


def _limits(card: Card, command: str) -> Html:
    parts: list[Child] = [
        h("p", {"class": "soft"}, f"{note[:1].upper()}{note[1:]}.") for note in (*card.notes, "whether what an agent did was right is not asked here")
    ]
    if card.dropped:
        parts += [h("h3", None, "What could not be read"), table(["reason", "times"], [[reason, times] for reason, times in card.dropped.items()])]
    if command:
        parts += [h("h3", None, "How to make it again"), h("pre", None, command)]
    return join(parts)
