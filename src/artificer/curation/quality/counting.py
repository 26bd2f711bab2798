"""Adding up what the rules find, trace by trace, in bounded memory."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, cast

import msgspec

from artificer.core.trace import Trace
from artificer.curation.near import Near
from artificer.curation.quality import licence, structure
from artificer.curation.quality.card import Card, Tally
from artificer.curation.quality.findings import RULES, Finding, found
from artificer.curation.quality.language import language, scripts
from artificer.curation.quality.length import Lengths, about_tokens
from artificer.curation.quality.private import Mask, masked, private, shown_name
from artificer.curation.quality.secrets import secrets
from artificer.curation.quality.sources import Grounds
from artificer.curation.quality.thoughts import Adp, Thoughts
from artificer.curation.quality.walk import everything, paths
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id

EXAMPLES = 3
_NAMES = 2_000
"""Names kept of each kind (tools, origins, licences); what is beyond goes to one."""
OTHERS = "(others)"
_SEEN = 5_000_000
"""Traces among which duplicates are looked for: eight bytes each and what a set takes for them."""
_NEAR = 200_000
"""Traces among which near-duplicates are looked for: about 1.5 kB each (`curation.near`)."""
_FINDINGS = 200
"""Findings of one rule in one trace."""
_SPOKEN = 6_000
"""Characters of what users and agents say that the language is told from."""
_PLAIN = re.compile(r"[a-z]{0,16}-?(?:\d{1,6}|[0-9a-f]{24})")
"""Ids that can be nobody's: short numbers, and those made of content."""
_LINKS = frozenset(name for name, rule in RULES.items() if rule.group == "links" and rule.severity == "error")
_GRAMMAR = frozenset(name for name, rule in RULES.items() if rule.group == "grammar" and rule.severity != "note")


class _Found:
    __slots__ = ("examples", "excused", "findings", "traces")

    def __init__(self) -> None:
        self.findings = self.traces = self.excused = 0
        self.examples: list[Finding] = []


