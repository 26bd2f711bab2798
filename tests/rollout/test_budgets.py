"""Rollouts that run out: of requests, tokens or money, or of a model that answers."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from artificer.agents.function_calling import FunctionCalling
from artificer.core.errors import ArtificerError, BudgetSpent
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.trace import Node, Trace, Usage
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.models.base import Counts, Model, Reply, Request, Spent
from artificer.rollout.collect import collect
from artificer.rollout.metered import Budget, metered
from artificer.rollout.parties import user_maker
from artificer.rollout.play import Judge, Played
from artificer.rollout.telling import errors_in, gone, telling
from artificer.run.stage import Reject
from artificer.worlds.base import World

ASK = Request((Message("user", "hello"),))
WORLD = "domain:retail"


class Says(Model):
    """Says a word for ten tokens and a cent; with `silent_after`, is gone after so many."""

    name = "openai:words@http://nowhere/v1"

    def __init__(self, silent_after: int | None = None) -> None:
        self.asked = 0
        self.closed = False
        self._silent_after = silent_after

    @property
    def spent(self) -> Spent:
        return Spent(self.asked, 7 * self.asked, 3 * self.asked, self.asked / 100)

    async def reply(self, request: Request) -> Reply:
        self.asked += 1
        await asyncio.sleep(0)
        if self._silent_after is not None and self.asked > self._silent_after:
            return Reply(Message("assistant"), error=ErrorKind.timeout, detail="no answer within 9 s")
        return Reply(Message("assistant", "Good day."), Counts(7, 3))

    async def close(self) -> None:
        self.closed = True


class Free(Says):
    @property
    def spent(self) -> None:
        return None


def task(number: int) -> Task:
    goal = Goal((Want("turn"), Want("turn")), (), (), {"open:0": f"Good day, I am {number}.", "open:1": "Good bye."})
    return Task(f"task-{number}", WORLD, Start(number), "", goal, checks=("finished",))


async def until_spent(model: Model) -> int:
    for number in range(1000):
        try:
            await model.reply(ASK)
        except BudgetSpent:
            return number
    return 1000


@pytest.mark.parametrize(
    ("budget", "replies"),
    [
        (Budget(requests=5), 5),
        (Budget(tokens=50), 5),
        (Budget(tokens=51), 6),
        (Budget(usd=0.04), 4),
        (Budget(requests=9, tokens=20), 2),
        (Budget(), 1000),
    ],
)
async def test_what_a_budget_lets_through(budget, replies):
    model = metered({"": Says()}, budget)[""]
    assert await until_spent(model) == replies
    await model.close()


async def test_requests_at_the_same_time_never_pass_the_budget():
    inner = Says()
    model = metered({"": inner}, Budget(requests=5))[""]
    answers = await asyncio.gather(*(model.reply(ASK) for _ in range(20)), return_exceptions=True)
    assert inner.asked == 5
    assert sum(isinstance(answer, BudgetSpent) for answer in answers) == 15
    with pytest.raises(BudgetSpent, match="the budget of 5 requests is spent"):
        await model.replies([ASK])


async def test_the_models_of_an_agent_share_a_budget():
    models = metered({"": Says(), "planner": Says()}, Budget(requests=3))
    await models["planner"].replies([ASK, ASK])
    assert await until_spent(models[""]) == 1


def test_a_budget_in_dollars_needs_a_model_that_knows_its_prices():
    with pytest.raises(ArtificerError, match="does not know what it costs") as refused:
        metered({"": Free()}, Budget(usd=1.0))
    assert "price_in" in (refused.value.remedy or "")


def test_workers_share_a_budget():
    assert Budget(10, 100, 1.0).shared(3) == Budget(3, 33, 1 / 3)
    assert Budget(tokens=7).shared(7) == Budget(tokens=1)
    with pytest.raises(ArtificerError, match="too small for 4 workers"):
        Budget(requests=3).shared(4)


async def collected(model: Model, tasks: int, concurrency: int = 4) -> tuple[list[Trace], BaseException | None]:
    world, traces = World.of(WORLD), []
    try:
        async for trace in collect(
            map(task, range(tasks)), world, agent=lambda *_: FunctionCalling(model), user=user_maker(), checks=(), concurrency=concurrency
        ):
            traces.append(trace)
    except ArtificerError as error:
        return traces, error
    return traces, None


async def test_collect_yields_what_is_finished_and_then_says_that_the_budget_is_spent():
    inner = Says()
    traces, error = await collected(metered({"": inner}, Budget(requests=21))[""], 50)
    assert isinstance(error, BudgetSpent)
    assert inner.asked == 21
    assert 8 <= len(traces) <= 10  # two requests each; at most four were begun in vain
    assert {stop for trace in traces for stop in trace.stop.values()} == {StopReason.user_done}


async def test_collect_goes_on_without_a_model_and_says_so_in_every_trace():
    traces, error = await collected(Says(silent_after=20), 50)
    assert error is None
    assert len({trace.id for trace in traces}) == 50
    ended = [gone(trace) for trace in traces]
    assert ended.count(None) >= 8
    assert {end for end in ended if end is not None} == {(StopReason.agent_error, "no answer within 9 s")}


class Broken(Says):
    async def reply(self, request: Request) -> Reply:
        if self.asked == 6:
            raise ArtificerError("The endpoint refused the request")
        return await super().reply(request)


async def test_an_error_of_the_user_stops_collect_with_that_error():
    _, error = await collected(Broken(), 50)
    assert str(error) == "The endpoint refused the request"
    assert [other for other in asyncio.all_tasks() if other is not asyncio.current_task()] == []


async def test_a_slow_reader_is_waited_for():
    world, model = World.of(WORLD), Says()
    seen = 0
    async for _ in collect(map(task, range(60)), world, agent=lambda *_: FunctionCalling(model), user=user_maker(), checks=(), concurrency=3):
        seen += 1
        for _ in range(30):
            await asyncio.sleep(0)
        assert model.asked <= 2 * (seen + 3 + 4)  # read, in the queue, in flight
    assert seen == 60


CALL = Message("assistant", calls=(ToolCall("c1", "find", {}),))
REFUSED = Node(1, Message("tool", result=ToolResult("c1", None, ErrorKind.not_found, "no")))
SILENT = Node(2, Message("assistant"), sampled=True, notes={"error": {"kind": "timeout", "detail": "no answer within 9 s"}})


def trace(stop: dict[int, StopReason], *nodes: Node) -> Trace:
    return Trace(
        "t", "task-1", WORLD, "", (Node(None, Message("user", "hi")), Node(0, CALL, sampled=True), *nodes), stop=stop, usage=Usage(2, 1, 1, 900, 100)
    )


def test_numbers_of_an_episode():
    played = Played(task(1), trace({3: StopReason.agent_error}, REFUSED, SILENT))
    assert telling("openai:m@http://h/v1")(played) == {"requests": 2, "tokens": 1000, "error.not_found": 1, "error.timeout": 1}
    priced = telling("openai:m@http://h/v1?price_in=2&tries=3&price_out=10.5")(played)
    assert priced["usd"] == pytest.approx((900 * 2 + 100 * 10.5) / 1e6)
    assert errors_in(trace({}, msgspec.structs.replace(SILENT, notes={"error": "injected"}))) == ["injected"]


def test_gone_is_only_what_says_nothing_of_the_agent():
    assert gone(trace({3: StopReason.agent_error}, REFUSED, SILENT)) == (StopReason.agent_error, "no answer within 9 s")
    assert gone(trace({1: StopReason.max_turns})) is None
    assert gone(trace({1: StopReason.user_error})) == (StopReason.user_error, "")
    assert gone(trace({1: StopReason.agent_error, 2: StopReason.user_done}, REFUSED)) is None  # another branch got through
    assert gone(trace({})) is None


@pytest.mark.parametrize("keep_failed", [False, True])
async def test_a_row_whose_model_is_gone_is_rejected_as_such_and_never_judged(keep_failed):
    lost = trace({3: StopReason.agent_error}, REFUSED, SILENT)
    async with Judge(WORLD, keep_failed=keep_failed)() as judge:
        assert await judge("1", Played(task(1), lost)) == Reject("agent_error", "no answer within 9 s", item=lost)
