"""EmulatedWorld: tools that exist as specifications only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

import msgspec

from artificer.core.canon import digest, rng
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema
from artificer.models.base import Model
from artificer.worlds.base import Forks, Problem, World
from artificer.worlds.emulated.consistency import Bounds, Judge
from artificer.worlds.emulated.dialogue import Dialogue
from artificer.worlds.emulated.offline import Offline, Situation
from artificer.worlds.emulated.plans import Plan, Plans, plan
from artificer.worlds.emulated.player import Player
from artificer.worlds.emulated.records import Records
from artificer.worlds.emulated.results import Results
from artificer.worlds.emulated.rows import RowMaker, applied
from artificer.worlds.emulated.session import EmulatedSession
from artificer.worlds.emulated.spec import Change, Material, Mode, Row, Scenario, State
from artificer.worlds.schema_values import NoSample


class EmulatedWorld(World):
    """Tools played from their specifications, by a model or from their schemas; see the package.

    Args:
        material: what the source file says.
        name: the source string.
        model: plays the tools; None plays them from their schemas.
        mode: whether the model steers towards the risks of `scenario`.
        scenario: the case, in adversarial mode.
        seed: of everything that is made up.
        rows: how many rows a table has at the start that is not given. None: 12 where the schemas answer, none where a
            model or its records do.
        records: recorded answers.
        repairs: how often a model is asked again about one call.
        timeout_s: the longest a model may take for one answer.
    """

    forks: Forks = "exact"

    def __init__(
        self,
        material: Material,
        name: str,
        *,
        model: Model | None = None,
        mode: Mode = "standard",
        scenario: Scenario | None = None,
        seed: int = 0,
        rows: int | None = None,
        records: Records | None = None,
        repairs: int = 2,
        timeout_s: float = 120.0,
    ) -> None:
        found = list(material.problems)
        self.name = name
        self.policy = material.policy
        self.scenario = scenario
        """The case that is played, for those who judge; agents are shown tools and policy alone."""
        self.plans: Plans = plan(material.tools, material.rows)
        self.tools: Sequence[ToolSpec] = tuple(self._told(tool) for tool in material.tools)
        self.specs = {tool.name: tool for tool in self.tools}
        self.validators = {tool.name: compile_schema(tool.parameters, f"{name} {tool.name}") for tool in self.tools}
        self.dialogue = Dialogue(material.dialogue)
        self.records = records if records is not None else Records()
        self.tally: Counter[str] = Counter()
        self.repaired = 0
        count = rows if rows is not None else 12 if model is None and not self.records else 0
        maker, results = RowMaker(self.plans, seed), Results(self.plans, seed)
        self.offline = Offline(self.plans, maker, results, seed)
        self.state = self._started(material, maker, count, model is None, found)
        self.closed = frozenset(
            table
            for table in self.plans.resources
            if table in material.rows or (count and (table in self.state or (model is None and table in self._creating())))
        )
        told = scenario if scenario is not None and mode == "adversarial" else Scenario()
        self._results, self._bounds = results, Bounds(self.closed, told.risks)
        self.ground = digest(
            "emulated", list(material.tools), material.policy, self.state, material.now, mode, list(told.risks), self.dialogue.digest
        )
        self.player = None if model is None else Player(self, model, told, material.now, seed, repairs, timeout_s)
        found += self.plans.problems
        found += self._misfits(results)
        self._problems = found

    @property
    def problems(self) -> Sequence[Problem]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What of the file cannot be used as it is, and what befell the records."""
        return (*self._problems, *self.records.problems)

    def judging(self, plan: Plan, arguments: Row, met: Situation) -> Judge:
        """Who decides whether an answer to a call can stand."""
        return Judge(plan, self.plans, arguments, met, self._results, self._bounds)

    def _told(self, tool: ToolSpec) -> ToolSpec:
        """A tool with its effect, which is kept: what reads changes nothing."""
        return msgspec.structs.replace(tool, effect="read" if self.plans.plans[tool.name].reads else "write")

    def _creating(self) -> set[str]:
        return {made.table for made in self.plans.plans.values() if made.op == "create" and made.table is not None}

    def _started(self, material: Material, maker: RowMaker, count: int, whole: bool, found: list[Problem]) -> State:
        """The rows at the start: given, invented, and those that the reference dialogue shows."""
        state = maker.filled(material.rows, count, found)
        for table, rows in self.dialogue.known(self.plans).items():
            resource = self.plans.resources[table]
            for key, row in rows.items():
                if whole:
                    try:
                        row = maker.row(resource, row, rng("known", table, key), state, state.get(table, {}), frozenset())
                    except NoSample as error:
                        found.append(Problem(f"table {table}", f"the row {key!r} of the dialogue cannot be completed: {error}"))
                state = applied(state, [Change(table, key, row)])
        return state

    def _misfits(self, results: Results) -> list[Problem]:
        """Given rows that a tool could not show."""
        found: list[Problem] = []
        for made in self.plans.plans.values():
            if made.op not in ("get", "list") or made.place is None or made.table is None or made.inferred:
                continue
            for key, row in islice(self.state.get(made.table, {}).items(), 200):
                try:
                    results.rows(made, [row])
                except NoSample:
                    found.append(Problem(made.tool, f"the row {key!r} of {made.table} does not fit what it returns"))
                    break
        return found

    async def open(self, start: Start) -> EmulatedSession:
        return EmulatedSession(self, start.seed, self.state)

    async def close(self) -> None:
        self.records.close()
        if self.player is not None:
            await self.player.model.close()
