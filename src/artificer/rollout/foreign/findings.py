"""What making a trace's calls again is asked, and what it shows."""

from __future__ import annotations

from msgspec import Struct, field

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.rollout.foreign.alike import Difference, Level
from artificer.rollout.foreign.ignored import Likeness
from artificer.rollout.foreign.names import Renames

KEPT = 5
"""Problems of one trace that are told; all are counted."""
ORDER: dict[Level, int] = {"exact": 0, "like": 1, "differs": 2, "cannot": 3}


class Terms(Struct, frozen=True, omit_defaults=True):
    """On what terms data are made again: what is no difference, and what things are called here."""

    like: Likeness = Likeness()
    names: Renames = Renames()


class Problem(Struct, frozen=True, omit_defaults=True):
    """Something that did not come out as recorded.

    Args:
        at: the message's index among the trace's nodes; None when it is of no single message.
        what: a sentence. differences: the fields, the first few of `fields`.
        near: what the world has that is called much like it.
    """

    at: int | None
    level: Level
    tool: str
    what: str
    differences: tuple[Difference, ...] = ()
    fields: int = 0
    near: tuple[str, ...] = ()


class Again(Struct, omit_defaults=True):
    """What making one trace's calls again showed.

    Args:
        verdict: the worst of its calls.
        problems: the first few, in order; `count`: of all that are not exact.
        tools: calls by tool and level.
        tolerated: how often which tolerance was needed.
        claims: effects and states that the record states besides results: how many were looked at, and how many hold.
        unknown: the names of tools that the world has not.
        ungrounded: argument values that nobody said and no result showed; decides nothing.
        judged: whether the record states verdicts; without the task nothing can be judged anew, so they are taken for what
            they are.
    """

    trace_id: str
    where: str = ""
    verdict: Level = "exact"
    problems: list[Problem] = field(default_factory=list[Problem])
    count: int = 0
    tools: dict[str, dict[Level, int]] = field(default_factory=dict[str, dict[Level, int]])
    tolerated: dict[str, int] = field(default_factory=dict[str, int])
    claims: int = 0
    held: int = 0
    unknown: list[str] = field(default_factory=list[str])
    ungrounded: int = 0
    judged: bool = False

    @property
    def calls(self) -> int:
        return sum(sum(levels.values()) for levels in self.tools.values())

    def note(self, problem: Problem) -> None:
        self.count += 1
        if ORDER[problem.level] > ORDER[self.verdict]:
            self.verdict = problem.level
        if len(self.problems) < KEPT:
            self.problems.append(problem)
        elif problem.level == "cannot" and all(one.level != "cannot" for one in self.problems):
            self.problems[-1] = problem  # what makes the verdict is always told

    def tally(self, tool: str, level: Level) -> None:
        levels = self.tools.setdefault(tool, {})
        levels[level] = levels.get(level, 0) + 1


class Now(Struct, frozen=True):
    """What a message's call gives now."""

    call: ToolCall
    result: ToolResult
    effects: tuple[Effect, ...]
    level: Level


class Ends(Struct):
    """What comes out besides `Again` when a copy is wanted.

    Args:
        now: results, by node.
        made: the calls of a node that had to be made otherwise than they are recorded: with other names, or with values that have another
            name now; by the call's place.
        said: messages that name such values, as they name them now; by node.
        effects, state: net effects and state, by leaf.
    """

    now: dict[int, Now] = field(default_factory=dict[int, Now])
    made: dict[int, dict[int, ToolCall]] = field(default_factory=dict[int, dict[int, ToolCall]])
    said: dict[int, Message] = field(default_factory=dict[int, Message])
    effects: dict[int, tuple[Effect, ...]] = field(default_factory=dict[int, tuple[Effect, ...]])
    state: dict[int, str] = field(default_factory=dict[int, str])
    told: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])
