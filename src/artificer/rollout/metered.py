"""What one command may take of a model, whatever the model is: a hard stop that the run continues from.

It is not part of what a run *is* (its `run.toml`), so the same command with more to spend goes on. Limits that belong to
an endpoint stand in its model string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from artificer.core.errors import ArtificerError, BudgetSpent
from artificer.models.base import Model, Reply, Request, Spent


class Budget(Struct, frozen=True):
    """Limits of one command; None for none.

    Args:
        requests: replies asked for; not one more is begun.
        tokens: read and written; no request is begun once so many are counted, so that those in flight may pass it.
        usd: in the same way, for models that know their prices.
    """

    requests: int | None = None
    tokens: int | None = None
    usd: float | None = None

    def shared(self, workers: int) -> Budget:
        """The part of each of several workers, which count for themselves. Together they never take more.

        Raises:
            ArtificerError: there are fewer requests or tokens than workers.
        """
        requests, tokens = (None if most is None else most // workers for most in (self.requests, self.tokens))
        if 0 in (requests, tokens):
            raise ArtificerError(f"the budget is too small for {workers} workers", remedy="raise it, or use fewer workers")
        return Budget(requests, tokens, None if self.usd is None else self.usd / workers)


class Purse:
    """What several models have taken together.

    Args:
        budget: what they may take.
        models: who answers.

    Raises:
        ArtificerError: the budget is in dollars, and a model does not know its prices.
    """

    def __init__(self, budget: Budget, models: Sequence[Model]) -> None:
        self._budget = budget
        self._models = models
        self._requests = self._tokens = 0
        for model in models if budget.usd is not None else ():
            if model.spent is None:
                remedy = "give the prices of a million tokens in the model string (?price_in=USD&price_out=USD), or limit tokens"
                raise ArtificerError(f"{model.name!r} does not know what it costs", remedy=remedy)

    def begin(self, count: int) -> None:
        """Takes requests.

        Raises:
            BudgetSpent: nothing is left for them.
        """
        over = self._over(count)
        if over is not None:
            raise BudgetSpent(f"the budget of {over} is spent", remedy="the same command with a larger budget continues")
        self._requests += count

    def counted(self, reply: Reply) -> Reply:
        """Takes down what a reply cost."""
        self._tokens += reply.usage.tokens_in + reply.usage.tokens_out
        return reply

    def _over(self, count: int) -> str | None:
        budget = self._budget
        if budget.requests is not None and self._requests + count > budget.requests:
            return f"{budget.requests} requests"
        if budget.tokens is not None and self._tokens >= budget.tokens:
            return f"{budget.tokens} tokens"
        if budget.usd is not None and sum(model.spent.usd for model in self._models if model.spent is not None) >= budget.usd:
            return f"{budget.usd:g} US dollars"
        return None


class Metered(Model):
    """Asks a model until the purse is empty."""

    def __init__(self, model: Model, purse: Purse) -> None:
        self.name = model.name
        self.parallel = model.parallel
        self._model = model
        self._purse = purse

    @property
    def spent(self) -> Spent | None:
        return self._model.spent

    async def reply(self, request: Request) -> Reply:
        """The model's answer.

        Raises:
            BudgetSpent: nothing is left.
        """
        self._purse.begin(1)
        return self._purse.counted(await self._model.reply(request))

    async def replies(self, requests: Sequence[Request]) -> list[Reply]:
        self._purse.begin(len(requests))
        return [self._purse.counted(reply) for reply in await self._model.replies(requests)]

    async def close(self) -> None:
        await self._model.close()


def metered(models: Mapping[str, Model], budget: Budget) -> dict[str, Model]:
    """The models, within one budget if there is one."""
    if budget == Budget():
        return dict(models)
    purse = Purse(budget, list(models.values()))
    return {name: Metered(model, purse) for name, model in models.items()}
