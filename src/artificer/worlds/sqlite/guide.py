"""The guide of any relational database: procedures over its derived tools, and proposals drawn from its rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from random import Random

from artificer.core.tools import ToolSpec
from artificer.worlds.base import Session
from artificer.worlds.guide import Demand, Desk, Dropped, Procedure, Request
from artificer.worlds.sqlite.draws import Draws, Known, learn
from artificer.worlds.sqlite.phrases import Phrases
from artificer.worlds.sqlite.procedures import Rules, Toolbox, serve
from artificer.worlds.sqlite.propose import Proposer
from artificer.worlds.sqlite.schema import Schema
from artificer.worlds.sqlite.session import SqlSession

POLICY = """You help people with the records of this database, using the tools and nothing else.
- People do not know ids. Find a record by what they tell you, with the search tools; never guess an id.
- When several records fit, or none, ask for more. When the person knows no more, change nothing and say why.
- Before you add, change or delete anything, say exactly what you will do and wait for a yes.
- When a tool refuses, say why it cannot be done; do not try to work around it.
- Answer from what the tools return, and say nothing they did not.
"""
"""The policy of a database that comes without one."""


class SqlGuide:
    """Implements `worlds.guide.Guide` for a schema and its derived tools.

    Args:
        schema: as `read_schema` found it.
        tools: the tools offered; hidden ones are neither used nor needed.
        labels: what people call tables and columns.
        rules: what the world forbids besides what its database does.
    """

    def __init__(self, schema: Schema, tools: Sequence[ToolSpec], labels: dict[str, str], rules: Rules | None = None) -> None:
        self._rules = rules
        self._schema = schema
        self._tools = list(tools)
        self._toolbox = Toolbox(self._tools)
        self._labels = labels
        self._phrases = Phrases(labels)
        self._known: Known | None = None

    def procedure(self, op: str, desk: Desk) -> Procedure:
        return serve(self._toolbox, self._labels, op, desk, self._rules)

    def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        return self.proposer(session, rng).requests(demand)

    def proposer(self, session: Session, rng: Random) -> Proposer:
        """Draws requests in the session's state."""
        assert isinstance(session, SqlSession)
        if self._known is None:  # the session is fresh: nothing was called in it yet
            self._known = learn(session.connection, self._schema, self._tools)
        draws = Draws(session.connection, self._schema, self._phrases, self._known, rng)
        return Proposer(draws, self._toolbox)
