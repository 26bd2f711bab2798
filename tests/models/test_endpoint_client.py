"""The client against a real local server that misbehaves in the ways endpoints do; hours pass on a clock that jumps."""

from __future__ import annotations

import asyncio
import json
from email.utils import formatdate
from typing import Any

import pytest
from endpoint_double import Answer, Script, Seen, Serving, conversation, faulty, one_after_another, said

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply, Request, Sampling
from artificer.models.endpoints.trouble import retry_after

KEY = "sk-very-secret"
TOOL = ToolSpec("add", "Adds.", {"type": "object"})
ASK = Request((Message("user", "lamp 1"),), (TOOL,), Sampling(max_tokens=9))
HELLO = Answer(said("Hello."))


async def asked(script: Script, options: str = "", request: Request = ASK) -> tuple[Reply, Serving]:
    async with Serving(script) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}?{options or 'tries=3'}")
        try:
            return await model.reply(request), endpoint
        finally:
            await model.close()


PASSING = [
    Answer({"error": "slow down"}, 429, {"Retry-After": "2"}),
    Answer({"error": "slow down"}, 429, {"retry-after-ms": "1500"}),
    Answer({"error": "slow down"}, 429, {"Retry-After": "soon"}),
    Answer(b"", 503),
    Answer(b"overloaded", 529),
    Answer(b"broken", 500),
    Answer(b"", 408),
    Answer(HELLO.body, silent=True),
    Answer(HELLO.body, cut=True),
    Answer(b""),
    Answer(b"<html>"),
    Answer(b"\xff\xfe"),
    Answer(b"null"),
    Answer(b"[]"),
    Answer(b"{}"),
    Answer(b'{"choices":[]}'),
    Answer(b'{"choices":[{"message":null}]}'),
    Answer(b'{"choices":[{"message":{"content":7}}]}'),
    Answer(json.dumps(said("Hello.")).encode()[:70]),
    Answer(b"[" * 50_000),
    Answer({"error": {"message": "upstream failed"}}),
]


@pytest.mark.parametrize("first", PASSING, ids=lambda answer: f"{answer.status} {str(answer.body)[:20]} {list(answer.headers.values())}")
def test_what_passes_is_tried_again(first: Answer, in_virtual_time) -> None:
    (reply, endpoint), took = in_virtual_time(lambda: asked(one_after_another(first, HELLO)))
    assert (reply.message.text, reply.usage.tokens_in, reply.error) == ("Hello.", 30, None)
    assert endpoint.count == 2
    assert took >= {"2": 2, "1500": 1.5}.get("".join(first.headers.values()), 0.25)


def test_a_date_to_try_again_at_is_by_the_servers_own_clock(in_virtual_time) -> None:
    then = 1_000_000_000  # years ago, for us
    headers = {"Date": formatdate(then, usegmt=True), "Retry-After": formatdate(then + 600, usegmt=True)}
    (reply, _), took = in_virtual_time(lambda: asked(one_after_another(Answer(b"", 429, headers), HELLO)))
    assert reply.error is None
    assert 600 <= took < 640


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "-7"}, 0),
        ({"Retry-After": "7", "retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 99 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "Date": "Wed, 21 Oct 2015 07:27:00 GMT"}, 60),
    ],
)
def test_how_long_an_endpoint_asks_to_wait(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer({"error": "broken"}, 500), ErrorKind.transport),
        (Answer(b"", silent=True), ErrorKind.timeout),
        (Answer(b"{}"), ErrorKind.transport),
        (Answer(HELLO.body, cut=True), ErrorKind.transport),
    ],
)
def test_what_does_not_pass_ends_in_a_reply_with_the_reason(answer: Answer, kind: ErrorKind, in_virtual_time) -> None:
    (reply, endpoint), _ = in_virtual_time(lambda: asked(one_after_another(answer)))
    assert (reply.error, endpoint.count) == (kind, 3)
    assert "3 tries" in (reply.detail or "")


