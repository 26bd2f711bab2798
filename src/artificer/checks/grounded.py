"""Did the agent have every value from somewhere?

Every scalar in the arguments of every accepted call must have been said by the user, stand in a system message or the
policy, be named by the tool's own schema, or stand in an earlier tool result. A surrogate id (a parameter with
`x-ref`) counts only when an earlier result showed it as that id: nobody knows ids by heart, and an id that merely
looks right is a guess. Whatever the agent itself said grounds nothing; neither does what a user's own tools showed to
the user alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.episodes import LIBRARY, Knowledge, Path, Rule, at_path, leaves, tools_by_name
from artificer.checks.values import clip, fold, freeze, numbers, occurs, same, shown, words, written_dates
from artificer.core.canon import Json, scalars
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, agent_side
from artificer.core.verdicts import CheckResult, ErrorKind

_SHOWN = 20


class Grounded:
    """The check. `numbers`: `values` that had to be grounded and `ungrounded` ones. Kind: `ungrounded_argument`.

    Free are true, false, null, and the empty string: they carry no knowledge that could be looked up; and what the
    schema leaves to the agent's own words (`x-free`). An empty list or object has no values.
    """

    def __init__(self, name: str = "grounded") -> None:
        self.name = name

    async def __call__(self, episode: Episode) -> CheckResult:
        evidence: list[str] = []
        counted = wrong = 0
        for looked in look(episode):
            counted += looked.values
            wrong += len(looked.ungrounded)
            evidence += looked.ungrounded[: _SHOWN - len(evidence)]
        return CheckResult(
            name=self.name,
            score=float(not wrong),
            passed=not wrong,
            evidence=tuple(evidence),
            kinds=(ErrorKind.ungrounded_argument,) if wrong else (),
            numbers={"values": counted, "ungrounded": wrong},
        )


class Looked(Struct, frozen=True):
    """One accepted call: the message it stands in and its place there, how many values had to be grounded, and a sentence
    for each that was not.
    """

    at: int
    call: int
    values: int
    ungrounded: list[str]


class Loose(Struct, frozen=True):
    """A value from nowhere: where in the arguments it stands, the value, and what it would have to be an id of."""

    where: str
    value: Json
    ref: str | None


def look(episode: Episode) -> Iterator[Looked]:
    """Every accepted call of the agent, looked at for values that come from nowhere."""
    for at, place, values, found in values_of(episode.nodes, tools_by_name(episode), episode.policy):
        name = clip(episode.nodes[at].message.calls[place].name)
        yield Looked(at, place, values, [_sentence(name, one) for one in found])


def _sentence(name: str, loose: Loose) -> str:
    why = "nobody said it and no result showed it" if loose.ref is None else f"no result showed this as an id of {clip(loose.ref)}"
    return f"{name}.{clip(loose.where)} = {shown(loose.value)}: {why}"


_ANY = ToolSpec("", "", {})


def values_of(
    nodes: Sequence[Node], tools: dict[str, ToolSpec], policy: str = "", *, every: bool = False
) -> Iterator[tuple[int, int, int, list[Loose]]]:
    """For each call of the agent its message, its place there, how many values had to be grounded, and those that were not.

    Args:
        nodes: one branch.
        every: also calls that nobody answered, that were refused, or of tools that are not known; else only those that the world accepted.
    """
    known = Known(policy, tools)
    places = agent_side(nodes)
    seen = [nodes[index] for index in places]
    for at, node in enumerate(seen):
        message = node.message
        if message.calls:
            accepted = set[str]() if every else _accepted(seen, at)
            for place, call in enumerate(message.calls):
                if message.role == "assistant" and (every or (call.id in accepted and call.name in tools)):
                    yield (places[at], place, *_ungrounded(call, LIBRARY.of(tools.get(call.name, _ANY)), known))
            known.learn_calls(message.calls)
        elif message.role == "tool":
            if message.result is not None:
                known.learn_result(message.result)
        elif message.role != "assistant":
            known.hear(message.text)


def _accepted(nodes: Sequence[Node], at: int) -> set[str]:
    """Ids of the calls of message `at` that the world accepted."""
    ids: set[str] = set()
    for position in range(at + 1, len(nodes)):
        result = nodes[position].message.result
        if result is None:
            break
        if result.error is None:
            ids.add(result.call_id)
    return ids


def _ungrounded(call: ToolCall, tool: Knowledge, known: Known) -> tuple[int, list[Loose]]:
    counted = 0
    found: list[Loose] = []
    for rule, value, where in leaves(tool.rule, call.arguments):
        if value is None or isinstance(value, bool) or value == "" or rule.free:
            continue
        counted += 1
        if rule.ref is not None:
            if not known.shown(rule.ref, value):
                found.append(Loose(where, value, rule.ref))
        elif not _named(rule, value) and not known.somewhere(value):
            found.append(Loose(where, value, None))
    return counted, found


def _named(rule: Rule, value: Json) -> bool:
    """Whether the schema itself names the value."""
    return any(same(value, option) for option in rule.known)


class Known:
    """What has been said and shown so far. Results are read only when a question needs them, and each only once."""

    def __init__(self, policy: str, tools: dict[str, ToolSpec]) -> None:
        self._tools = tools
        self._texts = [_Text(policy)] if policy else []
        self._results: list[tuple[ToolSpec | None, ToolResult]] = []
        self._callers: dict[str, str] = {}
        self._ids: dict[str, tuple[int, set[Hashable]]] = {}
        self._scalars: set[Hashable] = set()
        self._answers: list[_Text] = []
        self._read = 0

    def hear(self, text: str) -> None:
        """A user or system message."""
        self._texts.append(_Text(text))

    def learn_calls(self, calls: Sequence[ToolCall]) -> None:
        """Which tool each coming result is from."""
        for call in calls:
            self._callers[call.id] = call.name

    def learn_result(self, result: ToolResult) -> None:
        """A tool result, a refusal included: what it says may name values, too."""
        self._results.append((self._tools.get(self._callers.get(result.call_id, "")), result))

    def shown(self, ref: str, value: Json) -> bool:
        """Whether a result showed `value` as an id of `ref`. Results of tools without a `returns` schema show all
        that they hold.
        """
        read, ids = self._ids.get(ref, (0, set()))
        if read < len(self._results):
            for spec, result in self._results[read:]:
                if result.error is None and spec is not None:
                    ids.update(_ids_in(LIBRARY.of(spec).shows, ref, result.content))
            self._ids[ref] = (len(self._results), ids)
        if freeze(value) in ids:
            return True
        return any(
            _writes(_text_of(result.content), value)
            for spec, result in self._results
            if result.error is None and isinstance(result.content, str) and (spec is None or spec.returns is None)
        )

    def somewhere(self, value: Json) -> bool:
        """Whether `value` was said, or shown anywhere in a result."""
        if any(text.writes(value) for text in self._texts):
            return True
        for _, result in self._results[self._read :]:
            self._scalars.update(freeze(scalar) for scalar in scalars(result.content))
            self._answers += [_Text(text) for text in (result.content, result.detail) if isinstance(text, str) and text]
        self._read = len(self._results)
        return freeze(value) in self._scalars or any(text.writes(value) for text in self._answers)


def _ids_in(shows: dict[str, list[Path]] | None, ref: str, content: Json) -> list[Hashable]:
    if shows is None:
        return [freeze(scalar) for scalar in scalars(content)]
    return [freeze(value) for path in shows.get(ref, ()) for value in at_path(content, path)]


class _Text:
    """A text that is searched many times."""

    __slots__ = ("_numbers", "_words", "folded")

    def __init__(self, text: str) -> None:
        self.folded = fold(text) if len(text) < 4096 else _folded(text)
        self._words: frozenset[str] | None = None
        self._numbers: frozenset[float] | None = None

    def writes(self, value: Json) -> bool:
        """Whether the text says `value`."""
        if isinstance(value, str):
            wanted = fold(value)
            if wanted in self.folded:
                if wanted.isalnum():
                    if self._words is None:
                        self._words = words(self.folded) if len(self.folded) < 4096 else _words(self.folded)
                    if wanted in self._words:
                        return True
                elif occurs(self.folded, wanted.strip()):
                    return True
            return any(occurs(self.folded, form) for form in written_dates(value))
        if isinstance(value, (int, float)):
            if self._numbers is None:
                self._numbers = frozenset(numbers(self.folded)) if len(self.folded) < 4096 else _numbers(self.folded)
            return value in self._numbers
        return False


@lru_cache(maxsize=64)
def _text_of(text: str) -> _Text:
    return _Text(text)


def _writes(text: _Text, value: Json) -> bool:
    return text.writes(value)


# Long texts are few and come again in every episode: the policy, above all.
_folded = lru_cache(maxsize=16)(fold)
_words = lru_cache(maxsize=16)(words)


@lru_cache(maxsize=16)
def _numbers(folded: str) -> frozenset[float]:
    return frozenset(numbers(folded))


__all__ = ["Grounded", "Known", "Looked", "Loose", "look", "values_of"]
