"""Discovered guides: what they propose is proven by replay, and who follows their procedures reaches it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer.checks.episodes import shown_ids
from artificer.checks.suite import standard
from artificer.checks.told import tells
from artificer.checks.values import fold
from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Effect, Start, Task
from artificer.rollout.episode import play
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.replay import judged
from artificer.synthesis.dataflow import DataflowGuide, attach, discover, load, save
from artificer.synthesis.dataflow.views import tables
from artificer.synthesis.goals import GoalSpec, Sampled, sample
from artificer.synthesis.tasks import worded
from artificer.worlds.base import Session, World
from artificer.worlds.guide import Ask, Call, Confirm, Demand, Dropped, Request, Tell

ROOT = Path(__file__).parents[2]
INVENTORY = f"python:{ROOT / 'examples' / 'inventory.py'}"
SERVERS = ROOT / "tests" / "worlds" / "servers"


class Heard:
    """A desk at which the user has said everything."""

    def __init__(self, request: Request) -> None:
        self._facts = {said.path: said.value for said in request.said if said.path}

    def heard(self, prefix: str = "") -> dict[str, Json]:
        return {path: value for path, value in self._facts.items() if not prefix or path == prefix or path.startswith(f"{prefix}.")}

    def remembered(self) -> dict[str, Json]:
        return {}


async def drive(guide: DataflowGuide, request: Request, session: Session) -> tuple[tuple[Effect, ...], list[str], list[ToolCall]]:
    """Follows a procedure to its end: effects, what was told, the calls made."""
    procedure = guide.procedure(request.want.op, Heard(request))
    mark = session.calls
    told: list[str] = []
    calls: list[ToolCall] = []
    answer: Any = None
    while True:
        try:
            step = procedure.send(answer)
        except StopIteration:
            return session.effects(mark), told, calls
        answer = None
        match step:
            case Call(name, arguments, wrong):
                if wrong is not None:
                    refused = await session.call(ToolCall("wrong", name, wrong))
                    assert refused.error is not None
                calls.append(ToolCall(f"c{len(calls)}", name, arguments))
                answer = await session.call(calls[-1])
            case Confirm():
                answer = True
            case Tell(text):
                told.append(fold(text))
            case Ask(path):
                raise AssertionError(f"asked for {path}, which was said")


async def proposals(guide: DataflowGuide, session: Session, seed: int, count: int, demand: Demand | None = None) -> AsyncIterator[Request]:
    drawn = 0
    async for proposal in guide.propose(session, Random(seed), demand or Demand()):
        drawn += 1
        if not isinstance(proposal, Dropped):
            count -= 1
            yield proposal
        if count <= 0 or drawn >= 60:
            return


async def prove(world: World, guide: DataflowGuide, start: Start, seed: int, count: int, demand: Demand | None = None) -> list[Request]:
    """Every request's gold replays in fresh sessions to the same effects, and the procedure reaches them or tells the answer."""
    source = await world.open(start)
    found = [request async for request in proposals(guide, source, seed, count, demand)]
    await source.close()
    for request in found:
        effects: list[tuple[Effect, ...]] = []
        for _ in range(2):
            session = await world.open(start)
            for call in request.want.gold:
                assert (await session.call(call)).error is None
            effects.append(session.effects())
            await session.close()
        assert effects[0] == effects[1]
        assert bool(effects[0]) == bool(request.want.gold)
        session = await world.open(start)
        reached, told, _ = await drive(guide, request, session)
        await session.close()
        assert reached == effects[0]
        assert all(tells(told, entry) for entry in request.want.tell), (request, told)
        values = [str(said.value) for said in request.said if said.path]
        assert all(any(str(said.value) in phrase for phrase in said.phrases) for said in request.said if said.path)
        assert (request.want.outcome == "answered") <= (request.want.tell[0][0] not in values if request.want.tell else True)
    return found


@pytest.fixture(scope="module")
def inventory() -> tuple[World, DataflowGuide]:
    world = World.of(INVENTORY)
    return world, asyncio.run(discover(world, seed=1))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31))
async def test_every_request_on_the_inventory_is_proven(inventory: tuple[World, DataflowGuide], seed: int) -> None:
    world, guide = inventory
    assert len(await prove(world, guide, Start(seed=seed % 97), seed, 5)) == 5


async def test_the_graph_of_the_inventory_is_what_its_author_would_draw(inventory: tuple[World, DataflowGuide]) -> None:
    graph = inventory[1].graph
    assert set(graph.edges()) == {("list_products", "*.product_id", tool, "product_id") for tool in ("get_product", "place_order", "rename_product")}
    assert {use.tool: use.effect for use in graph.uses} == {
        "list_products": "read",
        "get_product": "read",
        "list_orders": "read",
        "place_order": "write",
        "rename_product": "write",
    }
    assert graph.unreached == {}


