"""m&m's: a plan of tool calls against the reference plan, as labels of tools, argument names, values and edges.

Source: arXiv 2403.11085 and its code, github RAIVNLab/mnms (mnms/evaluation/evaluator.py, metrics.py). A label is a
tool's name; with its argument names, sorted; with their values too, in lower case; or an edge: the names of two calls
that follow one another (neighbours in the plan, not flows of data: so the code).

- `code`: labels are sets, so that a tool called twice is one label; a call that the code could not read back from the line
  of Python that it writes it as is dropped, and a plan with one that it could not write is empty.
- `strict` (ours): labels are counted as often as they stand, and no call is dropped. `data_edge_f1` counts flows of data.

Ids of nodes are places in the plan here, and every digit of `<node-12>.text` is read (the original's verifier reads one).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from artificer.checks.calls.base import CallFault, CallMatch, Expected
from artificer.checks.calls.mnms_lines import line_values
from artificer.checks.calls.pairing import argument_faults, leftover_faults, pair_up
from artificer.checks.calls.plain import common, f1, keys_sorted, valued
from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

Mode = Literal["code", "strict"]
Label = tuple[str, ...]
_NODE = re.compile(r"<node-(\d{1,9})>")


class Labels(Struct, frozen=True):
    """What of a plan is compared, in the plan's order."""

    tool: tuple[Label, ...] = ()
    argname: tuple[Label, ...] = ()
    argvalue: tuple[Label, ...] = ()
    edge: tuple[Label, ...] = ()


def labels(calls: Sequence[ToolCall], mode: Mode = "code") -> Labels:
    """The labels of a plan."""
    tools: list[Label] = []
    names: list[Label] = []
    values: list[Label] = []
    for place, call in enumerate(calls):
        tool = call.name.replace(" ", "_")
        try:
            written = (
                {name: valued(keys_sorted(value)) for name, value in call.arguments.items()}
                if mode == "strict"
                else line_values(place, tool, call.arguments)
            )
        except ValueError:
            return Labels()
        if written is None:
            continue
        ordered = sorted(written.items())
        tools.append((tool,))
        names.append((tool, *(name for name, _ in ordered)))
        values.append((tool, *(f"{name}={value.lower()}" for name, value in ordered)))
    edges = tuple((one[0], two[0]) for one, two in itertools.pairwise(tools))
    return Labels(tuple(tools), tuple(names), tuple(values), edges)


def match(made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec] = (), *, mode: Mode = "code") -> CallMatch:
    """A plan against the reference plan.

    Where the reference allows several values, or leaves an argument free, that of the call made is taken where it is
    among them: the original knows one value, or whole other plans (`match_any`).

    Returns:
        passed when tools, argument names and values are equal in order (`plan_argvalue`); `score` is the tool F1 (the
        headline), per plan: binary, where a corpus is scored by classes (`corpus`). An F1 of nothing against nothing is 1.
    """
    if mode == "strict":  # the original compares nested keys as they are written
        made, expected = _in_order(made, expected)
    pairs = pair_up(made, expected, _same, _named)
    resolved = _resolved(made, expected, {to: at for at, to in pairs})
    one, two = labels(made, mode), labels(resolved, mode)
    numbers: dict[str, int | float] = {
        f"{name}_f1": _label_f1(getattr(one, name), getattr(two, name), mode) for name in ("tool", "argname", "argvalue", "edge")
    }
    numbers |= {f"plan_{name}": int(getattr(one, name) == getattr(two, name)) for name in ("tool", "argname", "argvalue")}
    numbers["edit_distance"] = 1.0 - ratio([label[0] for label in one.tool], [label[0] for label in two.tool])
    numbers["data_edge_f1"] = _label_f1(_flows(made), _flows(resolved), "strict")
    passed = bool(numbers["plan_argvalue"])
    faults = _faults(made, expected, pairs, tools)
    if not passed and not faults:
        why = "a call could not be read as a line of the plan" if len(one.tool) != len(two.tool) else "the calls stand in another order"
        kind = ErrorKind.unparsable_call if len(one.tool) != len(two.tool) else ErrorKind.wrong_order
        faults = (CallFault(kind, why, source="plan"),)
    return CallMatch(passed=passed, score=float(numbers["tool_f1"]), pairs=tuple(pairs), faults=() if passed else faults, numbers=numbers)


def match_any(made: Sequence[ToolCall], plans: Sequence[Sequence[Expected]], tools: Sequence[ToolSpec] = (), *, mode: Mode = "code") -> CallMatch:
    """Against the plan that is nearest by its tools, the first of equals (the original's best match over `alt_plans_str`)."""
    found = [match(made, plan, tools, mode=mode) for plan in plans]
    return max(found, key=lambda one: one.numbers["tool_f1"]) if found else match(made, (), tools, mode=mode)


def _in_order(made: Sequence[ToolCall], expected: Sequence[Expected]) -> tuple[list[ToolCall], list[Expected]]:
    """Calls and references with the keys of nested objects in one order."""
    calls = [ToolCall(call.id, call.name, {name: keys_sorted(value) for name, value in call.arguments.items()}) for call in made]
    wanted = [
        Expected(one.name, {name: tuple(keys_sorted(value) for value in right) for name, right in one.arguments.items()}, one.optional)
        for one in expected
    ]
    return calls, wanted


def _named(given: str, wanted: str) -> bool:
    return given.replace(" ", "_") == wanted.replace(" ", "_")


def _same(given: Json, wanted: Json) -> bool:
    return valued(given).lower() == valued(wanted).lower()


