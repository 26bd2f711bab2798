"""A reference dialogue: the results of its calls are given again, in order, to whoever makes the same calls (the
executor of CM2; the calls are compared as canonical JSON).
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.core.canon import canonical, digest
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.worlds.emulated.plans import Plans
from artificer.worlds.emulated.rows import applied
from artificer.worlds.emulated.rules import derived, facts, learned
from artificer.worlds.emulated.spec import Outcome, State


class Dialogue:
    """The calls of a dialogue with their results."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = tuple(messages)
        results = {message.result.call_id: message.result for message in messages if message.result is not None}
        self.made: list[tuple[ToolCall, ToolResult]] = [
            (call, results[call.id]) for message in messages for call in message.calls if call.id in results
        ]
        self._results: dict[bytes, list[ToolResult]] = {}
        for call, result in self.made:
            self._results.setdefault(_key(call), []).append(result)

    @property
    def digest(self) -> str:
        return digest("dialogue", [(call.name, call.arguments, result.content, result.error) for call, result in self.made])

    def recorded(self, call: ToolCall, seen: dict[bytes, int]) -> Outcome | None:
        """What was recorded for a call: the first time the first result, and so on; the last one again after that.

        `seen` counts, and is counted up.
        """
        if not self._results:
            return None
        try:
            key = _key(call)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None
        results = self._results.get(key)
        if results is None:
            return None
        at = seen.get(key, 0)
        seen[key] = at + 1
        result = results[min(at, len(results) - 1)]
        return Outcome(result.content, result.error, result.detail or (result.error.value if result.error else None))

    def of_tool(self, name: str, most: int = 3) -> list[tuple[ToolCall, ToolResult]]:
        """Recorded calls of one tool: examples of how it answers."""
        return [(call, result) for call, result in self.made if call.name == name][:most]

    def known(self, plans: Plans) -> State:
        """Rows that the dialogue shows to have existed from the start: read before anything in it made them."""
        start: State = {}
        now: State = {}
        for call, result in self.made:
            plan = plans.plans.get(call.name)
            if plan is None or result.error is not None:
                continue
            if plan.reads:
                shown = facts(plan, plans, result.content, now, frozenset())
                start, now = learned(start, now, shown), learned(now, now, shown)
            else:
                now = applied(now, derived(plan, plans, call.arguments, Outcome(result.content), now, frozenset()).changes)
        return start


def _key(call: ToolCall) -> bytes:
    return canonical((call.name, call.arguments))
