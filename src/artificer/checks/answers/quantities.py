"""Answers as amounts: a number as people write it, and its unit.

`1,234.5`, `1.234,5`, `$3.2 million`, `12%`, `1.2万`, `2 1/2`, `3/4`, `-5 °C`, `1.5e3 km`. Units of one kind are converted (metres and miles, not
dollars and euros: rates of exchange change); what is written in unknown units is compared as it stands.
"""

from __future__ import annotations

import math
import re

from msgspec import Struct

_SCALES = {
    "hundred": 1e2,
    "thousand": 1e3,
    "k": 1e3,
    "million": 1e6,
    "mn": 1e6,
    "m": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "b": 1e9,
    "trillion": 1e12,
    "tn": 1e12,
    "万": 1e4,
    "萬": 1e4,
    "億": 1e8,
    "亿": 1e8,
}
_MONEY = {"$": "usd", "us$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "₹": "inr"}
_CURRENCIES = {
    name: kind
    for kind, names in {
        "usd": "usd dollar dollars",
        "eur": "eur euro euros",
        "gbp": "gbp sterling",
        "jpy": "jpy yen",
        "cny": "cny rmb yuan 元",
        "inr": "inr rupee rupees",
        "chf": "chf",
    }.items()
    for name in names.split()
}
_TABLE = {
    "length": "m 1 meter 1 metre 1 mm 1e-3 millimetre 1e-3 millimeter 1e-3 cm 1e-2 centimetre 1e-2 centimeter 1e-2 km 1e3 kilometre 1e3 "
    "kilometer 1e3 "
    "in 0.0254 inch 0.0254 inche 0.0254 ft 0.3048 foot 0.3048 feet 0.3048 yd 0.9144 yard 0.9144 mi 1609.344 mile 1609.344",
    "mass": "kg 1 kilogram 1 mg 1e-6 g 1e-3 gram 1e-3 t 1e3 tonne 1e3 oz 0.028349523125 ounce 0.028349523125 lb 0.45359237 pound 0.45359237",
    "time": "s 1 sec 1 second 1 ms 1e-3 millisecond 1e-3 min 60 minute 60 h 3600 hr 3600 hour 3600 d 86400 day 86400 week 604800",
    "volume": "l 1 liter 1 litre 1 ml 1e-3 milliliter 1e-3 millilitre 1e-3 gal 3.785411784 gallon 3.785411784",
    "data": "byte 1 kb 1e3 mb 1e6 gb 1e9 tb 1e12 kib 1024 mib 1048576 gib 1073741824",
    "temperature": "kelvin 1 °c 1 celsius 1 °f 1 fahrenheit 1",
}
"""Names of units, singular, each with its size in the kind's first unit."""
_UNITS = {name: (kind, float(size)) for kind, row in _TABLE.items() for name, size in zip(row.split()[::2], row.split()[1::2], strict=True)}
_NUMBER = r"(?P<sign>[-+\u2212])?\s{0,2}(?P<money>us\$|[$€£¥₹])?\s{0,2}(?P<sign2>[-\u2212])?(?P<digits>\d[\d,.'\u00a0\u202f ]{0,40}\d|\d|\.\d{1,20})"
_AMOUNT = re.compile(
    _NUMBER + r"(?:e(?P<power>[-+]?\d{1,3}))?(?:/(?P<under>\d{1,9}))?\s{0,3}(?P<rest>%|[^\d\s][^\d]{0,40})?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}(?:[,'\u00a0\u202f ]\d{3})+(?:\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+,\d{1,2}")


class Quantity(Struct, frozen=True):
    """An amount in its kind's base unit.

    Args:
        value: as a number; per cent are divided by 100.
        kind: "length", "usd", "percent", the unit as written when it is unknown, "" when there is none.
    """

    value: float
    kind: str = ""


def quantity(text: str) -> Quantity | None:
    """The amount that a short text is, or None when it is none or more than one."""
    text = text.strip().lstrip("*_`;: ").rstrip("*_`.;: ")
    for lead in ("about ", "approximately ", "around ", "~", "≈", "exactly "):
        if text.casefold().startswith(lead):
            text = text[len(lead) :].lstrip()
    match = _AMOUNT.fullmatch(text) if len(text) <= 100 else None
    if match is None:
        return None
    digits = match["digits"].strip()
    value = _value(digits) if match["under"] is None else _fraction(digits, int(match["under"]))
    if value is None:
        return None
    if match["power"] is not None:
        value *= 10.0 ** int(match["power"])
    if match["sign"] in ("-", "\u2212") or match["sign2"] is not None:
        value = -value
    return _measured(value, (match["money"] or "").casefold(), (match["rest"] or "").strip().casefold().rstrip("."))


def _value(digits: str) -> float | None:
    if _GROUPED.fullmatch(digits):
        return float(re.sub(r"[,'\u00a0\u202f ]", "", digits))
    if _EUROPEAN.fullmatch(digits):
        return float(digits.replace(".", "").replace(",", "."))
    try:
        return float(digits)
    except ValueError:
        return None


def _fraction(over: str, under: int) -> float | None:
    """`3/4`, or `2 1/2` with the whole before a space."""
    whole, space, part = over.rpartition(" ")
    if under == 0 or not part.isdecimal() or (space and not whole.isdecimal()):
        return None
    return (int(whole) if space else 0) + int(part) / under


def _measured(value: float, money: str, rest: str) -> Quantity | None:
    if rest == "%" or rest in ("percent", "per cent", "percentage points"):
        return Quantity(value / 100, "percent")
    kind = _MONEY.get(money, "")
    words = rest.split()
    if words and words[0] in _SCALES and (kind or len(words[0]) > 1 or not words[0].isascii() or len(words) > 1):
        value *= _SCALES[words.pop(0)]
    unit = " ".join(words).removeprefix("degrees ").removeprefix("degree ")
    if kind:
        return Quantity(value, kind) if not unit or _CURRENCIES.get(unit) == kind else Quantity(value, f"{kind} {unit}")
    if unit in _CURRENCIES:
        return Quantity(value, _CURRENCIES[unit])
    name = unit if unit in _UNITS else unit.removesuffix("s")
    if name in _UNITS:
        kind, factor = _UNITS[name]
        return Quantity(_kelvin(value, name) if kind == "temperature" else value * factor, kind)
    return Quantity(value, unit)


def _kelvin(value: float, unit: str) -> float:
    if unit in ("°c", "celsius"):
        return value + 273.15
    if unit in ("°f", "fahrenheit"):
        return (value - 32) * 5 / 9 + 273.15
    return value


def close(answer: Quantity, gold: Quantity, *, rel: float, percent: bool = False) -> bool:
    """Whether two amounts agree: of one kind (or one of them without a unit), within `rel` of the reference.

    Args:
        rel: 0 asks for equality up to rounding of floats (1e-9).
        percent: forgive a factor of 100 either way, as ToRA's grader does: 12 for 12%.
    """
    if answer.kind != gold.kind and answer.kind and gold.kind:
        return False
    wanted = [gold.value]
    if percent or (answer.kind != gold.kind and "percent" in (answer.kind, gold.kind)):
        wanted += [gold.value / 100, gold.value * 100]
    return any(math.isclose(answer.value, value, rel_tol=max(rel, 1e-9), abs_tol=1e-12) for value in wanted)
