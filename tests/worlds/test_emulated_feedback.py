"""Reported errors: what is wrong is named, what would be right is not."""

from __future__ import annotations

import asyncio
import json

import pytest

from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply
from artificer.models.scripted import Scripted
from artificer.worlds.emulated.feedback import FALLBACK, feedback, leaked

SPEC = ToolSpec(
    "book_table",
    "Book a table.",
    {"type": "object", "properties": {"guests": {"type": "integer"}, "area": {"enum": ["terrace", "hall"]}, "name": {"type": "string"}}},
)
FAILED = ToolCall("1", "book_table", {"guests": "four", "area": "roof", "name": "Ada"})
RIGHT = ToolCall("1", "book_table", {"guests": 14, "area": "hall", "name": "Ada", "at": {"day": "2026-05-04"}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("guests must be an integer, not a string", ()),
        ("guests must be 14", ("14",)),
        ("guests is 140 too many", ()),
        ("area must be terrace or hall; Ada is fine", ()),
        ("day: use 2026-05-04", ("2026-05-04",)),
    ],
)
def test_what_a_message_tells(text, told):
    assert leaked(text, SPEC, FAILED, RIGHT) == told


def test_another_tools_name_is_told_too():
    other = ToolCall("1", "cancel_table", {})
    assert leaked("call Cancel_Table instead", SPEC, FAILED, other) == ("cancel_table",)
    assert leaked("call cancel_table instead", SPEC, FAILED, None) == ()


def says(*texts):
    return Scripted.saying([json.dumps({"message": text}) for text in texts])


async def test_a_message_that_tells_too_much_is_asked_for_again_and_then_replaced():
    good = await feedback(says("guests should be 14", "guests is not an integer"), SPEC, FAILED, ErrorKind.mistyped_argument, "", RIGHT)
    assert (good.text, good.source) == ("guests is not an integer", "model")
    bad = await feedback(says("guests should be 14"), SPEC, FAILED, ErrorKind.mistyped_argument, "", RIGHT)
    assert (bad.text, bad.source, bad.reason) == (FALLBACK, "fallback", "it tells 14")


@pytest.mark.parametrize(
    "line", ["no", "[]", '{"message": 5}', '{"message": ""}', json.dumps({"message": "x" * 400}), "{" * 100_000, '{"text": "a"}']
)
async def test_what_is_no_message_is_replaced(line):
    assert (await feedback(Scripted.saying([line]), SPEC, FAILED, ErrorKind.mistyped_argument, "", RIGHT)).text == FALLBACK


class Failing(Model):
    name = "test:failing"

    def __init__(self, error):
        self.error = error

    async def reply(self, request):
        if self.error is None:
            await asyncio.sleep(3600)
        return Reply(Message("assistant"), error=self.error)


@pytest.mark.parametrize("model", [None, Failing(ErrorKind.transport), Failing(ErrorKind.timeout), Failing(None)])
async def test_training_never_waits_for_it(model):
    found = await feedback(model, SPEC, FAILED, ErrorKind.mistyped_argument, timeout_s=0.05)
    assert (found.text, found.source) == (FALLBACK, "fallback")
    assert found.reason
