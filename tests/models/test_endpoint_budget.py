"""Limits: a hard stop that loses nothing paid for, and that nothing in flight oversteps."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from endpoint_double import Answer, Serving, conversation, one_after_another, said

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.models.base import Counts, Model, Reply, Request, Sampling
from artificer.models.endpoints.budget import Budget
from artificer.models.endpoints.target import Caps
from artificer.run.engine import execute
from artificer.run.stage import each
from artificer.run.store import RunFolder

ASK = Request((Message("user", "lamp 1"),), sampling=Sampling(max_tokens=20))


async def spend(options: str, at_once: int = 8, answer: Answer | None = None) -> tuple[list[Reply], list[ArtificerError], Serving, Model]:
    async with Serving(one_after_another(answer) if answer else conversation(lambda number: 0.01)) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}?{options}")
        outcomes = await asyncio.gather(*(model.reply(ASK) for _ in range(at_once)), return_exceptions=True)
        await model.close()
    errors = [outcome for outcome in outcomes if isinstance(outcome, ArtificerError)]
    replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    assert len(errors) + len(replies) == at_once
    return replies, errors, endpoint, model


async def test_so_many_requests_and_not_one_more() -> None:
    replies, errors, endpoint, model = await spend("requests=5")
    assert (len(replies), len(errors), endpoint.count) == (5, 3, 5)
    assert "5 requests" in str(errors[0])
    assert "raise the limit" in str(errors[0])
    assert model.spent.requests == 5


async def test_tokens() -> None:
    replies, errors, _, model = await spend("tokens=200")  # 42 an answer; a request may take its bytes / 2 and 20
    assert len(replies) == 3
    assert "200 tokens" in str(errors[0])
    assert model.spent.tokens_in + model.spent.tokens_out == 126


async def test_money() -> None:
    replies, errors, _, model = await spend("usd=0.01&price_in=20&price_out=100")  # an answer costs 30 x 20 + 12 x 100 = 1,800 millionths
    assert "0.01 US dollars" in str(errors[0])
    assert model.spent.usd == pytest.approx(0.0018 * len(replies))
    assert 3 <= len(replies) <= 5
    assert model.spent.usd <= 0.01


async def test_an_endpoint_that_does_not_count_is_counted_for() -> None:
    answer = said("x" * 400)
    del answer["usage"]
    replies, errors, _, model = await spend("tokens=500", answer=Answer(answer))
    assert len(errors) > 0
    assert model.spent.tokens_out == 101 * len(replies)


def test_refusals_cost_nothing(in_virtual_time) -> None:
    async def main() -> tuple[int, int]:
        async with Serving(one_after_another(*[Answer(b"", 429)] * 3, Answer(said("Hello.")))) as endpoint:
            model = Model.of(f"openai:m@{endpoint.url}?requests=1")
            assert (await model.reply(ASK)).message.text == "Hello."
            await model.close()
            return endpoint.count, model.spent.requests

    assert in_virtual_time(main)[0] == (4, 1)


async def test_what_may_still_be_taken_is_held_and_given_back() -> None:
    budget = Budget(Caps(tokens=100), "m")
    first = await budget.admit(40, 60)  # 21 + 60
    second = asyncio.create_task(budget.admit(40, 40))
    await asyncio.sleep(0)
    assert not second.done(), "81 are held, 61 more do not fit; the first may take less"
    budget.settle(first, Counts(10, 5))
    budget.settle(await second, None)
    assert (budget.spent.tokens_in, budget.spent.tokens_out, budget.spent.requests) == (10, 5, 1)
    with pytest.raises(ArtificerError, match="100 tokens"):
        await budget.admit(40, 90)


async def test_a_run_that_was_stopped_goes_on_with_a_higher_limit(tmp_path: Path) -> None:
    rows = [(f"row-{number}", number) for number in range(10)]
    async with Serving(conversation(lambda number: 0.001)) as endpoint:

        async def run(limit: int) -> tuple[int, bool]:
            model = Model.of(f"openai:m@{endpoint.url}?requests={limit}")

            async def ask(key: str, number: int) -> str:
                return (await model.reply(Request((Message("user", key),), key=key))).message.text

            @asynccontextmanager
            async def built():
                yield ask

            with RunFolder.create_or_continue(tmp_path / "run", {}) as folder:
                try:
                    summary = await execute([each("ask", built, keep="answers", of=str)], rows, folder, concurrency=4)
                finally:
                    await model.close()
                return len(list(folder.read("answers", str))), summary.complete

        assert await run(6) == (6, False)
        assert endpoint.count == 6
        assert await run(4) == (10, True)
        assert endpoint.count == 10, "what was paid for is not asked again"
