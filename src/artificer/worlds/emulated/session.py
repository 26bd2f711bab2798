"""A session of an emulated world: state that is data, so that a fork is exact and costs nothing.

A call is decided in this order: what the reference dialogue recorded, what the rules of the state say without anybody
playing (unknown tools, wrong arguments, rows that do not exist), what was recorded before in the same state, and only
then the player: a model, or the store. Who decided is kept in `origins` and told to nobody in the conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from artificer.core.canon import canonical, digest
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.core.tools import not_json, validate_arguments
from artificer.core.verdicts import ErrorKind
from artificer.worlds.emulated.consistency import answer_of, unsound
from artificer.worlds.emulated.offline import Situation
from artificer.worlds.emulated.plans import Plan
from artificer.worlds.emulated.rows import applied, key_text
from artificer.worlds.emulated.rules import dangling, derived, learned, worded
from artificer.worlds.emulated.spec import Change, Outcome, State, refused

if TYPE_CHECKING:
    from artificer.worlds.emulated.world import EmulatedWorld

DEEPEST = 64
"""How deep the arguments of a call may nest."""
Maker = Literal["rule", "dialogue", "record", "model", "schema"]


class Origin(Struct, frozen=True, omit_defaults=True):
    """Who made a call's result: a rule of the state, a recording, a model (after `repairs`), or the schemas."""

    call: int
    tool: str
    made: Maker
    repairs: tuple[str, ...] = ()


