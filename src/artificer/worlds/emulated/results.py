"""Results in the shape that a tool declares: rows of the store where it shows rows, and fitting values around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import jsonschema_rs
from msgspec import Struct

from artificer.core.canon import Json, rng
from artificer.core.errors import SourceError
from artificer.core.tools import compile_schema
from artificer.models.prompt import record_of, rows_of
from artificer.worlds.emulated.places import columns_of, plain, properties_of
from artificer.worlds.emulated.plans import Plan, Plans
from artificer.worlds.emulated.resources import Resource
from artificer.worlds.emulated.rows import copied, key_text
from artificer.worlds.emulated.spec import Row
from artificer.worlds.schema_shape import Schema, Shape, kinds_of
from artificer.worlds.schema_values import NoSample, Sampler

_GOOD = frozenset({"success", "ok", "successful", "succeeded", "deleted", "removed", "updated", "created", "sent", "done", "confirmed", "valid"})
_COUNTS = frozenset({"total", "count", "totalcount", "totalresults", "numresults", "resultcount", "size", "totalitems"})
_ENDS = frozenset({"next", "nextpage", "nextcursor", "nextpagetoken", "nexttoken", "cursor", "error", "errors", "errormessage", "errorcode"})


class Page(Struct, frozen=True):
    """Which part of the rows found a result shows."""

    total: int
    number: int = 1
    more: bool = False


class Results:
    """Writes results for the plans of a world."""

    def __init__(self, plans: Plans, seed: int) -> None:
        self._plans = plans
        self._seed = seed
        self._samplers: dict[str, Sampler] = {}
        self._frames: dict[str, Json] = {}
        self._fields: dict[tuple[str, str], Sampler] = {}
        self._shallow: dict[str, dict[str, Schema]] = {}
        self._items: dict[str, dict[str, Schema]] = {}
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def fits(self, plan: Plan, content: Json) -> bool:
        """Whether a tool may return `content`."""
        try:
            return self.validator(plan).is_valid(content)
        except (ValueError, TypeError, OverflowError, RecursionError, SourceError):
            return False

    def validator(self, plan: Plan) -> jsonschema_rs.Draft202012Validator:
        """Of what a tool returns; of a tool that declares nothing, of anything."""
        known = self._validators.get(plan.tool)
        if known is None:
            known = self._validators[plan.tool] = compile_schema({} if plan.inferred else plan.returns, plan.tool)
        return known

    def rows(self, plan: Plan, rows: Sequence[Row], page: Page | None = None) -> Json:
        """The result that shows rows.

        Raises:
            NoSample: nothing that the tool may return shows them.
        """
        place = plan.place
        assert place is not None
        assert plan.table is not None
        resource = self._plans.resources[plan.table]
        shown = [self._shown(row, place.item, resource, plan) for row in rows]
        value: Json = shown if place.many else shown[0]
        content = self._framed(plan, value, page or Page(len(rows)))
        if not self.fits(plan, content):
            raise NoSample(f"what {plan.tool} found does not fit what it returns")
        return content

    def answer(self, plan: Plan, arguments: Row, known: Sequence[Row], *tag: Json) -> Json:
        """A result that is a function of the arguments; it repeats what it was given, and what is known of rows it is about.

        Raises:
            NoSample: the tool may return nothing.
        """
        sampler = self._samplers.get(plan.tool)
        if sampler is None:
            sampler = self._samplers[plan.tool] = Sampler(plan.returns or {"type": "string"}, depth=5)
        content = sampler.sample(rng("answer", self._seed, plan.tool, arguments, *tag))
        fields = record_of(content)
        if fields is None:
            return content
        schemas = self._shallow.get(plan.tool)
        if schemas is None:
            schemas = self._shallow[plan.tool] = properties_of(Shape(plan.returns).flat(plan.returns))
        values: Row = {}
        for row in (*known, arguments):
            values |= {plain(name): value for name, value in row.items()}
        changed = dict(fields)
        for name in fields:
            said = self._flag(name, schemas.get(name, {}), Page(1)) if not plan.reads else _KEEP
            told = values.get(plain(name), _KEEP) if said is _KEEP else said
            if told is not _KEEP:
                trial = {**changed, name: copied(told)}
                changed = trial if self.fits(plan, trial) else changed
        return changed

    def _shown(self, row: Row, item: Schema, resource: Resource, plan: Plan) -> Json:
        """A row as the tool shows it: the fields of its schema and no others."""
        schemas = self._fields_of(plan, item)
        if not schemas:
            if "object" in kinds_of(item):
                return copied({name: value for name, value in row.items() if name != resource.id or not resource.hidden})
            return copied(row.get(resource.id))
        required: list[str] = rows_of(item.get("required")) or []
        shown: Row = {}
        for name, schema in schemas.items():
            if name in row:
                shown[name] = copied(row[name])
            elif plain(name) in ("id", plain(f"{resource.noun}_id")) and resource.id in row and not resource.hidden:
                shown[name] = row[resource.id]
            elif name in required:
                shown[name] = self._field(plan, name, schema, row, resource)
        return shown

    def _fields_of(self, plan: Plan, item: Schema) -> dict[str, Schema]:
        known = self._items.get(plan.tool)
        if known is None:
            known = self._items[plan.tool] = columns_of(Shape(item), item)
        return known

    def _field(self, plan: Plan, name: str, schema: Schema, row: Row, resource: Resource) -> Json:
        """A field that no row has: always the same for the same row."""
        told = self._flag(name, schema, Page(1))
        if told is not _KEEP:
            return told
        sampler = self._fields.get((plan.tool, name))
        if sampler is None:
            sampler = self._fields[plan.tool, name] = Sampler(schema or {"type": "string"}, depth=4)
        return sampler.sample(rng("field", self._seed, resource.table, key_text(row.get(resource.id)), name), name)

    # around the rows

    def _framed(self, plan: Plan, value: Json, page: Page) -> Json:
        place = plan.place
        assert place is not None
        if not place.path:
            return value
        frame = self._frames.get(plan.tool)
        if frame is None:
            frame = self._frames[plan.tool] = Sampler(plan.returns, depth=4).sample(rng("frame", self._seed, plan.tool), "")
        return self._around(frame, Shape(plan.returns), plan.returns, place.path, value, page)

    def _around(self, frame: Json, shape: Shape, schema: Schema, path: tuple[str, ...], value: Json, page: Page) -> Json:
        """The frame with `value` at `path`, and counts and flags beside it that agree."""
        if not path:
            return value
        flat = shape.flat(schema)
        schemas = properties_of(flat)
        required: list[str] = rows_of(flat.get("required")) or []
        made: Row = {}
        for name, part in schemas.items():
            held = cast("Row", frame).get(name) if isinstance(frame, dict) else None
            if name == path[0]:
                made[name] = self._around(held, shape, part, path[1:], value, page)
                continue
            told = self._flag(name, shape.flat(part), page)
            if told is _DROP and name not in required:
                continue
            if told not in (_KEEP, _DROP):
                made[name] = told
            elif name in required or (isinstance(frame, dict) and name in frame):
                made[name] = copied(held)
        return made

    def _flag(self, name: str, schema: Schema, page: Page) -> Json:
        """What a field that speaks of the call itself says after a success; `_KEEP` for any other."""
        word, kinds = plain(name), kinds_of(schema)
        options = rows_of(schema.get("enum"))
        if options is not None:
            good = next((option for option in options if plain(str(option)) in _GOOD), _KEEP)
            return good if word in ("status", "result", "outcome") else _KEEP
        if word in _ENDS:
            return None if "null" in kinds and "type" in schema else _DROP
        if "boolean" in kinds:
            return True if word in _GOOD else page.more if word in ("hasmore", "hasnext", "more") else _KEEP
        if "integer" in kinds and word in _COUNTS:
            return page.total
        if "integer" in kinds and word == "page":
            return page.number
        return "done" if "string" in kinds and word in ("message", "msg") and "pattern" not in schema and "format" not in schema else _KEEP


class _Mark:
    """A value that no JSON is."""


_KEEP, _DROP = _Mark(), _Mark()
