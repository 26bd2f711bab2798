"""`| noise:results=0.3,before=2`: context that does not matter, among results and before the first words.

The kinds are those of NoisyBench (arXiv 2601.07226): `documents` about something else, irrelevant chat `history`,
and `hard` negatives, which speak of the very things at hand and neither hold nor change an answer. Before the
conversation stand `before` pieces: documents and hard negatives as something the user passed on, history as earlier
turns. With the share `results` an answer that is an object gets one more field, `also_found`, and one that is a text
gets a paragraph; what the tool answered stands beside it unchanged. `file` replaces our few documents with your own.

Only the context changes: the same task in the same world with and without noise makes a pair. Texts of ours hold no
digits, no ids and no names, so nothing in them can pass for an answer. (A hard negative among results names the
first text that the result shows.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers._filler import beside, document, exchange
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, choices, number, whole

KINDS = ("documents", "history", "hard")
FIELD = "also_found"
_PARAGRAPH = "\n\nAlso found: "
_LARGEST = 10_000_000
_HANDED = "Here is something from our files, in case it helps later:\n\n{}"
_NOTED = "Thank you, I have read it."


class Plan(Struct, frozen=True):
    """How much noise, where and of what: the options of `wrap`, read."""

    results: float
    before: int
    kinds: tuple[str, ...]
    size: int
    documents: tuple[str, ...]


def wrap(
    world: World,
    *,
    results: str = "0",
    before: str = "0",
    kinds: str = "documents+history+hard",
    size: str = "1",
    file: str = "",
    seed: str = "0",
) -> World:
    """The world with noise.

    Args:
        world: the world wrapped.
        results: share of answers that get noise.
        before: pieces before the conversation.
        kinds: joined by `+`; results take documents and hard negatives only.
        size: texts in each piece but history; hundreds make a long context.
        file: a text file of documents, with an empty line between two; instead of ours.
        seed: of the draws.

    Raises:
        SourceError: an option's value cannot be used, or the file cannot be read.
    """
    chosen = choices(kinds, "noise:kinds", KINDS)
    if not chosen:
        raise SourceError("noise is of no kind.", where=world.name, remedy=f"e.g. kinds={'+'.join(KINDS)}")
    options = {"results": results, "before": before, "kinds": kinds, "size": size} | ({"file": file} if file else {}) | {"seed": seed}
    plan = Plan(
        results=number(results, "noise:results"),
        before=whole(before, "noise:before", 0, 1000),
        kinds=chosen,
        size=whole(size, "noise:size", 1, 10_000),
        documents=_documents(Path(file)) if file else (),
    )
    return Noise(world, plan, options, whole(seed, "noise:seed"))


def _documents(path: Path) -> tuple[str, ...]:
    try:
        if path.stat().st_size > _LARGEST:
            raise SourceError(f"the documents have more than {_LARGEST} bytes.", where=str(path), remedy="give fewer")
        found = tuple(part.strip() for part in path.read_text("utf-8").split("\n\n") if part.strip())
    except (OSError, UnicodeError) as error:
        raise SourceError(f"the documents cannot be read: {error}", where=str(path), remedy="give a text file in UTF-8") from error
    if not found:
        raise SourceError("there are no documents.", where=str(path), remedy="write some, with an empty line between two")
    return found


class Noise(Wrapped):
    """See the module docstring."""

    def __init__(self, inner: World, plan: Plan, options: dict[str, str], seed: int) -> None:
        super().__init__(inner, "noise", options, seed)
        self.plan = plan
        self.things = sorted({words for tool in inner.tools if (words := _thing(tool.name))}) or ["the records"]
        if plan.results:
            self.tools = tuple(_widened(tool) for tool in inner.tools)

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)

    def understood(self, result: ToolResult) -> ToolResult:
        content = result.content
        if isinstance(content, str):
            return msgspec.structs.replace(result, content=content.partition(_PARAGRAPH)[0])
        if not isinstance(content, dict) or FIELD not in content:
            return result
        return msgspec.structs.replace(result, content={key: part for key, part in cast("dict[str, Json]", content).items() if key != FIELD})

    def text(self, kind: str, thing: str | None, luck: Random) -> str:
        """A piece of noise, about `thing` where there is one and the kind asks for it."""
        return "\n\n".join(self._text(kind, thing or luck.choice(self.things), luck) for _ in range(self.plan.size))

    def _text(self, kind: str, thing: str, luck: Random) -> str:
        if kind == "hard":
            return beside(thing, luck)
        return luck.choice(self.plan.documents) if self.plan.documents else document(luck)


class _Session(WrappedSession):
    def __init__(self, world: Noise, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self._noise = world

    def before(self) -> tuple[Message, ...]:
        return (*(message for piece in range(self._noise.plan.before) for message in self._piece(piece)), *super().before())

    def _piece(self, piece: int) -> Iterator[Message]:
        luck = self.chance("before", piece)
        kind = luck.choice(self._noise.plan.kinds)
        if kind == "history":
            asked, answered = exchange(luck)
        else:
            asked, answered = _HANDED.format(self._noise.text(kind, None, luck)), _NOTED
        yield Message("user", asked)
        yield Message("assistant", answered)

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        result = await self.pass_on(call, actor)
        kinds = [kind for kind in self._noise.plan.kinds if kind != "history"]
        if result.error is not None or not kinds or not self._noise.plan.results:
            return result
        if self.draw(call) >= self._noise.plan.results:
            return result
        luck = self.luck(call)
        kind = luck.choice(kinds)
        text = self._noise.text(kind, _named(result.content), luck)
        content = _with(result.content, text)
        if content is None:
            return result
        self.note(kind)
        return msgspec.structs.replace(result, content=content)


def _thing(name: str) -> str:
    """What a tool is about, by its name: `search_album_tracks` is about album tracks."""
    _, _, rest = name.partition("_")
    return rest.replace("_", " ")


def _named(content: Json) -> str | None:
    """The first text that an answer shows, if it is short and no id: what the answer is about."""
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict):
            waiting = [*cast("dict[str, Any]", value).values(), *waiting]
        elif isinstance(value, list):
            waiting = [*cast("list[Any]", value)[:1], *waiting]
        elif isinstance(value, str) and 2 < len(value) <= 60 and not any(letter.isdigit() for letter in value):
            return f'"{value}"'
    return None


def _with(content: Json, text: str) -> Json:
    """The content with a text beside it; None where there is no room."""
    if isinstance(content, dict) and FIELD not in content:
        return {**cast("dict[str, Json]", content), FIELD: text}
    return f"{content}{_PARAGRAPH}{text}" if isinstance(content, str) else None


def _widened(tool: ToolSpec) -> ToolSpec:
    """The tool whose answers may have the further field."""
    returns = tool.returns
    if returns is None or not isinstance(returns.get("properties"), dict):
        return tool
    properties = cast("dict[str, Json]", returns["properties"]) | {FIELD: {"type": "string", "description": "what else was found"}}
    return msgspec.structs.replace(tool, returns=returns | {"properties": properties})
