"""Inputs: the arguments of an operation, from its parameters and the properties of its body, and where each is sent.

The properties of a plain object body become arguments of their own, beside the parameters; any other body is one argument, `body`. Every argument's
name is safe and unique; what it is called on the wire stands in its field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Document, Object, text_of
from artificer.worlds.openapi.names import argument_name, clean, unique
from artificer.worlds.openapi.shapes import Shapes

Place = Literal["path", "query", "header", "cookie", "body", "whole"]
_PLACES = ("path", "query", "header", "cookie")
_IGNORED = {"accept", "content-type", "authorization"}
_TEMPLATE = re.compile(r"\{([^{}/]+)\}")
_FORMATS = {"csv": ("form", False), "ssv": ("spaceDelimited", False), "pipes": ("pipeDelimited", False), "tsv": ("spaceDelimited", False)}
_MOST_FIELDS = 200


class Field(Struct, frozen=True):
    """One argument.

    Args:
        name: of the argument.
        wire: its name in the request.
        place: where it is sent; `body` is a property of the body, `whole` the body itself.
        style, explode: how lists and objects are written, in OpenAPI's words.
        json: whether the value is sent as JSON text.
    """

    name: str
    wire: str
    place: Place
    style: str = "simple"
    explode: bool = False
    json: bool = False


class Body(Struct, frozen=True):
    """A request body: media type, converted schema, and whether it must be there."""

    media: str
    schema: Json
    required: bool


class Inputs(Struct, frozen=True):
    """All arguments: fields in order, a JSON Schema for each by name, and the names that must be given."""

    fields: tuple[Field, ...]
    properties: Object
    required: tuple[str, ...]
    body: Body | None


class _Param(Struct, frozen=True):
    """A parameter as it is declared, its schema converted."""

    field: Field
    schema: Object
    required: bool


def media_of(names: Sequence[str]) -> str:
    """The media type to use: JSON, else something like it, else forms, else text, else the first."""
    for wanted in ("application/json", "json", "*/*", "urlencoded", "multipart/form-data", "text/"):
        for name in names:
            if wanted in name.lower():
                return name
    return names[0] if names else ""


def template_names(path: str) -> list[str]:
    """Names of a path template's parameters, in order."""
    return _TEMPLATE.findall(path)


