"""A model behind one or several addresses: where each request goes, how often it is tried, and when everything stops.

A request ends in exactly one of three ways. A `Reply`; a `Reply` with an error, when it failed for reasons of its
own (others were answered meanwhile, or it was tried often enough), so that its row ends with that reason; or an
`ArtificerError`, when nothing more can come from there: then the run stops, and continues where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import aiohttp
from msgspec import Struct
from yarl import URL

from artificer.core.canon import digest, rng, seed_of
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Counts, Model, Reply, Request, Spent
from artificer.models.endpoints.budget import Budget, Hold
from artificer.models.endpoints.pace import Pace
from artificer.models.endpoints.target import Target, key_of
from artificer.models.endpoints.trouble import Trouble, of_error, of_junk, of_status
from artificer.models.endpoints.wire import Wire

_SHOWN = 300
_DOWN_S = 5.0
"""How long an address at which nobody answered is passed over, where there is another."""


class Dialect(Protocol):
    """The words of one kind of endpoint. Subclass it."""

    form: str
    """What model strings begin with."""
    path: str
    """What is asked, under the address."""
    keys: Sequence[str]
    """The usual environment variables of the key."""

    def headers(self, key: str | None) -> dict[str, str]:
        """Headers of every request, with the key."""
        ...

    def encode(self, request: Request) -> bytes:
        """The body."""
        ...

    def decode(self, answer: bytes, request: Request) -> Reply | None:
        """The reply; None when the answer is none."""
        ...


class _Host:
    """One address."""

    def __init__(self, url: str, dialect: Dialect, target: Target, key: str | None) -> None:
        self.base = url
        self.key = key
        self.url = URL(url + dialect.path).update_query(target.query)
        self.headers = dialect.headers(key) | target.headers
        self.pace = Pace(target.parallel, target.start)
        self.down = 0.0
        """Until when it is passed over."""

    def free_at(self) -> float:
        return max(self.down, self.pace.resting)

    def shown(self, answer: bytes) -> str:
        """The beginning of an answer, without the key, should it repeat it."""
        text = answer[:_SHOWN].decode("utf-8", "replace")
        return text.replace(self.key, "[key]") if self.key else text


class _Asked(Struct):
    """A request on its way: what went wrong so far."""

    request: Request
    body: bytes
    since: float | None = None
    """When it failed for the first time."""
    answered: int = 0
    """How many replies there had been by then."""
    failed: int = 0
    rounds: int = 0
    tried: list[_Host] = []
    """Addresses that failed in this round."""


class Endpoint(Model):
    """See the module docstring.

    Args:
        dialect: its words.
        target: its name, addresses and options.
    """

    def __init__(self, dialect: Dialect, target: Target) -> None:
        self.name = target.name(dialect.form)
        self.parallel = target.parallel * len(target.urls)
        self._dialect = dialect
        self._target = target
        self._patience = target.patience
        self._budget = Budget(target.caps, self.name)
        variables = target.keys * len(target.urls) if len(target.keys) == 1 else target.keys
        self._hosts = [_Host(url, dialect, target, key_of(variable, dialect.keys)) for url, variable in zip(target.urls, variables)]
        shared = self._hosts[0].headers if len(self._hosts) == 1 else {}
        self._wire = Wire(shared, self._patience.timeout_s, self.parallel)
        self._answered = 0

    @property
    def spent(self) -> Spent:
        """What was taken so far: requests, tokens, and dollars where prices are known."""
        return self._budget.spent

    async def reply(self, request: Request) -> Reply:
        """One answer.

        Raises:
            ArtificerError: nothing more can be had there (a wrong key, name or address, nobody answers, a limit is reached).
        """
        if not self._wire.here():
            await self._open()
        asked = _Asked(request, self._dialect.encode(request))
        while True:
            host = self._hosts[0] if len(self._hosts) == 1 else self._choice(asked)
            outcome = await self._once(host, asked)
            if isinstance(outcome, Reply):
                return outcome
            given_up = self._given_up(host, asked, outcome)
            if given_up is not None:
                return given_up
            await self._pause(asked, outcome)

    async def replies(self, requests: Sequence[Request]) -> list[Reply]:
        """The answers to many requests, in their order; the pace decides how many are in flight."""
        return list(await asyncio.gather(*(self.reply(request) for request in requests)))

    async def close(self) -> None:
        await self._wire.close()

    async def _open(self) -> None:
        self._budget.forget()
        for host in self._hosts:
            host.pace.forget()
        await self._wire.open()

    # one try

    async def _once(self, host: _Host, asked: _Asked) -> Reply | Trouble:
        factor: float | None = None
        taken: Counts | None = None
        hold: Hold | None = None
        entered = await host.pace.enter()
        try:
            if self._budget.bounded:
                hold = await self._budget.admit(len(asked.body), asked.request.sampling.max_tokens)
            outcome = await self._posted(host, asked)
            if isinstance(outcome, Reply):
                factor, taken = 1.0, outcome.usage
                if hold is not None and not taken.tokens_in:
                    taken = _guessed(asked.body, outcome)
                self._answered += 1
                return outcome
            factor = outcome.factor
            if outcome.billed:
                taken = Counts(len(asked.body) // 4)
            if 0 < outcome.after <= self._patience.refused_s:
                host.pace.rest(outcome.after)
            if outcome.gone:
                host.down = asyncio.get_running_loop().time() + _DOWN_S
            return outcome
        finally:
            self._budget.settle(hold, taken)
            host.pace.leave(entered, factor)

    async def _posted(self, host: _Host, asked: _Asked) -> Reply | Trouble:
        key, sticky = asked.request.key, self._target.sticky
        headers = {} if len(self._hosts) == 1 else host.headers
        if key and sticky:
            headers = {**headers, sticky: digest(key, size=8)}
        try:
            status, told, answer = await self._wire.post(host.url, asked.body, headers or None)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return of_error(error, self._patience.timeout_s)
        if not 200 <= status < 300:
            return of_status(status, told, host.shown(answer))
        return self._dialect.decode(answer, asked.request) or of_junk(host.shown(answer))

    # after a failure

    def _given_up(self, host: _Host, asked: _Asked, trouble: Trouble) -> Reply | None:
        """The reply of a request that is not tried again; None when it is."""
        now = asyncio.get_running_loop().time()
        if asked.since is None:
            asked.since, asked.answered = now, self._answered
        others = self._answered > asked.answered
        if trouble.action == "stop" or (trouble.action == "doubt" and not self._answered):
            raise ArtificerError(f"The endpoint refused the request: {trouble.detail}", where=host.base, remedy=self._remedy(trouble.status))
        if trouble.action in ("row", "doubt"):
            return _failed(ErrorKind.internal, f"the endpoint refused this request: {trouble.detail}")
        if trouble.action == "wait":
            return self._refused(host, trouble, now - asked.since, others)
        asked.failed += 1
        if asked.failed < self._patience.tries:
            return None
        if trouble.gone and not others:
            raise ArtificerError(
                f"Nobody answers after {asked.failed} tries: {trouble.detail}",
                where=", ".join(self._target.urls),
                remedy="start the endpoint or correct the address; a run that was stopped continues",
            )
        return _failed(trouble.kind, f"{asked.failed} tries; the last: {trouble.detail}")

    def _refused(self, host: _Host, trouble: Trouble, waited: float, others: bool) -> Reply | None:
        """What becomes of a request that has been refused for so long, while others were answered or not."""
        longest = self._patience.refused_s
        if waited < longest and trouble.after <= longest:
            return None
        if others and trouble.after <= longest:
            return _failed(ErrorKind.transport, f"refused for {waited:.0f} s; the last: {trouble.detail}")
        asks = (
            f"The endpoint asks to wait {trouble.after:.0f} seconds"
            if trouble.after > longest
            else f"The endpoint has refused all for {waited:.0f} seconds"
        )
        raise ArtificerError(
            f"{asks}: {trouble.detail}",
            where=host.base,
            remedy="continue the run later; patience=SECONDS in the model string sets how long is waited",
        )

    async def _pause(self, asked: _Asked, trouble: Trouble) -> None:
        """Waits before the next try, unless there is another address to try at once. (What `Retry-After` asks for is kept by the address's pace.)"""
        if (asked.tried and len(asked.tried) < len(self._hosts)) or (trouble.stale and asked.failed == 1):
            return
        most = min(self._patience.longest_s, self._patience.pause_s * 2 ** min(asked.rounds, 16))
        part = rng("pause", asked.body, asked.request.key, asked.rounds).random()
        asked.rounds += 1
        asked.tried = []
        await asyncio.sleep(most * (1 + part) / 2)

    def _remedy(self, status: int) -> str:
        if status in (401, 403):
            return f"set {' or '.join(self._dialect.keys)}, or the variable that key= names, to a key that the endpoint accepts"
        if status in (402, 429):
            return "the account has no credit left; add some, then continue the run"
        if status == 404:
            return f"check the model's name, and that {self._dialect.path} exists under the address"
        return f"check that the endpoint serves {self._dialect.path} with tools, and the body.NAME options"

    # where to

    def _choice(self, asked: _Asked) -> _Host:
        """The address for a request: of those that did not fail in this round and are not resting, for requests with a key the first in the key's own
        order (highest seed of key and address), for others the least busy.
        """
        now = asyncio.get_running_loop().time()
        left = [host for host in self._hosts if host not in asked.tried]
        open_now = [host for host in left if host.free_at() <= now]
        if not open_now:
            chosen = min(left, key=_Host.free_at)
        elif asked.request.key:
            chosen = max(open_now, key=lambda host: seed_of(asked.request.key, host.base))
        else:
            chosen = min(open_now, key=lambda host: host.pace.busy / host.pace.limit)
        asked.tried = [*asked.tried, chosen]
        return chosen


def _guessed(body: bytes, reply: Reply) -> Counts:
    """What an answer took, where the endpoint does not say: four bytes a token."""
    written = len(reply.raw) + sum(len(call.name) + len(str(call.arguments)) for call in reply.message.calls)
    return Counts(len(body) // 4, written // 4 + 1)


def _failed(kind: ErrorKind, detail: str) -> Reply:
    return Reply(Message("assistant"), error=kind, detail=detail)
