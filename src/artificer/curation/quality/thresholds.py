"""Pass, warn or fail: the figures of a card held against a table of bounds (`thresholds.toml`, or a user's)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.curation.quality.card import Card, Line, Status

_OWN = Path(__file__).parent / "thresholds.toml"


class Threshold(Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of one figure; a bound that is None holds nothing back.

    Args:
        says: what the figure is a share of.
        source: where the bounds come from.
        fail_above, fail_below, fail_up_to: it fails above the bound, below it, or below it and at it. warn_...: it is warned of.
    """

    says: str
    source: str
    fail_above: float | None = None
    fail_below: float | None = None
    fail_up_to: float | None = None
    warn_above: float | None = None
    warn_below: float | None = None
    warn_up_to: float | None = None

    def status(self, value: float | None) -> Status:
        """What a value is worth."""
        if value is None:
            return "undecided"
        if _broken(value, self.fail_above, self.fail_below, self.fail_up_to):
            return "fail"
        return "warn" if _broken(value, self.warn_above, self.warn_below, self.warn_up_to) else "pass"

    @property
    def bound(self) -> str:
        """The bounds in words."""
        named = [
            f"{status} {word} {100 * bound:g}%"
            for status in ("warn", "fail")
            for word, key in (("above", "above"), ("below", "below"), ("up to", "up_to"))
            if (bound := getattr(self, f"{status}_{key}")) is not None
        ]
        return ", ".join(named)


def _broken(value: float, above: float | None, below: float | None, up_to: float | None) -> bool:
    return (above is not None and value > above) or (below is not None and value < below) or (up_to is not None and value <= up_to)


def thresholds(path: str | Path | None = None) -> dict[str, Threshold]:
    """The bounds by figure: ours, with single values replaced by those of a TOML file.

    Raises:
        ArtificerError: the file cannot be read, or names a figure or a bound that there is not.
    """
    table: dict[str, Any] = tomllib.loads(_OWN.read_text("utf-8"))
    if path is not None:
        try:
            given = tomllib.loads(Path(path).read_text("utf-8"))
        except OSError as error:
            raise ArtificerError(f"the thresholds cannot be read: {error.strerror}", where=str(path), remedy="name a TOML file") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ArtificerError(f"the thresholds are no TOML: {error}", where=str(path), remedy="see docs/quality.md for an example") from error
        for name, bounds in given.items():
            if name not in table or not isinstance(bounds, dict):
                raise ArtificerError(f"there is no figure {name!r}", where=str(path), remedy=f"use one of: {', '.join(table)}")
            if "source" not in bounds:
                table[name]["source"] = str(path)
            table[name] |= bounds
    try:
        return msgspec.convert(table, dict[str, Threshold])
    except msgspec.ValidationError as error:
        raise ArtificerError(f"a threshold does not fit: {error}", where=str(path), remedy="see docs/quality.md for the bounds there are") from error


def judged(card: Card, bounds: dict[str, Threshold]) -> Card:
    """The card with its lines."""
    lines = tuple(
        Line(name, value, bounds[name].status(value), bounds[name].says, bounds[name].bound, bounds[name].source)
        for name in bounds
        for value in (card.figures.get(name),)
    )
    return msgspec.structs.replace(card, lines=lines)
