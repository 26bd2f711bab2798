"""What discovery finds out about a world's tools, as plain data that a run folder keeps and a worker reads."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.tools import EffectKind
from artificer.worlds.observe import Probe


class Source(Struct, frozen=True, omit_defaults=True):
    """Where values of a parameter are shown: a column of a table in a read call's result (`views.tables`).

    Args:
        tool, arguments: the read call; its arguments are the same in every session.
        by: columns of the same table in words that tell rows apart: how people describe what the id stands for.
        sayable: whether people can say the value itself.
    """

    tool: str
    arguments: dict[str, Json]
    table: str
    column: str
    by: tuple[str, ...] = ()
    sayable: bool = False


class Param(Struct, frozen=True, omit_defaults=True):
    """How one parameter of a tool is filled.

    Args:
        path: its name in facts, a word people use.
        label: what people call it.
        kind: `fixed` (always `value`), `choice` (one of `options`), `reference` (an existing thing, shown by
            `sources`; anything else was refused), or `free` (new content in the given `form`).
        many: whether the argument is a list of such values.
        least, most: bounds of a free number.
    """

    name: str
    path: str
    label: str
    kind: Literal["fixed", "choice", "reference", "free"]
    required: bool = True
    many: bool = False
    value: Json = None
    options: tuple[Json, ...] = ()
    form: Literal["words", "slug", "word", "date", "email", "integer", "number"] = "words"
    least: float = 1
    most: float = 9
    sources: tuple[Source, ...] = ()


class Answer(Struct, frozen=True, omit_defaults=True):
    """Something a read tool's result tells.

    Args:
        table: of the result.
        column: None for the number of rows.
        by: for a table of several rows: the columns that describe the row meant. Empty: the table has one row.
    """

    table: str
    column: str | None = None
    by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it stands in ops."""
        return f"{self.table}/{self.column if self.column is not None else '#'}"


class Use(Struct, frozen=True, omit_defaults=True):
    """How a tool is used: it worked so at least once.

    Args:
        effect: as observed: `read` when no call of it changed anything.
        params: those that are filled; others are left out.
        answers: what people can ask it (reads).
        phrases: infinitives for what it does.
        group: its attribute `group`, else the tool's name.
    """

    tool: str
    effect: EffectKind
    params: tuple[Param, ...]
    answers: tuple[Answer, ...] = ()
    phrases: tuple[str, ...] = ()
    noun: str = ""
    group: str = ""


class DataflowGraph(Struct, frozen=True, omit_defaults=True):
    """The data-flow graph of a world's tools: nodes are `uses`, edges are their parameters' `sources`.

    Args:
        toolset: digest of the tool specifications it was found for.
        probes: read calls that observe the state, for worlds that cannot observe it themselves.
        unreached: tools for which no working call was found, with the last refusal.
        calls: what discovery took.
    """

    world: str
    toolset: str
    uses: tuple[Use, ...]
    probes: tuple[Probe, ...] = ()
    unreached: dict[str, str] = {}
    calls: int = 0

    def edges(self) -> list[tuple[str, str, str, str]]:
        """`(tool, table.column, tool, parameter)`: which result feeds which parameter."""
        return [
            (source.tool, f"{source.table}.{source.column}", use.tool, param.name)
            for use in self.uses
            for param in use.params
            for source in param.sources
        ]
