"""Values true to a schema, from a seeded stream: what fills a world that has nothing but a document.

A value is made from the top down: constants and options, then formats and patterns, then what a field's name suggests. Optional properties are given
near the top and left out further down, so that definitions that contain themselves end. Whether the result fits is checked by who asked for it.
"""

from __future__ import annotations

import math
from random import Random
from typing import cast

from artificer.core.canon import Json, canonical
from artificer.core.tools import compile_schema
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.patterns import fitting
from artificer.worlds.openapi.shapes import Shape, Shapes
from artificer.worlds.openapi.texts import counted, formatted, said, words_in

_OPTIONAL_LEVELS = 2
_DEEPEST = 10
_MOST_OPTIONAL = 40
_TRIES = 6
_LINKS = {"next", "previous", "prev", "cursor", "error", "errors"}


class Maker:
    """Makes values for the schemas of one document."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes

    def value(self, schema: Json, rng: Random, name: str = "", level: int = 0, full: bool = True) -> Json:
        """A value for a converted schema.

        Args:
            rng: the stream it comes from.
            name: of the field it is for.
            level: how deep the field lies.
            full: whether optional properties are given at all.
        """
        entries = self._chosen(schema, rng, level)
        if "const" in entries:
            return entries["const"]
        options: Json = entries.get("enum")
        if isinstance(options, list) and options:
            real = [option for option in cast("list[Json]", options) if option is not None]
            return rng.choice(real) if real else None
        kind = self.shapes.kind(entries)
        if level > _DEEPEST:
            return _least(kind)
        if kind == "object" or (kind == "" and self.shapes.of(entries) is not None):
            return self._object(entries, rng, level, full)
        if kind == "array":
            return self._array(entries, rng, name, level, full)
        if kind in ("integer", "number"):
            return self._number(entries, rng, name, whole=kind == "integer")
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "null":
            return None
        return self._text(entries, rng, name) if kind == "string" else self._anything(entries, rng, name)

    def _chosen(self, schema: Json, rng: Random, level: int) -> Object:
        """The schema with its reference followed and an alternative chosen: near the top any, further down the first that is not null."""
        entries = self.shapes.schemas.follow(schema)
        for _ in range(6):
            choices = cast("list[Json]", entries.get("anyOf", []))
            real = [choice for choice in choices if choice is not False and self.shapes.kind(choice) != "null"]
            if not real or "properties" in entries:
                return self._merged(entries)
            if all(isinstance(choice, dict) and set(cast("Object", choice)) <= {"required"} for choice in real):
                return self._merged(entries)
            beside = {key: value for key, value in entries.items() if key not in ("anyOf", "description", "title", "default", "examples")}
            choice = self.shapes.schemas.follow(rng.choice(real) if level < _OPTIONAL_LEVELS else real[0])
            entries = {**beside, **choice} if not ({"allOf", "properties"} & set(beside)) else {"allOf": [beside, choice]}
        return self._merged(entries)

    def _merged(self, entries: Object) -> Object:
        """Parts of an `allOf` that speak of scalars, put together; objects are left to their shape."""
        parts = cast("list[Json]", entries.get("allOf", []))
        if not parts or self.shapes.of(entries) is not None:
            return entries
        merged: Object = {}
        for part in parts:
            merged |= self.shapes.schemas.follow(part)
        return merged | {key: value for key, value in entries.items() if key != "allOf"}

    def _object(self, entries: Object, rng: Random, level: int, full: bool) -> Json:
        shape = self.shapes.of(entries)
        if shape is None:
            return self._map(entries, rng, level, full)
        return {name: self.value(shape.properties.get(name, {}), rng, name, level + 1, full) for name in self.given(shape, level, full)}

    def given(self, shape: Shape, level: int, full: bool) -> list[str]:
        """Properties to give: all required ones, near the top the optional ones too."""
        if not full or level >= _OPTIONAL_LEVELS:
            return list(shape.required)
        room = _MOST_OPTIONAL
        names = [name for name in shape.required if name not in shape.properties]
        for name, part in shape.properties.items():
            optional = name not in shape.required
            if optional and (room <= 0 or _LINKS.intersection(words_in(name)) or part is False or self._empty(part, level)):
                continue
            room -= optional
            names.append(name)
        return names

    def _empty(self, part: Json, level: int) -> bool:
        """Whether an optional property says too little, or lies too deep, to be given."""
        kind = self.shapes.kind(part)
        if kind in ("object", "array"):
            return level > 0
        return kind in ("", "null")

    def _map(self, entries: Object, rng: Random, level: int, full: bool) -> Json:
        others: Json = entries.get("additionalProperties")
        least = int(entries.get("minProperties", 0))
        if not isinstance(others, dict) or (level >= _OPTIONAL_LEVELS and not least):
            return {said("slug", rng): said("", rng) for _ in range(least)}
        count = max(least, 2 if full and level == 0 else min(1, least))
        return {said("slug", rng): self.value(others, rng, "", level + 1, full) for _ in range(count)}

    def _array(self, entries: Object, rng: Random, name: str, level: int, full: bool) -> Json:
        items = self.shapes.items(entries)
        fixed = cast("list[Json]", entries.get("prefixItems", []))
        made = [self.value(part, rng, name, level + 1, full) for part in fixed]
        least = max(int(entries.get("minItems", 0)), 0)
        most = min(int(entries.get("maxItems", least + 2)), 50)
        usual = 2 if level < _OPTIONAL_LEVELS and full and items is not None and self.shapes.kind(items) != "" else 0
        wanted = max(least, min(usual, most))
        singular = name.removesuffix("s")
        seen = {canonical(part) for part in made}
        for _ in range(4 * wanted):
            if len(made) >= wanted:
                break
            value = self.value(items if items is not None else {}, rng, singular, level + 1, full)
            if entries.get("uniqueItems") is True and canonical(value) in seen:
                continue
            seen.add(canonical(value))
            made.append(value)
        return made

    def _number(self, entries: Object, rng: Random, name: str, *, whole: bool) -> Json:
        least, most = _bounds(entries, whole)
        value: float = counted(name, rng)
        if not whole and not {"count", "number"}.intersection(words_in(name)):
            value = value + rng.choice((0.0, 0.25, 0.5, 0.75))
        if not least <= value <= most:
            value = _between(least, most, rng, whole)
        multiple: Json = entries.get("multipleOf")
        if isinstance(multiple, (int, float)) and multiple > 0:
            times = math.ceil(max(value, least) / multiple) if math.isfinite(value / multiple) else 1
            value = times * multiple if times * multiple <= most else math.floor(most / multiple) * multiple
            value = round(value, 10) if isinstance(value, float) else value
        return int(value) if whole else value

    def _text(self, entries: Object, rng: Random, name: str) -> str:
        least, most = int(entries.get("minLength", 0)), int(entries.get("maxLength", 1 << 20))
        pattern: Json = entries.get("pattern")
        if isinstance(pattern, str):
            examples = [one for one in cast("list[Json]", entries.get("examples", [])) if isinstance(one, str)]
            fits = compile_schema({"pattern": pattern}, name)
            made = next((text for _ in range(_TRIES) if fits.is_valid(text := fitting(pattern, rng)) and least <= len(text) <= most), None)
            return made if made is not None else examples[0] if examples else fitting(pattern, rng)
        made = formatted(str(entries.get("format", "")), rng)
        if made is None:
            made = said(name, rng)
        if len(made) > most:
            made = made[:most].rstrip() or "x" * min(most, 1)
        return made + "x" * (least - len(made)) if len(made) < least <= 100_000 else made

    def _anything(self, entries: Object, rng: Random, name: str) -> Json:
        examples = cast("list[Json]", entries.get("examples", []))
        if examples:
            return examples[0]
        return entries.get("default") if entries.get("default") is not None else said(name, rng)


def _least(kind: str) -> Json:
    """The smallest value of a type."""
    if kind == "array":
        return cast("list[Json]", [])
    if kind == "object":
        return cast("Object", {})
    return {"string": "", "integer": 0, "number": 0, "boolean": False}.get(kind)


def _bounds(entries: Object, whole: bool) -> tuple[float, float]:
    """Inclusive bounds; an exclusive one is moved inwards by a little."""
    step = 1 if whole else 0.01
    least = max(float(entries.get("minimum", -math.inf)), float(entries.get("exclusiveMinimum", -math.inf)) + step)
    most = min(float(entries.get("maximum", math.inf)), float(entries.get("exclusiveMaximum", math.inf)) - step)
    return (math.ceil(least), math.floor(most)) if whole and math.isfinite(least) and math.isfinite(most) else (least, most)


def _between(least: float, most: float, rng: Random, whole: bool) -> float:
    low = least if math.isfinite(least) else min(most, 0) - 50 if most < 0 else 0
    high = most if math.isfinite(most) else low + 50
    high = max(min(high, low + 1000), low)
    return rng.randint(math.ceil(low), max(math.floor(high), math.ceil(low))) if whole else round(low + (high - low) * rng.random(), 2)
