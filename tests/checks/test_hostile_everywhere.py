"""Everything there is in the checks, against everything hostile: found by listing modules, so that nothing is left out.

Each check and each plain function (matcher, grader, reader) gets every nasty value wherever a model, a server or a task
could put one. It may answer, or say that a task is wrong (`ArtificerError`); it may not crash, run for long, or run what it
was given. What cannot be called this way stands in `EXCUSED` with the reason.
"""

from __future__ import annotations

import asyncio
import inspect
from itertools import count, islice
from typing import Any

import pytest
from tests.checks.hostile import (
    CANARY,
    CODE,
    MAKERS,
    NASTY,
    STATED,
    OutOfTime,
    TakesCode,
    Unknown,
    callables,
    episode_of,
    functions,
    harmless,
    long_episode,
    nothing_runs,
    plan,
    within_cpu,
)

from artificer.checks import by_name, standard
from artificer.checks.base import Episode
from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError
from artificer.core.kinds import ErrorKind
from artificer.core.verdicts import CheckResult

CPU_S = 5.0
"""What all nasty values together may take of one function."""

EXCUSED: dict[str, str] = {
    "answers.quantities.close": "takes quantities that `quantity` read: numbers alone",
    "calls.bfcl_cases.case": "takes descriptions of functions, which a data set has",
    "checklists.items.read": "takes what a task's author wrote",
    "constraints.text.read": "takes what a task's author wrote",
    "state.graph.read": "takes what a task's author wrote, and a type",
    "state.milestones.constraint_similarity": "takes a version of a state that its snapshots have",
    "suite.by_name": "takes names that a person writes",
    "suite.judge": "runs checks, which are all called by themselves",
    "taxonomy.source": "takes a name that a person writes",
}
FUNCTIONS = functions()
CALLABLES = callables()


CHECKS = [name for name, cls in CALLABLES.items() if "episode" in inspect.signature(cls.__call__).parameters]


def finish(found: Any) -> Any:
    """Runs what was only begun: coroutines, and iterators up to a number."""
    if inspect.isawaitable(found):

        async def wait() -> Any:
            return await found

        return asyncio.run(wait())
    return list(islice(found, 20_000)) if hasattr(found, "__next__") else found


def sound(found: Any) -> None:
    """What may come of a check: numbers in their bounds, and evidence that can be written down and read."""
    assert isinstance(found, CheckResult)
    assert 0 <= found.score <= 1
    assert canonical(found)
    assert len(found.evidence) <= 200
    assert all(len(line) < 5_000 for line in found.evidence)
    assert all(isinstance(kind, ErrorKind) for kind in found.kinds)
    assert found.score == 1 or not found.passed or found.numbers


@pytest.fixture(scope="module")
def episodes() -> dict[str, Episode]:
    return {name: episode_of(value) for name, value in NASTY.items()}


def plans() -> dict[str, Any]:
    """How to call each function that takes hostile data; those that take code of ours are left out, and those excused."""
    found: dict[str, Any] = {}
    for name, function in FUNCTIONS.items():
        try:
            makers = plan(function) if name not in EXCUSED else None
        except TakesCode:
            continue
        except Unknown as unknown:
            found[name] = str(unknown)
            continue
        if makers is not None:
            found[name] = makers
    return found


PLANS = plans()


def test_all_that_takes_hostile_data_can_be_called_or_is_excused() -> None:
    for name, makers in PLANS.items():
        assert isinstance(makers, dict), f"{name} needs a {makers}: add a maker to MAKERS, or an excuse to EXCUSED"


def test_every_check_that_can_be_named_is_found() -> None:
    named = {type(check) for check in standard()}
    assert named <= {CALLABLES[name] for name in CHECKS}
    with pytest.raises(ArtificerError) as problem:
        by_name(["no such check"])
    names = (problem.value.remedy or "").removeprefix("use one of ").split(", ")
    assert {type(check) for check in by_name(names)} <= {CALLABLES[name] for name in CHECKS}


@pytest.mark.parametrize("name", CHECKS)
def test_checks(name: str, episodes: dict[str, Episode], tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name in EXCUSED:
        pytest.skip(EXCUSED[name])
    check = harmless(CALLABLES[name])
    with within_cpu(CPU_S), nothing_runs():
        for nasty, episode in episodes.items():
            found = asyncio.run(check(episode))
            sound(found)
            assert not any("the task states no" in line for line in found.evidence), f"{name}: say in STATED what it decides by ({nasty})"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CHECKS)
def test_checks_of_thousands_of_calls(name: str) -> None:
    if name in EXCUSED:
        pytest.skip(EXCUSED[name])
    check = harmless(CALLABLES[name])
    with within_cpu(CPU_S):
        sound(asyncio.run(check(long_episode(3_000))))


@pytest.mark.parametrize("name", [name for name in CALLABLES if name not in CHECKS])
def test_other_things_that_are_called(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name in EXCUSED:
        pytest.skip(EXCUSED[name])
    try:
        made, makers = harmless(CALLABLES[name]), plan(CALLABLES[name].__call__)
    except TakesCode as code:
        pytest.skip(f"takes code of ours: {code}")
    if makers is not None:
        _all_of(made, makers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PLANS)
def test_functions(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    _all_of(FUNCTIONS[name], PLANS[name])
    assert list(tmp_path.iterdir()) == []


def _all_of(function: Any, makers: Any) -> None:
    """Helpers of a whole episode read no text of 10 MB, for time: the checks and the classifier do."""
    assert isinstance(makers, dict), makers
    texts = all(maker is MAKERS[str] for maker in makers.values())
    whole = any(maker is MAKERS[str] for maker in makers.values()) or getattr(function, "__name__", "") == "errors"
    with within_cpu(CPU_S), nothing_runs():
        for value in NASTY.values():
            if texts and not isinstance(value, str):
                continue
            value = value if whole or not isinstance(value, str) else value[:200_000]
            arguments = {name: maker(value) for name, maker in makers.items()}
            try:
                finish(function(**arguments))
            except Exception as error:
                if not isinstance(error, ArtificerError) and type(error).__name__ not in _said(function):
                    raise


def _said(function: Any) -> str:
    """What a function says that it raises: `ArtificerError` (the task is wrong) need not be said."""
    return (function.__doc__ or "").partition("Raises:")[2]


def test_the_watch_sees_what_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError), nothing_runs():
        eval(CODE[4])
    assert not (tmp_path / CANARY).exists()
    with pytest.raises(OutOfTime), within_cpu(0.05):
        any(number < 0 for number in count())


def test_what_a_task_states_is_used_by_a_check() -> None:
    assert STATED
