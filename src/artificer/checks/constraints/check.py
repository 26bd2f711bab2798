"""The check: were the task's rules kept? Passes when what was broken was refused or mended and the answer keeps all that
is asked of answers (CCTU's condition for SR); its numbers say whether anything was ever broken (for PSR), and where.
"""

from __future__ import annotations

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.constraints.prompt import sentence
from artificer.checks.constraints.stated import NAME, Rules, stated
from artificer.checks.constraints.walk import Walked, by_category, shown_answers, walked
from artificer.checks.constraints.written import write
from artificer.core.verdicts import CheckResult, ErrorKind

EVIDENCE = 20


class Item(Struct, frozen=True, omit_defaults=True):
    """A rule as an item of a checklist: what is asked, whether it was kept throughout, and what broke it first."""

    asks: str
    kept: bool
    evidence: str = ""


def items(found: Walked, rules: Rules) -> tuple[Item, ...]:
    """The rules as a checklist, in their order."""
    first: dict[int, str] = {}
    for one in found.violations:
        first.setdefault(one.rule, f"message {one.node}: {one.why}")
    return tuple(Item(sentence(rule), at not in first, first.get(at, "")) for at, rule in enumerate(rules.rules))


class Constrained:
    """The check. Score: the share of the rules that were never broken; 0 without a final answer.

    Numbers: `violations`, `mended`, `standing`, `rounds`, `calls`, `finished`, `perfect` (1: nothing was ever broken),
    `kept` (1: nothing stands), `violations.<category>` and `mended.<category>` where there are some, and with
    `answers` in the rules `shown` and `wanted`.
    """

    name = NAME

    async def __call__(self, episode: Episode) -> CheckResult:
        rules = stated(episode.task)
        if rules is None:
            return CheckResult(self.name, 0.0, False, ("the task states no constraints",))
        return judged(walked(episode.nodes, rules, episode.tools), rules, shown_answers(episode.nodes, rules.answers))


def judged(found: Walked, rules: Rules, shown: tuple[int, int] = (0, 0)) -> CheckResult:
    """What a walk says as a check's result."""
    solved = shown[0] == shown[1]
    broken = {one.rule for one in found.violations}
    score = (1.0 - len(broken) / max(len(rules.rules), 1)) if found.finished else 0.0
    evidence = [f"message {one.node}: `{write(rules.rules[one.rule])}`: {one.why}" for one in found.violations[:EVIDENCE]]
    if len(found.violations) > EVIDENCE:
        evidence.append(f"and {len(found.violations) - EVIDENCE} more")
    if not found.finished:
        evidence.append("it ends without a final answer")
    if not solved:
        evidence.append(f"tools have shown {shown[0]} of {shown[1]} answers that were wanted")
    kinds = [one.kind for one in found.violations]
    kinds += [] if found.finished else [ErrorKind.premature_end]
    kinds += [] if solved else [ErrorKind.missing_effect]
    numbers: dict[str, int | float] = {
        "violations": len(found.violations),
        "mended": len(found.mended),
        "standing": len(found.standing),
        "rounds": found.rounds,
        "calls": found.calls,
        "finished": int(found.finished),
        "kept": int(found.kept),
        "perfect": int(found.perfect),
    }
    numbers |= {f"violations.{category}": count for category, count in by_category(found.violations).items()}
    numbers |= {f"mended.{category}": count for category, count in by_category(found.mended).items()}
    numbers |= {"shown": shown[0], "wanted": shown[1]} if shown[1] else {}
    return CheckResult(NAME, score, found.kept and solved, tuple(evidence), tuple(dict.fromkeys(kinds)), numbers, rules.mode)