class EmulatedSession:
    """Implements `worlds.base.Session`."""

    def __init__(self, world: EmulatedWorld, seed: int, state: State) -> None:
        self._world = world
        self._seed = seed
        self._state = state
        self._gone: frozenset[tuple[str, str]] = frozenset()
        self._absent: frozenset[tuple[str, str]] = frozenset()
        """Keys that a model said do not exist: they did not, and do not until something makes them."""
        self._generated: frozenset[tuple[str, str]] = frozenset()
        self._log: list[tuple[int, State]] = [(0, state)]
        """States by the number of calls before them: the first, and each that differs from the one before."""
        self._calls = 0
        self._replayed: dict[bytes, int] = {}
        """How often each recorded call of the dialogue was asked for."""
        self._history: tuple[tuple[ToolCall, ToolResult], ...] = ()
        self._turn = asyncio.Lock()
        self._known: tuple[State, frozenset[tuple[str, str]], str] | None = None
        self.origins: list[Origin] = []

    @property
    def calls(self) -> int:
        return self._calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        if self._world.player is None:
            return self._finish(call, self._without_model(call))
        async with self._turn:  # a model takes its time, and the next call must meet the state that this one leaves
            return self._finish(call, await self._with_model(call))

    def _finish(self, call: ToolCall, decided: tuple[Outcome, Maker, tuple[str, ...]]) -> ToolResult:
        outcome, made, repairs = decided
        self._calls += 1
        self.origins.append(Origin(self._calls, call.name[:64], made, repairs))
        self._world.tally[made] += 1
        self._world.repaired += len(repairs)
        plan = self._world.plans.plans.get(call.name)
        if outcome.error is not None:
            detail = worded(self._world.specs.get(call.name), outcome.error, outcome.detail or outcome.error.value)
            result = ToolResult(call.id, None, outcome.error, detail)
            if (
                outcome.error is ErrorKind.not_found
                and made in ("model", "record")
                and plan is not None
                and plan.table is not None
                and plan.key in call.arguments
            ):
                self._absent |= {(plan.table, key_text(call.arguments[plan.key]))}
        else:
            result = ToolResult(call.id, outcome.content)
            self._change(plan, outcome.changes)
        if self._world.player is not None:
            self._history = (*self._history, (call, result))
        return result

    def _change(self, plan: Plan | None, changes: tuple[Change, ...]) -> None:
        if not changes:
            return
        if plan is not None and plan.reads:  # what a read has shown was there all along
            now = self._state
            self._log = [(at, learned(state, now, changes)) for at, state in self._log]
            self._state = self._log[-1][1]
            return
        self._state = applied(self._state, changes)
        self._gone |= {(change.table, change.key) for change in changes if change.row is None}
        self._generated |= {(change.table, change.key) for change in changes if change.generated}
        self._log.append((self._calls, self._state))

    # deciding

    def _ruled(self, call: ToolCall) -> tuple[Outcome, Maker] | None:
        """What recordings and rules decide."""
        plan = self._world.plans.plans.get(call.name)
        if plan is None:
            return refused(ErrorKind.unknown_tool, f"there is no tool {call.name[:80]!r}"), "rule"
        recorded = self._world.dialogue.recorded(call, self._replayed)
        if recorded is not None:
            return derived(plan, self._world.plans, call.arguments, recorded, self._state, self._gone), "dialogue"
        wrong = validate_arguments(self._world.validators[call.name], call.arguments)
        if wrong is not None:
            return refused(wrong.kind, f"{wrong.path or 'arguments'}: {wrong.detail}"), "rule"
        garbled = f"the arguments nest more than {DEEPEST} deep" if unsound(call.arguments, DEEPEST) else not_json(call.arguments)
        if garbled is not None:
            return refused(ErrorKind.invalid_argument, garbled), "rule"
        missing = dangling(plan, self._world.plans, call.arguments, self._state, self._gone | self._absent, self._world.closed)
        return None if missing is None else (refused(ErrorKind.not_found, missing), "rule")

    def _without_model(self, call: ToolCall) -> tuple[Outcome, Maker, tuple[str, ...]]:
        ruled = self._ruled(call)
        if ruled is not None:
            return *ruled, ()
        plan = self._world.plans.plans[call.name]
        kept = self._kept(plan, call) if self._world.records else None
        if kept is not None:
            return kept, "record", ()
        return self._world.offline.play(plan, call.arguments, self._situation(plan)), "schema", ()

    async def _with_model(self, call: ToolCall) -> tuple[Outcome, Maker, tuple[str, ...]]:
        ruled = self._ruled(call)
        if ruled is not None:
            return *ruled, ()
        assert self._world.player is not None
        plan = self._world.plans.plans[call.name]
        async with self._world.records.asking(key := self.record_key(call)):  # the same question is asked once
            kept = self._kept(plan, call)
            if kept is not None:
                return kept, "record", ()
            played = await self._world.player.play(plan, call, self._situation(plan), self._history, key)
            if not played.meant:
                return played.outcome, "model", played.repairs
            standing = self._world.records.put(key, call.name, played.outcome, self._world.player.model.name, played.repairs)
            kept = self._kept(plan, call) if standing is not played.outcome else None  # another process was first
            return (kept, "record", ()) if kept is not None else (played.outcome, "model", played.repairs)

    def _situation(self, plan: Plan) -> Situation:
        return Situation(self._state, self._gone | self._absent if plan.reads else self._gone, self._seed)

    def _kept(self, plan: Plan, call: ToolCall) -> Outcome | None:
        """The recorded answer, when it still can stand: a file may have been changed by anybody."""
        outcome = self._world.records.get(key := self.record_key(call))
        if outcome is None:
            return None
        checked = self._world.judging(plan, call.arguments, self._situation(plan)).judged(answer_of(plan, outcome))[0]
        if checked is None:
            self._world.records.refuse(key, call.name)
        return checked

    def record_key(self, call: ToolCall) -> str:
        """The key under which the answer to a call in this state is recorded."""
        if self._known is None or self._known[0] is not self._state or self._known[1] is not self._absent:
            self._known = (self._state, self._absent, digest("state", self._state, sorted(self._gone), sorted(self._absent)))
        return digest("record", self._world.ground, self._known[2], call.name, call.arguments)

    # state

    async def fork(self) -> EmulatedSession:
        other = EmulatedSession(self._world, self._seed, self._state)
        other._gone, other._absent, other._generated = self._gone, self._absent, self._generated
        other._log, other._calls, other._replayed = list(self._log), self._calls, dict(self._replayed)
        other._history, other._known, other.origins = self._history, self._known, list(self.origins)
        return other

    def digest(self) -> str:
        """Of the world and what was changed in it. What a model has only shown counts as having been there."""
        return digest("emulated", self._world.ground, list(self.effects()))

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        before = next(state for calls, state in reversed(self._log) if calls <= since or calls == 0)
        if before is self._state:
            return ()
        return tuple(self._differences(before))

    def _differences(self, before: State) -> Iterable[Effect]:
        for table in sorted({*before, *self._state}):
            old, new = before.get(table, {}), self._state.get(table, {})
            if old is new:
                continue
            resource = self._world.plans.resources.get(table)
            found: list[Effect] = []
            for key in {*old, *new}:
                left, right = old.get(key), new.get(key)
                if left is right or left == right:
                    continue
                row = right if right is not None else left or {}
                named = (row.get(resource.id, key) if resource is not None and not resource.single else key,)
                names: list[str] = sorted({*(left or {}), *(right or {})})
                columns = {name: ((left or {}).get(name), (right or {}).get(name)) for name in names}
                if left is not None and right is not None:
                    columns = {name: pair for name, pair in columns.items() if pair[0] != pair[1] or type(pair[0]) is not type(pair[1])}
                change: Literal["insert", "update", "delete"] = "insert" if left is None else "delete" if right is None else "update"
                found.append(Effect(table, named, change, columns, change == "insert" and (table, key) in self._generated))
            yield from sorted(found, key=lambda effect: canonical(effect.key))

    async def close(self) -> None:
        self._state = {}
        self._history = ()
