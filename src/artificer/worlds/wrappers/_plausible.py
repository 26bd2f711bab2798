"""Values that a schema allows and that look like an answer, from a random stream."""

from __future__ import annotations

from random import Random
from typing import Any, cast

from artificer.core.canon import Json

_WORDS = ("amber", "birch", "cobalt", "delta", "ember", "fjord", "grove", "harbor", "indigo", "juniper", "kestrel", "lagoon", "meadow", "nimbus")
_PEOPLE = ("Ana Ruiz", "Ben Okoro", "Chen Wei", "Dana Levi", "Elif Kaya", "Finn Berg", "Gita Rao", "Hugo Maes")
_DEPTH = 6


def plausible(schema: Json, luck: Random, name: str = "", depth: int = 0) -> Json:
    """A value for `schema`; for what it says in ways not read here (`$ref`, `pattern`), something like it."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return None
    fields = cast("dict[str, Any]", schema)
    if "const" in fields:
        return fields["const"]
    if fields.get("enum"):
        return luck.choice(cast("list[Json]", fields["enum"]))
    for word in ("anyOf", "oneOf", "allOf"):
        if fields.get(word):
            return plausible(fields[word][0], luck, name, depth + 1)
    kinds = fields.get("type")
    kind = next((one for one in cast("list[str]", kinds) if one != "null"), "null") if isinstance(kinds, list) else kinds
    if kind == "object" or "properties" in fields:
        parts = cast("dict[str, Json]", fields.get("properties", {}))
        return {key: plausible(part, luck, key, depth + 1) for key, part in parts.items()}
    if kind == "array":
        most = min(int(fields.get("maxItems", 2)), 3)
        least = min(int(fields.get("minItems", 0)), most)
        return [plausible(fields.get("items"), luck, name, depth + 1) for _ in range(luck.randint(least, most))]
    if kind in {"integer", "number"}:
        return _amount(fields, luck, kind == "integer")
    if kind == "boolean":
        return luck.random() < 0.5
    return _text(fields, luck, name) if kind == "string" else None


def _amount(fields: dict[str, Any], luck: Random, exact: bool) -> Json:
    low = float(fields.get("minimum", fields.get("exclusiveMinimum", 0)))
    high = float(fields.get("maximum", fields.get("exclusiveMaximum", low + 100)))
    value = luck.uniform(low, max(low, high))
    return round(value) if exact else round(value, 2)


def _text(fields: dict[str, Any], luck: Random, name: str) -> str:
    if fields.get("format") == "date":
        return f"2025-{luck.randint(1, 12):02d}-{luck.randint(1, 28):02d}"
    if fields.get("format") == "date-time":
        return f"2025-{luck.randint(1, 12):02d}-{luck.randint(1, 28):02d}T{luck.randint(8, 18):02d}:00:00"
    if name.endswith("id") or "pattern" in fields:
        return f"{luck.choice('ABCDEFGH')}{luck.choice('KLMNPQRS')}{luck.randint(0, 9999):04d}"
    if name in {"owner", "name"}:
        return luck.choice(_PEOPLE)
    return " ".join(luck.sample(_WORDS, 2))[: fields.get("maxLength", 80)]