async def test_nobody_there_stops_the_run_rather_than_its_rows() -> None:
    model = Model.of("openai:m@http://127.0.0.1:9/v1?tries=2")
    with pytest.raises(ArtificerError, match="Nobody answers after 2 tries"):
        await model.reply(ASK)
    await model.close()


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (Answer(f"the key {KEY} is wrong".encode(), 401), "ARTIFICER_API_KEY"),
        (Answer({"error": "no"}, 404), "model's name"),
        (Answer({"error": "no"}, 400), "chat/completions"),
        (Answer(b"", 302, {"Location": "http://elsewhere.example/"}), "chat/completions"),
        (Answer({"error": {"code": "insufficient_quota"}}, 429), "no credit"),
    ],
)
async def test_refusals_of_everything_are_errors_that_do_not_name_the_key(answer: Answer, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with Serving(one_after_another(answer)) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}")
        with pytest.raises(ArtificerError, match=remedy) as raised:
            await model.reply(ASK)
        await model.close()
    assert KEY not in str(raised.value)
    assert endpoint.count == 1


@pytest.mark.parametrize(
    "answers",
    [
        [Answer({"error": "This model's maximum context length is 8192 tokens."}, 400)],
        [Answer(b"", 413)],
        [HELLO, Answer({"error": "I do not like this text"}, 400)],
    ],
)
async def test_a_request_that_is_refused_for_what_it_is_ends_its_row_alone(answers: list[Answer]) -> None:
    async with Serving(one_after_another(*answers)) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}")
        replies = [await model.reply(ASK) for _ in answers]
        await model.close()
    assert replies[-1].error is ErrorKind.internal
    assert endpoint.count == len(answers)


def test_an_hour_of_refusals_loses_nothing(in_virtual_time) -> None:
    """Forty rows of four requests, while the endpoint answers everybody 429 for an hour, from its third second on."""

    async def main() -> tuple[list[list[str]], Serving, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        good = conversation(lambda number: 1.0)

        def answer(seen: Seen) -> Answer:
            told = {"Retry-After": "7"} if seen.number % 5 == 0 else {}
            return Answer({"error": "slow down"}, 429, told) if 2.5 < loop.time() - began < 3602.5 else good(seen)

        async with Serving(answer, keep=False) as endpoint:
            model = Model.of(f"openai:m@{endpoint.url}?parallel=16")

            async def row(number: int) -> list[str]:
                talk = [Message("user", f"row {number}")]
                while talk[-1].role == "user" or talk[-1].calls:
                    reply = await model.reply(Request(tuple(talk), (TOOL,), key=str(number)))
                    assert reply.error is None, reply.detail
                    talk.append(reply.message)
                return [message.text or message.calls[0].name for message in talk[1:]]

            rows = await asyncio.gather(*(row(number) for number in range(40)))
            await model.close()
            return rows, endpoint, loop.time() - began

    (rows, endpoint, took), _ = in_virtual_time(main)
    assert rows == [["add", "add", "add", "The sum is 42."]] * 40
    assert 3602 < took < 3602 + 31.5 + 160, "at most one pause after the hour, then the rest one by one at worst"
    assert endpoint.count > 160 + 100, "it kept trying"


def test_refusals_without_end_stop_the_run(in_virtual_time) -> None:
    with pytest.raises(ArtificerError, match="refused all for"):
        in_virtual_time(lambda: asked(one_after_another(Answer(b"", 429)), "patience=900"))


async def test_a_day_to_wait_stops_the_run_at_once() -> None:
    async with Serving(one_after_another(HELLO, Answer(b"daily limit", 429, {"Retry-After": "86400"}))) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}")
        await model.reply(ASK)
        for _ in range(2):
            with pytest.raises(ArtificerError, match="asks to wait 86400 seconds"):
                await model.reply(ASK)
        await model.close()


def test_waiting_in_the_queue_is_no_refusal(in_virtual_time) -> None:
    """The last of eight requests, one at a time, is asked after seven times 100 s, and refused once; it may wait 60 s."""

    async def main() -> list[Reply]:
        script = lambda seen: Answer(b"", 429) if seen.number == 7 else Answer(HELLO.body, delay=100)  # noqa: E731
        async with Serving(script) as endpoint:
            model = Model.of(f"openai:m@{endpoint.url}?parallel=1&patience=60")
            replies = await model.replies([ASK] * 8)
            await model.close()
            return replies

    assert [reply.error for reply in in_virtual_time(main)[0]] == [None] * 8


