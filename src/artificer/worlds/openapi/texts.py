"""Texts and numbers that a field of some name and format might hold: plain, readable, different from row to row, from a seeded stream."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from random import Random

# fmt: off
_ADJECTIVES = (
    "amber", "brisk", "calm", "copper", "crimson", "early", "gentle", "golden", "hollow", "ivory", "lucky", "mellow", "misty", "noble",
    "quiet", "rapid", "rustic", "silver", "solid", "sunny", "tidy", "velvet",
)
_NOUNS = (
    "anchor", "basket", "beacon", "bridge", "canyon", "cedar", "comet", "ember", "falcon", "forest", "harbor", "island", "lantern", "maple",
    "meadow", "orchard", "pebble", "pine", "river", "summit", "willow",
)
_FIRST = (
    "Ada", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kira", "Leo", "Mara", "Nils", "Olga", "Pavel",
    "Rosa", "Sami", "Tara", "Viktor",
)
_LAST = (
    "Abel", "Brandt", "Costa", "Dietz", "Ferrari", "Garcia", "Haas", "Ivanov", "Jensen", "Keller", "Lopez", "Moreau", "Novak", "Okafor",
    "Petit", "Rossi", "Santos", "Tanaka", "Urban", "Weber",
)
_CITIES = (
    "Lisbon", "Bergen", "Leeds", "Ghent", "Turin", "Porto", "Graz", "Basel", "Malmo", "Lyon", "Krakow", "Bilbao", "Galway", "Tampere",
    "Leipzig", "Utrecht",
)
_COUNTRIES = ("Portugal", "Norway", "Belgium", "Italy", "Austria", "Sweden", "France", "Poland", "Spain", "Ireland", "Finland", "Germany")
# fmt: on
_STREETS = ("High Street", "Mill Lane", "Park Road", "Church Street", "Station Road", "Garden Way", "Harbor Street", "Bridge Road")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DAY_S = 86_400
_EPOCH_S = 1_767_225_600
"""2026-01-01: times lie in the year before it, whatever the clock of the machine says."""


def words_in(name: str) -> list[str]:
    """`petOwner_id` -> pet, owner, id."""
    return [word.lower() for word in _WORDS.findall(name)]


def moment(rng: Random) -> tuple[str, str, int]:
    """A moment as a date, a date with time, and Unix seconds."""
    second = _EPOCH_S - rng.randrange(1, 365) * _DAY_S + rng.randrange(_DAY_S)
    day, rest = divmod(second, _DAY_S)
    year, month, date = _civil(day)
    text = f"{year:04}-{month:02}-{date:02}"
    return text, f"{text}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z", second


def _civil(days: int) -> tuple[int, int, int]:
    """Days since 1970-01-01 as year, month, day (Gregorian)."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def formatted(form: str, rng: Random) -> str | None:
    """A text of a JSON Schema or OpenAPI format; None for formats that say nothing of the text."""
    date, time, _ = moment(rng)
    host = f"{rng.choice(_NOUNS)}.example"
    made = {
        "date-time": time,
        "datetime": time,
        "date": date,
        "full-date": date,
        "time": time[11:],
        "duration": f"P{rng.randint(1, 28)}D",
        "uuid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "guid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "email": f"{rng.choice(_FIRST).lower()}.{rng.choice(_LAST).lower()}@mail.example",
        "hostname": host,
        "ipv4": f"192.0.2.{rng.randint(1, 254)}",
        "ip": f"192.0.2.{rng.randint(1, 254)}",
        "ipv6": f"2001:db8::{rng.randint(1, 65535):x}",
        "byte": "YXJ0aWZpY2Vy",
        "binary": "content",
        "date-span": f"{date}/{date}",
    }
    if form in ("uri", "url", "uri-reference", "iri", "uri-template"):
        return f"https://{host}/{rng.choice(_ADJECTIVES)}-{rng.choice(_NOUNS)}"
    return made.get(form.lower())


def said(name: str, rng: Random) -> str:
    """A text for a field by what it is called."""
    words = words_in(name)
    known = set(words)
    for keys, make in _BY_NAME:
        if keys & known:
            return make(rng)
    if len(words) > 1 and words[-1] in _MOMENTS:
        return moment(rng)[1]
    if known & _PEOPLE and len(words) <= 2:
        return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
    if known & _CODES:
        return f"{(words[0] if words[0] not in ('id', 'key') else 'x')[:3]}{rng.getrandbits(32):08x}"
    return f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"


_MOMENTS = {"at", "time", "timestamp", "datetime", "on"}
_PEOPLE = {"owner", "author", "customer", "assignee", "contact", "person", "employee"}
_CODES = {"id", "key", "token", "hash", "sha", "uuid", "sid", "code", "ref", "number", "etag"}
_BY_NAME: tuple[tuple[set[str], Callable[[Random], str]], ...] = (
    ({"email", "mail"}, lambda rng: f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}@mail.example".lower()),
    ({"url", "uri", "href", "link", "website", "homepage"}, lambda rng: f"https://{rng.choice(_NOUNS)}.example/{rng.choice(_ADJECTIVES)}"),
    ({"phone", "mobile", "fax", "telephone"}, lambda rng: f"+1 555 01{rng.randint(0, 99):02} {rng.randint(1000, 9999)}"),
    ({"date", "birthday"}, lambda rng: moment(rng)[0]),
    ({"city", "town"}, lambda rng: rng.choice(_CITIES)),
    ({"country"}, lambda rng: rng.choice(_COUNTRIES)),
    ({"street", "address"}, lambda rng: f"{rng.randint(1, 99)} {rng.choice(_STREETS)}"),
    ({"first", "given"}, lambda rng: rng.choice(_FIRST)),
    ({"last", "surname", "family"}, lambda rng: rng.choice(_LAST)),
    ({"username", "login", "slug", "handle", "nickname"}, lambda rng: f"{rng.choice(_ADJECTIVES)}-{rng.choice(_NOUNS)}"),
    ({"currency"}, lambda rng: rng.choice(("EUR", "USD", "GBP"))),
    ({"language", "locale", "lang"}, lambda rng: rng.choice(("en", "de", "fr", "pt"))),
    ({"version"}, lambda rng: f"{rng.randint(1, 9)}.{rng.randint(0, 9)}.{rng.randint(0, 9)}"),
    (
        {"description", "summary", "body", "comment", "message", "text", "content", "note", "notes", "bio"},
        lambda rng: f"A {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} with a {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}",
    ),
)


def counted(name: str, rng: Random) -> int:
    """A whole number for a field by what it is called."""
    known = set(words_in(name))
    if {"year"} & known:
        return rng.randint(2005, 2025)
    if {"created", "updated", "timestamp", "time", "date", "expires", "at"} & known:
        return moment(rng)[2]
    if {"age"} & known:
        return rng.randint(18, 80)
    if {"port"} & known:
        return rng.randint(1024, 49151)
    if {"price", "amount", "cost", "total", "balance", "salary", "fee"} & known:
        return rng.randint(5, 500) * 10
    if {"size", "bytes", "length"} & known:
        return rng.randint(100, 9000)
    return rng.randint(1, 50)