class Counting:
    """Looks at traces one by one and counts.

    Args:
        tokens: how many tokens a text is; a rule of thumb when None.
        native: the tools of ADP's harness; those that each conversation offers when None.
        near: also look for near-duplicates.
    """

    def __init__(self, tokens: Callable[[str], int] | None = None, native: tuple[str, ...] | None = None, *, near: bool = False) -> None:
        self._near = Near() if near else None
        self._near_names: list[str] = []
        self._tokens, self._exact = tokens or about_tokens, tokens is not None
        self._sets = structure.Toolsets()
        self._seen: set[int] = set()
        self._system: dict[str, tuple[list[Finding], set[str]]] = {}
        self._adp = Adp(native)
        self._found: dict[str, _Found] = {}
        self._lengths = {name: Lengths() for name in ("messages", "characters", "tokens", "calls", "tools")}
        self._counts = {
            name: Counter[str]() for name in ("languages", "scripts", "licences", "roles", "tools", "offered", "errors", "outcomes", "origins")
        }
        self._sums: Counter[str] = Counter()

    def add(self, item: Item, where: str = "") -> list[Finding]:
        """Looks at a trace; everything that is wrong with it."""
        trace = item.trace
        self._sums["traces"] += 1
        hidden: set[str] = set()
        texts: list[str] = []
        words = [*self._words(trace, hidden, texts), *_named(item, hidden)]
        masking = Mask(hidden)
        name = trace.id if not hidden and _PLAIN.fullmatch(trace.id) else masking(trace.id)
        raw = [*self._shape(item, masking), *words, *self._same(item, texts, name)]
        kept: list[Finding] = []
        numbers: Counter[str] = Counter()
        for one in raw:
            numbers[one.rule] += 1
            if numbers[one.rule] <= _FINDINGS:
                kept.append(msgspec.structs.replace(one, trace=name[:200], where=where))
        self._count_findings(kept, numbers)
        self._describe(item)
        return kept

    def _count_findings(self, kept: list[Finding], numbers: Counter[str]) -> None:
        grave = {one.rule for one in kept if one.severity != "note"}
        for rule, number in numbers.items():
            tally = self._found.setdefault(rule, _Found())
            tally.findings += number
            tally.traces += 1
        for one in kept:
            tally = self._found[one.rule]
            tally.excused += one.severity == "note" != RULES[one.rule].severity
            if len(tally.examples) < EXAMPLES:
                tally.examples.append(one)
        groups = {RULES[rule].group for rule in grave if rule != "assigned_secret"}
        self._sums["with personal"] += "personal" in groups
        self._sums["with secrets"] += "secrets" in groups
        self._sums["with likely secrets"] += "assigned_secret" in grave
        self._sums["with links"] += not _LINKS.isdisjoint(numbers)
        self._sums["with grammar"] += not _GRAMMAR.isdisjoint(numbers)
        self._sums["with errors"] += any(one.severity == "error" for one in kept)

    def _shape(self, item: Item, masking: Callable[[str], str]) -> Iterator[Finding]:
        """What is wrong with schemas, links, roles, sources and thoughts, on each branch; of what branches share, once."""
        trace = item.trace
        offered = self._sets.of(item.tools)
        for one in offered.faults:
            yield msgspec.structs.replace(one, evidence=masking(one.evidence))
        branches = paths(trace)
        names = frozenset(offered.validators)
        told: set[tuple[str, int | None, str]] = set()
        if not branches:
            yield from structure.grammar(())
        for path in branches:
            nodes = [trace.nodes[at] for at in path]
            grounds, thoughts = Grounds(), Thoughts()
            for one in (
                *structure.schema(nodes, offered, masking),
                *structure.links(nodes),
                *structure.grammar(nodes, trace.verdicts.get(path[-1])),
                *grounds.look(nodes, offered.tools, masking),
                *thoughts.look(nodes),
            ):
                at = None if one.at is None else path[one.at]
                if (one.rule, at, one.evidence) not in told:
                    told.add((one.rule, at, one.evidence))
                    yield msgspec.structs.replace(one, at=at, evidence=masking(one.evidence))
            self._adp.add(nodes, names)
            self._sums["branches"] += 1
            for name, number in (
                ("values", grounds.values), ("loose", grounds.loose), ("worded", grounds.worded),
                ("acting", thoughts.calls), ("thought", thoughts.thought), ("ended", thoughts.ended),
            ):  # fmt: skip
                self._sums[name] += number
        self._sums["with many branches"] += len(branches) > 1

    def _words(self, trace: Trace, words: set[str], texts: list[str]) -> Iterator[Finding]:
        """Personal data and secrets in every message (what they are is added to `words`, all that is not the system's to `texts`), and lengths."""
        characters = tokens = 0
        spoken: list[str] = []
        room = _SPOKEN
        for at, node in enumerate(trace.nodes):
            message = node.message
            text = everything(message)
            characters += len(text)
            tokens += self._tokens(text)
            if message.role in ("user", "assistant") and room > 0 and (said := message.text[:room]):
                spoken.append(said)
                room -= len(said)
            if message.role == "system":  # the same for thousands of traces
                known = self._system.get(text)
                if known is None:
                    if len(self._system) >= 64:
                        self._system.clear()
                    inside: set[str] = set()
                    known = self._system[text] = (list(_hidden(text, None, inside)), inside)
                words |= known[1]
                for one in known[0]:
                    yield msgspec.structs.replace(one, at=at)
            else:
                texts.append(text)
                yield from _hidden(text, at, words)
        said = "\n".join(spoken)
        self._counts["languages"][language(said)] += 1
        self._counts["scripts"].update(list(scripts(said))[:1] or ["none"])
        self._lengths["characters"].add(characters)
        self._lengths["tokens"].add(tokens)

    def _same(self, item: Item, texts: list[str], shown: str) -> Iterator[Finding]:
        """Whether there was the same conversation before, or nearly the same; `shown` is the trace's id as findings may show it."""
        if len(self._seen) >= _SEEN:
            self._sums["beyond"] += 1
            return
        try:
            name = content_id(item)
        except (ValueError, TypeError, RecursionError, OverflowError):  # it cannot be written as JSON, so it has no content id
            self._sums["unwritable"] += 1
            return
        number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
        if number in self._seen:
            yield found("duplicate", None, name)
            return
        self._seen.add(number)
        if self._near is not None and len(self._near_names) < _NEAR:
            key = str(len(self._near_names))
            self._near_names.append(shown[:80])
            alike = self._near.add(key, "\n".join(texts))
            if alike:
                yield found("near_duplicate", None, f"near {self._near_names[int(alike[0])]}")
        elif self._near is not None:
            self._sums["beyond near"] += 1

    def _describe(self, item: Item) -> None:
        """Counts what there is, right or wrong."""
        trace, counts = item.trace, self._counts
        calls = 0
        for node in trace.nodes:
            message = node.message
            counts["roles"][message.role] += 1
            if message.role == "assistant":
                calls += len(message.calls)
                for call in message.calls:
                    _count(counts["tools"], shown_name(call.name))
            if message.result is not None and message.result.error is not None:
                counts["errors"][message.result.error.value] += 1
        for tool in item.tools:
            _count(counts["offered"], shown_name(tool.name))
        self._sums["calls"] += calls
        self._lengths["messages"].add(len(trace.nodes))
        self._lengths["calls"].add(calls)
        self._lengths["tools"].add(len(item.tools))
        counts["outcomes"]["passed" if trace.passed else "failed" if trace.verdicts else "not judged"] += 1
        named = licence.of_row(trace)
        if named is not None:
            _count(counts["licences"], shown_name(named))
        _count(counts["origins"], shown_name(_origin(trace)))

    def figures(self) -> dict[str, float | None]:
        """The shares that thresholds are held against."""
        sums, traces, calls = self._sums, self._sums["traces"], self._sums["calls"]
        check = self._adp.found()

        def rule(*names: str) -> int:
            return sum(self._found[name].findings - self._found[name].excused for name in names if name in self._found)

        def held(name: str) -> int:
            return self._found[name].traces if name in self._found else 0

        return {
            "errors": _share(sums["with errors"], traces),
            "tool_schemas": _share(held("tool_schema") + held("tool_twice"), traces),
            "tools_missing": _share(held("tools_missing"), traces),
            "unknown_tools": _share(rule("unknown_tool"), calls),
            "arguments": _share(rule("arguments_invalid", "arguments_unreadable"), calls),
            "links": _share(sums["with links"], traces),
            "grammar": _share(sums["with grammar"], traces),
            "ungrounded": _share(sums["loose"], sums["values"]),
            "thoughts": _share(sums["thought"], sums["acting"]),
            "duplicates": _share(held("duplicate"), traces),
            "near_duplicates": None if self._near is None else _share(held("near_duplicate"), len(self._near_names)),
            "personal": _share(sums["with personal"], traces),
            "secrets": _share(sums["with secrets"], traces),
            "likely_secrets": _share(sums["with likely secrets"], traces),
            "language": _share(traces - self._counts["languages"]["undecided"], traces),
            "top_tool": _share(max(self._counts["tools"].values(), default=0), calls) if len(self._counts["offered"]) > 1 else None,
            "adp_names": check.names_sum if traces else None,
            "adp_ends": max(check.finish, check.two_messages) if traces else None,
            "adp_tools": float(check.tools_pass) if traces else None,
            "adp_thoughts": (check.thoughts if check.calls else 0.0) if traces else None,
            "adp_roles": float(check.roles_pass) if traces else None,
        }

    def card(self, source: str, form: str, read: Account, beside: dict[str, str]) -> Card:
        """The card without its lines; `read` is the account of the reading."""
        counts, sums, traces, adp = self._counts, self._sums, self._sums["traces"], self._adp.found()
        figures = self.figures()
        figures["licence"] = (1.0 if beside else _share(counts["licences"].total(), traces)) if traces else None
        figures["rows_dropped"] = _unread(read)
        tallies = {name: one for name in RULES if (one := self._found.get(name)) is not None}
        if traces and not beside and counts["licences"].total() < traces:
            tallies["licence_missing"] = whole = _Found()
            whole.findings, whole.traces = 1, traces - counts["licences"].total()
            whole.examples = [found("licence_missing", None, f"{whole.traces:,} of {traces:,} traces")]
        notes: list[str] = []
        if self._near is None:
            notes.append("near-duplicates were not looked for")
        if sums["beyond"]:
            notes.append(f"duplicates were looked for among the first {_SEEN:,} traces only")
        if sums["beyond near"]:
            notes.append(f"near-duplicates were looked for among the first {_NEAR:,} traces only")
        if sums["unwritable"]:
            notes.append(f"{sums['unwritable']:,} traces cannot be written as JSON and were compared with none")
        return Card(
            source=source,
            form=form,
            traces=traces,
            branches=sums["branches"],
            rows=read.rows_in,
            dropped={Mask()(reason): times for reason, times in _ranked(read.dropped | read.rows_by).items()},
            found={name: Tally(one.findings, one.traces, one.excused, tuple(one.examples)) for name, one in tallies.items()},
            figures=figures,
            adp=msgspec.structs.replace(adp, invalid_tools=tuple(shown_name(name) for name in adp.invalid_tools)),
            lengths={name: one.spread() for name, one in self._lengths.items()},
            languages=_ranked(counts["languages"]),
            scripts=_ranked(counts["scripts"]),
            licences=_ranked(counts["licences"]),
            roles=_ranked(counts["roles"]),
            tools=_ranked(counts["tools"]),
            errors=_ranked(counts["errors"]),
            outcomes=_ranked(counts["outcomes"]),
            origins=_ranked(counts["origins"]),
            beside=beside,
            offered=len(counts["offered"]),
            values=sums["values"],
            worded=sums["worded"],
            tokens_by="the tokenizer that was given" if self._exact else "a quarter of the characters, one for each of CJK",
            notes=tuple(notes),
        )


