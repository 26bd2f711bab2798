"""tau2-bench's reward of an episode: the world's parts, how the episode ended, and a judge for what needs one.

    R = 0 unless the agent or the user ended the episode
    R = 1 when the task states no criteria
    R = prod_{c in reward_basis} r_c

DB, ENV_ASSERTION, ACTION and COMMUNICATE come from the world (`worlds.imported.tau2_reward`), in the mode that the
task's constraint `tau2` states or the check is made with. NL_ASSERTION is decided by a judge, one question for each
assertion; all must be met. Without a judge, or where it fails, the part is undecided: nothing is passed, and the score
is 0. Upstream, too, gives no reward without its judging model (it raises).

Source: sierra-research/tau2-bench v1.0.1, `evaluator.py`, `evaluator_nl_assertions.py`; the question's words are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from artificer.checks.base import Episode
from artificer.checks.judges.base import Judge
from artificer.checks.judges.statements import MET, NOT_MET, decide
from artificer.checks.judges.told import conversation_text
from artificer.checks.upstream import heard
from artificer.core.tasks import Constraint, Task
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason
from artificer.worlds.imported.tau2_reward import CONSTRAINT, Mode, Part, mode_of, with_part

FINISHED = frozenset({StopReason.agent_done, StopReason.user_done})
"""The ends that upstream calls `agent_stop` and `user_stop`; after any other there is no reward."""


class Tau2:
    """The check. Numbers: a part each under tau2's name for it, `aside.NAME` outside the basis, `undecided`, `decided`.

    Args:
        judge: decides natural-language assertions.
        mode: instead of the task's own.
    """

    name = "tau2"

    def __init__(self, judge: Judge | None = None, mode: Mode | None = None) -> None:
        self._judge = judge
        self._mode: Mode | None = mode

    async def __call__(self, episode: Episode) -> CheckResult:
        task = episode.task if self._mode is None else in_mode(episode.task, self._mode)
        if episode.stop not in FINISHED:
            return unfinished(episode.stop, mode_of(task))
        played, says = heard(episode.nodes)
        found = episode.own(task, played, says) if episode.own is not None else None
        if found is None:
            return CheckResult(self.name, 0.0, False, ("this world brings no judgement of its own",))
        assertions = nl_assertions(task)
        if self._judge is not None and assertions and found.numbers.get("undecided"):
            found = with_part(found, await judged(self._judge, assertions, conversation(episode.nodes)))
        return msgspec.structs.replace(found, name=self.name)


def unfinished(stop: StopReason, mode: Mode) -> CheckResult:
    """The result of an episode that neither side ended."""
    told = f"the episode was ended by {stop.value}: there is no reward, whatever the state"
    return CheckResult("tau2", 0.0, False, (told,), (ErrorKind.premature_end,), mode=mode)


def in_mode(task: Task, mode: Mode) -> Task:
    """The task with this mode stated."""
    others = tuple(one for one in task.constraints if one.name != CONSTRAINT)
    return msgspec.structs.replace(task, constraints=(*others, Constraint(CONSTRAINT, {"mode": mode})))


def nl_assertions(task: Task) -> tuple[str, ...]:
    """The natural-language assertions that count for the reward."""
    stated = task.lineage.get("criteria")
    criteria = cast("dict[str, object]", stated) if isinstance(stated, dict) else {}
    basis, found = criteria.get("reward_basis"), criteria.get("nl_assertions")
    if not isinstance(basis, (list, tuple)) or "NL_ASSERTION" not in basis or not isinstance(found, (list, tuple)):
        return ()
    return tuple(str(text) for text in cast("Sequence[object]", found))


async def judged(judge: Judge, assertions: Sequence[str], conversation: str) -> Part:
    """NL_ASSERTION: r = prod_j 1[assertion j is met]. One that is not met decides; else one without a label leaves it open."""
    unmet: list[str] = []
    unclear: list[str] = []
    for text, said in zip(assertions, await decide(conversation, assertions, judge), strict=True):
        if said.label == NOT_MET:
            unmet.append(f"not met, says {said.by}: {text}" + (f" ({said.evidence})" if said.evidence else ""))
        elif said.label != MET:
            unclear.append(f"undecided by {said.by}: {text}" + (f" ({said.why})" if said.why else ""))
    if unmet:
        return Part("NL_ASSERTION", 0.0, tuple(unmet), ErrorKind.policy_breach)
    return Part("NL_ASSERTION", None, tuple(unclear)) if unclear else Part("NL_ASSERTION", 1.0)


def conversation(nodes: Sequence[Node]) -> str:
    """What a judge is shown: who said and did what, in order; system messages left out."""
    return conversation_text([node for node in nodes if node.message.role != "system"])
