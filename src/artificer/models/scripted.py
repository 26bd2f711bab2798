"""Models without a mind: floors to compare with, and doubles for tests.

`scripted:silent` never calls a tool. `scripted:first` calls the first tool offered with the smallest arguments its schema allows: what a model
gains over it, it gains by reading. `Scripted(replies)` says what it is given, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.models.base import Model, Reply, Request
from artificer.models.dialect import parse
from artificer.models.prompt import record_of, rows_of


class Scripted(Model):
    """Answers by a function of the request; what it says is read as any model's text is."""

    def __init__(self, name: str, answer: Callable[[Request], str]) -> None:
        self.name = name
        self._answer = answer

    @classmethod
    def saying(cls, lines: Sequence[str], name: str = "scripted:lines") -> Scripted:
        """Says `lines` one after another, and the last one again when there are no more."""
        left = list(lines)
        return cls(name, lambda request: left.pop(0) if len(left) > 1 else left[0])

    async def reply(self, request: Request) -> Reply:
        raw = self._answer(request)
        parsed = parse(raw)
        return Reply(Message("assistant", parsed.text, calls=parsed.calls), raw=raw, repairs=parsed.repairs, error=parsed.error, detail=parsed.detail)


class _First(Model):
    name = "scripted:first"

    async def reply(self, request: Request) -> Reply:
        if not request.tools:
            return Reply(Message("assistant", "I have no tools."))
        tool = request.tools[0]
        return Reply(Message("assistant", calls=(ToolCall("c1", tool.name, least(tool.parameters)),)))


def least(schema: Json) -> Json:
    """A small value of a schema's type: what is required and nothing else."""
    fields = record_of(schema) or {}
    choices = rows_of(fields.get("enum"))
    if choices:
        return choices[0]
    if "const" in fields:
        return fields["const"]
    kind = fields.get("type")
    if kind == "object" or "properties" in fields:
        properties = record_of(fields.get("properties")) or {}
        return {name: least(properties.get(name)) for name in rows_of(fields.get("required")) or []}
    simple: dict[str, Json] = {"integer": fields.get("minimum", 1), "number": fields.get("minimum", 1), "boolean": False, "array": [], "null": None}
    return simple.get(str(kind), "")


def open_model(rest: str) -> Model:
    """`silent` or `first`."""
    if rest == "silent":
        return Scripted("scripted:silent", lambda request: "I am sorry, I cannot help with that.")
    if rest == "first":
        return _First()
    raise ArtificerError(f"no scripted model is called {rest!r}", remedy="write scripted:silent or scripted:first")
