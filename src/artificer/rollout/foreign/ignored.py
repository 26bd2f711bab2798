"""Which fields of results are no difference: patterns of JSON pointers, followed on the way down."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

from artificer.core.errors import ArtificerError


class Likeness(Struct, frozen=True, omit_defaults=True):
    """What is no difference.

    Args:
        ignore: fields of results, as JSON pointers in which a step may be a pattern (`*_at`) and `**` stands for any
            steps; a bare name is that field anywhere; `TOOL:/POINTER` holds for one tool.
        near: two numbers are the same when they differ by no more than this, or by this share of the larger.
    """

    ignore: tuple[str, ...] = ()
    near: float = 0.0

    def __post_init__(self) -> None:
        for pattern in self.ignore:
            steps_of(pattern)
        if not (0 <= self.near < 1):
            raise ArtificerError(f"numbers cannot be near by {self.near:g}", remedy="give a number from 0 to below 1, e.g. 1e-6")


class Ignoring:
    """Where patterns stand on the way down: `all` when what is here is to be ignored."""

    def __init__(self, patterns: tuple[tuple[str, ...], ...], *, within: bool = False) -> None:
        self._patterns = patterns
        self.all = within or any(all(step == "**" for step in steps) for steps in patterns)

    @classmethod
    def of(cls, ignore: tuple[str, ...], tool: str) -> Ignoring:
        found = [steps_of(pattern) for pattern in ignore]
        return cls(tuple(steps for whose, steps in found if whose in ("", tool)))

    def within(self, key: str) -> Ignoring:
        """The same, one step further down."""
        if not self._patterns:
            return self
        if self.all:
            return Ignoring((), within=True)
        left: dict[tuple[str, ...], None] = {}
        for steps in self._patterns:
            if steps[0] == "**":
                left[steps] = None
                if len(steps) > 1 and fnmatchcase(key, steps[1]):
                    left[steps[2:]] = None
            elif fnmatchcase(key, steps[0]):
                left[steps[1:]] = None
        return Ignoring(tuple(left))


def steps_of(pattern: str) -> tuple[str, tuple[str, ...]]:
    """The tool of a pattern ("" for all) and its steps.

    Raises:
        ArtificerError: it is empty.
    """
    whose, colon, rest = pattern.partition(":/")
    if not colon:
        whose, rest = "", pattern
    else:
        rest = f"/{rest}"
    if not rest.strip() or rest.strip() == "/":
        raise ArtificerError(f"{pattern!r} names no field", remedy="write a field's name, a pointer such as /order/placed_at, or TOOL:/**")
    given = rest.removeprefix("/").split("/") if "/" in rest else ["**", rest]
    steps: list[str] = []
    for step in given:
        if step != "**" or not steps or steps[-1] != "**":
            steps.append(step.replace("~1", "/").replace("~0", "~"))
    return whose, tuple(steps)
