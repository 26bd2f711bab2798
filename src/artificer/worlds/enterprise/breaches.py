"""Requests that the policy forbids, drawn on purpose: each is a request that could be served, but for one rule.

The record, the values and the gold call are drawn as for any other request; the rules then say what the call would
break. So a breach is proven by the same decision that the tools take, and the reason is the one they give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from artificer.core.tasks import Want
from artificer.worlds.enterprise.policy import RIGHTS, Right
from artificer.worlds.enterprise.rules import Breach, Reason, Rules
from artificer.worlds.guide import Demand, Dropped, Request
from artificer.worlds.sqlite.describe import fetch
from artificer.worlds.sqlite.draws import Draft
from artificer.worlds.sqlite.propose import Proposer
from artificer.worlds.sqlite.schema import Table

_KINDS: tuple[Reason, ...] = ("permission", "permission", "protected_field", "closed_record", "not_owner", "transition", "transition")
_TRIES = 12
_VERBS: tuple[Right, ...] = ("read", "create", "update", "update", "delete", "delete")


class Breaches:
    """Draws forbidden requests in one session's state.

    Args:
        breach: what a kind of request breaks, whatever the record.
        hidden: tables that the role may not look at, or that have no tools: nothing else may be described through them.
    """

    def __init__(self, proposer: Proposer, rules: Rules, breach: Callable[[str], Breach | None], hidden: Sequence[str]) -> None:
        self._proposer = proposer
        self._rules = rules
        self._breach = breach
        self._hidden = frozenset(hidden)
        self._rng = proposer.rng
        self._kind: Reason = self._rng.choice(_KINDS)
        self._tries = 0

    def request(self, demand: Demand) -> Request | Dropped:
        """One proposal. A kind of breach is given several tries, or only those that are drawn easily would be made."""
        self._tries += 1
        if self._tries > _TRIES:
            self._kind, self._tries = self._rng.choice(_KINDS), 1
        kind = self._kind
        names = self._tables(kind, demand)
        if not names:
            return Dropped(f"no table for the breach {kind}")
        table = self._proposer.schema.tables[self._rng.choice(names)]
        draft = self._draft(kind, table, demand)
        if isinstance(draft, Dropped):
            return draft
        found = self._breach(draft.op) or self._call(draft, table)
        if found is None or found.reason != kind:
            return Dropped("the policy permits it" if found is None else f"breaks {found.reason} first")
        return Request(Want(draft.op, outcome="refused", reason=found.reason, tell=(found.tell,)), draft.said, draft.entities, draft.lookups)

    def _tables(self, kind: Reason, demand: Demand) -> list[str]:
        """Tables with rows in which such a breach is possible."""
        policy, rules = self._rules.policy, self._rules
        kept = [name for name, keys in sorted(self._proposer.keys.items()) if keys and (not demand.only or name in demand.only)]
        if kind == "permission":
            return kept  # of what may not be read, too, one may be asked
        kept = [name for name in kept if name not in self._hidden and name not in demand.without]
        if kind == "protected_field":
            return [name for name in kept if any(column.startswith(f"{name}.") for column in policy.protected)]
        if kind == "not_owner":
            return [name for name in kept if name in policy.own]
        return [name for name in kept if rules.machines(name)]

    def _draft(self, kind: Reason, table: Table, demand: Demand) -> Draft | Dropped:
        proposer, rng = self._proposer, self._rng
        if kind == "permission":
            verb = rng.choice([verb for verb in _VERBS if not self._rules.may(verb, table.name)] or [None])
            if verb is None:
                return Dropped("the role may do everything there")
            seen = structs.replace(demand, without=tuple(name for name in demand.without if name != table.name))
            if verb == "delete":
                return proposer.delete(table, seen)
            return (
                proposer.read(table, seen) if verb == "read" else proposer.create(table, seen) if verb == "create" else proposer.update(table, seen)
            )
        if kind == "protected_field":
            return proposer.update(table, demand, rng.choice(sorted(_columns(table, self._rules.policy.protected))))
        if kind == "transition":
            return proposer.update(table, demand, rng.choice(sorted(self._rules.machines(table.name))))
        return proposer.delete(table, demand) if rng.random() < 0.3 else proposer.update(table, demand)

    def _call(self, draft: Draft, table: Table) -> Breach | None:
        """What the draft's own gold call would break."""
        right: Right | None = next((right for right in RIGHTS if draft.op.startswith(f"{right}:")), None)
        if right is None or not draft.gold:
            return None
        arguments = draft.gold[0].arguments
        if right == "create":
            return self._rules.decide(right, table.name, None, arguments)
        row = fetch(self._proposer.connection, table, tuple(arguments[name] for name in table.key))
        return self._rules.decide(right, table.name, row, arguments if right != "delete" else {}) if row is not None else None


def _columns(table: Table, named: dict[str, tuple[str, ...]]) -> set[str]:
    return {column.rpartition(".")[2] for column in named if column.rpartition(".")[0] == table.name}
