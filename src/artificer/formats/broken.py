"""Calls whose arguments were no JSON object (`parts.broken_call`), where the text of a call cannot say what they were: they and their results are
dropped by name rather than written as if the model had said the name under which they are kept.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from artificer.core.messages import Message, ToolCall
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, says

CALLS = "calls whose arguments are not JSON"
RESULTS = "results of calls whose arguments are not JSON"


def keyed(call: ToolCall) -> bool:
    """Whether a call has nothing but what stands under that name."""
    return len(call.arguments) == 1 and "$text" in call.arguments


def unbroken(message: Message) -> Message:
    """A message without such calls."""
    if not any(map(keyed, message.calls)):
        return message
    return msgspec.structs.replace(message, calls=tuple([one for one in message.calls if not keyed(one)]))


def without_broken(item: Item, form: Format, account: Account) -> Item:
    """A branch without such calls, where what a reader takes a message for (`told`) has none of them."""
    told = form.told
    if told is None:
        return item
    given = [call for node in item.trace.nodes for call in node.message.calls if "$text" in call.arguments]
    if not given or not any(_loses(node.message, told) for node in item.trace.nodes):
        return item
    kept: list[Node] = []
    gone: set[str] = set()
    for node in item.trace.nodes:
        message = node.message
        if message.result is not None and message.result.call_id in gone:
            account.drop(RESULTS, 1)
            continue
        if message.calls and _loses(message, told):
            good = unbroken(message)
            account.drop(CALLS, len(message.calls) - len(good.calls))
            gone |= {call.id for call in message.calls}
            if not says(good) and good.reasoning is None and not good.calls:
                continue
            message = good
        gone -= {call.id for call in message.calls}
        kept.append(msgspec.structs.replace(node, message=message, parent=len(kept) - 1 if kept else None))
    return Item(msgspec.structs.replace(item.trace, nodes=tuple(kept), verdicts={}, stop={}, effects={}, state={}), item.tools)


def _loses(message: Message, told: Callable[[Message], Message]) -> bool:
    return unbroken(message) is not message and len(told(message).calls) < len(message.calls)
