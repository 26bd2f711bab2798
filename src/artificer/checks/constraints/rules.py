"""The rules an agent must keep: twelve categories in four dimensions, as data.

A task states them with the constraint `constraints`, whose arguments are a `Rules`: `{"rules": [{"rule": "calls",
"most": 5}, ...]}`. The same structs are read from a short text (`text`), rendered for a prompt (`prompt`), enforced at
every step (`session`), checked on a recorded trace (`walk`, `check`), tried before play (`feasible`) and made by seed
(`generate`).

Source: CCTU (arXiv 2603.15309), categories and their parameters from its published checkers. The names of the three
toolset categories are inferred. `Acceptable` follows the rule that FinToolBench states beside its judge (a tool's tag
must be among those asked for); `CallsOf.least` follows EnterpriseOps-Gym's `tool_execution`. Formats and contents were
Python programs there, one a task; here they are a closed list of shapes and templates, so that rules stay data.
"""

from __future__ import annotations

from typing import Annotated, Literal, Union

from msgspec import Meta, Struct

from artificer.checks.constraints.templates import template
from artificer.core.canon import Json
from artificer.core.errors import ArtificerError

Dimension = Literal["resource", "behaviour", "toolset", "response"]
Category = Literal["rounds", "calls", "calls_of", "order", "together", "parallel", "available", "parameters", "values", "length", "format", "content"]
Count = Annotated[int, Meta(ge=0, le=2**31)]


def _span(least: int, most: int | None) -> None:
    if most is not None and least > most:
        raise ValueError(f"at least {least} and at most {most} cannot both be kept")


# resource


class Rounds(Struct, frozen=True, tag_field="rule", tag="rounds", omit_defaults=True, forbid_unknown_fields=True):
    """How many messages the agent may take, and must have taken when it gives its final answer, which counts."""

    least: Count = 0
    most: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        _span(self.least, self.most)


class Calls(Struct, frozen=True, tag_field="rule", tag="calls", omit_defaults=True, forbid_unknown_fields=True):
    """How many tool calls in all."""

    least: Count = 0
    most: Count | None = None

    def __post_init__(self) -> None:
        _span(self.least, self.most)


class CallsOf(Struct, frozen=True, tag_field="rule", tag="calls_of", omit_defaults=True, forbid_unknown_fields=True):
    """How many calls of single tools. Only `most` is CCTU's."""

    most: dict[str, Count] = {}
    least: dict[str, Count] = {}

    def __post_init__(self) -> None:
        if not self.most and not self.least:
            raise ValueError("it names no tool")
        for name, least in self.least.items():
            _span(least, self.most.get(name))


# behaviour


class Order(Struct, frozen=True, tag_field="rule", tag="order", omit_defaults=True, forbid_unknown_fields=True):
    """Of each chain, a tool may be called only when all before it in the chain were called in earlier messages.

    Args:
        chains: names of tools.
        first: the rule holds only when the first tool ever called is this one ("one of these orders, by its first
            tool").
    """

    chains: tuple[tuple[str, ...], ...]
    first: str | None = None

    def __post_init__(self) -> None:
        if not self.chains or any(len(chain) < 2 for chain in self.chains):
            raise ValueError("a chain has two tools or more")


class Together(Struct, frozen=True, tag_field="rule", tag="together", omit_defaults=True, forbid_unknown_fields=True):
    """A tool that stands in groups may be called only in a message that calls one of its groups whole, counted as
    often as it stands there. A group of one frees its tool.
    """

    groups: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.groups or not all(self.groups):
            raise ValueError("a group has one call or more")


class Parallel(Struct, frozen=True, tag_field="rule", tag="parallel", omit_defaults=True, forbid_unknown_fields=True):
    """How many calls (or different tools) in one message: never more than `most`, once at least `least`."""

    least: Count = 0
    most: Annotated[int, Meta(ge=1)] | None = None
    unit: Literal["calls", "tools"] = "calls"

    def __post_init__(self) -> None:
        _span(self.least, self.most)


# toolset


class Available(Struct, frozen=True, tag_field="rule", tag="available", omit_defaults=True, forbid_unknown_fields=True):
    """Only tools that exist may be called; of these, when `tools` is given, only those."""

    tools: tuple[str, ...] | None = None


class Acceptable(Struct, frozen=True, tag_field="rule", tag="acceptable", omit_defaults=True, forbid_unknown_fields=True):
    """Only tools may be called whose attribute is one of `values` (has one of them, when it is a list).

    Args:
        attribute: of `ToolSpec.attributes`, e.g. `timeliness`.
        unlabelled: whether a tool without the attribute may be called.
    """

    attribute: str
    values: tuple[Json, ...]
    unlabelled: bool = False

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("no value is acceptable")


