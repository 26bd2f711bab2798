"""Does the user know what no person knows?

A surrogate id that stands in a user's words before a tool showed it makes a task easier than it is, and teaches
agents to expect ids from people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from artificer.checks.base import Episode
from artificer.checks.episodes import LIBRARY, references, tools_by_name
from artificer.checks.values import clip, fold, freeze, numbers, occurs, shown
from artificer.core.canon import Json, scalars
from artificer.core.messages import ToolResult
from artificer.core.tasks import Effect, Fact, Task
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult, ErrorKind

_SUBSTRING = 4
"""String ids at least this long are sought anywhere in a text, shorter ones as words."""


def gold_ids(task: Task, tools: Sequence[ToolSpec]) -> list[Json]:
    """The surrogate ids that a task turns on: values of `x-ref` parameters in its gold calls, and keys of the rows
    its effects change in tables that some `x-ref` names.
    """
    by_name = {tool.name: tool for tool in tools}
    calls = [*(task.gold or ()), *(call for want in task.goal.wants for call in want.gold)]
    found = [value for call in calls if call.name in by_name for _, value in references(LIBRARY.of(by_name[call.name]).rule, call.arguments)]
    if task.goal.effects:
        tables = frozenset[str]().union(*[LIBRARY.of(tool).tables for tool in tools])
        found += [effect.key[0] for effect in task.goal.effects if _surrogate(effect, tables)]
    unique = {freeze(value): value for value in found if isinstance(value, (str, int, float)) and not isinstance(value, bool)}
    return [unique[key] for key in sorted(unique, key=lambda key: (isinstance(key, str), key))]  # pyright: ignore[reportArgumentType, reportUnknownLambdaType]


def _surrogate(effect: Effect, tables: frozenset[str]) -> bool:
    return effect.table in tables and len(effect.key) == 1 and not (effect.generated and effect.change == "insert")


def goal_leaks(task: Task, ids: Iterable[Json] | None = None) -> tuple[str, ...]:
    """What leaks from a task's own words: one sentence for each id that stands in its prompt or in a line of its
    script.

    The phrases of the task's facts are taken out first, since a quantity of 3 is no id even where some id is 3. A
    phrase that is itself one of the ids is not taken out.

    Args:
        ids: the ids to look for, as `gold_ids` finds them. None: what looks like one in the gold calls and in the
            keys of the goal's effects (numbers, and strings with a digit) and is no fact's value.
    """
    wanted = _unsaid(task) if ids is None else list(ids)
    leaks: list[str] = []
    for where, text in (("prompt", task.prompt), *sorted(task.goal.script.items())):
        bare = without_facts(text, task.goal.facts)
        leaks += [f"{clip(where)}: the id {shown(value)} stands in it" for value in wanted if states(bare, value)]
    leaks += [
        f"fact {clip(fact.path)}: its phrase {clip(fact.phrase)!r} states the id {shown(value)}"
        for fact in task.goal.facts
        for value in wanted
        if isinstance(value, str) and len(value) >= _SUBSTRING and states(fold(fact.phrase), value)
    ]
    return tuple(leaks)


def _unsaid(task: Task) -> list[Json]:
    said = {freeze(fact.value) for fact in task.goal.facts}
    calls = [*(task.gold or ()), *(call for want in task.goal.wants for call in want.gold)]
    values = [value for call in calls for value in scalars(call.arguments)]
    values += [part for effect in task.goal.effects if not effect.generated for part in effect.key]
    ids = {freeze(value): value for value in values if freeze(value) not in said and _looks_like_id(value)}
    return [ids[key] for key in sorted(ids, key=lambda key: (isinstance(key, str), key))]  # pyright: ignore[reportArgumentType, reportUnknownLambdaType]


def _looks_like_id(value: Json) -> bool:
    if isinstance(value, str):
        return any(letter.isdigit() for letter in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def without_facts(text: str, facts: Sequence[Fact]) -> str:
    """Folded text with the facts' phrases taken out, longest first."""
    bare = fold(text)
    for phrase in sorted({fold(fact.phrase) for fact in facts if fact.phrase}, key=lambda phrase: (-len(phrase), phrase)):
        bare = bare.replace(phrase, " … ")
    return bare


def states(folded: str, value: Json) -> bool:
    """Whether folded text states an id: a long string anywhere, a short one as a word, a number as a number."""
    if isinstance(value, str):
        wanted = fold(value)
        return bool(wanted) and (wanted in folded if len(wanted) >= _SUBSTRING else occurs(folded, wanted))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return any(letter.isdigit() for letter in folded) and float(value) in numbers_in_digits(folded)
    return False


def numbers_in_digits(folded: str) -> set[float]:
    """The numbers a text writes in digits; people who say "one" name no id."""
    return numbers("".join(letter if not letter.isalpha() else "_" for letter in folded).replace("_", " "))


class Leaks:
    """No user message states an id of the gold (or of the goal's rows) that no tool had shown yet. Kind: `leaked_id`."""

    def __init__(self, name: str = "leaks") -> None:
        self.name = name

    async def __call__(self, episode: Episode) -> CheckResult:
        ids = gold_ids(episode.task, episode.tools) if tools_by_name(episode) else []
        evidence = _leaked(episode, ids) if ids else []
        return CheckResult(
            name=self.name,
            score=float(not evidence),
            passed=not evidence,
            evidence=tuple(evidence[:20]),
            kinds=(ErrorKind.leaked_id,) if evidence else (),
            numbers={"ids": len(ids), "leaked": len(evidence)},
        )


def _leaked(episode: Episode, ids: list[Json]) -> list[str]:
    evidence: list[str] = []
    results: list[ToolResult] = []
    for index, node in enumerate(episode.nodes):
        message = node.message
        if message.result is not None:
            results.append(message.result)
        elif message.role == "user":
            bare = without_facts(message.text, episode.task.goal.facts)
            evidence += [
                f"message {index}: the user states the id {shown(value)}, which no tool had shown"
                for value in ids
                if states(bare, value) and not _shown(results, value)
            ]
    return evidence


def _shown(results: Sequence[ToolResult], value: Json) -> bool:
    wanted = freeze(value)
    return any(
        freeze(scalar) == wanted or (isinstance(scalar, str) and states(fold(scalar), value))
        for result in results
        for scalar in cast("Iterable[Json]", (*scalars(result.content), result.detail))
    )
