"""Tool specifications of operations: descriptions, bounded schemas, effects, and typed attributes for filters and retrieval."""

from __future__ import annotations

import re
from typing import cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.tools import EffectKind, ToolSpec
from artificer.worlds.openapi.cutting import Cutter
from artificer.worlds.openapi.document import Document, Object
from artificer.worlds.openapi.names import clean
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.paging import paging_of
from artificer.worlds.openapi.shapes import Shapes

PARAMETERS_BYTES = 16_000
RETURNS_BYTES = 8_000
_LOOKS = {"search", "query", "lookup", "find", "count", "validate", "preview", "calculate", "check", "estimate", "compare", "list", "get", "filter"}
_SHOWN = 6


class Sizes(Struct, frozen=True):
    """Most bytes of a tool's schemas."""

    parameters: int = PARAMETERS_BYTES
    returns: int = RETURNS_BYTES


class Specs:
    """Makes the tools of one document."""

    def __init__(self, document: Document, shapes: Shapes, sizes: Sizes) -> None:
        self._document = document
        self._shapes = shapes
        self._cutter = Cutter(shapes.schemas)
        self._sizes = sizes
        self._returns: dict[str, tuple[Object, bool]] = {}
        self._cut: dict[str, list[str]] = {"parameters": [], "results": []}

    def of(self, operation: Operation) -> ToolSpec:
        """The tool of an operation."""
        inputs = operation.inputs
        stated: Object = {"type": "object", "properties": inputs.properties, "required": list(inputs.required), "additionalProperties": False}
        parameters, cut = self._cutter.bundled(stated, self._sizes.parameters)
        if cut:
            self._cut["parameters"].append(operation.name)
        attributes: Object = {**operation.attributes, "method": operation.method.upper(), "path": operation.path}
        if operation.tags:
            attributes["tags"] = list(operation.tags[:8])
        if operation.deprecated:
            attributes["deprecated"] = True
        auth = sorted({name for names in operation.security for name in names})
        if auth:
            attributes["auth"] = auth
        paging = paging_of(operation, self._shapes)
        if paging is not None:
            attributes["paging"] = paging.hints()
        return ToolSpec(
            name=operation.name,
            description=clean(operation.summary, 600) or f"{operation.method.upper()} {operation.path}",
            parameters=parameters,
            returns=self._result(operation),
            effect=effect_of(operation),
            attributes=attributes,
        )

    def _result(self, operation: Operation) -> Object | None:
        answer = operation.answer
        if not answer.media or answer.schema is None or answer.schema is True or operation.method == "head":
            return None
        nothing: Object = {"not": {}}
        schema = cast("Object", answer.schema) if isinstance(answer.schema, dict) else nothing
        ref: Json = schema.get("$ref") if len(schema) == 1 else None
        if isinstance(ref, str) and ref in self._returns:
            found, cut = self._returns[ref]
        else:
            found, cut = self._cutter.bundled(schema, self._sizes.returns)
            if isinstance(ref, str):
                self._returns[ref] = found, cut
        if cut:
            self._cut["results"].append(operation.name)
        return found or None

    def report(self) -> None:
        """Reports what was cut: how many tools, and the first of them."""
        for what, names in self._cut.items():
            if names:
                limit = self._sizes.parameters if what == "parameters" else self._sizes.returns
                first = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                self._document.problem(
                    f"schemas of {what}", f"those of {len(names)} tools are larger than {limit} bytes; what is cut off is taken as it comes: {first}"
                )


def effect_of(operation: Operation) -> EffectKind:
    """Reads are GET and HEAD; a POST whose path ends with a word for looking is unknown; all else writes."""
    if operation.method in ("get", "head"):
        return "read"
    last = operation.path.rstrip("/").rpartition("/")[2]
    words = re.findall(r"[A-Z]?[a-z]+", last)
    return "unknown" if operation.method == "post" and words and "{" not in last and words[0].lower() in _LOOKS else "write"