@pytest.mark.parametrize("impossible", ["missing", "ambiguous", "forbidden"])
async def test_impossible_requests_end_with_a_reason_and_no_write(inventory: tuple[World, DataflowGuide], impossible: Any) -> None:
    world, guide = inventory
    found = await prove(world, guide, Start(seed=2), 3, 6, Demand(impossible=impossible))
    assert all(request.want.outcome == "refused" and request.want.gold == () for request in found)
    assert len(found) == (6 if impossible == "missing" else 0)


async def test_two_things_of_one_name_are_an_ambiguous_request(inventory: tuple[World, DataflowGuide]) -> None:
    world, guide = inventory
    session = await world.open(Start())
    ids = [row["product_id"] for row in (await session.call(ToolCall("c", "list_products", {}))).content]
    for product_id in ids[:2]:
        await session.call(ToolCall("c", "rename_product", {"product_id": product_id, "name": "twin lamp"}))
    found = [request async for request in proposals(guide, session, 1, 3, Demand(impossible="ambiguous"))]
    assert len(found) == 3
    for request in found:
        effects, told, _ = await drive(guide, request, session)
        assert effects == ()
        assert tells(told, request.want.tell[0])


async def test_ids_are_looked_up_and_never_said(inventory: tuple[World, DataflowGuide]) -> None:
    world, guide = inventory
    session = await world.open(Start())
    async for request in proposals(guide, session, 5, 20):
        for call in request.want.gold:
            surrogate = call.arguments["product_id"]
            assert all(surrogate not in phrase for said in request.said for phrase in said.phrases)
            _, _, calls = await drive(guide, request, await session.fork())
            assert [made.name for made in calls] == ["list_products", call.name]
            assert calls[-1].arguments == call.arguments


async def test_parts_never_share_an_entity(inventory: tuple[World, DataflowGuide]) -> None:
    world, guide = inventory
    session = await world.open(Start())
    sides = [
        {entity async for request in proposals(guide, session, 1, 25, Demand(part=part)) for entity in request.entities} for part in ("train", "test")
    ]
    assert not sides[0] & sides[1]


async def test_discovery_is_deterministic_and_its_graph_can_be_stored(inventory: tuple[World, DataflowGuide], tmp_path: Path) -> None:
    world, guide = inventory
    again = await discover(World.of(INVENTORY), seed=1)
    assert again.graph == guide.graph
    save(guide.graph, tmp_path / "graph.json")
    other = World.of(INVENTORY)
    rebuilt = attach(other, load(tmp_path / "graph.json"))
    assert other.guide is rebuilt
    one, two = await world.open(Start()), await other.open(Start())
    assert [r async for r in proposals(guide, one, 1, 10)] == [r async for r in proposals(rebuilt, two, 1, 10)]
    with pytest.raises(SourceError, match="not what it was"):
        DataflowGuide.from_graph(guide.graph, world.tools[:2])
    (tmp_path / "graph.json").write_text("{")
    with pytest.raises(SourceError, match="no data-flow graph"):
        load(tmp_path / "graph.json")


async def test_tasks_from_a_discovered_guide_pass_the_whole_proof(inventory: tuple[World, DataflowGuide]) -> None:
    world, guide = inventory
    agent = agent_maker("scripted:oracle", guide, model=None, error_rate=0.3)
    checks = standard()
    passed = 0
    for number in range(60):
        sampled = await sample(world, guide, f"task-{number}", GoalSpec(kinds=("missing",)), seed=7)
        assert isinstance(sampled, Sampled)
        task = worded(sampled, tuple(check.name for check in checks), 7, (1, 2))
        if not isinstance(task, Task):
            continue
        trace = await judged(task, world, await play(task, world, agent, user_maker("goal")), checks)
        assert trace.passed, [(part.name, part.evidence) for verdict in trace.verdicts.values() for part in verdict.parts if not part.passed]
        passed += 1
    assert passed >= 50


async def test_a_small_budget_is_kept_and_says_what_it_missed() -> None:
    graph = (await discover(World.of(INVENTORY), budget=6)).graph
    assert graph.calls <= 20
    assert "rename_product" in graph.unreached


async def test_values_that_vary_are_never_answers(tmp_path: Path) -> None:
    module = tmp_path / "clock.py"
    module.write_text(
        "import itertools\n"
        "ticks = itertools.count()\n"
        "def status() -> dict[str, str]:\n"
        '    """Show the status."""\n'
        '    return {"mode": "night", "token": f"tick number {next(ticks)}"}\n'
    )
    guide = await discover(World.of(f"python:{module}"))
    assert [answer.column for use in guide.graph.uses for answer in use.answers] == ["mode"]


