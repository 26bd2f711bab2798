"""A scripted model that the tests here share."""

from __future__ import annotations

from artificer.core.messages import Message
from artificer.models.base import Counts, Model, Reply, Request


class Lines(Model):
    """Says its lines in order; keeps what it was asked. A line that is a Reply is given as it is."""

    name = "scripted:lines"

    def __init__(self, *lines: str | Reply) -> None:
        self.left = list(lines)
        self.asked: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        line = self.left.pop(0)
        return line if isinstance(line, Reply) else Reply(Message("assistant", line), Counts(10, 1), line)
