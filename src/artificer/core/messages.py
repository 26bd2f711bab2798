"""Messages, tool calls and tool results: what passes between a user, an agent and the world."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind

Role = Literal["system", "user", "assistant", "tool"]


class ToolCall(Struct, frozen=True):
    """A request to run one tool. `arguments` are data chosen by a model: never trusted, never evaluated."""

    id: str
    name: str
    arguments: dict[str, Json]


class ToolResult(Struct, frozen=True, omit_defaults=True):
    """What a tool answered. On failure `error` is set, `content` is None and `detail` is what the agent is told."""

    call_id: str
    content: Json = None
    error: ErrorKind | None = None
    detail: str | None = None


class Text(Struct, frozen=True, tag="text", tag_field="type"):
    """A piece of text content."""

    text: str


class Image(Struct, frozen=True, tag="image", tag_field="type"):
    """An image by reference: a data URI or a path relative to the run folder."""

    uri: str
    mime: str


class File(Struct, frozen=True, tag="file", tag_field="type"):
    """A file by reference, relative to the run folder."""

    uri: str
    mime: str


Part = Text | Image | File


class Message(Struct, frozen=True, omit_defaults=True):
    """One message. An assistant message holds text, calls, or both; a tool message holds exactly one result.

    `author` tells a simulated user from a person and one agent from another; `at` is the world's clock (ISO 8601),
    never the machine's.
    """

    role: Role
    content: str | tuple[Part, ...] = ""
    reasoning: str | None = None
    calls: tuple[ToolCall, ...] = ()
    result: ToolResult | None = None
    author: str | None = None
    at: str | None = None

    @property
    def text(self) -> str:
        """The message's text parts, joined."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, Text))
