"""Rewards on nodes, where a trainer finds them: a named stream of weights beside the token ids (`core.trace.Tokens.weights`).

    placed = assign(nodes, at_steps(nodes, rewards))                       # the reward on each step's last token
    placed = assign(nodes, at_turns(nodes, advantages), "advantage", spread="all")

A stream covers every node that has tokens, with zeros wherever nothing was earned: what a user, a tool or a prompt says never
carries a reward. Nodes without tokens keep theirs in `notes[stream]`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from artificer.checks.rewards.steps import own, steps
from artificer.core.errors import ArtificerError
from artificer.core.trace import Node

Spread = Literal["last", "all", "share"]


def at_trajectory(nodes: Sequence[Node], value: float, *, spread: Spread = "last") -> dict[int, float]:
    """One value for the whole: on the agent's last node, or (`all`) on each, or (`share`) in equal parts."""
    mine = own(nodes)
    if spread == "last":
        return dict.fromkeys(mine[-1:], value)
    return dict.fromkeys(mine, value if spread == "all" else value / len(mine) if mine else 0.0)


def at_turns(nodes: Sequence[Node], values: Sequence[float | None], *, spread: Spread = "last") -> dict[int, float]:
    """A value a turn: on the turn's last step, or on every step of it.

    Raises:
        ArtificerError: there are more values than turns.
    """
    found: dict[int, list[int]] = {}
    for step in steps(nodes):
        found.setdefault(step.turn, []).append(step.at)
    _fits(len(values), len(found), "turns")
    placed: dict[int, float] = {}
    for turn, value in enumerate(values):
        if value is not None:
            places = found[turn] if spread != "last" else found[turn][-1:]
            placed |= dict.fromkeys(places, value / len(places) if spread == "share" else value)
    return placed


def at_steps(nodes: Sequence[Node], values: Sequence[float | None]) -> dict[int, float]:
    """A value a step, in order; None leaves a step without.

    Raises:
        ArtificerError: there are more values than steps.
    """
    found = steps(nodes)
    _fits(len(values), len(found), "steps")
    return {step.at: value for step, value in zip(found, values, strict=False) if value is not None}


def _fits(values: int, places: int, what: str) -> None:
    if values > places:
        raise ArtificerError(f"there are {values} rewards for {places} {what}.", remedy="give the rewards of this trajectory")


def assign(nodes: Sequence[Node], rewards: Mapping[int, float], stream: str = "reward", *, spread: Spread = "last") -> tuple[Node, ...]:
    """Nodes with rewards on them.

    Args:
        rewards: by node index; the agent's own nodes only.
        stream: the name of the weights.
        spread: on a node's last token (a reward), on all (an advantage), or in equal shares over them.

    Raises:
        ArtificerError: a node is not the agent's, or a reward is no finite number.
    """
    mine = frozenset(own(nodes))
    for index, value in rewards.items():
        if index not in mine:
            raise ArtificerError(
                f"a reward is placed on node {index}, which the agent did not write.", remedy="use at_steps, at_turns or at_trajectory"
            )
        if not math.isfinite(value):
            raise ArtificerError(f"the reward of node {index} is {value}.", remedy="leave out rows whose reward is undecided")
    return tuple(_placed(node, rewards.get(index), stream, spread) for index, node in enumerate(nodes))


def _placed(node: Node, value: float | None, stream: str, spread: Spread) -> Node:
    if node.tokens is None:
        return node if value is None else msgspec.structs.replace(node, notes=node.notes | {stream: value})
    size = len(node.tokens.ids)
    earned = value or 0.0
    if spread == "last":
        weights = (0.0,) * (size - 1) + (earned,) * (size > 0)
    else:
        weights = (earned if spread == "all" else earned / size if size else 0.0,) * size
    return msgspec.structs.replace(node, tokens=msgspec.structs.replace(node.tokens, weights=node.tokens.weights | {stream: weights}))
