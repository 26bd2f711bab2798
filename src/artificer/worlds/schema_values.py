"""Schema-true values: `sample(schema, rng)` draws a JSON value that satisfies a JSON Schema (draft 2020-12).

    sample({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}, Random(1))

Names guide what is drawn where the schema leaves it open: a `city` is a city (`schema_texts`). `$ref` and `allOf` are
merged; `enum`, `const`, `examples` and `default` are used; what cannot be drawn by construction (`not`, `if`, `oneOf`,
...) is drawn again until the validator agrees. Every value has passed the validator; where none is found the answer is
`NoSample`, never a value that does not fit. Schemas are hostile: depth, size and the number of draws are bounded.

Left to others: draft-04 forms (`nullable`, boolean `exclusiveMinimum`), remote references, `$dynamicRef`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import cast

import jsonschema_rs

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.tools import compile_schema
from artificer.worlds.schema_patterns import BadPattern, text_for
from artificer.worlds.schema_shape import Schema, Shape, is_hard, kinds_of
from artificer.worlds.schema_texts import FORMATS, range_named, text_named

TRIES = 24
_TEXT: Schema = {"type": "string"}
_ANYTHING: Schema = {}
_LARGEST = 2**53
_ITEMS = 500
_NODES = 4_000
_SLACK = 24
"""How much deeper than asked a value may get where the schema leaves no choice."""


class NoSample(ValueError):
    """No value of a schema was found: it allows none, is out of bounds, or is no schema."""


def sample(schema: Json, rng: Random, *, defs: Mapping[str, Json] | None = None, depth: int = 6, name: str = "") -> Json:
    """A value that satisfies `schema`, a function of the arguments and the stream.

    Args:
        schema: an object, or a boolean.
        rng: where chance comes from.
        defs: schemas that a `$ref` may name by its last step, besides the schema's own: `#/components/schemas/Pet`
            and `#/$defs/Pet` are both `defs["Pet"]`.
        depth: levels after which only what is required is drawn.
        name: of the field the value is for.

    Raises:
        NoSample: see there.
    """
    return Sampler(schema, defs=defs, depth=depth).sample(rng, name)


class Sampler:
    """The same for many values of one schema: it is merged and compiled once."""

    def __init__(self, schema: Json, *, defs: Mapping[str, Json] | None = None, depth: int = 6) -> None:
        self.shape = Shape(schema, defs)
        self._schema = schema
        self.depth = depth
        self._validators: dict[int, jsonschema_rs.Draft202012Validator] = {}

    def sample(self, rng: Random, name: str = "") -> Json:
        """One value; see `sample`.

        Raises:
            NoSample: see there.
        """
        reason = ""
        for _ in range(TRIES):
            try:
                value = _Draw(self, rng).value(self._schema, name, "", 0)
            except NoSample as error:
                reason = str(error)
                continue
            except (BadPattern, RecursionError, ArithmeticError, TypeError, AttributeError, KeyError) as error:  # a schema that is none
                raise NoSample(f"the schema cannot be read: {type(error).__name__}: {str(error)[:200]}") from error
            if self.fits(self._schema, value):
                return value
            reason = "what was drawn does not fit it"
        raise NoSample(f"no value of the schema was found: {reason}")

    def fits(self, schema: Json, value: Json) -> bool:
        """Whether the validator accepts a value.

        Raises:
            NoSample: it is no schema.
        """
        known = self._validators.get(id(schema))
        if known is None:
            try:
                known = compile_schema(self.shape.closed(schema), "sample")
            except (SourceError, RecursionError) as error:
                raise NoSample(f"the schema cannot be compiled: {error}") from error
            self.shape.keep(schema)
            self._validators[id(schema)] = known
        try:
            return known.is_valid(value)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return False


class _Draw:
    """One value being drawn."""

    def __init__(self, sampler: Sampler, rng: Random) -> None:
        self._sampler = sampler
        self._rng = rng
        self._left = _NODES

    def value(self, schema: Json, name: str, around: str, depth: int) -> Json:
        """A value for the field `name` of an object called `around`."""
        self._left -= 1
        if depth > self._sampler.depth + _SLACK or self._left < -_NODES:
            raise NoSample("it nests or grows without end")
        if schema is True:
            return text_named(name, self._rng, around)
        if not isinstance(schema, dict):
            raise NoSample("it allows nothing" if schema is False else "it is no schema")
        flat = self._sampler.shape.flat(cast("Schema", schema))
        if not is_hard(flat):
            return self._made(flat, name, around, depth)
        reason = NoSample("what was drawn does not fit")
        for _ in range(TRIES if depth < self._sampler.depth else 4):
            try:
                value = self._made(flat, name, around, depth)
            except NoSample as error:
                reason = error
                continue
            if self._sampler.fits(flat, value):
                return value
        raise reason

    def _made(self, flat: Schema, name: str, around: str, depth: int) -> Json:
        if "const" in flat:
            return flat["const"]
        if isinstance(flat.get("enum"), list):
            options = [option for option in flat["enum"] if self._sampler.fits(flat, option)]
            if not options:
                raise NoSample("no value of its enum fits it")
            return self._rng.choice(options)
        shown = self._shown(flat)
        if shown and self._rng.random() < 0.5:
            return self._rng.choice(shown)
        for keyword in ("oneOf", "anyOf"):
            if isinstance(flat.get(keyword), list) and flat[keyword]:
                return self._option(flat, keyword, name, around, depth)
        return self._of_kind(flat, self._kind(flat, depth), name, around, depth)

    def _shown(self, flat: Schema) -> list[Json]:
        """Examples that fit; those of whole objects would make every row alike."""
        found: list[Json] = list(flat["examples"]) if isinstance(flat.get("examples"), list) else []
        found += [flat[key] for key in ("example", "default") if key in flat]
        return [value for value in found if not isinstance(value, (dict, list)) and self._sampler.fits(flat, value)]

    def _option(self, flat: Schema, keyword: str, name: str, around: str, depth: int) -> Json:
        rest = self._sampler.shape.less(flat, keyword)
        options: list[Json] = [option for option in flat[keyword] if option is not False]
        if not options:
            raise NoSample(f"every alternative of its {keyword} is false")
        if self._spare(depth):
            chosen = self._rng.choice(options)
            if chosen == {"type": "null"}:
                chosen = self._rng.choice(options)
        else:
            chosen = min(options, key=lambda option: self._cost(option))
        return self.value(self._sampler.shape.both(rest, chosen), name, around, depth + 1)

    def _cost(self, option: Json) -> int:
        """How much a value of an alternative nests at least, roughly."""
        if not isinstance(option, dict):
            return 0
        flat = self._sampler.shape.flat(cast("Schema", option))
        kinds = kinds_of(flat)
        if "const" in flat or "enum" in flat or not kinds & {"object", "array"}:
            return 0
        return 1 if "array" in kinds and not flat.get("minItems") else 2 + len(flat.get("required") or ())

    def _spare(self, depth: int) -> bool:
        return depth < self._sampler.depth and self._left > 0

    def _kind(self, flat: Schema, depth: int) -> str:
        kinds = sorted(kinds_of(flat))
        if not kinds:
            raise NoSample("its types exclude each other")
        if len(kinds) > 1 and "null" in kinds and self._spare(depth) and self._rng.random() < 0.9:
            kinds.remove("null")
        if not self._spare(depth):
            kinds = [kind for kind in kinds if kind not in ("object", "array")] or kinds
        return self._rng.choice(kinds)

    def _of_kind(self, flat: Schema, kind: str, name: str, around: str, depth: int) -> Json:
        if kind == "object":
            return self._object(flat, name, depth)
        if kind == "array":
            return self._array(flat, name, depth)
        if kind == "string":
            return self._text(flat, name, around)
        if kind in ("integer", "number"):
            return self._number(flat, kind == "integer", name)
        return None if kind == "null" else self._rng.random() < 0.6

    # objects

    def _object(self, flat: Schema, name: str, depth: int) -> Json:
        properties = cast("Schema", flat.get("properties") or {})
        wanted = self._wanted(flat, properties, depth)
        made: dict[str, Json] = {}
        for key in [*(key for key in properties if key in wanted), *(key for key in wanted if key not in properties)]:
            made[key] = self.value(self._schema_of(flat, key), key, name, depth + 1)
        least = int(flat.get("minProperties") or 0)
        open_map = not properties and isinstance(flat.get("additionalProperties"), dict) and self._spare(depth)
        target = max(least, self._rng.randint(1, 3)) if open_map else least
        self._add(flat, made, min(target, int(flat.get("maxProperties", target))), depth)
        if len(made) < least:
            raise NoSample("it wants more properties than it allows")
        return made

    def _wanted(self, flat: Schema, properties: Schema, depth: int) -> dict[str, None]:
        """The properties to fill: all that are required, most of the others while there is room."""
        wanted: dict[str, None] = dict.fromkeys(flat.get("required") or ())
        if len(wanted) > _ITEMS:
            raise NoSample(f"it requires {len(wanted)} properties")
        if self._spare(depth):
            most = int(flat.get("maxProperties", len(properties) + len(wanted)))
            for key, part in properties.items():
                if key not in wanted and len(wanted) < most and part is not False and self._rng.random() < 0.85:
                    wanted[key] = None
        depend = cast("dict[str, list[str]]", flat.get("dependentRequired") or {})
        for key in list(wanted):
            wanted |= dict.fromkeys(depend.get(key, []))
        return wanted

    def _schema_of(self, flat: Schema, key: str) -> Json:
        """What a property must satisfy; patterns are judged by the validator alone, on its name."""
        properties = cast("Schema", flat.get("properties") or {})
        if key in properties:
            return properties[key]
        for pattern, part in cast("Schema", flat.get("patternProperties") or {}).items():
            if self._sampler.fits(self._sampler.shape.only(pattern), key):
                return part
        return flat.get("additionalProperties", True)

    def _add(self, flat: Schema, made: dict[str, Json], target: int, depth: int) -> None:
        """Adds properties that have no name in the schema."""
        if target > _ITEMS:
            raise NoSample(f"it wants {target} properties")
        patterns = list(cast("Schema", flat.get("patternProperties") or {}))
        rest = [key for key, part in cast("Schema", flat.get("properties") or {}).items() if key not in made and part is not False]
        for _ in range(4 * target):
            if len(made) >= target:
                return
            if rest:
                key = rest.pop(0)
            elif flat.get("propertyNames", True) is not True:
                key = self.value(self._sampler.shape.both(_TEXT, flat["propertyNames"]), "key", "", depth + 1)
            elif patterns:
                key = text_for(self._rng.choice(patterns), self._rng, 6)
            else:
                key = text_named("username", self._rng)
            if isinstance(key, str) and key not in made and self._schema_of(flat, key) is not False:
                made[key] = self.value(self._schema_of(flat, key), key, "", depth + 1)

    # lists

    def _array(self, flat: Schema, name: str, depth: int) -> Json:
        least, most = int(flat.get("minItems") or 0), flat.get("maxItems")
        first = cast("list[Json]", flat.get("prefixItems") or [])
        items: Json = flat.get("items", True)
        if least > _ITEMS:
            raise NoSample(f"it wants {least} items")
        count = max(least, self._rng.randint(1, 3) + len(first)) if self._spare(depth) else least
        if items is False:
            count = min(count, len(first))
        contains = flat.get("contains")
        held = int(flat.get("minContains", 1)) if contains is not None else 0
        count = max(count, held + len(first) if held else 0)
        count = min(count, int(most)) if most is not None else count
        one = name[:-1] if name.endswith("s") else name
        made: list[Json] = []
        seen: set[bytes] = set()
        for turn in range(count + TRIES):
            if len(made) >= count:
                break
            at = len(made)
            part: Json = first[at] if at < len(first) else items
            if held and count - at <= held:
                part = self._sampler.shape.both(cast("Schema", part) if isinstance(part, dict) else _ANYTHING, contains)
            value = self.value(part, one, name, depth + 1)
            if flat.get("uniqueItems"):
                written = canonical(value)
                if written in seen:
                    continue
                seen.add(written)
            made.append(value)
            if turn > count and len(made) >= least:
                break
        if len(made) < least:
            raise NoSample("too few different items")
        return made

    # scalars

    def _text(self, flat: Schema, name: str, around: str) -> str:
        least, most = int(flat.get("minLength") or 0), flat.get("maxLength")
        most = int(most) if most is not None else None
        if least > 20_000 or (most is not None and most < least):
            raise NoSample(f"it wants texts of {least} to {most} characters")
        if isinstance(flat.get("pattern"), str):
            return text_for(flat["pattern"], self._rng, least, most)
        write = FORMATS.get(str(flat.get("format")))
        text = write(self._rng) if write is not None else text_named(name, self._rng, around)
        while write is None and len(text) < least:
            text += " " + text_named("", self._rng)
        if most is not None and len(text) > most:
            text = text[:most].strip()
        return text.ljust(least, "a") if write is None else text

    def _number(self, flat: Schema, whole: bool, name: str) -> Json:
        least, most = _limits(flat, whole)
        low, high = _usual(least, most, name)
        step = flat.get("multipleOf")
        if step is not None:
            if math.ceil(low / step) > math.floor(high / step):  # the name suggests numbers among which there is none
                low = least if least is not None else (most or 0) - 100 * step
                high = most if most is not None else low + 100 * step
            return _multiple(low, high, step, whole, self._rng)
        if whole:
            low, high = math.ceil(max(low, -_LARGEST)), math.floor(min(high, _LARGEST))
            if low > high:
                raise NoSample("no whole number lies within its bounds")
            return self._rng.randint(low, high)
        value = self._rng.uniform(low, high)
        rounded = round(value, 2)
        return rounded if low <= rounded <= high else value


def _limits(flat: Schema, whole: bool) -> tuple[float | None, float | None]:
    """The least and the most that a schema allows, exclusive bounds made inclusive."""
    least, most = flat.get("minimum"), flat.get("maximum")
    over, under = flat.get("exclusiveMinimum"), flat.get("exclusiveMaximum")
    if over is not None and (least is None or over >= least):
        least = math.floor(over) + 1 if whole else math.nextafter(over, math.inf)
    if under is not None and (most is None or under <= most):
        most = math.ceil(under) - 1 if whole else math.nextafter(under, -math.inf)
    if least is not None and most is not None and least > most:
        raise NoSample(f"nothing lies between {least} and {most}")
    return least, most


def _usual(least: float | None, most: float | None, name: str) -> tuple[float, float]:
    """The closed range to draw from: what is allowed, narrowed to what the name suggests where these meet."""
    low, high = range_named(name)
    if least is not None and most is not None:
        inside = max(low, least), min(high, most)
        return inside if inside[0] < inside[1] else (least, most)
    if least is not None:
        return (max(low, least), high) if high > least else (least, least + 100)
    if most is not None:
        return (low, min(high, most)) if low < most else (most - 100, most)
    return low, high


def _multiple(low: float, high: float, step: float, whole: bool, rng: Random) -> Json:
    """A multiple of `step` that is exact in floating point."""
    if step <= 0:
        raise NoSample(f"multiples of {step}")
    first, last = math.ceil(low / step), math.floor(high / step)
    for _ in range(TRIES if first <= last else 0):
        factor = rng.randint(first, last)
        if float(step).is_integer():
            return factor * int(step)
        value = round(factor * step, 12)
        if (not whole or value.is_integer()) and (value / step).is_integer():
            return int(value) if whole else value
    raise NoSample(f"no multiple of {step} lies within its bounds")
