"""OpenApiWorld: the tools of a document, over a state made up from the document, or over a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property

import jsonschema_rs

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema, refusal
from artificer.worlds.base import Forks, Problem, Session, World
from artificer.worlds.openapi.document import Document, text_of
from artificer.worlds.openapi.names import clean
from artificer.worlds.openapi.operations import Operation, Operations
from artificer.worlds.openapi.paths import place_of
from artificer.worlds.openapi.schemas import Schemas
from artificer.worlds.openapi.security import Scheme, schemes_of
from artificer.worlds.openapi.shapes import Shapes
from artificer.worlds.openapi.specs import Sizes, Specs

Opener = Callable[[Start], Awaitable[Session]]


class Api:
    """What a document says: its operations and their tools. Shared by all sessions; schemas are compiled when first needed."""

    def __init__(self, document: Document, sizes: Sizes, variables: dict[str, str]) -> None:
        self.document = document
        self.schemas = Schemas(document)
        self.shapes = Shapes(self.schemas)
        self.schemes: dict[str, Scheme] = schemes_of(document, variables)
        hidden = frozenset((scheme.place, scheme.field.lower()) for scheme in self.schemes.values())
        specs = Specs(document, self.shapes, sizes)
        self.operations: dict[str, Operation] = {}
        self.specs: dict[str, ToolSpec] = {}
        for operation in Operations(document, self.shapes, hidden).all():
            self.operations[operation.name] = operation
            self.specs[operation.name] = specs.of(operation)
        specs.report()
        self.methods = frozenset((place_of(operation.path).signature, operation.method) for operation in self.operations.values())
        self._parameters: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self._returns: dict[str, jsonschema_rs.Draft202012Validator | None] = {}

    def refusal(self, call: ToolCall) -> ToolResult | None:
        """Why a call cannot be made, whatever the state; None when it can."""
        if call.name in self.specs and call.name not in self._parameters:
            self._parameters[call.name] = compile_schema(self.specs[call.name].parameters, call.name)
        return refusal(call, self._parameters.get(call.name))

    def accepts(self, name: str, content: Json) -> bool:
        """Whether a result fits its tool's schema."""
        if name not in self._returns:
            returns = self.specs[name].returns
            self._returns[name] = None if returns is None else compile_schema(returns, name)
        validator = self._returns[name]
        return validator is None or validator.is_valid(content)


class OpenApiWorld(World):
    """See the module docstring.

    Args:
        name: the source string.
        api: what the document says.
        opener: makes sessions: stateful ones from the document alone, or ones that call a server.
        forks: whether they can be copied.
    """

    def __init__(self, name: str, api: Api, opener: Opener, forks: Forks) -> None:
        self.name = name
        self.api = api
        self.forks: Forks = forks
        self.tools: Sequence[ToolSpec] = tuple(api.specs.values())
        info = api.document.section("info")
        self.policy = clean(": ".join(part for part in (text_of(info.get("title")), text_of(info.get("description"))) if part), 1500)
        if not self.tools:
            reasons = "; ".join(f"{problem.where}: {problem.what}" for problem in api.document.problems[:3])
            raise SourceError(
                f"the document offers no usable operation.{' ' + reasons if reasons else ''}",
                where=name,
                remedy="give a document with operations in `paths`",
            )
        self._opener = opener

    @property
    def problems(self) -> Sequence[Problem]:  # type: ignore[override]
        return tuple(self.api.document.problems)

    @cached_property
    def _toolset(self) -> str:
        return super().toolset()

    def toolset(self) -> str:
        """Digest of the tool specifications; taken once, as there may be many thousands."""
        return self._toolset

    async def open(self, start: Start) -> Session:
        return await self._opener(start)
