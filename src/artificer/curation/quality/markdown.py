"""A data card as Markdown: a dataset card whose front matter the Hugging Face hub reads, and the figures as tables.

Whatever comes from the data is escaped: it can be no markup, link or picture, and no line of the front matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from artificer.curation.quality.card import Card
from artificer.curation.quality.findings import RULES

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$^=:@-])")
_LINK = re.compile(r"(www)\.", re.IGNORECASE)
"""What GitHub makes a link of without being asked; with a scheme or an @ it is broken already."""
_BEYOND = re.compile(r"[^ -~]")
_HUB = frozenset(
    re.findall(
        r"\S+",
        "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause "
        "bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 "
        "cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 "
        "cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 "
        "lgpl lgpl-2.1 lgpl-3.0 isc h-research llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 gemma lppl-1.3c ms-pl mpl-2.0 odc-by odbl osl-3.0 "
        "postgresql ofl-1.1 ncsa unlicense zlib pddl other unknown",
    )
)
"""What the hub takes for `license`; another is `other`, with its name beside."""
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"), (10**8, "10M<n<100M"))
_MOST = 20
_SHOWN = 200


def cell(value: object) -> str:
    """Text as a cell of a table: one line, and nothing in it is markup."""
    text = _CONTROL.sub(" ", str(value))[:_SHOWN]
    return _LINK.sub(r"\1\.", _MARKUP.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))).strip()


def percent(share: float | None) -> str:
    """A share for people: `-` where there was nothing to count, and never 0.0% for something nor 100.0% for nearly all."""
    if share is None:
        return "-"
    shown = f"{100 * share:.1f}%"
    return "<0.1%" if shown == "0.0%" and share else ">99.9%" if shown == "100.0%" and share < 1 else shown


def markdown(card: Card, name: str | None = None) -> str:
    """The card as Markdown.

    Args:
        name: how the data set is called; its source's when None.
    """
    title = name or card.source
    parts = [
        _front(card, title),
        f"# {cell(title)}",
        _lead(card),
        "## Verdict",
        f"**{card.status}**: figures held against thresholds.",
        _table(
            ("figure", "value", "status", "what", "bounds", "source of the bounds"),
            [(line.figure, percent(line.value), line.status, line.says, line.bound, line.source) for line in card.lines],
        ),
        "## What was found",
        "Personal data and secrets are masked. Excused are placeholders (example.com, test cards) and calls that the tool refused.",
        _table(
            ("rule", "severity", "what", "findings", "traces", "excused", "for instance"),
            [
                (rule, RULES[rule].severity, RULES[rule].says, f"{one.findings:,}", f"{one.traces:,}", f"{one.excused:,}", _example(card, rule))
                for rule, one in card.found.items()
            ],
        ),
        "## The Agent Data Protocol's own check",
        _table(("check", "passes", "figure"), adp_rows(card)),
        "## Lengths of traces",
        _table(("", "mean", "10%", "median", "90%", "99%", "most", "in all"), length_rows(card)),
        f"Tokens are counted by {cell(card.tokens_by)}.",
        "## What there is",
        *_counted(card),
    ]
    if card.dropped:
        parts += ["## What could not be read", _table(("reason", "times"), [(reason, f"{times:,}") for reason, times in card.dropped.items()])]
    if card.notes:
        parts += ["## Not looked at", "\n".join(f"- {cell(note)}" for note in card.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front(card: Card, title: str) -> str:
    named = list(dict.fromkeys([*card.licences, *card.beside.values()]))
    licence = named[0].lower() if len(named) == 1 else "other" if named else "unknown"
    lines = [f"pretty_name: {_quoted(title)}", f"license: {licence if licence in _HUB else 'other'}"]
    if named and (licence not in _HUB or licence == "other"):
        lines.append(f"license_name: {_quoted(', '.join(named)[:_SHOWN])}")
    spoken = [code for code, number in card.languages.items() if code != "undecided" and number >= max(1, 0.01 * card.traces)]
    if spoken:
        lines += ["language:", *(f"- {_quoted(code)}" for code in spoken)]
    size = next((name for most, name in _SIZES if card.traces < most), "n>100M")
    lines += [
        f"size_categories:\n- {_quoted(size)}",
        "task_categories:\n- text-generation",
        "tags:\n- tool-use\n- function-calling\n- agent\n- artificer",
    ]
    return "---\n" + "\n".join(lines) + "\n---"


def _quoted(text: str) -> str:
    """A text as YAML: a JSON string in ASCII is one, but that YAML has no pairs of surrogates."""
    return _BEYOND.sub(lambda found: f"\\U{ord(found[0]):08x}", json.dumps(_CONTROL.sub(" ", text), ensure_ascii=False))


def _lead(card: Card) -> str:
    calls = card.lengths["calls"]
    return (
        f"{card.traces:,} conversations ({cell(card.form)}) with {int(calls.total):,} calls of {len(card.tools):,} tools; {card.offered:,} tools are "
        f"offered. {percent(card.figures.get('errors'))} of the conversations have an error."
    )


def _example(card: Card, rule: str) -> str:
    examples = card.found[rule].examples
    if not examples:
        return ""
    one = examples[0]
    return f"{one.trace or 'the set'}{'' if one.at is None else f', message {one.at}'}: {one.evidence}"


def adp_rows(card: Card) -> list[tuple[str, str, str]]:
    """ADP's five decisions in words: the check, yes or no, and the figure."""
    adp = card.adp
    tools = ", ".join(adp.invalid_tools[:5]) or f"{adp.calls:,} calls"
    return [
        ("shares of functions add up to 1 (0.95 to 1.05)", _yes(adp.names_pass), f"{adp.names_sum:.2f}"),
        (
            "more than 80% with finish, or more than 80% of two messages",
            _yes(adp.finish_pass),
            f"{percent(adp.finish)}, {percent(adp.two_messages)}",
        ),
        ("only native tools", _yes(adp.tools_pass), tools),
        ("at least 80% of calls with a thought", _yes(adp.thoughts_pass), percent(adp.thoughts)),
        ("roles alternate", _yes(adp.roles_pass), f"{adp.conversations:,} conversations"),
    ]


