"""LoopTool's ToolMatch (card 25): the binary reward of its GRPO.

A reference without calls is met by no call; else the calls must be as many and equal, in any order. The paper says no
more; as the card notes, the released code compares by leading match and untyped, which lets a double call stand for two
different ones. Here it is what the paper describes: a true multiset, lists in their order, values typed.
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.checks.calls import strict
from artificer.checks.calls.base import CallMatch, Expected
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec


def match(made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec] = ()) -> CallMatch:
    """Score: 1 or 0."""
    found = strict.match(made, expected, tools)
    return CallMatch(found.passed, float(found.passed), found.pairs, found.faults)
