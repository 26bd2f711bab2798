"""ACEBench: instructions that cannot be followed, told from those that can; and an agent's way by milestones.

Source: its `special_eval` and `agent_eval_process` (eval_main.py); the phrases are those that its system prompt dictates.
The agent's end state is compared by `checks.state`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from artificer.checks.calls.base import CallFault, CallMatch
from artificer.checks.calls.plain import common, short, valued
from artificer.core.messages import ToolCall
from artificer.core.verdicts import ErrorKind

Special = Literal["incomplete", "error_param", "irrelevant"]
Mode = Literal["code", "strict"]
PHRASES: dict[Special, str] = {
    "incomplete": "Missing necessary parameters",
    "error_param": "There is incorrect value",
    "irrelevant": "the limitations of the function",
}
"""What a model has to say, to the letter."""


class Refusal(Struct, frozen=True, omit_defaults=True):
    """What an agent says that it cannot do, read out of any wording (by a judge, or a tool that it refuses with).

    Args:
        kind: what it says is the matter.
        api: the tool whose parameters are missing.
        fields: missing parameters, or the values said to be wrong.
    """

    kind: Special
    api: str = ""
    fields: tuple[str, ...] = ()


def special(
    kind: Special,
    said: str | Refusal,
    wanted: Mapping[str, Sequence[str]],
    calls: Sequence[ToolCall] = (),
    *,
    mode: Mode = "code",
) -> CallMatch:
    """Whether an agent noticed that an instruction is at fault (`error_detection`), and named all of it (`error_correction`).

    Args:
        said: its words, judged by the source's phrases; or a refusal that was read out of them.
        wanted: for `incomplete` the missing parameters of each tool, for `error_param` the wrong values of each parameter.
        calls: those it made instead; a call along with the right words is an error in `strict` alone.
        mode: the source's answers hold stray spaces around names, which `code` asks the model for; `strict` strips them.
    """
    detected = said.kind == kind if isinstance(said, Refusal) else PHRASES[kind] in said
    if not detected:
        done = "a call was made" if calls else "it was not said"
        fault = CallFault(ErrorKind.missed_refusal, f"{_matter(kind)}: {done}", call=0 if calls else None, source="error_detection")
        return CallMatch(passed=False, score=0.0, faults=(fault,))
    faults: list[CallFault] = []
    if kind != "irrelevant":
        for name, values in wanted.items():
            needed = [name, *values] if kind == "incomplete" else list(values)
            faults.extend(
                CallFault(ErrorKind.not_told, f"{_matter(kind)}: {short(part)} was not named", path=name, source="error_correction")
                for at, part in enumerate(needed)
                if not _told(said, part if mode == "code" else part.strip(), api=kind == "incomplete" and at == 0)
            )
    if mode == "strict" and calls:
        faults.append(
            CallFault(ErrorKind.missed_refusal, f"{_matter(kind)}: it was said, and a call made all the same", call=0, source="error_detection")
        )
    return CallMatch(passed=not faults, score=float(not faults), faults=tuple(faults))


def _matter(kind: Special) -> str:
    return {"incomplete": "parameters are missing", "error_param": "a value is wrong", "irrelevant": "no tool can do this"}[kind]


def _told(said: str | Refusal, part: str, *, api: bool) -> bool:
    if isinstance(said, str):
        return part in said
    return part.strip() == said.api.strip() if api else part.strip() in {field.strip() for field in said.fields}


def written(call: ToolCall) -> str:
    """A call as milestones write it: `[send(to='Eve', times=2)]`, quotes inside texts as they are."""
    values = ", ".join(f"{name}='{value}'" if isinstance(value, str) else f"{name}={valued(value)}" for name, value in call.arguments.items())
    return f"[{call.name}({values})]"


def process_accuracy(
    calls: Sequence[str], milestones: Sequence[str] | Sequence[Sequence[str]], end_right: bool = False, *, mode: Mode = "code"
) -> float:
    """How much of an agent's way went by its milestones, the best of several ways; 1 when its end state is right.

    Args:
        calls: the calls as text (`written`), in order.
        milestones: one list, or several of which any may be gone.
        mode: `code` scans on for each milestone, so that one that is not met uses up all calls and those after it cannot
            be met; of several ways the best share is rounded to three places, of one it is not. `strict` counts the longest
            common subsequence (a, x, c meets two of a, b, c).
    """
    if end_right:
        return 1.0
    several = bool(milestones) and not isinstance(milestones[0], str)
    one = [part for part in milestones if isinstance(part, str)]
    ways: list[Sequence[str]] = [way for way in milestones if not isinstance(way, str)] if several else [one]
    made = [call.strip() for call in calls]
    shares = [_share(made, [stone.strip() for stone in way], mode) for way in ways]
    best = max(shares, default=1.0)
    return round(best, 3) if several and mode == "code" else best


def _share(made: Sequence[str], way: Sequence[str], mode: Mode) -> float:
    if not way:
        return 1.0
    if mode == "strict":
        return common(made, way) / len(way)
    at = met = 0
    for stone in way:
        while at < len(made):
            at += 1
            if made[at - 1] == stone:
                met += 1
                break
    return met / len(way)
