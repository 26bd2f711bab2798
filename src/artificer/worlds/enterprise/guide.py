"""The guide of a world with a policy: what may be done is proposed and served as in any database; what may not be is
proposed on purpose, and refused with the reason the tools would give.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random

from msgspec import structs

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.worlds.base import Session
from artificer.worlds.enterprise.breaches import Breaches
from artificer.worlds.enterprise.policy import RIGHTS, Policy, Right
from artificer.worlds.enterprise.rules import Breach, Rules
from artificer.worlds.guide import Demand, Desk, Dropped, Procedure, Request
from artificer.worlds.sqlite.guide import SqlGuide
from artificer.worlds.sqlite.schema import Schema, Table


class Spoken:
    """The rules as a procedure asks them (`sqlite.procedures.Rules`)."""

    def __init__(self, rules: Rules, schema: Schema) -> None:
        self._rules = rules
        self._schema = schema

    def op(self, op: str) -> str | None:
        found = self.breach(op)
        return found.text if found is not None else None

    def breach(self, op: str) -> Breach | None:
        """What a kind of request breaks, whatever the record."""
        verb, table, *rest = op.split(":")
        if verb == "read":
            via = rest[0].rpartition(".")[0]
            return self._rules.reads([table, *self._parent(table, via)])
        if verb in {"list", "count"}:
            return self._rules.reads([table, *self._parent(table, rest[0])])
        columns = rest[0].split(",") if rest else ()
        return self._rules.early(_right(verb), table, columns)

    def record(self, verb: str, table: str, row: Mapping[str, Json] | None, values: Mapping[str, Json]) -> str | None:
        found = self._rules.decide(_right(verb), table, row, values)
        return found.text if found is not None else None

    def _parent(self, table: str, via: str) -> list[str]:
        foreign = self._schema.tables[table].refers(via) if via else None
        return [foreign.table] if foreign is not None else []


class EnterpriseGuide:
    """Implements `worlds.guide.Guide`.

    Args:
        schema: as the database has it.
        tools: the tools offered.
        labels: what people call tables and columns.
        rules: the policy, for the acting user.
    """

    def __init__(self, schema: Schema, tools: Sequence[ToolSpec], labels: dict[str, str], rules: Rules) -> None:
        self._rules = rules
        self._spoken = Spoken(rules, schema)
        known = [_knowing(tool, rules.policy) for tool in tools]
        self._sql = SqlGuide(_narrowed(schema, rules.policy), known, labels, self._spoken)
        found = {(tool.attributes.get("op"), tool.attributes.get("table")) for tool in tools}
        self._hidden = tuple(
            name for name in schema.tables if not rules.may("read", name) or ("search", name) not in found or ("get", name) not in found
        )

    def procedure(self, op: str, desk: Desk) -> Procedure:
        return self._sql.procedure(op, desk)

    async def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        proposer = self._sql.proposer(session, rng)
        within = structs.replace(demand, without=tuple(dict.fromkeys((*demand.without, *self._hidden))))
        if demand.impossible == "forbidden":
            breaches = Breaches(proposer, self._rules, self._spoken.breach, self._hidden)
            while True:
                yield breaches.request(within)
        async for proposal in proposer.requests(within):
            if isinstance(proposal, Dropped) or self._spoken.breach(proposal.want.op) is None:
                yield proposal
            else:
                yield Dropped("the policy forbids it")


def _right(verb: str) -> Right:
    return next(right for right in RIGHTS if right == verb)


def _knowing(tool: ToolSpec, policy: Policy) -> ToolSpec:
    """The tool as somebody sees it who knows what the policy requires of new records."""
    table = str(tool.attributes.get("table"))
    more = policy.required.get(table, ()) if tool.attributes.get("op") == "create" else ()
    if not more:
        return tool
    required = list(dict.fromkeys((*tool.parameters.get("required", ()), *more)))
    return structs.replace(tool, parameters=tool.parameters | {"required": required})


def _narrowed(schema: Schema, policy: Policy) -> Schema:
    """The schema with the policy's lengths, so that invented values keep to them."""
    return structs.replace(schema, tables={name: _within(table, policy) for name, table in schema.tables.items()})


def _within(table: Table, policy: Policy) -> Table:
    most = {name: policy.lengths[f"{table.name}.{name}"] for name in table.columns if f"{table.name}.{name}" in policy.lengths}
    if not most:
        return table
    columns = {
        name: structs.replace(column, max_length=min(most[name], column.max_length or most[name])) if name in most else column
        for name, column in table.columns.items()
    }
    return structs.replace(table, columns=columns)
