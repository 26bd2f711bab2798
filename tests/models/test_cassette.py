"""Cassettes: a recorded run plays again byte for byte with nobody to ask, whatever the concurrency."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from endpoint_double import Answer, Serving, conversation, said

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Tokens
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Counts, Model, Reply, Request, Sampling
from artificer.models.cassette import Cassette
from artificer.models.record import Recording

TOOL = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})


class Counting(Model):
    """Says how often it was asked: another answer to every request, however equal."""

    name = "scripted:counting"

    def __init__(self) -> None:
        self.asked = 0

    async def reply(self, request: Request) -> Reply:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0.001 * (number * 7 % 5))  # answers overtake each other
        return Reply(Message("assistant", f"answer {number}"))


def asks(text: str = "lamp 1", key: str = "", **more: object) -> Request:
    return Request((Message("system", "Be kind."), Message("user", text)), (TOOL,), Sampling(), key=key, **more)


async def rows(model: Model, count: int = 20, concurrency: int = 20, backwards: bool = False) -> dict[int, list[str]]:
    """Rows that all ask the same three times; what each heard."""
    gate = asyncio.Semaphore(concurrency)

    async def row(number: int) -> tuple[int, list[str]]:
        async with gate:
            return number, [(await model.reply(asks(key=f"row {number}"))).message.text for _ in range(3)]

    numbers = range(count - 1, -1, -1) if backwards else range(count)
    return dict(await asyncio.gather(*(row(number) for number in numbers)))


@pytest.mark.parametrize(("concurrency", "backwards"), [(1, False), (1, True), (20, False), (7, True)])
async def test_every_row_hears_what_it_heard(tmp_path: Path, concurrency: int, backwards: bool) -> None:
    path = tmp_path / "c.jsonl"
    heard = await rows(Recording(Counting(), path))
    assert len({text for texts in heard.values() for text in texts}) == 60
    assert await rows(Model.of(f"replay:{path}"), concurrency=concurrency, backwards=backwards) == heard


async def test_equal_requests_of_one_row_are_known_by_the_order_in_which_they_were_asked(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"

    async def best_of(model: Model) -> list[str]:
        return [reply.message.text for reply in await model.replies([asks()] * 10)]

    assert await best_of(Recording(Counting(), path)) == await best_of(Model.of(f"replay:{path}")) == [f"answer {n}" for n in range(1, 11)]


async def test_a_real_endpoint_through_the_model_string(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "c.jsonl"
    asked = [asks(), asks("lamp 2"), Request((Message("user", "no tools"),))]
    async with Serving(conversation(), keep=False) as endpoint:
        text = f"record:{path}:openai:m@{endpoint.url}?parallel=2"
        recording = Model.of(text)
        first = await recording.replies(asked)
        await recording.close()
        again = Model.of(text)
        assert await again.replies(asked) == first
        await again.close()
        assert endpoint.count == 3, "what is there is not asked again"
    replay = Model.of(f"replay:{path}")
    assert replay.name == recording.name == f"openai:m@{endpoint.url}"
    assert await replay.replies(asked) == first
    await replay.close()


class Fixed(Model):
    name = "scripted:fixed"

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def reply(self, request: Request) -> Reply:
        return self._reply


async def test_all_of_a_reply_comes_back(tmp_path: Path) -> None:
    whole = Reply(
        Message("assistant", 'a "b" \u2028', "thought", (ToolCall("c", "add", {"a": 1.5, "b": [None, {"x": "ä"}]}),)),
        Counts(3, 4),
        "raw",
        ("mended",),
        ErrorKind.unparsable_call,
        "why",
        Tokens((1, 2), (-0.1, -1e-9), {"loss": (0.0, 1.0)}),
        {"finish": "length"},
    )
    path = tmp_path / "c.jsonl"
    assert await Recording(Fixed(whole), path).reply(asks()) == whole
    assert await Model.of(f"replay:{path}").reply(asks()) == whole


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (asks("lamp 7"), 'messages[1].content: recorded "lamp 1", asked "lamp 7"'),
        (Request(asks().messages, (TOOL,), Sampling(temperature=0.7)), "sampling.temperature: recorded (nothing), asked 0.7"),
        (asks(key="row 9"), 'key: recorded "", asked "row 9"'),
        (Request(asks().messages, (ToolSpec("add", "Adds up.", TOOL.parameters),)), 'tools[0].description: recorded "Adds.", asked "Adds up."'),
        (Request((*asks().messages, Message("user", "and?")), (TOOL,)), "messages[2]: recorded (nothing), asked"),
    ],
)
async def test_a_miss_names_the_nearest(tmp_path: Path, request_: Request, says: str) -> None:
    path = tmp_path / "c.jsonl"
    recording = Recording(Counting(), path)
    await recording.reply(Request((Message("user", "something else altogether"),)))
    await recording.reply(asks())
    with pytest.raises(ArtificerError) as raised:
        await Model.of(f"replay:{path}").reply(request_)
    assert says in str(raised.value)


async def test_asked_more_often_than_recorded(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    await Recording(Counting(), path).reply(asks())
    replay = Model.of(f"replay:{path}")
    await replay.reply(asks())
    with pytest.raises(ArtificerError, match="asked 2 times and was recorded 1 times"):
        await replay.reply(asks())


@pytest.mark.parametrize("cut", [1, 40, 200])
async def test_a_torn_last_line_is_dropped_and_recorded_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "c.jsonl"
    recording = Recording(Counting(), path)
    texts = [(await recording.reply(asks(f"lamp {number}"))).message.text for number in range(3)]
    await recording.close()
    path.write_bytes(path.read_bytes()[:-cut])
    model = Counting()
    model.asked = 2
    again = Recording(model, path)
    assert [(await again.reply(asks(f"lamp {number}"))).message.text for number in range(3)] == texts
    assert model.asked == 3
    replay = Model.of(f"replay:{path}")
    assert [(await replay.reply(asks(f"lamp {number}"))).message.text for number in range(3)] == texts


async def test_a_recording_that_was_cut_off_keeps_the_numbers(tmp_path: Path) -> None:
    """The first of two equal requests was in flight when the process died, the second had its answer."""
    path = tmp_path / "c.jsonl"

    class Slow(Counting):
        async def reply(self, request: Request) -> Reply:
            first = self.asked == 0
            reply = await super().reply(request)
            await asyncio.sleep(60 if first else 0)
            return reply

    recording = Recording(Slow(), path)
    lost = asyncio.create_task(recording.reply(asks()))
    await asyncio.sleep(0)
    assert (await recording.reply(asks())).message.text == "answer 2"
    lost.cancel()
    again = Recording(Counting(), path)
    assert [(await again.reply(asks())).message.text for _ in range(2)] == ["answer 1", "answer 2"]


_WRITER = """
import asyncio, sys
from artificer.models.base import Model, Request, Reply
from artificer.core.messages import Message
from artificer.models.record import Recording
from pathlib import Path