def test_it_finds_what_an_endpoint_can_take(in_virtual_time) -> None:
    """An endpoint that takes 32 at a time and refuses the rest, asked by a thousand rows."""

    async def main() -> tuple[int, Serving, float]:
        loop = asyncio.get_running_loop()
        busy: list[int] = [0]

        def done() -> None:
            busy[0] -= 1

        def answer(seen: Seen) -> Answer:
            if busy[0] >= 32:
                return Answer(b"", 429)
            busy[0] += 1
            loop.call_later(1.0, done)
            return Answer(HELLO.body, delay=1.0)

        async with Serving(answer, keep=False) as endpoint:
            model = Model.of(f"openai:m@{endpoint.url}?start=8&parallel=128")
            began = loop.time()
            replies = await model.replies([ASK] * 1000)
            await model.close()
            return sum(reply.error is None for reply in replies), endpoint, loop.time() - began

    (answered, endpoint, took), _ = in_virtual_time(main)
    assert answered == 1000
    assert took < 2 * 1000 / 32
    assert endpoint.count < 1.3 * 1000


def test_a_request_that_alone_is_refused_without_end_ends_its_row(in_virtual_time) -> None:
    """As one that is larger than what an account may send in a minute."""

    async def main() -> list[Reply]:
        script = lambda seen: Answer(b"too many tokens a minute", 429) if b"large" in seen.raw else HELLO  # noqa: E731
        async with Serving(script) as endpoint:
            model = Model.of(f"openai:m@{endpoint.url}?patience=300")
            large = asyncio.create_task(model.reply(Request((Message("user", "large"),))))
            await asyncio.sleep(1)
            small = await model.reply(ASK)
            replies = [small, await large]
            await model.close()
            return replies

    (small, large), took = in_virtual_time(main)
    assert small.error is None
    assert (large.error, took < 400) == (ErrorKind.transport, True)
    assert "refused for" in (large.detail or "")


def test_pauses_differ_between_requests_and_never_between_runs(in_virtual_time) -> None:
    def times(texts: tuple[str, ...]) -> list[float]:
        async def main() -> list[float]:
            loop = asyncio.get_running_loop()
            came: list[float] = []
            first: set[bytes] = set()

            def answer(seen: Seen) -> Answer:
                came.append(round(loop.time() - began, 1))
                known = seen.raw in first
                first.add(seen.raw)
                return HELLO if known else Answer(b"", 500)

            async with Serving(answer) as endpoint:
                began = loop.time()
                model = Model.of(f"openai:m@{endpoint.url}")
                await asyncio.gather(*(model.reply(Request((Message("user", text),))) for text in texts))
                await model.close()
            return sorted(came)

        return in_virtual_time(main)[0]

    texts = tuple(f"row {number}" for number in range(20))
    once = times(texts)
    assert len(set(once)) > 3
    assert [abs(one - other) < 0.2 for one, other in zip(once, times(texts))] == [True] * 40


def test_thirty_percent_of_faults_and_every_request_ends(in_virtual_time) -> None:
    async def main() -> tuple[list[Reply], Serving]:
        async with Serving(faulty(conversation(lambda number: 0.05), 0.3, seed=4, slow=60), keep=False) as endpoint:
            model = Model.of(f"openai:m@{endpoint.url}?parallel=64&timeout=20")
            replies = await asyncio.gather(*(model.reply(Request((Message("user", f"row {n}"),), (TOOL,))) for n in range(500)))
            await model.close()
            return replies, endpoint

    (replies, endpoint), _ = in_virtual_time(main)
    assert len(replies) == 500
    wrong = [reply for reply in replies if reply.error is not None]
    assert all(reply.detail for reply in wrong)
    assert len(wrong) <= 5, "0.3 to the power of six is rare"
    names = {call.name for reply in replies for call in reply.message.calls}
    assert names == {"add", "no_such_tool"}, "a wrong name is the agent's mistake, not the endpoint's"
    assert endpoint.count > 600
    assert endpoint.busy == 0 or endpoint.busy < 60  # answers that nobody waits for


# several addresses


async def test_rows_stay_where_they_were_and_spread() -> None:
    async with Serving(one_after_another(HELLO)) as one, Serving(one_after_another(HELLO)) as other:
        model = Model.of(f"openai:m@{one.url},{other.url}")
        for _ in range(3):
            await asyncio.gather(*(model.reply(Request(ASK.messages, key=f"row {number}")) for number in range(20)))
        await model.close()
    homes = [{seen.headers["x-session-id"] for seen in endpoint.seen} for endpoint in (one, other)]
    assert not homes[0] & homes[1]
    assert len(homes[0] | homes[1]) == 20
    assert min(len(homes[0]), len(homes[1])) >= 4
    assert all("row" not in session for session in homes[0])


