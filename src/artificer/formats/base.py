"""What a format is: how its rows are told, counted, read and written, and what they can hold.

A format's module has one `FORMAT`. Rows are JSON values; files, compression, encodings and accounts are the work of
`source` and `convert`, so that a format is a handful of pure functions. `HOLDS` names all there is to hold; a format
names those of them that come back when a trace is written and read again. What it does not name is declared lost:
`artificer.formats.holding` says for a given trace what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Literal, Protocol

from msgspec import Struct

from artificer.core.canon import Json, digest
from artificer.core.messages import Image, Message, Text
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.formats.account import Account

HOLDS: dict[str, str] = {
    "id": "the trace's id",
    "task": "task, world, seed and usage",
    "branches": "several branches in one row",
    "sampled": "which assistant messages a model produced",
    "played": "which messages of users a model produced",
    "verdicts": "verdicts and stop reasons",
    "effects": "effects and states of the world",
    "tokens": "token ids, log-probabilities and weights",
    "flagged": "that a result is an error, where its source says no kind",
    "blocks": "content in Anthropic's blocks beyond one thought, one text, images and calls in this order",
    "notes": "notes of messages other than fields of the format",
    "lineage": "lineage other than fields of the format",
    "reasoning": "reasoning apart from the text",
    "author": "authors of messages",
    "at": "the world's clock",
    "images": "images in messages of the user",
    "parts": "the borders between pieces of a text, files, images elsewhere",
    "call_ids": "ids of calls",
    "parallel": "several calls in one message",
    "beside": "text beside calls",
    "errors": "that a call failed, and how",
    "results": "results that are not text",
    "user_calls": "calls made by the user",
    "system": "system messages behind the beginning",
    "opening": "system messages at the beginning",
    "adjacent": "messages of the assistant directly behind each other, kept apart",
    "empty": "messages with nothing in them",
    "words": "texts as they stand, where they read as a mark or a call, or have white space at their ends",
    "tools": "names, descriptions and parameters of tools",
    "tool_details": "returns, effects, attributes and examples of tools",
}
"""What a trace has that a format may hold."""

ALL = frozenset(HOLDS)
FLAG, BLOCKS = "is_error", "blocks"
NOTED = {FLAG: "flagged", BLOCKS: "blocks"}
"""Notes of messages that a format may hold although it holds no others, and what `HOLDS` calls them."""


class Item(Struct, frozen=True):
    """A trace and the tools there were."""

    trace: Trace
    tools: tuple[ToolSpec, ...] = ()


def _as_it_is(document: Any) -> Iterator[tuple[str, Any]]:
    yield "", document


class Frame(Protocol):
    """What stands around the rows of a file that is one document; made anew for each file, since it gathers from the traces that go by."""

    @property
    def begin(self) -> bytes:
        """What comes before the first row."""
        ...

    def seen(self, items: Iterable[Item]) -> Iterator[Item]:
        """The traces, looked at as they go by."""
        ...

    def end(self) -> bytes:
        """What follows the last row."""
        ...


class Around(Struct, frozen=True):
    """Implements `Frame` for documents that always begin and end alike."""

    begin: bytes = b"[\n"
    behind: bytes = b"\n]\n"

    def seen(self, items: Iterable[Item]) -> Iterator[Item]:
        """The traces as they are."""
        return iter(items)

    def end(self) -> bytes:
        """Always the same."""
        return self.behind


class Format(Struct, frozen=True):
    """One format.

    Args:
        name: what people type.
        title: what it is, in a line.
        fits: how much a row looks like this format, from 0 to 1.
        count: the events of a row.
        parse: the traces of a row; None where a format is only written. It names in the account whatever it leaves out; raises ValueError, KeyError,
            TypeError or AttributeError where the row is not of the format.
        render: the rows of a trace with one branch (or with all, when the format holds `branches`); None where a format is only read.
        holds: what comes back, of `HOLDS`.
        losses: what does not, in words, beyond what `holds` says.
        opened: the rows inside a document that holds several, each with its name.
        file: how rows are written: a row a line, one JSON array, or Parquet.
        packed: writes encoded rows as a file of another kind, where its name has the `ending`.
        constants: whether rows may hold NaN and infinities, as Python writes them; they are read as null.
        whole: whether `render` is given whole traces rather than one branch at a time.
        told: for formats of text, what a reader takes a message for.
        frame: for files that are one document, what stands around the rows; of an array, its brackets.
        bare: whether a message has no place for fields that another format gave it (`notes.extra`): they are lost then, as other notes.
    """

    name: str
    title: str
    fits: Callable[[Any], float]
    count: Callable[[Any], int]
    parse: Callable[[Any, Account], Iterable[Item]] | None
    render: Callable[[Item, Account], Iterable[Json]] | None = None
    holds: frozenset[str] = frozenset()
    losses: tuple[str, ...] = ()
    opened: Callable[[Any], Iterator[tuple[str, Any]]] = _as_it_is
    file: Literal["lines", "array", "parquet"] = "lines"
    packed: Callable[[Iterable[bytes], BinaryIO], None] | None = None
    ending: str = ""
    constants: bool = False
    whole: bool = False
    told: Callable[[Message], Message] | None = None
    frame: Callable[[], Frame] | None = None
    bare: bool = False


def message_events(message: Message) -> int:
    """The events of one message: its result, or its calls, its thought and its text (also an empty one that stands alone)."""
    if message.role == "tool":
        return 1
    found = len(message.calls) + (message.reasoning is not None)
    if not found:
        return 1
    return found + 1 if says(message) else found


def says(message: Message) -> bool:
    """Whether there is text, or something that a user shows."""
    if isinstance(message.content, str):
        return message.content != ""
    return any(part.text for part in message.content if isinstance(part, Text)) or (
        message.role == "user" and any(isinstance(part, Image) for part in message.content)
    )


def events(trace: Trace) -> int:
    """The events of a trace, each message once however many branches go through it."""
    return sum([message_events(node.message) for node in trace.nodes])


def content_id(item: Item) -> str:
    """An id that depends on what was said and done, and on the tools; not on names, files or order.

    Where nothing was said (a task that nobody has begun), what is known of it tells it from others.
    """
    plain: list[Any] = [(node.parent, node.message) for node in item.trace.nodes]
    if not plain:
        plain = [item.trace.id, {key: value for key, value in item.trace.lineage.items() if key != "from"}]
    return f"trace-{digest(plain, [tool.name for tool in item.tools], size=12)}"


def toolset_digest(tools: Iterable[ToolSpec]) -> str:
    """The digest by which a trace names its tools."""
    return digest(list(tools))
