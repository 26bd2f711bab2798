"""F1 scores of calls: tools, and arguments with half a point for the right name (ModelScope-Agent, card 06; also card 12).

    FM = arguments whose name and value are right, HM = those whose name alone is
    P = (0.5 HM + FM) / given    R = (0.5 HM + FM) / wanted    F1 = 2 P R / (P + R)

Optional arguments that were left out are not wanted. With nothing to give and nothing given the score is 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from artificer.checks.calls.base import Expected
from artificer.checks.calls.pairing import Same
from artificer.checks.calls.plain import f1, same_json
from artificer.core.messages import ToolCall


def argument_f1(made: Sequence[ToolCall], expected: Sequence[Expected], pairs: Sequence[tuple[int, int]], same: Same = same_json) -> float:
    """The half/full F1 of all arguments, by what was paired; those of calls in no pair count as given, or wanted, for nothing."""
    points = 0.0
    wanted = sum(len(one.arguments) for one in expected)
    for row, column in pairs:
        given, reference = made[row].arguments, expected[column]
        for name, right in reference.arguments.items():
            if name in given:
                points += 1.0 if any(same(given[name], value) for value in right) else 0.5
            elif name in reference.optional:
                wanted -= 1
    paired = {column for _, column in pairs}
    wanted -= sum(len(one.optional & one.arguments.keys()) for at, one in enumerate(expected) if at not in paired)
    return f1(points, sum(len(call.arguments) for call in made), wanted)


def tool_f1(made: Sequence[ToolCall], expected: Sequence[Expected]) -> float:
    """F1 of the tools' names, as multisets."""
    have, need = Counter(call.name for call in made), Counter(one.name for one in expected)
    return f1((have & need).total(), have.total(), need.total())


def action_em(made: Sequence[ToolCall], expected: Sequence[Expected]) -> float:
    """1 when the tools' names are the reference's, in order; else 0 (card 06's Action EM for one call a step)."""
    return float([call.name for call in made] == [one.name for one in expected])
