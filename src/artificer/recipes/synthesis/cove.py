"""CoVe: constraint-guided verification for interactive tool-use agents (arXiv 2603.01940).

Reproduced: exact goals sampled from rows first, so that every task is solvable by construction; identifiers blurred
into descriptions proven by query to fit one row; a simulated user with a private goal; deterministic verification of
effects by any path, with redundant writes penalised; only perfect runs are kept. Differs: any relational, MCP or
Python world, not two; goals may also be questions, or impossible; wording comes from a grammar and a model may
rewrite it; the number of wants a task has is uniform (the paper gives no distribution); the score's formula is an
inference (see `checks.redundancy`).
"""

from __future__ import annotations

from msgspec import Struct

from artificer.checks.suite import standard
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.recipes import Anchor, Recipe
from artificer.rollout.play import GuideMaker, Judge, Play, own_guide
from artificer.rollout.telling import telling
from artificer.run.stage import Stage, each
from artificer.synthesis.goals import GoalSpec
from artificer.synthesis.tasks import Goals, Rewords, Words
from artificer.worlds.guide import Impossible, Part


class Knobs(Struct, frozen=True):
    """The recipe's knobs.

    Args:
        world: tool source, e.g. domain:retail or sqlite:shop.db.
        options: options of the source, e.g. tools=tools.toml.
        n: number of tasks to try.
        seed: everything random is derived from it.
        wants: fewest and most requests in a task (the paper: 1 to m).
        impossible: share of tasks that cannot be served.
        kinds: the ways in which such a task cannot be: forbidden, missing or ambiguous.
        vagueness: 0 to 1, how much the user withholds until asked.
        depth: look-ups through other tables that a description may need.
        pace: fewest and most requests the user brings up at a time.
        errors: how often the oracle makes a plausible mistake first.
        trials: plays of each task.
        agent: scripted:oracle, a model, or another agent such as "react:MODEL | reflect".
        user: the simulated user: goal, or llm:MODEL; with manners after bars, e.g. "goal | vague | misstates:rate=0.3".
        part: all, or the train or test share of rows and phrasings.
        phrasing: the same for phrasings alone, where they are to be of another share than the rows.
        only: tables or tool groups to keep to.
        without: tables or tool groups to leave out.
        model: rewrites the grammar's wording, if given.
    """

    world: str = "domain:retail"
    options: dict[str, str] = {}
    n: int = 20
    seed: int = 0
    wants: tuple[int, int] = (1, 3)
    impossible: float = 0.1
    kinds: tuple[Impossible, ...] = ("forbidden", "missing", "ambiguous")
    vagueness: float = 0.4
    depth: int = 2
    pace: tuple[int, int] = (1, 2)
    errors: float = 0.1
    trials: int = 1
    agent: str = "scripted:oracle"
    user: str = "goal"
    part: Part = "all"
    phrasing: Part | None = None
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    model: str | None = None


def stages(k: Knobs, guide: GuideMaker = own_guide) -> list[Stage]:
    """Sample, word (and reword), play, judge."""
    spec = GoalSpec(k.wants, k.impossible, k.kinds, k.vagueness, k.depth, k.part, k.only, k.without)
    words = Words(k.world, k.options, tuple(check.name for check in standard()), k.seed, k.pace, k.phrasing)
    return [
        each("goals", Goals(k.world, k.options, spec, k.seed, guide)),
        *([each("words", words, keep="tasks", of=Task)] if k.model is None else [each("words", words, of=Task), _reworded(k.model)]),
        each("play", Play(k.world, k.options, k.agent, k.user, guide, k.errors, k.trials), tell=telling(k.agent)),
        each("judge", Judge(k.world, k.options), keep="traces", of=Trace),
    ]


def _reworded(model: str) -> Stage:
    return each("reword", Rewords(model), keep="tasks", of=Task)


def source(k: Knobs) -> list[tuple[str, int]]:
    """One row a seed."""
    return [(f"{index:07d}", index) for index in range(k.n)]


recipe = Recipe(
    name="cove",
    paper="2603.01940",
    title="constraint-guided verification: tasks sampled from their answers, proven by effects",
    knobs=Knobs,
    stages=stages,
    source=source,
    needs="none",
    fidelity="mechanism reproduced on any world; constraint distribution and score formula are ours",
    anchors=(
        Anchor(
            "generation success with a strong user simulator",
            "74.0% on average",
            "yield of `artificer synth cove` (scripted user: see docs/recipes/cove.md)",
        ),
    ),
)