def test_text_is_read_as_records_lines_and_quotes() -> None:
    log = "Commit history:\nCommit: abc1234\nAuthor: Ana\n\nCommit: def5678\nAuthor: Ben\n"
    assert tables(log)["records"] == [{"Commit": "abc1234", "Author": "Ana"}, {"Commit": "def5678", "Author": "Ben"}]
    assert tables("  feature\n* main\n")["lines"] == [{"value": "feature"}, {"value": "main"}]
    assert tables("Switched to 'main'")["quoted"] == [{"value": "main"}]
    assert tables({"total": 2, "rows": [{"id": 1, "in": {"a": "b"}}]}) == {"": [{"total": 2}], "rows": [{"id": 1, "in.a": "b"}]}


async def test_a_notebook_server_is_understood() -> None:
    world = World.of(f"mcp:{sys.executable} {SERVERS / 'notebook.py'}")
    guide = await discover(world)
    uses = {use.tool: use for use in guide.graph.uses}
    assert ("list_notes", "result.id", "rename_note", "note_id") in guide.graph.edges()
    assert uses["rename_note"].effect == "write"
    assert "stamp" not in {use.tool for use in guide.graph.uses if use.answers}
    found = await prove(world, guide, Start(), 4, 3)
    assert {request.want.op.partition(":")[0] for request in found} <= {"call", "ask"}


GIT_ENV = {
    "GIT_AUTHOR_NAME": "Ana",
    "GIT_AUTHOR_EMAIL": "ana@x.example",
    "GIT_COMMITTER_NAME": "Ana",
    "GIT_COMMITTER_EMAIL": "ana@x.example",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+0000",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+0000",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def repository(folder: Path) -> World:
    """A small repository: three commits by three people, three branches, a staged file and an untracked one."""

    def git(*arguments: str, **env: str) -> None:
        subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **GIT_ENV, **env}, check=True, capture_output=True)

    git("init", "-b", "main")
    for day, (name, message, who) in enumerate(
        [("a.txt", "Add the readme", "Ana"), ("b.txt", "Fix the parser", "Ben"), ("c.txt", "Write notes", "Cleo")]
    ):
        (folder / name).write_text(f"{message}\n")
        git("add", ".")
        git("commit", "-m", message, GIT_AUTHOR_NAME=who, GIT_AUTHOR_DATE=f"2026-01-0{day + 2}T03:04:05+0000")
    git("branch", "feature")
    git("branch", "hotfix")
    (folder / "draft.txt").write_text("x\n")
    (folder / "staged.txt").write_text("y\n")
    git("add", "staged.txt")
    env = {f"env.{name}": value for name, value in GIT_ENV.items()}
    return World.of(f"mcp:{sys.executable} -m mcp_server_git --repository {{scratch}}", template=str(folder), state="folder", **env)


@pytest.mark.slow
async def test_the_git_server_is_understood(tmp_path: Path) -> None:
    world = repository(tmp_path)
    guide = await discover(world)
    graph = guide.graph
    assert graph.unreached == {}
    edges = {(edge[0], edge[2], edge[3]) for edge in graph.edges()}
    assert ("git_log", "git_show", "revision") in edges
    assert ("git_branch", "git_checkout", "branch_name") in edges
    assert ("git_status", "git_add", "files") in edges
    kinds = {(use.tool, param.name): param.kind for use in graph.uses for param in use.params}
    assert kinds["git_create_branch", "branch_name"] == "free"
    assert kinds["git_commit", "message"] == "free"
    assert kinds["git_status", "repo_path"] == "fixed"
    found = await prove(world, guide, Start(), 2, 8)
    assert len(found) == 8
    await world.close()


async def test_what_a_schema_calls_an_id_is_looked_up_where_that_id_is_shown():
    """A database whose own guide is not used, as when it is reached over MCP: small numbers work as keys, but nobody knows them."""
    world = World.of("sqlite:chinook")
    specs = {tool.name: tool for tool in world.tools}
    refs = {tool.name: {name: schema["x-ref"] for name, schema in tool.parameters["properties"].items() if "x-ref" in schema} for tool in world.tools}
    guide = await discover(world, seed=3)
    taken = [(use.tool, param) for use in guide.graph.uses for param in use.params if param.name in refs[use.tool]]
    assert len(taken) > 20
    for tool, param in taken:
        assert param.kind == "reference"
        for source in param.sources:
            shown = shown_ids(specs[source.tool].returns or {})[refs[tool][param.name]]
            assert source.column.rpartition(".")[2] in {path[-1] for path in shown}
    made = 0
    for seed in range(12):
        found = await sample(world, guide, str(seed), GoalSpec(), seed=seed)
        if not isinstance(found, Sampled):
            continue
        task = worded(found, tuple(check.name for check in standard()), seed, (1, 2))
        if not isinstance(task, Task):
            continue
        trace = await play(task, world, agent_maker("scripted:oracle", guide), user_maker())
        grounded = next(
            part for verdict in (await judged(task, world, trace, standard())).verdicts.values() for part in verdict.parts if part.name == "grounded"
        )
        assert grounded.passed, grounded.evidence
        made += 1
    assert made >= 6
