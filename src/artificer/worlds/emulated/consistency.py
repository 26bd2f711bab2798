"""Whether what a model answered for a tool can stand: checked by code against the specification and the state.

An answer that fits becomes an `Outcome`; one that does not becomes sentences that say why, which the model is shown. The
rules: a result fits the tool's schema; reads change nothing; a write changes rows that its call names, or adds rows of
its own kind; ids that exist are honoured, ids that are gone are neither shown nor given again; what is shown agrees with
what is stored; a listing without a filter shows every row; no hint about risks and no id that the caller did not name
reaches the agent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence, Set
from typing import cast

from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.tools import compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.models.prompt import record_of, rows_of
from artificer.worlds.emulated.offline import Situation
from artificer.worlds.emulated.places import plain
from artificer.worlds.emulated.plans import Plan, Plans
from artificer.worlds.emulated.resources import Resource
from artificer.worlds.emulated.results import Results
from artificer.worlds.emulated.rows import applied, key_text
from artificer.worlds.emulated.rules import facts, key_shown, shown_rows
from artificer.worlds.emulated.spec import Change, Outcome, Row, State
from artificer.worlds.schema_shape import kinds_of

KINDS = tuple(
    kind.value
    for kind in (ErrorKind.not_found, ErrorKind.constraint, ErrorKind.forbidden, ErrorKind.invalid_argument, ErrorKind.timeout, ErrorKind.transport)
)
_MOST_CHANGES = 100
_MOST_BYTES = 200_000
_DEEPEST = 24
_LEAST_HINT = 16
_PARTS = frozenset({"thought", "observation", "error", "state"})


class Bounds(Struct, frozen=True):
    """What an answer is held against besides its tool: closed tables, and texts that must not be told."""

    closed: Set[str] = frozenset()
    secret: tuple[str, ...] = ()


class Judge:
    """Judges the answers to one call."""

    def __init__(self, plan: Plan, plans: Plans, arguments: Row, met: Situation, results: Results, bounds: Bounds) -> None:
        self._plan = plan
        self._plans = plans
        self._arguments = arguments
        self._met = met
        self._results = results
        self._bounds = bounds
        self._problems: list[str] = []

    def judged(self, answer: Json) -> tuple[Outcome | None, list[str]]:
        """The outcome of an answer, or why there is none."""
        fields = record_of(answer)
        if fields is None or not ({"observation", "error"} & fields.keys()):
            return None, ['the answer must be one JSON object with "observation", "error" and "state"']
        if unsound(answer) or len(canonical(answer)) > _MOST_BYTES:
            return None, [f"the answer nests more than {_DEEPEST} deep, holds a number that is none, or has more than {_MOST_BYTES} bytes"]
        if extra := sorted(set(fields) - _PARTS):
            self._problems.append(f"the answer has parts that it must not have: {', '.join(extra)[:100]}")
        changes = rows_of(fields.get("state") or [])
        if changes is None or len(changes) > _MOST_CHANGES:
            return None, [f'"state" must be a list of at most {_MOST_CHANGES} changes']
        self._leaks(fields.get("observation"), fields.get("error"))
        if fields.get("error") is not None:
            return self._failed(fields["error"], changes)
        return self._succeeded(cast("Json", fields.get("observation")), changes)

    # errors

    def _failed(self, error: Json, changes: Sequence[Json]) -> tuple[Outcome | None, list[str]]:
        fields = record_of(error) or {}
        kind, detail = fields.get("kind"), fields.get("detail")
        if kind not in KINDS or not isinstance(detail, str) or not 0 < len(detail) <= 500:
            self._problems.append(f'"error" must be {{"kind", "detail"}} with a kind of {", ".join(KINDS)} and a detail of at most 500 characters')
            return None, self._problems
        if changes:
            self._problems.append('a call that fails changes nothing: with an error, "state" is empty')
        row = self._named_row()
        if kind == ErrorKind.not_found and row is not None and not self._plan.refs:
            self._problems.append(f"the row that the call names exists: {canonical(row).decode()[:300]}")
        told = canonical(self._arguments).decode().casefold()
        for word in re.findall(r"[\w@.-]{2,}", detail):
            word = word.strip(".")
            if word.casefold() not in told and any(word in rows for rows in self._met.state.values()):
                self._problems.append(f"the error tells {word!r}, which the caller did not name")
        return (None, self._problems) if self._problems else (Outcome(error=ErrorKind(kind), detail=detail), [])

    def _leaks(self, observation: Json, error: Json) -> None:
        if not self._bounds.secret:
            return
        told = " ".join(canonical([observation, error]).decode("utf-8", "replace").casefold().split())
        for text in self._bounds.secret:
            hint = " ".join(text.casefold().split())
            if len(hint) >= _LEAST_HINT and canonical(hint).decode("utf-8", "replace")[1:-1] in told:
                self._problems.append("the answer repeats a hint that the agent must not see")

    # successes

    def _succeeded(self, observation: Json, changes: Sequence[Json]) -> tuple[Outcome | None, list[str]]:
        validator = self._results.validator(self._plan)
        for wrong in validator.iter_errors(observation):
            self._problems.append(f"observation at /{'/'.join(map(str, wrong.instance_path))}: {wrong.message[:300]}")
            if len(self._problems) > 8:
                break
        made = [change for value in changes if (change := self._change(value)) is not None]
        after = applied(self._met.state, made)
        if not self._problems:
            self._agrees(observation, made, after)
        if self._problems:
            return None, self._problems
        if self._plan.reads:
            return Outcome(observation, changes=facts(self._plan, self._plans, observation, self._met.state, self._met.gone)), []
        return Outcome(observation, changes=tuple(made)), []

    def _named_row(self) -> Row | None:
        plan = self._plan
        if plan.table is None or plan.key is None or plan.op in ("create", "list"):
            return None
        return self._met.state.get(plan.table, {}).get(key_text(self._arguments.get(plan.key)))

    def _change(self, value: Json) -> Change | None:
        """One change, or None with a problem."""
        fields = record_of(value) or {}
        table, key, new = fields.get("table"), fields.get("key"), fields.get("set")
        if not isinstance(table, str) or not isinstance(key, (str, int)) or isinstance(key, bool) or not (new is None or isinstance(new, dict)):
            self._problems.append('a change is {"table": text, "key": text, "set": object or null}')
            return None
        text = key_text(key)[:200]
        problem = self._forbidden(table[:64], text, new is None)
        if problem is not None:
            self._problems.append(problem)
            return None
        held = self._met.state.get(table, {}).get(text)
        if new is None:
            return Change(table, text, None)
        row = {**(held or {}), **cast("Row", new)}
        resource = self._plans.resources.get(table)
        if resource is not None and not resource.single:
            row = self._keyed(resource, text, row)
        if resource is not None:
            self._columns(resource, cast("Row", new))
        return Change(table, text, row, generated=held is None and text not in _texts_of(self._arguments))

    def _forbidden(self, table: str, key: str, deletes: bool) -> str | None:
        """Why this call must not make such a change."""
        plan = self._plan
        if plan.reads:
            return f"{plan.tool} only reads: it changes nothing"
        if table not in changeable(plan, self._plans):
            return f"{plan.tool} must not change {table!r}: that belongs to other tools"
        exists = key in self._met.state.get(table, {})
        if (table, key) in self._met.gone:
            return f"{key!r} of {table} was deleted and stays so; a new row takes a new id"
        if deletes and (not exists or plan.op == "create"):
            return f"{plan.tool} cannot delete {key!r} of {table}" + ("" if exists else ": there is none")
        own = key_text(self._arguments.get(plan.key)) if plan.key is not None else None
        if table == plan.table:
            if plan.op == "create" and exists:
                return f"{plan.tool} adds rows; {key!r} of {table} exists already"
            if plan.op != "create" and own is not None and key != own:
                return f"{plan.tool} was called for {own!r} of {table} and must not change {key!r}"
            return None
        resource = self._plans.resources.get(table)
        foreign = resource is not None and resource.read and table not in self._plan.writes
        if foreign and (not exists or deletes or key not in _texts_of(self._arguments)):
            return f"{plan.tool} may change of {table} only rows that the call names"
        return None

    def _keyed(self, resource: Resource, key: str, row: Row) -> Row:
        """The row with its key in its place, in the key's type."""
        held = row.get(resource.id)
        if held is None:
            numeric = "string" not in kinds_of(resource.columns.get(resource.id, {})) and key.isdecimal() and len(key) < 16
            return {resource.id: int(key) if numeric else key, **{name: value for name, value in row.items() if name != resource.id}}
        if key_text(held) != key:
            self._problems.append(f"the row {key!r} of {resource.table} says {resource.id} = {key_text(held)[:80]!r}")
        return row

    def _columns(self, resource: Resource, new: Row) -> None:
        for name, value in new.items():
            schema = resource.columns.get(name)
            try:
                if schema and not compile_schema(schema, name).is_valid(value):
                    self._problems.append(f"{name} of {resource.table} does not fit {canonical(schema).decode()[:200]}")
            except SourceError:
                continue  # a column whose schema stands only within its tool's; the observation is validated whole

    def _agrees(self, observation: Json, made: Sequence[Change], after: State) -> None:
        """Holds what is shown against what is stored."""
        plan = self._plan
        if plan.table is None or plan.op == "answer":
            return
        resource = self._plans.resources[plan.table]
        rows = after.get(plan.table, {})
        if plan.op == "create" and not any(change.table == plan.table for change in made) and resource.read:
            self._problems.append(f"{plan.tool} adds a row to {plan.table}: say which in state")
        own = (
            key_text(self._arguments[plan.key])
            if plan.key is not None and plan.key in self._arguments and plan.op not in ("create", "list")
            else None
        )
        shown: set[str] = set()
        for row in shown_rows(plan, observation):
            key = key_shown(plan, self._plans, row)
            if key is None:
                continue
            text = key_text(key)
            shown.add(text)
            if own is not None and text != own and plan.op != "delete" and plan.place is not None and not plan.place.many:
                self._problems.append(f"the call is about {own!r}, and the observation shows {text!r}")
            elif text in rows:
                self._same(resource, text, row, rows[text])
            elif (plan.table, text) in self._met.gone:
                self._problems.append(f"{text!r} of {plan.table} was deleted and is not shown")
            elif plan.table in self._bounds.closed or (not plan.reads and plan.op != "delete" and resource.read):
                self._problems.append(f"{text!r} of {plan.table} is not in the stored state")
        if (
            plan.op == "list"
            and not self._arguments
            and plan.place is not None
            and plan.place.many
            and rows
            and (shown or not shown_rows(plan, observation))
        ):
            missing = [key for key in rows if key not in shown]
            if missing and not {"limit", "page", "pagesize"} & {plain(name) for name in (record_of(observation) or {})}:
                self._problems.append(f"the listing leaves out {', '.join(missing[:8])} of {plan.table}")

    def _same(self, resource: Resource, key: str, shown: Row, stored: Row) -> None:
        by_name = {plain(name): value for name, value in stored.items()}
        for name, value in shown.items():
            held = by_name.get(plain(name), value)
            if not isinstance(value, (dict, list)) and not isinstance(held, (dict, list)) and value != held and plain(name) != "id":
                one, other = (canonical(part).decode()[:80] for part in (held, value))
                self._problems.append(f"{name} of {key!r} in {resource.table} is stored as {one}, and the observation says {other}")


