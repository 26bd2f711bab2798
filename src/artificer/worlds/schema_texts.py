"""Texts and numbers that look like what their field's name says: a city for `city`, a day for `due_date`, an address
for `email`. Everyday words, no real persons, reserved domains only; a function of the random stream alone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from random import Random

_ADJECTIVES = (
    *("amber", "autumn", "bright", "calm", "classic", "clear", "coastal", "copper", "early", "eastern", "fresh", "gentle", "golden", "grand"),
    *("green", "ivory", "late", "little", "modern", "northern", "open", "polished", "quiet", "rapid", "rustic", "silver", "simple", "smart"),
    *("solid", "southern", "spring", "summer", "sunny", "swift", "tidy", "urban", "velvet", "vivid", "warm", "western", "winter", "wooden"),
)
_NOUNS = (
    *("anchor", "atlas", "basket", "beacon", "bridge", "cabinet", "canyon", "cedar", "chapter", "compass", "corner", "crystal", "engine"),
    *("falcon", "field", "forest", "garden", "harbor", "horizon", "island", "kettle", "ladder", "lantern", "letter", "maple", "market"),
    *("meadow", "mirror", "mountain", "orchard", "paper", "pebble", "planet", "river", "signal", "studio", "summit", "table", "tower", "valley"),
)
_GIVEN = ("Ada", "Bruno", "Carla", "Daan", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Liam", "Mara", "Nils", "Olga", "Pavel", "Rosa")
_FAMILY = ("Abbot", "Berg", "Costa", "Dahl", "Ek", "Frost", "Gruber", "Holt", "Ivanov", "Jansen", "Kaur", "Lund", "Moss", "Novak", "Okafor", "Silva")
_CITIES = (
    "Bergen",
    "Bologna",
    "Cork",
    "Dresden",
    "Gdansk",
    "Ghent",
    "Graz",
    "Kyoto",
    "Leeds",
    "Lyon",
    "Malmo",
    "Oporto",
    "Quito",
    "Tampa",
    "Utrecht",
)
_COUNTRIES = ("Austria", "Belgium", "Brazil", "Canada", "Denmark", "France", "Germany", "Ireland", "Italy", "Japan", "Norway", "Poland", "Spain")
_COLOURS = ("black", "blue", "brown", "green", "grey", "orange", "red", "white", "yellow")
_KINDS = ("basic", "business", "express", "family", "general", "home", "office", "outdoor", "premium", "regular", "standard", "travel")
_STATES = ("active", "closed", "done", "open", "paused", "pending")
_PEOPLE = frozenset(
    [
        "user",
        "customer",
        "client",
        "person",
        "member",
        "contact",
        "author",
        "owner",
        "guest",
        "patient",
        "employee",
        "student",
        "teacher",
        "passenger",
        "sender",
        "recipient",
    ]
)
_PERSONAL = (
    frozenset(["assignee", "attendee", "organizer", "organiser", "host", "driver", "doctor", "manager", "creator", "reviewer", "participant"])
    | _PEOPLE
)


def words_of(name: str) -> list[str]:
    """`dueDate` -> due, date."""
    return re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", name).lower())


def _pair(rng: Random) -> str:
    return f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"


def _slug(rng: Random) -> str:
    return _pair(rng).replace(" ", "-")


def _person(rng: Random) -> str:
    return f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}"


def _sentence(rng: Random) -> str:
    return f"The {_pair(rng)} by the {_pair(rng)}"


def _email(rng: Random) -> str:
    return f"{rng.choice(_GIVEN)}.{rng.choice(_FAMILY)}{rng.randint(1, 99)}@mail.example".lower()


def _street(rng: Random) -> str:
    return f"{rng.randint(1, 180)} {rng.choice(_NOUNS).title()} Street"


def _date(rng: Random) -> str:
    return f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _time(rng: Random) -> str:
    return f"{rng.randint(6, 21):02}:{rng.choice((0, 15, 30, 45)):02}"


def _hex(rng: Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def _base64(rng: Random) -> str:
    return "".join(rng.choice("ABCDEFGHabcdefgh0123") for _ in range(4 * rng.randint(2, 5)))


def _identifier(rng: Random) -> str:
    return f"{rng.choice('ABCDEFGHKLMNPRSTUVWX')}{rng.choice('ABCDEFGHKLMNPRSTUVWX')}-{rng.randint(10_000, 99_999)}"


FORMATS: dict[str, Callable[[Random], str]] = {
    "date": _date,
    "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}:00Z",
    "time": lambda rng: f"{_time(rng)}:00Z",
    "duration": lambda rng: f"P{rng.randint(1, 20)}D",
    "email": _email,
    "idn-email": _email,
    "hostname": lambda rng: f"{_slug(rng)}.example",
    "idn-hostname": lambda rng: f"{_slug(rng)}.example",
    "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",
    "ipv6": lambda rng: f"2001:db8::{rng.randint(1, 0xFFFF):x}",
    "uri": lambda rng: f"https://{_slug(rng)}.example/{rng.choice(_NOUNS)}",
    "uri-reference": lambda rng: f"/{rng.choice(_NOUNS)}/{_slug(rng)}",
    "iri": lambda rng: f"https://{_slug(rng)}.example/{rng.choice(_NOUNS)}",
    "iri-reference": lambda rng: f"/{rng.choice(_NOUNS)}/{_slug(rng)}",
    "uri-template": lambda rng: f"/{rng.choice(_NOUNS)}/{{id}}",
    "url": lambda rng: f"https://{_slug(rng)}.example/{rng.choice(_NOUNS)}",
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "json-pointer": lambda rng: f"/{rng.choice(_NOUNS)}/{rng.randint(0, 9)}",
    "relative-json-pointer": lambda rng: f"{rng.randint(0, 3)}/{rng.choice(_NOUNS)}",
    "regex": lambda rng: f"^{rng.choice(_NOUNS)}$",
    "byte": _base64,
    "binary": _base64,
    "password": _slug,
}
"""Writers of JSON Schema's string formats, and of OpenAPI's."""

_BY_WORD: dict[str, Callable[[Random], str]] = {
    **dict.fromkeys(("email", "mail"), _email),
    **dict.fromkeys(("phone", "telephone", "mobile", "fax"), lambda rng: f"+1 555 01{rng.randint(10, 99)} {rng.randint(100, 999)}"),
    **dict.fromkeys(("city", "town", "destination", "origin", "location", "place"), lambda rng: rng.choice(_CITIES)),
    **dict.fromkeys(("country", "nationality"), lambda rng: rng.choice(_COUNTRIES)),
    **dict.fromkeys(("street", "address"), _street),
    **dict.fromkeys(("zip", "zipcode", "postcode", "postal"), lambda rng: f"{rng.randint(10_000, 99_999)}"),
    **dict.fromkeys(("url", "uri", "link", "website", "href"), FORMATS["uri"]),
    **dict.fromkeys(("date", "day", "birthday", "deadline", "due"), _date),
    **dict.fromkeys(("at", "timestamp", "datetime"), FORMATS["date-time"]),
    **dict.fromkeys(("time", "hour"), _time),
    **dict.fromkeys(("color", "colour"), lambda rng: rng.choice(_COLOURS)),
    **dict.fromkeys(("category", "type", "kind", "class", "tier", "plan"), lambda rng: rng.choice(_KINDS)),
    **dict.fromkeys(("status", "state", "phase"), lambda rng: rng.choice(_STATES)),
    **dict.fromkeys(("currency",), lambda rng: rng.choice(("EUR", "USD", "GBP", "JPY", "NOK"))),
    **dict.fromkeys(("language", "locale"), lambda rng: rng.choice(("en", "de", "fr", "es", "pl"))),
    **dict.fromkeys(("timezone", "tz"), lambda rng: rng.choice(("UTC", "Europe/Oslo", "Asia/Tokyo"))),
    **dict.fromkeys(("id", "uuid", "code", "number", "key", "sku", "reference", "token"), _identifier),
    **dict.fromkeys(("hash", "sha", "checksum", "etag"), lambda rng: _hex(rng, 12)),
    **dict.fromkeys(("file", "filename", "path"), lambda rng: f"{_slug(rng)}.txt"),
    **dict.fromkeys(("slug", "username", "login", "handle", "nickname"), _slug),
    **dict.fromkeys(("description", "summary", "note", "notes", "text", "body", "content", "message", "comment", "details", "bio"), _sentence),
    **dict.fromkeys(_PERSONAL, _person),
}


def text_named(name: str, rng: Random, around: str = "") -> str:
    """A text for a field called `name` in an object called `around`."""
    words = words_of(name)
    last = words[-1] if words else ""
    if last in ("name", "fullname"):
        owner = {word.rstrip("s") for word in (words[:-1] or words_of(around))}
        if owner & _PERSONAL or words[:1] == ["full"]:
            return _person(rng)
        if words[:1] in (["first"], ["given"]):
            return rng.choice(_GIVEN)
        return rng.choice(_FAMILY) if words[:1] in (["last"], ["family"]) else _pair(rng)
    if words[-2:] == ["zip", "code"] or words[-2:] == ["postal", "code"]:
        return _BY_WORD["zip"](rng)
    return _BY_WORD.get(last, _pair)(rng)


_NUMBERS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("year",), (2015, 2026)),
    **dict.fromkeys(("month",), (1, 12)),
    **dict.fromkeys(("age",), (18, 80)),
    **dict.fromkeys(("hour",), (0, 23)),
    **dict.fromkeys(("minute", "second"), (0, 59)),
    **dict.fromkeys(("rating", "stars"), (1, 5)),
    **dict.fromkeys(("priority", "level"), (1, 3)),
    **dict.fromkeys(("quantity", "guests", "seats", "people", "days", "nights", "passengers"), (1, 9)),
    **dict.fromkeys(("percent", "percentage", "progress", "humidity"), (0, 100)),
    **dict.fromkeys(("latitude", "lat"), (-60, 60)),
    **dict.fromkeys(("longitude", "lon", "lng"), (-170, 170)),
    **dict.fromkeys(("temperature",), (-5, 32)),
    **dict.fromkeys(("status", "code"), (200, 200)),
}


def range_named(name: str) -> tuple[float, float]:
    """The numbers that a field called `name` usually holds."""
    words = words_of(name)
    return _NUMBERS.get(words[-1] if words else "", (1, 400))
