"""The check `checklist`: a task states its checklist as a constraint of that name.

    {"turns": [[item, ...], ...], "mode": "paper", "undecided": "reject", "least": 1.0}

(`items.Item` has an item's fields; all but `turns` may be left out.) `least` is the score that passes, besides every item that
must be true.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.checklists.decide import decide
from artificer.checks.checklists.items import Checklist, read
from artificer.checks.checklists.rewards import Mode, Paid, Undecided, goes_on, scored
from artificer.checks.judges.base import Judge
from artificer.checks.values import clip
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import CheckResult, ErrorKind

_KINDS = {
    "assistant.tool_calls": ErrorKind.missing_call,
    "tool.content": ErrorKind.missing_call,
    "assistant.content.user_visible_reply": ErrorKind.not_told,
}


class _Rules(Struct, frozen=True, forbid_unknown_fields=True):
    mode: Mode = "paper"
    undecided: Undecided = "reject"
    least: float = 1.0
    eta: float = 1.0


class Ticked(Struct, frozen=True):
    """The check. Score: the trajectory's reward R (`rewards.scored`), over all turns of the checklist.

    With something undecided a rejected row scores 0, does not pass, and says so in `numbers["undecided"]`, by which rewards
    and statistics leave it out. Items that were left out instead (`undecided: "exclude"`) are counted in `numbers["excluded"]`.
    """

    judges: tuple[Judge, ...] = ()
    name: str = "checklist"

    async def __call__(self, episode: Episode) -> CheckResult:
        stated = episode.task.stated("checklist")
        if stated is None or "turns" not in stated:
            return CheckResult(self.name, 0.0, False, ("the task states no checklist",))
        where = f"task {episode.task.id!r}, constraint 'checklist'"
        asked = read(stated["turns"], source=where)
        try:
            rules = msgspec.convert({name: value for name, value in stated.items() if name != "turns"}, _Rules)
        except msgspec.ValidationError as error:
            raise ArtificerError(f"A checklist cannot be read: {error}", where=where, remedy="use turns, mode, undecided, least, eta") from None
        turns = await decide(episode.nodes, asked, self.judges, mode=rules.mode)
        return self._result(asked, turns, rules)

    def _result(self, asked: Checklist, turns: Sequence[Sequence[Sequence[bool | None]]], rules: _Rules) -> CheckResult:
        found = scored(asked, turns, mode=rules.mode, eta=rules.eta, undecided=rules.undecided)
        evidence, kinds = _missed(asked, found.items, rules.mode, frozenset(found.excluded))
        numbers: dict[str, int | float] = {"items": sum(map(len, asked.turns)), "turns": len(turns)}
        if found.value is None:
            numbers["undecided"] = len(found.excluded)
            return CheckResult(self.name, 0.0, False, (found.why, *evidence), kinds, numbers, rules.mode)
        if found.excluded:
            numbers["excluded"] = len(found.excluded)
        reached = len(turns) == len(asked.turns)
        must = reached and all(goes_on(asked, turn, states) is not False for turn, states in enumerate(turns))
        decided = all(goes_on(asked, turn, states) is not None for turn, states in enumerate(turns))
        score = min(1.0, max(0.0, found.value))
        passed = must and decided and score >= rules.least - 1e-9
        left = tuple(f"turn {turn}: {clip(name)} left out: undecided" for turn, name in found.excluded)
        return CheckResult(self.name, score, passed, (*evidence, *left), kinds, numbers, rules.mode)


def _missed(
    asked: Checklist, outcomes: Sequence[Sequence[Paid]], mode: Mode, excluded: frozenset[tuple[int, str]]
) -> tuple[tuple[str, ...], tuple[ErrorKind, ...]]:
    """What was not earned, turn by turn, as sentences and kinds."""
    evidence: list[str] = []
    kinds: list[ErrorKind] = []
    for number, items in enumerate(asked.turns):
        if number >= len(outcomes):
            evidence.append(f"turn {number} was not reached")
            kinds.append(ErrorKind.premature_end)
            break
        for item, one in zip(items, outcomes[number], strict=True):
            if (one.true if mode == "code" else one.step is not None) or (number, item.id) in excluded:
                continue
            late = one.true and one.step is None
            why = "true, but not after what it depends on" if late else "no"
            evidence.append(f"turn {number}: {clip(item.id)}{' (must)' if item.must else ''}: {why}: {clip(item.question)}")
            kind = ErrorKind.wrong_order if late else _KINDS.get(cast("str", item.focus))
            kinds += [kind] if kind is not None else []
    return tuple(evidence), tuple(kinds)
