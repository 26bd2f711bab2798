"""What suites hold, so that a trace that holds some of it is found in one pass over its words.

| kind | a trace has it when | source |
|---|---|---|
| `exact` | a user's message has the same words as one of the suite | |
| `ngram` | 13 words in a row are the suite's | GPT-3 (Brown et al. 2020, appendix C: 8 to 13, as a data set's texts are short or long) |
| `share` | 70% of the runs of 8 words of a suite's message stand in it | PaLM (Chowdhery et al. 2022, section 8) |
| `form` | a user's message is one of the suite with other names and numbers | ours: for rows made from a suite's by replacing values |
| `calls` | it makes all calls of a suite's row, in order, with the same values | ours |
| `shape` | it makes exactly the calls of a row with other values: told, and no contamination | ours |

The sources' numbers are recalled, not copied from their code; GPT-3 and PaLM look at whole documents of long texts. Messages of
fewer than 5 words (8 in a row of several messages) say too little and are not looked for, nor are calls with fewer than 2 values of
their own (values that many rows of the suite have are none).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolCall
from artificer.curation.contamination import calls as calling
from artificer.curation.contamination.texts import LONGEST_FORM, each_run, form, runs, words
from artificer.formats.base import Item

Kind = Literal["exact", "ngram", "share", "form", "calls", "shape"]
KINDS: tuple[Kind, ...] = ("exact", "ngram", "share", "form", "calls")
"""Kinds that are contamination, the surest first."""
CROWD = 500
"""Messages of suites that one run of words is kept for: what more have in common says nothing of any."""
ROWS_KEPT = 20
"""Candidates of one call that calls are compared with."""

COMMON_ROWS, COMMON_SHARE = 20, 0.02
"""A value in more rows of a suite than both of these says nothing of a row."""


class Bounds(Struct, frozen=True):
    """From where on two are alike.

    Args:
        ngram: words in a row. run: words of the runs that are counted. share: least share of these.
        shortest: words of a message that is looked for; of one among several of a row `shortest_turn`.
        form: words left in a form. values: values in a row's calls.
    """

    ngram: int = 13
    run: int = 8
    share: float = 0.7
    shortest: int = 5
    shortest_turn: int = 8
    form: int = 6
    values: int = 2

    def __post_init__(self) -> None:
        if not self.ngram >= self.run >= 2 or not 0 < self.share <= 1:
            raise ArtificerError(
                f"these bounds find nothing: ngram {self.ngram}, run {self.run}, share {self.share:g}",
                remedy="take ngram >= run >= 2, and a share over 0 and at most 1",
            )


class Hit(Struct, frozen=True):
    """Something of a suite in a trace: which kind, of which suite, its row, how much of it, and the words or calls."""

    kind: Kind
    suite: str
    row: str
    share: float = 1.0
    shown: str = ""


class _Message(Struct, gc=False):
    """A message of suites: of which rows, and how many different runs it has."""

    rows: list[int]
    runs: int = 0


class Index:
    """What suites hold."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008
        self.bounds = bounds
        self.rows: list[tuple[str, str]] = []
        self.blind: Counter[str] = Counter()
        self.tools: dict[str, dict[str, frozenset[str]]] = {}
        self._messages: list[_Message] = []
        self._exact: dict[str, int] = {}
        self._forms: dict[str, int] = {}
        self._runs: dict[str, list[int]] = {}
        self._ngrams: dict[str, int] = {}
        self._calls: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        self._shapes: dict[tuple[str, ...], int] = {}
        self._known: dict[tuple[str, ...], list[int]] = {}
        self._values: dict[tuple[str, ...], set[str]] = {}
        self._times: Counter[tuple[str, str]] = Counter()
        self._sizes: Counter[str] = Counter()

    def add(self, suite: str, item: Item) -> None:
        """Takes a row of a suite in."""
        number = len(self.rows)
        self.rows.append((suite, item.trace.id))
        tools = self.tools.setdefault(suite, {})
        for tool in item.tools:
            tools[calling.called(tool.name)] = frozenset(tool.parameters.get("properties", {}))
        said = [node.message.text for node in item.trace.nodes if node.message.role == "user" and node.message.text]
        least = self.bounds.shortest if len(said) == 1 else self.bounds.shortest_turn
        kept = [self._add_text(number, text, least) for text in said]
        if not any([*kept, self._add_calls(number, calling.calls_of(item.trace))]):
            self.blind[suite] += 1

    def _add_text(self, number: int, text: str, least: int) -> bool:
        listed = words(text)
        if len(listed) < least:
            return False
        whole = " ".join(listed)
        if whole in self._exact:
            self._messages[self._exact[whole]].rows.append(number)
            return True
        at = self._exact[whole] = len(self._messages)
        found = runs(listed, self.bounds.run)
        self._messages.append(_Message([number], len(found)))
        for run in found:
            known = self._runs.setdefault(run, [])
            if len(known) < CROWD:
                known.append(at)
        for run in runs(listed, self.bounds.ngram):
            self._ngrams.setdefault(run, at)
        masked, left = form(text)
        if left >= self.bounds.form:
            self._forms.setdefault(masked, at)
        return True

    def _add_calls(self, number: int, made: list[ToolCall]) -> bool:
        suite = self.rows[number][0]
        found = calling.values(made)
        self._sizes[suite] += 1
        self._times.update((suite, value) for value in found)
        if len(found) < self.bounds.values:
            return False
        wanted = tuple(map(calling.exact, made))
        if wanted in self._known:
            self._known[wanted].append(number)
            return True
        self._known[wanted] = [number]
        self._values[wanted] = found
        rarest = min(wanted, key=lambda one: (len(self._calls.get(one, ())), -len(one), one))
        known = self._calls.setdefault(rarest, [])
        if len(known) < ROWS_KEPT:
            known.append((number, wanted))
        if len(made) > 1:
            self._shapes.setdefault(tuple(map(calling.shape, made)), number)
        return True

    def find(self, item: Item) -> list[Hit]:
        """What of the suites a trace holds: of each kind and row of a suite once, the surest first."""
        hits = [*self._texts(item), *self._made(calling.calls_of(item.trace))]
        known: dict[tuple[str, str, str], Hit] = {}
        for hit in hits:
            known.setdefault((hit.kind, hit.suite, hit.row), hit)
        return list(known.values())

    def _hits(self, kind: Kind, at: int, shown: str, share: float = 1.0) -> Iterator[Hit]:
        for number in self._messages[at].rows:
            yield Hit(kind, *self.rows[number], round(share, 3), shown[:200])

    def _texts(self, item: Item) -> Iterator[Hit]:
        said = [node.message for node in item.trace.nodes if node.message.role in ("user", "system") and node.message.text]
        listed = [words(message.text) for message in said]
        own = [(message.text, found) for message, found in zip(said, listed, strict=True) if message.role == "user"]
        for text, found in own:
            yield from self._hits_at("exact", self._exact.get(" ".join(found)), text)
        yield from self._in_runs(listed)
        for text, found in own:
            if len(found) <= LONGEST_FORM:
                yield from self._hits_at("form", self._forms.get(form(text)[0]), text)

    def _hits_at(self, kind: Kind, at: int | None, shown: str) -> Iterator[Hit]:
        if at is not None:
            yield from self._hits(kind, at, shown)

    def _in_runs(self, listed: list[list[str]]) -> Iterator[Hit]:
        """What messages have in common with the suites by runs of words; a run counts once, however often it is said."""
        size, share = self.bounds.run, self.bounds.share
        found = {run for said in listed for run in each_run(said, size) if run in self._runs}
        if not found:
            return
        for said in listed:
            for run in sorted({run for run in each_run(said, self.bounds.ngram) if run in self._ngrams}):
                yield from self._hits("ngram", self._ngrams[run], run)
        counted = Counter(at for run in found for at in self._runs[run])
        for at, count in sorted(counted.items()):
            whole = self._messages[at].runs
            if count >= share * whole:
                yield from self._hits("share", at, f"{count} of {whole} runs of {size} words", count / whole)

    def _telling(self, number: int, wanted: tuple[str, ...]) -> bool:
        """Whether calls hold enough values that few of the suite's rows have: `app_name="messaging"` in half of them tells none from another."""
        suite = self.rows[number][0]
        most = max(COMMON_ROWS, COMMON_SHARE * self._sizes[suite])
        return sum(self._times[suite, value] <= most for value in self._values[wanted]) >= self.bounds.values

    def _made(self, made: list[ToolCall]) -> Iterator[Hit]:
        if not made:
            return
        written = [calling.exact(call) for call in made]
        same = False
        for one in dict.fromkeys(written):
            for number_of, wanted in self._calls.get(one, ()):
                if self._telling(number_of, wanted) and calling.within(wanted, written):
                    same = True
                    for number in self._known[wanted]:
                        yield Hit("calls", *self.rows[number], shown="; ".join(wanted)[:200])
        if not same:
            number = self._shapes.get(tuple(map(calling.shape, made)))
            if number is not None:
                yield Hit("shape", *self.rows[number], shown=", ".join(call.name for call in made)[:200])