def _yes(passed: bool) -> str:
    return "yes" if passed else "no"


def length_rows(card: Card) -> list[tuple[str, ...]]:
    """Lengths in words: what, mean, percentiles, most and sum."""
    return [
        (name, f"{one.mean:,.1f}", *(f"{value:,.0f}" for value in (one.p10, one.p50, one.p90, one.p99, one.most, one.total)))
        for name, one in card.lengths.items()
    ]


def counts_of(card: Card) -> list[tuple[str, Mapping[str, int]]]:
    """All counts that are not empty, with their titles."""
    named: list[tuple[str, Mapping[str, int]]] = [
        ("languages", card.languages),
        ("scripts", card.scripts),
        ("messages by role", card.roles),
        ("tools called", card.tools),
        ("failed results", card.errors),
        ("outcomes", card.outcomes),
        ("origins", card.origins),
        ("licences named by rows", card.licences),
    ]
    return [(title, counts) for title, counts in named if counts]


def _counted(card: Card) -> list[str]:
    parts: list[str] = []
    for title, counts in counts_of(card):
        rows = [(name, f"{number:,}") for name, number in list(counts.items())[:_MOST]]
        if len(counts) > _MOST:
            rows.append((f"{len(counts) - _MOST} others", f"{sum(list(counts.values())[_MOST:]):,}"))
        parts += [f"### {title}", _table((title, ""), rows)]
    if card.beside:
        parts += ["### licences beside the data", _table(("file", "licence"), list(card.beside.items()))]
    return parts


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "Nothing."
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)