def _named(item: Item, words: set[str]) -> Iterator[Finding]:
    """Personal data and secrets in the names of tools, each once: where one is called first, or else of the whole."""
    told: set[str] = set()
    for at, name in (
        *((at, call.name) for at, node in enumerate(item.trace.nodes) for call in node.message.calls),
        *((None, tool.name) for tool in item.tools),
    ):
        inside = _in_name(name[:_SPOKEN])
        if inside and name not in told:
            told.add(name)
            words |= inside
            yield from _hidden(name, at, set())


@lru_cache(4096)
def _in_name(name: str) -> frozenset[str]:
    inside: set[str] = set()
    list(_hidden(name, None, inside))
    return frozenset(inside)


def _hidden(text: str, at: int | None, words: set[str]) -> Iterator[Finding]:
    """Personal data and secrets in one text, each once; what is part of a secret is not told again as something else."""
    told: set[str] = set()
    for rule, word, placeholder in secrets(text):
        if word not in told:
            told.add(word)
            yield found(rule, at, masked(word), "note" if placeholder else None)
    keys = tuple(told)
    for rule, word, placeholder, what in private(text):
        if word not in told and not any(word in key for key in keys):
            told.add(word)
            yield found(rule, at, f"{what}: {masked(word)}" if what else masked(word), "note" if placeholder else None)
    words |= told


def _count(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < _NAMES else OTHERS] += 1


def _origin(trace: Trace) -> str:
    """What a trace's lineage says of where it comes from."""
    lineage = trace.lineage
    for record in (lineage, lineage.get("extra"), lineage.get("from")):
        if isinstance(record, dict):
            for name in ("source", "dataset", "origin", "data_source", "subset", "file"):
                value = cast("dict[str, Any]", record).get(name)
                if isinstance(value, str) and value:
                    return value
    return trace.world or "not said"


def _unread(read: Account) -> float | None:
    """The share of rows of which nothing came out, or that of events that did not, whichever is larger: a row that cannot be read has no events."""
    if not read.rows_in:
        return None
    return max(min(1.0, read.rows_dropped / read.rows_in), _share(read.dropped.total(), read.events_in) or 0.0)


def _share(part: float, whole: float) -> float | None:
    return min(1.0, part / whole) if whole else None


def _ranked(found: Counter[str]) -> dict[str, int]:
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
