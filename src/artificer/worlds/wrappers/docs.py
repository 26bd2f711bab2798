"""`| docs:level=signature`: how much agents are told of the tools (arXiv 2308.00675); see `worlds.catalogue.docs` for the levels.

Only what is shown changes. Calls are validated, and checks judge, by the whole specification.
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.worlds.base import Problem, Session, World
from artificer.worlds.catalogue.docs import Level, documented, level_of, tagged
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, whole


def wrap(world: World, level: str = "full", demos: str = "2", words: str = "", tags: str = "") -> World:
    """A world whose tools are shown at a level of documentation.

    Args:
        level: `name`, `signature`, `summary`, `full` or `demos`.
        demos: how many examples `demos` shows of each tool.
        words: cut longer descriptions there; all of them when empty.
        tags: attributes that are told after the description, joined by `+`, e.g. `intent+domains`.

    Raises:
        SourceError: no such level, or a number that is none.
    """
    given = {"level": level, "demos": demos, "words": words, "tags": tags}
    options = {name: value for name, value in given.items() if value}
    cut = whole(words, "words", 1, 100_000) if words else None
    return Documented(world, options, level_of(level), whole(demos, "demos", 0, 100), cut, tuple(filter(None, tags.split("+"))))


class Documented(Wrapped):
    """See `wrap`."""

    def __init__(self, inner: World, options: dict[str, str], level: Level, demos: int, words: int | None, tags: tuple[str, ...]) -> None:
        super().__init__(inner, "docs", options)
        self._how = level, demos, words
        self._tags = tags
        self._told: dict[str, tuple[ToolSpec, ToolSpec]] = {}
        bare = [tool.name for tool in self.tools if not tool.examples] if level == "demos" else []
        if bare:
            what = f"{len(bare)} of {len(self.tools)} tools have no examples and are shown without, e.g. {bare[0]!r}"
            self.problems = (*self.problems, Problem("docs", what))

    def told(self, tool: ToolSpec) -> ToolSpec:
        """A tool as it is shown. Made once for each specification."""
        held = self._told.get(tool.name)
        if held is None or held[0] is not tool:
            held = self._told[tool.name] = tool, tagged(documented(tool, *self._how), self._tags, tool.attributes)
        return held[1]

    def session(self, inner: Session, start: Start) -> DocumentedSession:
        return DocumentedSession(self, inner, start)


class DocumentedSession(WrappedSession):
    """A session whose tools are shown at the world's level."""

    world: Documented

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        return [self.world.told(tool) for tool in super().shown(tools)]
