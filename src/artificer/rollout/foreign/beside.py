"""What can be said of a trace besides its replay, without its task: arguments that come from nowhere.

It decides nothing. A trace may replay exactly although an agent guessed an id and was lucky.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from artificer.checks.base import Episode
from artificer.checks.grounded import look
from artificer.core.tasks import Goal, Start, Task
from artificer.core.trace import Node
from artificer.core.verdicts import StopReason
from artificer.rollout.foreign.names import Renames
from artificer.rollout.past import conversation
from artificer.worlds.base import World

_NO_TASK = Task("", "", Start(), "", Goal((), (), ()))


def ungrounded(world: World, nodes: Sequence[Node], names: Renames) -> list[tuple[int, int]]:
    """The messages of a branch whose accepted calls have argument values that nobody said and no result showed (the check
    `grounded`, with the world's own policy and schemas), and how many.
    """
    if names.tools or names.arguments:
        nodes = [_renamed(node, names) for node in nodes]
    episode = Episode(_NO_TASK, world.tools, conversation(nodes), (), StopReason.agent_done, world.policy)
    found: dict[int, int] = {}
    for looked in look(episode):
        if looked.ungrounded:
            found[looked.at] = found.get(looked.at, 0) + len(looked.ungrounded)
    return list(found.items())


def _renamed(node: Node, names: Renames) -> Node:
    if not node.message.calls:
        return node
    calls = tuple([names.of(call) for call in node.message.calls])
    return msgspec.structs.replace(node, message=msgspec.structs.replace(node.message, calls=calls))
