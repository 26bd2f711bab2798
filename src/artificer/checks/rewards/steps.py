"""What an agent wrote, cut into steps and turns: the places where a reward can stand.

A step is one message of the agent with the results of its calls; a turn is all steps between two messages of the user.
Where some nodes are marked as sampled only those count, so that the demonstrations in a prompt are nobody's steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from artificer.core.trace import Node


class Step(Struct, frozen=True):
    """One step: its turn (from 0), the node the agent wrote, and the node after its last result."""

    turn: int
    at: int
    end: int


def own(nodes: Sequence[Node]) -> list[int]:
    """The nodes that the agent itself wrote."""
    written = [index for index, node in enumerate(nodes) if node.message.role == "assistant"]
    sampled = [index for index in written if nodes[index].sampled]
    return sampled or written


def steps(nodes: Sequence[Node]) -> list[Step]:
    """The steps of a branch in order. A message of the user opens a turn once a step was made in the turn before."""
    mine = frozenset(own(nodes))
    found: list[Step] = []
    turn, opens = 0, False
    for index, node in enumerate(nodes):
        if node.message.role == "user" and not node.message.calls:
            opens = bool(found)
        if index not in mine:
            continue
        turn += opens
        opens = False
        end = index + 1
        while end < len(nodes) and nodes[end].message.role == "tool":
            end += 1
        found.append(Step(turn, index, end))
    return found