class Says(Model):
    name = "scripted:says"
    async def reply(self, request):
        return Reply(Message("assistant", sys.argv[2] + " " + request.messages[0].text + "x" * 5000))

async def main():
    model = Recording(Says(), Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    await model.replies([Request((Message("user", str(n % 50)),), key=sys.argv[2] if n < 100 else "") for n in range(150)])
    await model.close()

asyncio.run(main())
"""


async def test_two_processes_record_into_one_file(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name], **pipes) for name in ("one", "two")]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(Cassette(path)) == 300
    replay = Model.of(f"replay:{path}")
    for name in ("one", "two"):
        assert (await replay.reply(Request((Message("user", "7"),), key=name))).message.text.startswith(f"{name} 7")
    shared = {(await replay.reply(Request((Message("user", "7"),)))).message.text[:3] for _ in range(2)}
    assert shared == {"one", "two"}, "nothing of what both were asked is lost"


async def test_one_file_holds_one_model(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    await Recording(Counting(), path).reply(asks())
    with pytest.raises(ArtificerError, match="a file of its own"):
        Model.of(f"record:{path}:scripted:silent")
    with path.open("a") as file:
        file.write('{"cassette":1,"model":"another"}\n')
    with pytest.raises(ArtificerError, match="two models"):
        Model.of(f"replay:{path}")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no cassette"),
        (b'{"id":"torn', "no cassette"),
        (b"not json\n", ":1"),
        (b'{"cassette":1,"model":"m"}\n{"x":1}\n', ":2"),
        (b'{"cassette":9,"model":"m"}\n', "version 9"),
        (b"\xff\n", ":1"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    with pytest.raises(ArtificerError, match=says):
        Model.of(f"replay:{path}")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ArtificerError, match="no such cassette"):
        Model.of("replay:/no/such/file")


@pytest.mark.parametrize("text", ["replay:", "record:", "record:file", "record:file:", "record::scripted:silent", "record:file:alien:x"])
def test_strings_that_name_nothing(text: str) -> None:
    with pytest.raises(ArtificerError, match="do: "):
        Model.of(text)


async def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtificerError, match="cannot be"):
        await Recording(Counting(), tmp_path).reply(asks())


async def test_tools_are_kept_once_and_no_secret_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    path = tmp_path / "c.jsonl"
    async with Serving(lambda seen: Answer(said("Hello."))) as endpoint:
        model = Model.of(f"record:{path}:openai:m@{endpoint.url}")
        await model.replies([asks(f"lamp {number}") for number in range(5)])
        await model.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [sorted(line) for line in lines] == [["cassette", "model"], ["specs", "tools"], *[["id", "reply", "request"]] * 5]
    assert "sk-very" not in path.read_text()