class Keys(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which arguments of a tool must be given, and which may be, beyond what its schema says."""

    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.allowed is not None and set(self.required) - set(self.allowed):
            raise ValueError("what is required must be allowed")


class Parameters(Struct, frozen=True, tag_field="rule", tag="parameters", omit_defaults=True, forbid_unknown_fields=True):
    """The arguments that a tool's schema requires must be there, and no others than it knows; `tools` asks for more."""

    tools: dict[str, Keys] = {}


class Limit(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one argument may be, beyond its schema. What does not apply to a value's type is not asked of it.

    Args:
        one_of: the values allowed; `true` is not 1.
        least, most: of numbers.
        longest: of texts and lists.
        like: a template that a text must fit as a whole; see `templates`.
    """

    one_of: tuple[Json, ...] | None = None
    least: float | None = None
    most: float | None = None
    longest: Count | None = None
    like: str | None = None

    def __post_init__(self) -> None:
        if self.least is not None and self.most is not None and not self.least <= self.most:
            raise ValueError(f"at least {self.least:g} and at most {self.most:g} cannot both be kept")
        _templates(() if self.like is None else (self.like,))


class Values(Struct, frozen=True, tag_field="rule", tag="values", omit_defaults=True, forbid_unknown_fields=True):
    """The values of arguments must fit the tool's schema at every depth (types, enumerations, fields, items);
    `tools` says more of single arguments.
    """

    tools: dict[str, dict[str, Limit]] = {}


# response


class Length(Struct, frozen=True, tag_field="rule", tag="length", omit_defaults=True, forbid_unknown_fields=True):
    """How long the final answer is."""

    least: Count = 0
    most: Count | None = None
    unit: Literal["characters", "words"] = "characters"

    def __post_init__(self) -> None:
        _span(self.least, self.most)


Shape = Literal["json", "markdown", "table", "bullets", "numbered", "headings", "bold", "code", "lines", "paragraphs", "sentences"]


class Format(Struct, frozen=True, tag_field="rule", tag="format", omit_defaults=True, forbid_unknown_fields=True):
    """The shape of the final answer.

    Args:
        shape: `json`: all of it is one JSON object. `markdown`: it has some element of it. `table`: a Markdown table
            whose rows, the heading among them, are counted. The others are counted.
        least, most: how many there are.
        keys: of the JSON object, that must be there; columns of the table.
        only: whether the object may have no other keys.
    """

    shape: Shape
    least: Count = 1
    most: Count | None = None
    keys: tuple[str, ...] = ()
    only: bool = False

    def __post_init__(self) -> None:
        _span(self.least, self.most)
        if self.keys and self.shape not in ("json", "table"):
            raise ValueError(f"{self.shape} has no keys")


class Identifiers(Struct, frozen=True, tag_field="rule", tag="identifiers", omit_defaults=True, forbid_unknown_fields=True):
    """Templates (see `templates`) that the final answer begins with, ends with, contains, or does not contain."""

    start: str | None = None
    end: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.start or self.end or self.include or self.exclude):
            raise ValueError("it asks for nothing")
        _templates(tuple(text for text in (self.start, self.end, *self.include, *self.exclude) if text is not None))


class Punctuation(Struct, frozen=True, tag_field="rule", tag="punctuation", omit_defaults=True, forbid_unknown_fields=True):
    """The mark that the final answer ends with, one of those of `end`, and marks that it must not use."""

    end: str = ""
    exclude: str = ""

    def __post_init__(self) -> None:
        if not self.end and not self.exclude:
            raise ValueError("it asks for nothing")
        if self.end and not set(self.end) - set(self.exclude):
            raise ValueError("every mark it may end with is excluded")


def _templates(texts: tuple[str, ...]) -> None:
    for text in texts:
        try:
            template(text)
        except ArtificerError as error:
            raise ValueError(error.what) from error


Rule = Union[  # noqa: UP007 (msgspec needs the names at run time)
    Rounds,
    Calls,
    CallsOf,
    Order,
    Together,
    Parallel,
    Available,
    Acceptable,
    Parameters,
    Values,
    Length,
    Format,
    Identifiers,
    Punctuation,
]
CATEGORY: dict[type[Rule], Category] = {
    Rounds: "rounds",
    Calls: "calls",
    CallsOf: "calls_of",
    Order: "order",
    Together: "together",
    Parallel: "parallel",
    Available: "available",
    Acceptable: "available",
    Parameters: "parameters",
    Values: "values",
    Length: "length",
    Format: "format",
    Identifiers: "content",
    Punctuation: "content",
}
DIMENSION: dict[Category, Dimension] = {
    "rounds": "resource",
    "calls": "resource",
    "calls_of": "resource",
    "order": "behaviour",
    "together": "behaviour",
    "parallel": "behaviour",
    "available": "toolset",
    "parameters": "toolset",
    "values": "toolset",
    "length": "response",
    "format": "response",
    "content": "response",
}