def _resolved(made: Sequence[ToolCall], expected: Sequence[Expected], by: dict[int, int]) -> list[ToolCall]:
    """The reference as one plan: of the values allowed those that the call paired with it gives, else the first."""
    plan: list[ToolCall] = []
    for to, wanted in enumerate(expected):
        given = made[by[to]].arguments if to in by else {}
        chosen: dict[str, Json] = {}
        for name, right in wanted.arguments.items():
            if name not in given and (name in wanted.optional or not right):
                continue
            chosen[name] = given[name] if name in given and any(_same(given[name], value) for value in right) else right[0] if right else None
        plan.append(ToolCall(str(to), wanted.name, chosen))
    return plan


def _faults(
    made: Sequence[ToolCall], expected: Sequence[Expected], pairs: Sequence[tuple[int, int]], tools: Sequence[ToolSpec]
) -> tuple[CallFault, ...]:
    faults: list[CallFault] = []
    highest = -1
    for at, to in pairs:
        for kind, name, why in argument_faults(made[at], expected[to], _same):
            faults.append(CallFault(kind, why, at, to, name, "argvalue" if kind is ErrorKind.wrong_value else "argname"))
        if to < highest:
            faults.append(CallFault(ErrorKind.wrong_order, "made after a call that follows it in the plan", at, to, source="edge"))
        highest = max(highest, to)
    faults.extend(leftover_faults(made, expected, pairs, tools, "tool"))
    return tuple(sorted(faults, key=lambda fault: (fault.call is None, fault.call or 0, fault.expected or 0)))


def _label_f1(given: Sequence[Label], wanted: Sequence[Label], mode: Mode) -> float:
    if mode == "code":
        one, two = set(given), set(wanted)
        return f1(len(one & two), len(one), len(two))
    return f1((Counter(given) & Counter(wanted)).total(), len(given), len(wanted))


def _flows(calls: Sequence[ToolCall]) -> list[Label]:
    """(tool, tool, argument) of each reference to what an earlier call gave."""
    found: list[Label] = []
    for call in calls:
        for name, value in call.arguments.items():
            if isinstance(value, str) and "<node-" in value:
                sources = {int(number) for number in _NODE.findall(value)}
                found.extend((calls[source].name, call.name, name) for source in sorted(sources) if source < len(calls))
    return found


def ratio(given: Sequence[str], wanted: Sequence[str]) -> float:
    """Likeness by insertions and deletions alone: 2 x longest common subsequence / both lengths, 1 for two empty ones
    (`Levenshtein.ratio`). A word of machine arithmetic holds 30 calls; long plans cost big integers, not a table."""
    return f1(common(given, wanted), len(given), len(wanted))


def corpus(plans: Sequence[tuple[Sequence[ToolCall], Sequence[ToolCall]]], categories: Sequence[str], mode: Mode = "code") -> dict[str, float]:
    """All measures of the original over (made, reference) plans, in per cent, rounded to two places as there.

    Args:
        categories: the names of all tools: `tool_macro` is the mean over these classes, where a class that is neither made
            nor wanted counts 0; a tool outside them counts for no class.
    """
    whole = [(labels(made, mode), labels(wanted, mode)) for made, wanted in plans]
    report: dict[str, float] = {}
    names = [name.replace(" ", "_") for name in categories]
    wanted_by, made_by, both = _counts([(one.tool, two.tool) for one, two in whole], mode)
    parts = [_prf(both[name,], made_by[name,], wanted_by[name,]) for name in names]
    for at, word in enumerate(("precision", "recall", "f1")):
        report[f"tool_macro_{word}"] = _percent(sum(part[at] for part in parts) / len(parts)) if parts else 0.0
    for kind in ("argname", "argvalue", "edge"):
        wanted_by, made_by, both = _counts([(getattr(one, kind), getattr(two, kind)) for one, two in whole], mode)
        for word, value in zip(("precision", "recall", "f1"), _prf(both.total(), made_by.total(), wanted_by.total()), strict=True):
            report[f"{kind}_{word}"] = _percent(value)
    for kind in ("tool", "argname", "argvalue"):
        equal = sum(getattr(one, kind) == getattr(two, kind) for one, two in whole)
        report[f"plan_{kind}_accuracy"] = _percent(equal / len(whole)) if whole else 0.0
    known = {name: name for name in names}
    alike = [ratio([known.get(label[0], "") for label in one.tool], [known.get(label[0], "") for label in two.tool]) for one, two in whole]
    report["tool_normalized_edit_distance"] = _percent(1 - sum(alike) / len(alike)) if alike else 0.0
    return report


def _counts(both: Sequence[tuple[Sequence[Label], Sequence[Label]]], mode: Mode) -> tuple[Counter[Label], Counter[Label], Counter[Label]]:
    """Of each label how often it was wanted, made, and both, in plans (`code`: once a plan)."""
    wanted, made, right = Counter[Label](), Counter[Label](), Counter[Label]()
    for one, two in both:
        given, sought = (Counter(one), Counter(two)) if mode == "strict" else (Counter(set(one)), Counter(set(two)))
        made.update(given)
        wanted.update(sought)
        right.update(given & sought)
    return wanted, made, right


def _prf(right: int, made: int, wanted: int) -> tuple[float, float, float]:
    """Precision, recall, F1; 0 where there is nothing to divide by (scikit-learn's default, which the original takes)."""
    return right / made if made else 0.0, right / wanted if wanted else 0.0, 2 * right / (made + wanted) if made + wanted else 0.0


def _percent(share: float) -> float:
    return round(100 * share, 2)
