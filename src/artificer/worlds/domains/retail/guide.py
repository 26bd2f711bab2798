"""The shop's guide: how requests are served (`procedures.py`) and which can be made (`proposals.py`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

from artificer.worlds.base import Session
from artificer.worlds.domains.retail.procedures import serve
from artificer.worlds.domains.retail.proposals import Proposer
from artificer.worlds.guide import Demand, Desk, Dropped, Part, Procedure, Request, allowed
from artificer.worlds.sqlite.session import SqlSession


class RetailGuide:
    """Implements `worlds.guide.Guide`."""

    def __init__(self) -> None:
        self._customers: dict[Part, list[str]] = {}

    def procedure(self, op: str, desk: Desk) -> Procedure:
        return serve(op, desk)

    async def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        """Requests of one customer. As long as there was none, a customer who cannot want such a thing makes room for
        the next."""
        assert isinstance(session, SqlSession)
        customers = self._of(session, demand.part)
        while True:
            found = False
            for request in Proposer(session.connection, rng, demand, rng.choice(customers)).requests():
                yield request
                found = found or isinstance(request, Request)
                if not found:
                    break

    def _of(self, session: SqlSession, part: Part) -> list[str]:
        """The customers of a share; nobody is ever added or removed."""
        if part not in self._customers:
            names = [row[0] for row in session.connection.execute("SELECT user_id FROM users ORDER BY user_id")]
            self._customers[part] = [name for name in names if allowed(part, f"users:{name}")]
        return self._customers[part]
