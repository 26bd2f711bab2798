"""Items of a checklist, and what makes a checklist one: known and acyclic dependencies, weights that sum to 1.

After CM2 (34, "RL with Checklist Rewards"): each turn of the user has weighted yes/no items, each with the part of the
conversation it is about, a pointer to where the reference shows it, the items that must be true before it counts, and
whether the conversation may go on without it. What is ours: a `rule` that decides an item without a model, and `strict`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError

Focus = Literal["user.content", "assistant.tool_calls", "assistant.content.thinking", "assistant.content.user_visible_reply", "tool.content"]
_EXACT = 1e-6
"""How far from 1 the weights of a turn may sum (as in CM2's code)."""


class Called(Struct, frozen=True, tag="called", tag_field="kind", forbid_unknown_fields=True):
    """True once this tool was called, with these arguments among the call's; `accepted`: and did not fail."""

    tool: str
    arguments: dict[str, Json] = {}
    accepted: bool = True


class Shown(Struct, frozen=True, tag="shown", tag_field="kind", forbid_unknown_fields=True):
    """True once the result of a call that did not fail holds this value; `tool`: of this tool."""

    value: Json
    tool: str = ""


class Said(Struct, frozen=True, tag="said", tag_field="kind", forbid_unknown_fields=True):
    """True once the item's focus (what the agent says or thinks, what the user says) holds one of these phrases."""

    any: tuple[str, ...]


Rule = Called | Shown | Said


class Pointer(Struct, frozen=True, omit_defaults=True):
    """Where the reference shows what an item asks for."""

    turn: int
    step: int
    source: str
    snippet: str = ""


class Item(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing that is true or not.

    Args:
        id: its name within the turn.
        question: what is asked, answered by yes or no.
        focus: the part of the conversation that shows it.
        condition: what must hold for a yes.
        failures: examples of a no.
        evidence: where the reference shows it.
        after: items of the turn that must be true before this one counts.
        weight: its share of the turn's reward.
        must: whether the conversation may go on only when it is true.
        strict: a yes must be every judge's and every repetition's, not the majority's.
        rule: decides it without a model.
    """

    id: str
    question: str
    focus: Focus
    condition: str = ""
    failures: tuple[str, ...] = ()
    evidence: tuple[Pointer, ...] = ()
    after: tuple[str, ...] = ()
    weight: float = 1.0
    must: bool = False
    strict: bool = False
    rule: Rule | None = None


Turn = tuple[Item, ...]


class Checklist(Struct, frozen=True):
    """Items by turn of the user."""

    turns: tuple[Turn, ...]

    def before(self, turn: int) -> list[tuple[int, ...]]:
        """For each item of a turn, by position, the positions of the items it comes after."""
        places = {item.id: place for place, item in enumerate(self.turns[turn])}
        return [tuple(places[name] for name in item.after) for item in self.turns[turn]]


def checklist(turns: Sequence[Sequence[Item]], *, source: str = "checklist", foreign: bool = True) -> Checklist:
    """A checklist that holds together.

    Args:
        source: what error messages call it.
        foreign: whether an item may come after one that is not about `tool.content`; CM2's code refuses that.

    Raises:
        ArtificerError: with every fault that it has.
    """
    made = Checklist(tuple(tuple(turn) for turn in turns))
    found = list(faults(made, foreign=foreign))
    if found:
        raise ArtificerError("A checklist does not hold together: " + "; ".join(found[:10]), where=source, remedy="mend the items named")
    return made


def faults(made: Checklist, *, foreign: bool = True) -> Iterator[str]:
    """What is wrong with a checklist."""
    if not made.turns:
        yield "it has no turns"
    for number, turn in enumerate(made.turns):
        yield from (f"turn {number}: {fault}" for fault in _turn_faults(turn, foreign=foreign))


def _turn_faults(turn: Turn, *, foreign: bool) -> Iterator[str]:
    if not turn:
        yield "it has no items"
        return
    names = [item.id for item in turn]
    yield from (f"two items are called {name!r}" for name in sorted({name for name in names if names.count(name) > 1}))
    known = {item.id: item for item in turn}
    for item in turn:
        for name in item.after:
            if name not in known:
                yield f"{item.id!r} comes after {name!r}, which is not in the turn"
            elif not foreign and known[name].focus != "tool.content":
                yield f"{item.id!r} comes after {name!r}, which is about {known[name].focus!r} and not 'tool.content'"
        if not 0 <= item.weight <= 1:
            yield f"{item.id!r} weighs {item.weight}"
        if not _fits(item):
            yield f"{item.id!r} is about {item.focus!r}, which its rule {cast('Rule', item.rule).__struct_config__.tag!r} does not look at"
    weight = sum(item.weight for item in turn)
    if not abs(weight - 1) <= _EXACT:
        yield f"the weights sum to {weight:g} and not to 1"
    if len(known) == len(turn) and (loop := _loop(known)):
        yield f"{' comes after '.join(map(repr, loop))}: a circle"


def _fits(item: Item) -> bool:
    if isinstance(item.rule, Called):
        return item.focus == "assistant.tool_calls"
    if isinstance(item.rule, Shown):
        return item.focus == "tool.content"
    return item.rule is None or item.focus not in ("assistant.tool_calls", "tool.content")


def _loop(items: Mapping[str, Item]) -> list[str]:
    """One circle of dependencies, or nothing. (Peels off what depends on nothing left.)"""
    left = {name: [other for other in item.after if other in items] for name, item in items.items()}
    while free := [name for name, after in left.items() if not any(other in left for other in after)]:
        for name in free:
            del left[name]
    if not left:
        return []
    path = [next(iter(left))]
    while True:
        following = next(other for other in left[path[-1]] if other in left)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)


def read(turns: object, *, source: str = "checklist") -> Checklist:
    """A checklist from plain data: a list of turns, each a list of items.

    Raises:
        ArtificerError: it is not of that shape, or does not hold together.
    """
    try:
        items = msgspec.convert(turns, tuple[Turn, ...])
    except msgspec.ValidationError as error:
        raise ArtificerError(f"A checklist cannot be read: {error}", where=source, remedy="see docs/checks-rewards.md for its fields") from None
    return checklist(items, source=source)


def read_cm2(blocks: Sequence[Mapping[str, Any] | Sequence[Mapping[str, Any]]], *, source: str = "checklist") -> Checklist:
    """CM2's own forms: a block a turn, `{turn, checklist: [item], dependence: {id: [id]}, weight: {id: number}}`, as it is
    labelled, or a list of items a turn with `dependence` and `weight` in each, as it is stored.

    Raises:
        ArtificerError: a field is missing or of another type, or what CM2's validator refuses.
    """
    try:
        turns = [
            [
                Item(
                    id=one["id"],
                    question=one["question"],
                    focus=one["focus_on"],
                    condition=one["pass_condition"],
                    failures=tuple(one["failure_examples"]),
                    evidence=tuple(Pointer(_number(at["turn"]), _number(at["step"]), at["from"], at["snippet"]) for at in one["evidence"]),
                    after=tuple(block["dependence"][one["id"]]),
                    weight=float(block["weight"][one["id"]]),
                    must=one["required_for_next_turn"],
                )
                for one in block["checklist"]
            ]
            for block in map(_block, blocks)
        ]
        items = msgspec.convert(msgspec.to_builtins(turns), list[Turn])
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise ArtificerError(f"A checklist in CM2's form cannot be read: {error}", where=source, remedy="give every field of a block") from None
    return checklist(items, source=source, foreign=False)


def _block(turn: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if isinstance(turn, Mapping):
        return turn
    return {"checklist": turn, "dependence": {one["id"]: one["dependence"] for one in turn}, "weight": {one["id"]: one["weight"] for one in turn}}


def _number(written: object) -> int:
    """CM2 writes places as text, sometimes with words; -1 where there is no number."""
    digits = "".join(letter for letter in str(written)[:20] if letter in "0123456789")
    return int(digits) if digits else -1