def answer_of(plan: Plan, outcome: Outcome) -> Json:
    """An outcome as the answer it came from."""
    if outcome.error is not None:
        return {"observation": None, "error": {"kind": outcome.error.value, "detail": outcome.detail}, "state": []}
    changes = [{"table": change.table, "key": change.key, "set": change.row} for change in outcome.changes]
    return {"observation": outcome.content, "error": None, "state": [] if plan.reads else changes}


def changeable(plan: Plan, plans: Plans) -> tuple[str, ...]:
    """Tables that a tool may change: its own, those it names rows of, and those declared in `attributes.writes`."""
    if plan.reads:
        return ()
    named = [plan.table] if plan.table is not None else []
    return tuple(dict.fromkeys([*named, *plan.refs.values(), *plan.writes]))


def unsound(value: Json, deepest: int = _DEEPEST) -> bool:
    """Whether a value nests too deeply or holds numbers that JSON has not."""
    if deepest < 0:
        return True
    if isinstance(value, dict):
        return any(unsound(part, deepest - 1) for part in cast("Row", value).values())
    if isinstance(value, list):
        return any(unsound(part, deepest - 1) for part in cast("list[Json]", value))
    return isinstance(value, float) and not math.isfinite(value)


def _texts_of(value: Json, depth: int = 0) -> set[str]:
    """The scalars of arguments as keys."""
    if depth > 6:
        return set()
    if isinstance(value, dict):
        return {text for part in cast("Row", value).values() for text in _texts_of(part, depth + 1)}
    if isinstance(value, list):
        return {text for part in cast("list[Json]", value) for text in _texts_of(part, depth + 1)}
    return {key_text(value)}