async def test_without_keys_the_idle_address_is_asked() -> None:
    slow = lambda seen: Answer(HELLO.body, delay=0.05)  # noqa: E731
    async with Serving(slow) as one, Serving(slow) as other:
        model = Model.of(f"openai:m@{one.url},{other.url}?sticky=X-Row")
        await asyncio.gather(*(model.reply(ASK) for _ in range(20)))
        await model.close()
    assert (one.count, other.count) == (10, 10)
    assert "x-row" not in one.seen[0].headers


@pytest.mark.parametrize("trouble", [Answer(b"", 500), Answer(b"", 429, {"Retry-After": "300"}), None])
def test_another_address_takes_over_at_once(trouble: Answer | None, in_virtual_time) -> None:
    async def main() -> tuple[list[Reply], int]:
        async with Serving(one_after_another(trouble or HELLO)) as ill, Serving(one_after_another(HELLO)) as well:
            if trouble is None:
                ill.server.close()
            model = Model.of(f"openai:m@{ill.url},{well.url}")
            replies = [await model.reply(Request(ASK.messages, key=f"row {number}")) for number in range(12)]
            await model.close()
            return replies, well.count

    (replies, count), took = in_virtual_time(main)
    assert [reply.error for reply in replies] == [None] * 12
    assert count == 12
    assert took < 5


def test_an_address_where_nobody_is_is_passed_over_for_a_while(in_virtual_time) -> None:
    """With one try for each request, only the first that went there can fail."""

    async def main() -> int:
        async with Serving(one_after_another(HELLO)) as gone, Serving(one_after_another(HELLO)) as well:
            gone.server.close()
            model = Model.of(f"openai:m@{gone.url},{well.url}?tries=1")
            failed = 0
            for number in range(12):
                try:
                    reply = await model.reply(Request(ASK.messages, key=f"row {number}"))
                    failed += reply.error is not None
                except ArtificerError:
                    failed += 1
            await model.close()
            return failed

    assert in_virtual_time(main)[0] == 1


def test_each_address_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch, in_virtual_time) -> None:
    monkeypatch.setenv("ONE_KEY", "first")
    monkeypatch.setenv("OTHER_KEY", "second")

    async def main() -> list[set[Any]]:
        async with Serving(one_after_another(HELLO)) as one, Serving(one_after_another(HELLO)) as other:
            model = Model.of(f"openai:m@{one.url},{other.url}?key=ONE_KEY,OTHER_KEY")
            await asyncio.gather(*(model.reply(ASK) for _ in range(8)))
            await model.close()
            return [{seen.headers["authorization"] for seen in endpoint.seen} for endpoint in (one, other)]

    assert in_virtual_time(main)[0] == [{"Bearer first"}, {"Bearer second"}]


# limits of size and time


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_both_ways_and_answers_in_chunks(chunked: bool) -> None:
    long = "x" * (3 << 20)
    async with Serving(one_after_another(Answer(said(long), chunked=chunked))) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}")
        reply = await model.reply(Request((Message("user", long),)))
        await model.close()
    assert (len(reply.message.text), len(endpoint.seen[0].body["messages"][0]["content"])) == (3 << 20, 3 << 20)


async def test_two_thousand_at_a_time() -> None:
    async with Serving(conversation(lambda number: 0.5), keep=False) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}?parallel=2000&start=2000")
        replies = await model.replies([ASK] * 2000)
        await model.close()
    assert all(reply.error is None for reply in replies)
    assert endpoint.most > 1500


def test_a_model_serves_one_event_loop_after_another() -> None:
    model: list[Model] = []

    async def serve() -> str:
        async with Serving(one_after_another(HELLO)) as endpoint:
            model.append(Model.of(f"openai:m@{endpoint.url}?tries=1"))
            text = (await model[0].reply(ASK)).message.text
            await model[0].close()
            return text

    async def again() -> None:
        with pytest.raises(ArtificerError, match="Nobody answers"):
            await model[0].reply(ASK)

    async def once_more() -> None:
        with pytest.raises(ArtificerError, match="Nobody answers"):
            await model[0].reply(ASK)
        await model[0].close()

    assert asyncio.run(serve()) == "Hello."
    asyncio.run(again())
    asyncio.run(once_more())


async def test_cancelled_requests_leave_no_trace() -> None:
    async with Serving(one_after_another(Answer(HELLO.body, silent=True), HELLO)) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}?parallel=1&requests=5")
        first = asyncio.create_task(model.reply(ASK))
        while not endpoint.count:
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(model.reply(ASK))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await waiting).message.text == "Hello."
        await model.close()