class Reader:
    """Reads inputs; parameters that are shared by reference are read once.

    Args:
        hidden: (place, lower-case name) of parameters that carry credentials: they are no arguments.
    """

    def __init__(self, document: Document, shapes: Shapes, hidden: frozenset[tuple[str, str]]) -> None:
        self._document = document
        self._shapes = shapes
        self._schemas = shapes.schemas
        self._hidden = hidden
        self._shared: dict[str, _Param | None] = {}

    def inputs(self, method: str, path: str, item: Object, entry: Object, where: str) -> Inputs:
        """The inputs of an operation; what is wrong with them is reported."""
        raws: list[Json] = []
        for holder in (item, entry):
            listed: Json = holder.get("parameters")
            raws += cast("list[Json]", listed) if isinstance(listed, list) else []
        params: dict[tuple[str, str], _Param] = {}
        forms: list[Object] = []
        body = self._body3(entry, where) if self._document.version != "2.0" else None
        for raw in raws:
            found = self._param(raw, where)
            if isinstance(found, _Param):
                params[found.field.place, found.field.wire] = found
            elif found is not None and found.get("in") == "body":
                schema = self._schemas.convert(found.get("schema"), f"body of {where}")
                body = Body(self._consumes(entry, "application/json"), schema, found.get("required") is True)
            elif found is not None:
                forms.append(found)
        if forms and body is None:
            body = self._form(forms, entry, where)
        self._paths(params, path, where)
        return self._joined(list(params.values()), body, method)

    def _param(self, raw: Json, where: str) -> _Param | Object | None:
        ref: Json = cast("Object", raw).get("$ref") if isinstance(raw, dict) else None
        if isinstance(ref, str) and ref in self._shared:
            return self._shared[ref]
        entry = self._document.object(raw, where)
        found = self._read(entry, where if ref is None else str(ref)) if entry else None
        if isinstance(ref, str) and not isinstance(found, dict):
            self._shared[ref] = found
        return found

    def _read(self, entry: Object, where: str) -> _Param | Object | None:
        place, wire = entry.get("in"), text_of(entry.get("name"))
        if self._document.version == "2.0" and place in ("body", "formData"):
            return entry
        if place not in _PLACES or not wire:
            self._document.problem(where, f"a parameter has no usable name or place ({wire!r:.40} in {place!r:.20}); left out")
            return None
        if (place, wire.lower()) in self._hidden or (place == "header" and wire.lower() in _IGNORED):
            return None
        if place == "header" and not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", wire):
            self._document.problem(where, f"{wire!r:.60} is no name for a header; left out")
            return None
        content: Any = entry.get("content")
        as_json = isinstance(content, dict) and bool(cast("Object", content))
        stated: Json = entry.get("schema")
        if as_json:
            first = next(iter(cast("Object", content).values()))
            stated = cast("Object", first).get("schema") if isinstance(first, dict) else None
        elif stated is None and "type" in entry:
            stated = {key: value for key, value in entry.items() if key not in ("in", "name", "required", "description", "example")}
        schema: Json = self._schemas.convert(stated, f"parameter {wire} of {where}") if stated is not None else {}
        out = dict(cast("Object", schema)) if isinstance(schema, dict) else {}
        described = clean(text_of(entry.get("description")), 300)
        if described:
            out["description"] = described
        if "example" in entry and "examples" not in out:
            out["examples"] = [entry["example"]]
        return _Param(self._field(entry, cast("Place", place), wire, as_json), out, entry.get("required") is True or place == "path")

    def _field(self, entry: Object, place: Place, wire: str, as_json: bool) -> Field:
        usual = "form" if place in ("query", "cookie") else "simple"
        style: str = text_of(entry.get("style")) or usual
        explode = entry["explode"] is True if "explode" in entry else style in ("form", "deepObject")
        if self._document.version == "2.0":
            style, explode = usual, entry.get("collectionFormat") == "multi"
            if place == "query":
                style, explode = _FORMATS.get(text_of(entry.get("collectionFormat")), (usual, explode))
        return Field(argument_name(wire), wire, place, style, explode, as_json)

    def _body3(self, entry: Object, where: str) -> Body | None:
        if entry.get("requestBody") is None:
            return None
        stated = self._document.object(entry["requestBody"], f"body of {where}")
        content: Any = stated.get("content")
        if not isinstance(content, dict) or not content:
            return None
        media = media_of(list(cast("Object", content)))
        chosen: Json = cast("Object", content)[media]
        schema = cast("Object", chosen).get("schema") if isinstance(chosen, dict) else None
        if not any(word in media for word in ("json", "form", "*/*")):
            return Body(media, {"type": "string", "description": f"the content, as {media[:60]}"}, stated.get("required") is True)
        return Body(media, self._schemas.convert(schema, f"body of {where}"), stated.get("required") is True)

    def _form(self, forms: list[Object], entry: Object, where: str) -> Body:
        schema: Object = {"type": "object", "properties": {}, "required": []}
        for form in forms:
            name = text_of(form.get("name"))
            stated = {key: value for key, value in form.items() if key not in ("in", "name", "required")}
            schema["properties"][name] = stated
            schema["required"] += [name] if form.get("required") is True else []
        return Body(
            self._consumes(entry, "application/x-www-form-urlencoded"), self._schemas.convert(schema, f"form of {where}"), bool(schema["required"])
        )

    def _consumes(self, entry: Object, usual: str) -> str:
        stated: Any = entry.get("consumes", self._document.root.get("consumes"))
        names = [name for name in cast("list[Json]", stated) if isinstance(name, str)] if isinstance(stated, list) else []
        fitting = [name for name in names if "json" in name or "form" in name] if "form" not in usual else [name for name in names if "form" in name]
        return media_of(fitting) or usual

    def _paths(self, params: dict[tuple[str, str], _Param], path: str, where: str) -> None:
        wanted = template_names(path)
        for place, wire in list(params):
            if place == "path" and wire not in wanted:
                self._document.problem(where, f"the path has no place for the parameter {wire!r:.60}; left out")
                del params[place, wire]
        for wire in wanted:
            if ("path", wire) not in params:
                self._document.problem(where, f"the parameter {wire!r:.60} of the path is not declared; taken as a text")
                params["path", wire] = _Param(Field(argument_name(wire), wire, "path"), {"type": "string"}, True)

    def _joined(self, params: list[_Param], body: Body | None, method: str) -> Inputs:
        fields: list[Field] = []
        properties: Object = {}
        required: list[str] = []
        taken: set[str] = set()

        def add(field: Field, schema: Json, needed: bool) -> None:
            twin = next((one for one in fields if one.wire == field.wire and one.place == "path"), None) if field.place == "body" else None
            if twin is not None and self._shapes.kind(properties[twin.name]) == self._shapes.kind(schema):
                fields.append(Field(twin.name, field.wire, "body"))  # said once, sent twice
                return
            name = unique(field.name if field.name.lower() not in taken else f"{field.place}_{field.name}", taken)
            taken.add(name.lower())
            renamed = name != field.wire and field.place != "whole"
            if renamed and isinstance(schema, dict):
                told = cast("Object", schema).get("description", "")
                schema = {**cast("Object", schema), "description": f"{told} (sent as {clean(field.wire, 60)})".strip()}
            fields.append(Field(name, field.wire, field.place, field.style, field.explode, field.json))
            properties[name] = schema
            if needed:
                required.append(name)

        for param in sorted(params, key=lambda one: one.field.place != "path"):
            add(param.field, param.schema, param.required)
        if body is not None:
            for field, schema, needed in self._of_body(body):
                add(field, schema, needed)
        return Inputs(tuple(fields), properties, tuple(required), body)

    def _of_body(self, body: Body) -> list[tuple[Field, Json, bool]]:
        shape = self._shapes.of(body.schema)
        offered = {name: part for name, part in shape.properties.items() if not _read_only(part)} if shape is not None else {}
        if shape is None or not shape.plain or not 0 < len(offered) <= _MOST_FIELDS:
            return [(Field("body", "body", "whole"), body.schema, body.required)]
        needed = shape.required if body.required else ()
        parts = [(Field(argument_name(name), name, "body"), part, name in needed) for name, part in offered.items()]
        return sorted(parts, key=lambda one: not one[2])


def _read_only(schema: Json) -> bool:
    return isinstance(schema, dict) and cast("Object", schema).get("readOnly") is True
