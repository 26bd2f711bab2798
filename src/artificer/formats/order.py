"""Which result answers which call where only their order says it: the first result behind a message answers its first call, and so on.

A writer brings the results of calls made together into the order of the calls. A trace that would be read otherwise still (a call
without a result before one with a result, a result of an older call) cannot be held by such a format.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from artificer.core.messages import ToolCall
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item

MOVED = "the order in which the results of calls made together came"
UNNAMED = "which calls results belong to that name none before them: read as answers to the calls they stand behind"


def in_order(item: Item, form: Format, account: Account) -> Item:
    """A branch whose results follow the order of their calls, where the format has nothing else to tell whose they are.

    Raises:
        ValueError: no order says whose they are.
    """
    if "call_ids" in form.holds or "results" not in form.holds or _follows(item.trace.nodes):
        return item
    return Item(msgspec.structs.replace(item.trace, nodes=_moved(item.trace.nodes, account)), item.tools)


def _follows(nodes: Sequence[Node]) -> bool:
    """Whether each result stands where its call does."""
    calls: tuple[ToolCall, ...] = ()
    at = 0
    for node in nodes:
        message = node.message
        if message.role != "tool":
            calls, at = message.calls, 0
            continue
        if message.result is None or at >= len(calls) or calls[at].id != message.result.call_id:
            return False
        at += 1
    return True


def _moved(nodes: Sequence[Node], account: Account) -> tuple[Node, ...]:
    made: list[Node] = []
    older: set[str] = set()
    calls: tuple[ToolCall, ...] = ()
    group: list[Node] = []
    for node in nodes:
        if node.message.role == "tool":
            group.append(node)
            continue
        made += [*_slotted(group, calls, older, account), node]
        older.update([call.id for call in calls])
        calls, group = node.message.calls, []
    made += _slotted(group, calls, older, account)
    return tuple([msgspec.structs.replace(node, parent=before.parent) for node, before in zip(made, nodes, strict=True)])


def _slotted(group: list[Node], calls: Sequence[ToolCall], older: set[str], account: Account) -> list[Node]:
    """The results behind a message in the order of its calls; those that name no call take the places that are left.

    Raises:
        ValueError: a place is left before one that is taken, or a result belongs elsewhere.
    """
    places: list[Node | None] = [None] * len(calls)
    nameless: list[Node] = []
    names = {call.id for call in calls}
    for node in group:
        name = node.message.result.call_id if node.message.result is not None else ""
        free = next((at for at, call in enumerate(calls) if call.id == name and places[at] is None), None)
        if free is not None:
            places[free] = node
        elif name in names:
            raise ValueError("several results of one call")
        elif name in older:
            raise ValueError("a result of a call further back")
        else:
            nameless.append(node)
    taking = iter(nameless)
    for at, place in enumerate(places):
        if place is None and (node := next(taking, None)) is not None:
            places[at] = node
            account.lose(UNNAMED)
    taken = [place for place in places if place is not None]
    if len(taken) < len(places) and None in places[: len(taken)]:
        raise ValueError("a call without a result before one with a result")
    made = [*taken, *taking]
    if made != group:
        account.lose(MOVED)
    return made
