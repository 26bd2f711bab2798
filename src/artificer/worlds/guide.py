"""Guide: what somebody who knows a world well can tell about it.

Two things, both public knowledge of the world and never of a task:
- `procedure`: how a kind of request is served with the world's tools (the policy, made executable). The scripted
  oracle follows it.
- `propose`: which requests can be made in the state as it is, with exact ids, and how people would describe the
  things concerned.

A procedure is a generator of steps. It is resumed with a `ToolResult` after `Call`, with True or False after
`Confirm`, and with None after `Ask` and `Tell`. What the user has said so far it reads from its `Desk`; it has no
other source of values than that and tool results.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Struct

from artificer.core.canon import Json, digest
from artificer.core.messages import ToolResult
from artificer.core.tasks import Want

if TYPE_CHECKING:
    from artificer.worlds.base import Session

Impossible = Literal["forbidden", "missing", "ambiguous"]
Part = Literal["all", "train", "test"]


class Ask(Struct, frozen=True):
    """Ask the user for what belongs at `path` (relative to the want, e.g. "row" or "set.unit_price"). `label` is what
    people call it."""

    path: str
    label: str


class Call(Struct, frozen=True):
    """Call a tool. `wrong` is an alternative argument object that a hasty agent might send and the world will surely
    refuse (for the oracle's injected errors); None when there is no such thing.
    """

    name: str
    arguments: dict[str, Json]
    wrong: dict[str, Json] | None = None


class Confirm(Struct, frozen=True):
    """Say what is about to be changed and wait for a yes."""

    text: str


class Tell(Struct, frozen=True):
    """Tell the user something: an answer, that it is done, or why it cannot be done."""

    text: str


Step = Ask | Call | Confirm | Tell
Procedure = Generator[Step, Any, None]
"""Yields steps; is sent `ToolResult` after Call, bool after Confirm, None otherwise."""


class Desk(Protocol):
    """What a procedure may know of the conversation."""

    def heard(self, prefix: str = "") -> dict[str, Json]:
        """Facts that the user has said about this want, by path relative to it; those at or below `prefix` (all when
        "")."""
        ...

    def everywhere(self, prefix: str) -> dict[str, Json]:
        """Facts at or below `prefix` said about any want: for what holds for the whole conversation, e.g. who the
        user is."""
        ...

    def learned(self) -> bool:
        """Whether the user's last message told anything new, on whatever. Someone who is asked and tells nothing new
        knows no more."""
        ...

    def remembered(self) -> dict[str, Json]:
        """A dict that lasts for the whole conversation: what earlier procedures found out (e.g. who the user is)."""
        ...


class Said(Struct, frozen=True, omit_defaults=True):
    """A fact before it is worded: `path` relative to the want ("" is the want itself); `phrases` are the ways people
    put it, each unambiguous, each carrying the value in words. `reveal` says whether it may be withheld until asked.
    """

    path: str
    value: Json
    phrases: tuple[str, ...]
    reveal: Literal["opening", "asked"] = "opening"


class Request(Struct, frozen=True, omit_defaults=True):
    """One thing somebody could want now, before it is worded.

    Args:
        want: with its gold calls (exact ids) and what must be told.
        said: everything the user knows about it, the want itself first.
        entities: rows concerned, as `table:key`: for keeping train and test apart.
        lookups: calls an agent needs to find what the user cannot know.
    """

    want: Want
    said: tuple[Said, ...]
    entities: tuple[str, ...] = ()
    lookups: int = 0


class Dropped(Struct, frozen=True):
    """A proposal that did not work out, and why (counted, never silent)."""

    reason: str


class Demand(Struct, frozen=True, omit_defaults=True):
    """What kind of request is asked for.

    Args:
        vagueness: 0 to 1; how much is withheld until asked, and how little describes a row at first.
        depth: the most look-ups through other tables that a description may need.
        impossible: None for a request that can be served.
        part: which share of the rows may be used; see `part_of`.
        only, without: names of tables (or tool groups) to keep to, or keep out of.
    """

    vagueness: float = 0.3
    depth: int = 2
    impossible: Impossible | None = None
    part: Part = "all"
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def part_of(name: str) -> Part:
    """ "test" for a fifth of all names (of rows, phrasings, ...), "train" for the others; a property of the name
    alone."""
    return "test" if int(digest("part", name, size=4), 16) % 5 == 0 else "train"


def allowed(part: Part, name: str) -> bool:
    """Whether `name` may be used in `part`."""
    return part == "all" or part_of(name) == part


class Guide(Protocol):
    """Knowledge of a world; see the module docstring."""

    def procedure(self, op: str, desk: Desk) -> Procedure:
        """How a request of this kind is served. The same op names stand in `Want.op`."""
        ...

    def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        """Requests, one after another, of one and the same user. The caller runs each request's gold calls in
        `session` before taking the next, so that every proposal is valid in the state that the earlier ones leave.
        Never ends by itself when nothing works: yields `Dropped`.
        """
        ...


__all__ = [
    "Ask",
    "Call",
    "Confirm",
    "Demand",
    "Desk",
    "Dropped",
    "Guide",
    "Impossible",
    "Part",
    "Procedure",
    "Request",
    "Said",
    "Step",
    "Tell",
    "ToolResult",
    "allowed",
    "part_of",
]
