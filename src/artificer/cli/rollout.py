"""`artificer rollout`: another agent on the tasks of a run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.show import options_of


def command(
    tasks: str,
    /,
    *,
    out: Annotated[str, Parameter(name=("--out", "-o"))],
    agent: str = "scripted:oracle",
    user: str = "goal",
    world: str | None = None,
    options: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    n: Annotated[int | None, Parameter(name=("-n",))] = None,
    errors: float = 0.0,
    trials: int = 1,
    keep_failed: Annotated[bool, Parameter(negative=())] = False,
    search: str = "linear",
    rules: str = "",
    constrain: int = 0,
    rules_seed: int = 0,
    judge: str = "",
    votes: int = 1,
    engine: str = "local",
    concurrency: int = 64,
    budget_requests: int | None = None,
    budget_tokens: int | None = None,
    budget_usd: float | None = None,
    minutes: float | None = None,
    retry_failed: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Play the tasks of a run again with another agent, and judge what it does. An interrupted rollout is continued by the same command.

    Example: `artificer rollout runs/shop --agent openai:qwen3@http://localhost:8000/v1 -o runs/shop-qwen3`

    Parameters
    ----------
    tasks
        A run folder that holds tasks, or a source that brings its own, e.g. bfcl:multi_turn_base.
    out
        The run folder to write.
    agent
        scripted:oracle, scripted:gold (the tasks' own solutions), or a model: openai:NAME@URL, local:NAME, hf:PATH;
        with a kind before it (react:MODEL, code:MODEL, plan:MODEL, router:MODEL) and middleware after bars, as in
        "react:MODEL | compress:chars=2000 | reflect".
    user
        The simulated user: goal (scripted), or llm:MODEL; with manners after bars, as in
        "goal | vague | misstates:rate=0.3" or "llm:MODEL | persona:text='a student' | impatient". See docs/users.md.
    world
        Use this source instead of the one the run names.
    options
        Options of the source, KEY=VALUE, once for each.
    n
        Only the first so many tasks.
    errors
        How often scripted:oracle makes a plausible mistake first.
    trials
        Plays of each task.
    keep_failed
        Keep traces that fail a check, with their verdicts, instead of rejecting them.
    search
        How each play is explored, e.g. dfsdt:beam=2,queries=60 or best_of:n=8; see docs/search.md.
    rules
        Rules that the agent must keep at every step, e.g. "calls ..8; order search_product > place_order; length ..60 words".
        See docs/checks-constraints.md.
    constrain
        So many rules more for each task, drawn from what its own solution keeps.
    rules_seed
        Of that draw.
    judge
        A model that decides what no rule can (checks named judge:..., tau2's assertions, checklist items): openai:NAME@URL,
        or record:FILE:MODEL to keep its answers. See docs/checks-judges.md.
    votes
        How often the judge is asked each question.
    engine
        Where rows are worked on: local, processes:N or ray:N.
    concurrency
        Rows in flight, over all workers.
    budget_requests
        Replies that this command may ask of the model. What is not finished then is left for the same command, with more.
    budget_tokens
        Tokens it may read and write before it stops in the same way.
    budget_usd
        US dollars, for a model string with prices.
    minutes
        After so long begin no more rows; the same command continues.
    retry_failed
        Play those rows again that ended because the model (or a user, or the world) was gone.
    quiet
        Show no progress.
    """
    from artificer.api import rollout
    from artificer.cli.show import say
    from artificer.cli.synth import report
    from artificer.core.verdicts import GONE
    from artificer.rollout.metered import Budget
    from artificer.run.progress import Progress

    summary = rollout(
        tasks,
        out=out,
        agent=agent,
        user=user,
        world=world,
        options=options_of(options) if options else None,
        n=n,
        errors=errors,
        trials=trials,
        keep_failed=keep_failed,
        search=search,
        rules=rules,
        constrain=constrain,
        rules_seed=rules_seed,
        judge=judge,
        votes=votes,
        engine=engine,
        concurrency=concurrency,
        progress=None if quiet else Progress(),
        budget=Budget(budget_requests, budget_tokens, budget_usd),
        minutes=minutes,
        retry_failed=retry_failed,
    )
    code = report(summary, out)
    gone = sum(summary["judge"].rejects.get(stop.value, 0) for stop in GONE)
    if gone and summary.complete:
        say(f"{gone} rows ended because the model (or a user, or the world) was gone: --retry-failed plays them again")
    return code
