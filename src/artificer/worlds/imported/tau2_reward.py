"""tau2-bench's reward: the product of the parts that a task declares, each a number of its own with its reasons.

This is the pure half: what was said and done, and what of the state was found wrong, in; parts and their product out.
Running calls is the world's affair (`tau2.py`), asking a judge the check's (`checks.tau2`).

Source: sierra-research/tau2-bench v1.0.1, `src/tau2/evaluator` and `Action.compare_with_tool_call` (mode `code`);
`docs/evaluation.md` there and tau-bench, arXiv 2406.12045 section 3 (mode `paper`, recalled); `strict` is ours.

| part | `code` | `paper` | `strict` |
|---|---|---|---|
| COMMUNICATE | substring without case, commas dropped from what is said alone | substring as it is | whole words without case, numbers by value |
| ACTION | the keys of the call made, whoever made it | all arguments | all, by type and value, one call for each action |
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.tasks import Task
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.worlds.base import Played
from artificer.worlds.imported.tau2_data import Action

Mode = Literal["paper", "code", "strict"]
MODES: tuple[Mode, ...] = ("paper", "code", "strict")
CONSTRAINT = "tau2"
"""The constraint of a task that names the mode: `Constraint("tau2", {"mode": "strict"})`."""
_SHOWN = 20
_NUMBER = re.compile(r"(?<![\w.,])[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?!\w)")
_WHOLE_NUMBER = re.compile(r"-?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")
_SPACE = re.compile(r"\s+")


class Part(Struct, frozen=True):
    """One part of the reward.

    Args:
        name: tau2's own.
        score: 0 or 1, or None when it is undecided.
        why: what is wrong, or open.
        kind: what sort of error it is.
    """

    name: str
    score: float | None
    why: tuple[str, ...] = ()
    kind: ErrorKind | None = None


def mode_of(task: Task) -> Mode:
    """The mode that a task states; `code` when it states none, or one that there is not."""
    stated = (task.stated(CONSTRAINT) or {}).get("mode")
    known: dict[object, Mode] = {mode: mode for mode in MODES}
    return known.get(stated, "code") if isinstance(stated, str) else "code"


def found(name: str, wrong: Iterable[str], kind: ErrorKind) -> Part:
    """A part of which all that is wrong is known."""
    reasons = tuple(wrong)
    return Part(name, float(not reasons), reasons, kind if reasons else None)


# what was said


def communicated(infos: Sequence[str], says: Sequence[str], mode: Mode) -> Part:
    """COMMUNICATE: each text stands in something that the agent said.

    # code-mode: `"12345"` tells `1234`, and an information with a comma in it can never be told.
    """
    spoken = [text for text in says if text.strip()]
    if mode == "code":
        heard = [text.lower().replace(",", "") for text in spoken]
        untold = [info for info in infos if not any(info.lower() in text for text in heard)]
    elif mode == "paper":
        untold = [info for info in infos if not any(info in text for text in spoken)]
    else:
        untold = [info for info in infos if not any(_told(info, text) for text in spoken)]
    return found("COMMUNICATE", (f"{info!r} was not said" for info in untold), ErrorKind.not_told)


def _told(info: str, text: str) -> bool:
    """Whether a text holds an information as words of their own; a number by its value (`1,234.00` tells `1234`)."""
    wanted = _SPACE.sub(" ", info.casefold()).strip()
    if _WHOLE_NUMBER.fullmatch(wanted):
        value = _value(wanted.removeprefix("-"))
        minus = wanted.startswith("-")
        return any(_value(hit[0]) == value and (not minus or text[: hit.start()].endswith("-")) for hit in _NUMBER.finditer(text))
    shown = _SPACE.sub(" ", text.casefold())
    left, right = (r"(?<!\w)" if wanted[:1].isalnum() else ""), (r"(?!\w)" if wanted[-1:].isalnum() else "")
    return re.search(f"{left}{re.escape(wanted)}{right}", shown) is not None


def _value(number: str) -> tuple[str, str]:
    """A number as digits before and after the point: no rounding, and no size that is too big."""
    whole, _, rest = number.replace(",", "").partition(".")
    return whole.lstrip("0"), rest.rstrip("0")


# what was done


def acted(actions: Sequence[Action], played: Sequence[Played], mode: Mode) -> Part:
    """ACTION: each gold action was done by some call."""
    if mode == "code":
        missing = [action for action in actions if not any(_matches_code(action, one) for one in played)]
    elif mode == "paper":
        missing = [action for action in actions if not any(_matches_all(action, one, _equal) for one in played)]
    else:
        missing = _unserved(actions, played)
    return found("ACTION", (f"{action.name} was not called as in {action.action_id!r}" for action in missing), ErrorKind.missing_call)


def _matches_code(action: Action, one: Played) -> bool:
    """`Action.compare_with_tool_call`.

    # code-mode: without `compare_args` only the keys of the call that was made are compared, so that one with fewer
    arguments passes, and one with none always; who made it is not looked at.
    """
    if one.call.name != action.name:
        return False
    made = one.call.arguments
    keys = made.keys() if action.compare_args is None else action.compare_args
    left = {key: made[key] for key in keys if key in made}
    return left == {key: action.arguments[key] for key in keys if key in action.arguments}


def _matches_all(action: Action, one: Played, equal: Callable[[Json, Json], bool]) -> bool:
    if one.call.name != action.name or (one.actor == "user") != (action.requestor == "user"):
        return False
    made, wanted = one.call.arguments, action.arguments
    keys = {*made, *wanted} if action.compare_args is None else set(action.compare_args)
    return all((key in made) == (key in wanted) and (key not in made or equal(made[key], wanted[key])) for key in keys)


def _equal(left: Json, right: Json) -> bool:
    return bool(left == right)


def same(left: Json, right: Json) -> bool:
    """Equal by type and value: 1 is 1.0, but neither true nor "1"."""
    waiting: list[tuple[Json, Json]] = [(left, right)]
    while waiting:
        one, two = waiting.pop()
        if isinstance(one, bool) or isinstance(two, bool):
            if one is not two:
                return False
        elif isinstance(one, dict) and isinstance(two, dict):
            mine, other = cast("dict[str, Json]", one), cast("dict[str, Json]", two)
            if mine.keys() != other.keys():
                return False
            waiting += [(mine[key], other[key]) for key in mine]
        elif isinstance(one, list) and isinstance(two, list):
            items, others = cast("list[Json]", one), cast("list[Json]", two)
            if len(items) != len(others):
                return False
            waiting += zip(items, others, strict=True)
        elif one != two:
            return False
    return True


def _unserved(actions: Sequence[Action], played: Sequence[Played]) -> list[Action]:
    """The actions left over when as many as can be are given a call of their own (augmenting paths)."""
    fits = [[at for at, one in enumerate(played) if _matches_all(action, one, same)] for action in actions]
    takes: dict[int, int] = {}  # call -> action
    missing: list[Action] = []
    for wanted, action in enumerate(actions):
        came: dict[int, int] = {}  # call -> the action that asks for it
        queue = deque([wanted])
        free: int | None = None
        while queue and free is None:
            asking = queue.popleft()
            for call in fits[asking]:
                if call in came:
                    continue
                came[call] = asking
                if call not in takes:
                    free = call
                    break
                queue.append(takes[call])
        if free is None:
            missing.append(action)
            continue
        given = {action: call for call, action in takes.items()}
        call: int | None = free
        while call is not None:  # along the path, each action moves to the call that it asked for
            asking = came[call]
            takes[call] = asking
            call = None if asking == wanted else given[asking]
    return missing


# what needs a judge, and the whole


def unjudged(assertions: Sequence[str]) -> Part:
    """NL_ASSERTION before a judge has been asked: fulfilled when there are none, else undecided."""
    if not assertions:
        return Part("NL_ASSERTION", 1.0)
    return Part("NL_ASSERTION", None, tuple(f"undecided without a judge: {text}" for text in assertions))


def product(name: str, parts: Sequence[Part], basis: Sequence[str], mode: Mode) -> CheckResult:
    """The reward.

    R = prod_{c in basis} r_c. A part outside the basis never changes it; its number stands as `aside.NAME`. While a
    part of the basis is undecided there is no reward: the score is 0 and nothing is passed, `undecided` counts such
    parts, and `decided` is the product of the others.
    """
    known = {part.name: part for part in parts}
    declared = list(dict.fromkeys(basis))
    counted = [known.get(one) or Part(one, None, ("no part of this name is known",)) for one in declared]
    aside = {f"aside.{part.name}": part.score for part in parts if part.name not in declared and part.score is not None}
    scores = {part.name: part.score for part in counted if part.score is not None}
    undecided = len(counted) - len(scores)
    decided = 1.0
    for score in scores.values():
        decided *= score
    numbers: dict[str, int | float] = {**scores, **aside}
    if undecided:
        numbers |= {"undecided": undecided, "decided": decided}
    reward = 0.0 if undecided else decided
    evidence = tuple(f"{part.name}: {reason}" for part in counted for reason in part.why)
    kinds = tuple(dict.fromkeys(part.kind for part in counted if part.kind is not None))
    return CheckResult(name, reward, reward == 1.0, evidence[:_SHOWN], kinds, numbers, mode)


def with_part(result: CheckResult, part: Part) -> CheckResult:
    """A result with an undecided part of its basis decided; as it was when the part is still undecided, but for its reasons."""
    own = f"{part.name}: "
    evidence = (*(text for text in result.evidence if not text.startswith(own)), *(f"{own}{reason}" for reason in part.why))[:_SHOWN]
    if part.score is None:
        return CheckResult(result.name, result.score, result.passed, evidence, result.kinds, result.numbers, result.mode)
    decided = result.numbers.get("decided", 1.0) * part.score
    left = int(result.numbers.get("undecided", 1)) - 1
    numbers = {name: value for name, value in result.numbers.items() if name not in ("undecided", "decided")} | {part.name: part.score}
    if left:
        numbers |= {"undecided": left, "decided": decided}
    reward = 0.0 if left else decided
    kinds = result.kinds if part.kind is None or part.kind in result.kinds else (*result.kinds, part.kind)
    return CheckResult(result.name, reward, reward == 1.0, evidence, kinds, numbers, result.mode)
