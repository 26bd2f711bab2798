"""Tools that could be anywhere: what distractors are made of. Areas, the things people handle there, and the fields
that such things have; names of tools follow from them.
"""

from __future__ import annotations

from collections.abc import Iterator

from artificer.core.canon import Json
from artificer.core.tools import EffectKind, ToolSpec

_AREAS: dict[str, tuple[str, ...]] = {
    "calendar": ("meeting", "reminder", "room_booking"),
    "mail": ("draft", "mailing_list", "attachment"),
    "travel": ("flight", "hotel_stay", "train_ticket", "visa_request"),
    "weather": ("forecast", "storm_warning", "air_quality_report"),
    "finance": ("bank_transfer", "exchange_rate", "tax_statement", "expense_claim"),
    "health": ("appointment", "prescription", "lab_result"),
    "library": ("book_loan", "reading_list", "overdue_notice"),
    "fleet": ("vehicle", "trip_log", "fuel_card"),
    "warehouse": ("pallet", "stock_count", "dock_slot"),
    "hiring": ("job_opening", "candidate", "interview"),
    "support": ("ticket", "knowledge_article", "escalation"),
    "school": ("course", "enrolment", "exam_grade"),
    "energy": ("meter_reading", "tariff", "solar_panel"),
    "media": ("playlist", "podcast_episode", "subtitle_file"),
    "legal": ("contract", "court_date", "trademark"),
    "farm": ("field_plot", "harvest_record", "irrigation_plan"),
    "security": ("access_badge", "camera_feed", "incident_report"),
    "events": ("concert_seat", "guest_list", "catering_order"),
    "housing": ("lease", "repair_request", "parking_permit"),
    "research": ("dataset", "lab_sample", "grant_application"),
}
_FIELDS: tuple[tuple[str, dict[str, Json]], ...] = (
    ("title", {"type": "string", "maxLength": 80, "description": "what it is called"}),
    ("status", {"type": "string", "enum": ["open", "pending", "closed"], "description": "where it stands"}),
    ("date", {"type": "string", "format": "date", "description": "the day it is about"}),
    ("amount", {"type": "number", "minimum": 0, "description": "in the usual unit"}),
    ("owner", {"type": "string", "description": "who is responsible"}),
    ("priority", {"type": "integer", "minimum": 1, "maximum": 5, "description": "1 is most urgent"}),
)


def catalogue() -> Iterator[ToolSpec]:
    """All tools there are to choose from, always in the same order: six for each thing."""
    for area, things in _AREAS.items():
        for place, thing in enumerate(things):
            fields = dict(_FIELDS[(place + shift) % len(_FIELDS)] for shift in range(3))
            yield from _tools(area, thing, fields)


def _tools(area: str, thing: str, fields: dict[str, dict[str, Json]]) -> Iterator[ToolSpec]:
    words = thing.replace("_", " ")
    a = f"an {words}" if words[0] in "aeiou" else f"a {words}"
    key: dict[str, Json] = {f"{thing}_id": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{4}$", "description": f"id of the {words}"}}
    row = _object(key | fields, [*key, *fields])
    rows = _object(
        {"rows": {"type": "array", "items": row, "maxItems": 3}, "total": {"type": "integer", "minimum": 0, "maximum": 3}}, ["rows", "total"]
    )
    done = _object({"status": {"const": "ok"}}, ["status"])
    query: dict[str, Json] = {"query": {"type": "string", "description": "words to look for"}}

    def tool(verb: str, says: str, effect: EffectKind, parameters: dict[str, Json], required: list[str], returns: dict[str, Json]) -> ToolSpec:
        name = f"{verb}_{thing}s" if verb == "search" else f"{verb}_{thing}"
        return ToolSpec(name, f"{says} ({area}).", _object(parameters, required), returns, effect)

    yield tool("search", f"Searches for {words}s by words or by {', '.join(fields)}", "read", query | fields, [], rows)
    yield tool("get", f"Shows one {words} by its id", "read", key, [*key], row)
    yield tool("create", f"Adds {a}", "write", fields, [*fields], key_of(key))
    yield tool("update", f"Changes fields of one {words}", "write", key | fields, [*key], done)
    yield tool("delete", f"Removes one {words} for good", "write", key, [*key], done)
    yield tool(
        "share", f"Shares {a} with somebody", "write", key | {"with": {"type": "string", "description": "their e-mail address"}}, [*key, "with"], done
    )


def key_of(key: dict[str, Json]) -> dict[str, Json]:
    """What adding a thing returns."""
    return _object(key, [*key])


def _object(properties: dict[str, Json], required: list[str]) -> dict[str, Json]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
