"""A module of tools for the tests of Python worlds: all annotations, and all ways to fail."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Literal, Optional, TypedDict

import msgspec

from artificer import tool

POLICY = "Be kind."


class Colour(Enum):
    red = "red"
    blue = "blue"


class Place(TypedDict):
    street: str
    number: int


@dataclass
class Box:
    width: float
    items: list[str] = field(default_factory=list)


class Point(msgspec.Struct):
    x: int
    y: int = 0


def describe(
    name: str,
    colour: Colour,
    size: Literal["s", "l"],
    place: Place,
    box: Box,
    at: Point,
    tags: list[str],
    weights: dict[str, float],
    note: Optional[str] = None,  # noqa: UP045
    limit: int | str = 3,
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1, extra_json_schema={"x-label": "share"})] = 0.5,
    exact: bool = False,
) -> dict[str, str]:
    """Describe everything.

    The long part.

    Args:
        name: what it is called.
        colour: its colour.
    """
    return {"colour": colour.name, "box": type(box).__name__, "at": str(at.x + at.y), "note": str(note)}


@tool(effect="read")
async def later(value: int) -> int:
    """Answer later."""
    return value + 1


def untyped(value):
    return value


def scattered(*values: int) -> int:
    return sum(values)


def odd(value: complex | set[int] | list[int]) -> None: ...


class Account:
    """Keeps a balance."""

    def __init__(self, seed: int = 0) -> None:
        self.balance = {"EUR": seed}
        self.log: list[str] = []
        self._secret = object()

    @tool(effect="read")
    def show(self) -> dict[str, int]:
        """Show the balance."""
        return self.balance

    def pay(self, amount: int) -> int:
        """Pay in, and fail half-way when the amount is 13."""
        self.balance["EUR"] += amount
        if amount == 13:
            raise RuntimeError(f"unlucky {object()!r}")
        self.log.append(f"paid {amount}")
        return self.balance["EUR"]

    def fail(self, how: Literal["key", "value", "permission", "exit", "deep", "secret"]) -> object:
        """Fail in a way."""
        if how == "deep":
            return self.fail("deep")
        if how == "secret":
            return {"it": self._secret, "bad": float("nan"), "set": {3, 1, 2}}
        if how == "exit":
            sys.exit("bye")
        raise {"key": KeyError("EUR"), "value": ValueError("too much"), "permission": PermissionError("not yours")}[how]


class NeedsMore:
    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> str:
        """Read it."""
        return self.path


class Forked:
    """Says how it was copied."""

    def __init__(self) -> None:
        self.copies = 0

    def __artificer_copy__(self) -> Forked:
        other = Forked()
        other.copies = self.copies + 1
        return other

    def __artificer_state__(self) -> dict[str, int]:
        return {"declared": 1}

    def copies_made(self) -> int:
        """Count the copies."""
        return self.copies
