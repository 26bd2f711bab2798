"""Operations: what a document's paths offer, in one form for OpenAPI 3.0, 3.1 and Swagger 2.0.

An operation knows its arguments (and where each is sent), the schema of its body and of its successful answer. Parameters and answers that many
operations share are read once. `inputs` puts the arguments together; this module finds the operations and their answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Document, Object, text_of
from artificer.worlds.openapi.inputs import Body, Inputs, Reader, media_of
from artificer.worlds.openapi.names import tool_name, unique
from artificer.worlds.openapi.schemas import Schemas
from artificer.worlds.openapi.security import Alternatives, alternatives_of
from artificer.worlds.openapi.shapes import Shapes

METHODS = ("get", "put", "post", "delete", "patch", "head")
_OTHER = ("options", "trace")
_ATTRIBUTES = 2000
_OVER = f", and not at all beyond {_ATTRIBUTES} characters"


class Answer(Struct, frozen=True):
    """The successful answer: its status, media type ("" for none), converted schema, and examples."""

    status: str
    media: str
    schema: Json
    examples: tuple[Json, ...] = ()


class Operation(Struct, frozen=True):
    """One operation.

    Args:
        name: of the tool.
        method: in small letters.
        path: the template.
        inputs: the arguments.
        answer: the successful answer.
        server: a base URL of its own, if it has one.
    """

    name: str
    method: str
    path: str
    summary: str
    tags: tuple[str, ...]
    deprecated: bool
    inputs: Inputs
    answer: Answer
    security: Alternatives
    server: str | None = None
    attributes: Object = {}
    """What the document itself says for filters, under `x-artificer`."""


class Operations:
    """Reads the operations of a document."""

    def __init__(self, document: Document, shapes: Shapes, hidden: frozenset[tuple[str, str]]) -> None:
        self._document = document
        self._schemas: Schemas = shapes.schemas
        self._reader = Reader(document, shapes, hidden)
        self._taken: set[str] = set()
        self._answers: dict[str, Answer] = {}

    def all(self) -> Iterator[Operation]:
        """Every usable operation, in the document's order; the others are problems."""
        paths = self._document.root.get("paths")
        if not isinstance(paths, dict):
            self._document.problem("paths", "the document has no paths" if paths is None else "`paths` is no object; nothing of it can be used")
            return
        for path, raw in cast("Object", paths).items():
            if path.startswith("x-"):
                continue
            if not path.startswith("/"):
                self._document.problem(path, "a path must begin with /; left out")
                continue
            item = self._document.object(raw, path)
            for method, entry in item.items():
                where = f"{method.upper()} {path}"
                if method in _OTHER:
                    self._document.problem(where, f"{method.upper()} operations are no tools; left out")
                elif method in METHODS and isinstance(entry, dict):
                    yield self._operation(method, path, item, cast("Object", entry), where)
                elif method in METHODS:
                    self._document.problem(where, "the operation is no object; left out")

    def _operation(self, method: str, path: str, item: Object, entry: Object, where: str) -> Operation:
        stated = text_of(entry.get("operationId"))
        wanted = tool_name(stated, method, path)
        name = unique(wanted, self._taken)
        self._taken.add(name.lower())
        if name != wanted:
            self._document.problem(where, f"the name {wanted!r} is taken by another operation; called {name!r}")
        if stated and not stated.isascii():
            self._document.problem(
                where, f"operationId {stated[:60]!r} holds characters that only look like letters, or are not shown; called {name!r}"
            )
        tags: Any = entry.get("tags")
        return Operation(
            name=name,
            method=method,
            path=path,
            summary=" ".join(filter(None, (text_of(entry.get("summary")).strip(), text_of(entry.get("description")).strip()))),
            tags=tuple(tag for tag in cast("list[Json]", tags) if isinstance(tag, str)) if isinstance(tags, list) else (),
            deprecated=entry.get("deprecated") is True,
            inputs=self._reader.inputs(method, path, item, entry, where),
            answer=self._answer(entry, where),
            security=alternatives_of(self._document, entry),
            server=_own_server(item, entry),
            attributes=self._own_attributes(entry, where),
        )

    def _own_attributes(self, entry: Object, where: str) -> Object:
        """Typed attributes that an author or a labeller has added: a name to a text, a number, true or false, or a list of texts."""
        stated: Json = entry.get("x-artificer")
        if stated is None:
            return {}
        found = cast("Object", stated) if isinstance(stated, dict) else {}
        usable = {name: value for name, value in found.items() if _is_attribute(value)}
        if len(usable) != len(found) or not found or len(str(found)) > _ATTRIBUTES:
            self._document.problem(where, f"`x-artificer` is no small object of texts, numbers and lists of texts; used as far as it is{_OVER}")
        return usable if len(str(usable)) <= _ATTRIBUTES else {}

    def _answer(self, entry: Object, where: str) -> Answer:
        stated: Json = entry.get("responses")
        responses = cast("Object", stated) if isinstance(stated, dict) else {}
        good = sorted(str(status) for status in responses if str(status)[:1] == "2")
        good += ["default"] if "default" in responses and not good else []
        empty = Answer(good[0] if good else "200", "", None)
        for status in good:
            raw: Json = responses.get(status)
            ref: Json = cast("Object", raw).get("$ref") if isinstance(raw, dict) else None
            key = f"{ref} {status}" if isinstance(ref, str) else ""
            found = self._answers.get(key) if key else None
            if found is None:
                found = self._read_answer(status, self._document.object(raw, where), entry, where)
                if key:
                    self._answers[key] = found
            if found.media:
                return found
        return empty

    def _read_answer(self, status: str, response: Object, entry: Object, where: str) -> Answer:
        if self._document.version == "2.0":
            if "schema" not in response:
                return Answer(status, "", None)
            produced: Any = entry.get("produces", self._document.root.get("produces")) or ["application/json"]
            media = (
                media_of([name for name in cast("list[Json]", produced) if isinstance(name, str)])
                if isinstance(produced, list)
                else "application/json"
            )
            samples: Any = response.get("examples")
            shown = tuple(cast("Object", samples).values()) if isinstance(samples, dict) else ()
            return Answer(status, media, self._schema_for(media, response["schema"], where), shown)
        content: Any = response.get("content")
        if not isinstance(content, dict) or not content:
            return Answer(status, "", None)
        types = cast("Object", content)
        media = media_of(list(types))
        chosen = self._document.object(types.get(media), where)
        schema = self._schema_for(media, chosen.get("schema"), where)
        return Answer(status, media, schema, tuple(self._examples(chosen, where)))

    def _schema_for(self, media: str, schema: Json, where: str) -> Json:
        if "json" in media or media == "*/*":
            return self._schemas.convert(schema, f"answer of {where}") if schema is not None else {}
        return {"type": "string"}

    def _examples(self, content: Object, where: str) -> Iterator[Json]:
        if "example" in content:
            yield content["example"]
        named: Any = content.get("examples")
        if isinstance(named, dict):
            for raw in list(cast("Object", named).values())[:4]:
                value = self._document.object(raw, where).get("value")
                if value is not None:
                    yield value


def _is_attribute(value: Json) -> bool:
    if isinstance(value, list):
        return all(isinstance(part, str) for part in cast("list[Json]", value))
    return isinstance(value, (str, int, float, bool))


def _own_server(item: Object, entry: Object) -> str | None:
    for holder in (entry, item):
        servers: Any = holder.get("servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], dict):
            return text_of(cast("Object", servers[0]).get("url")) or None
    return None


__all__ = ["METHODS", "Answer", "Body", "Operation", "Operations"]
