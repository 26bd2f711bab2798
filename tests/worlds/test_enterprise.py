"""Worlds with a policy: the generated enterprise at its size, rules that refuse with stable reasons, tasks that are proven."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.checks.suite import by_name
from artificer.core.canon import rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start, Task
from artificer.core.trace import Trace
from artificer.core.verdicts import ErrorKind
from artificer.recipes.synthesis.cove import Knobs, source, stages
from artificer.rollout.episode import play
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.replay import judged
from artificer.run.engine import execute
from artificer.run.store import RunFolder
from artificer.worlds.base import World
from artificer.worlds.enterprise import needed, plus_k
from artificer.worlds.enterprise.generated import generated_image
from artificer.worlds.enterprise.offer import domain_of
from artificer.worlds.enterprise.states import chain, read_arrows
from artificer.worlds.guide import Demand, Request
from artificer.worlds.sqlite.world import opened

POLICY = """
title = "Rules of the shop"
people = "employee"
text = "Be kind."
[actor.jane]
name = "Jane Peacock"
role = "clerk"
row = 3
[actor.nancy]
name = "Nancy Edwards"
role = "supervisor"
row = 2
[role.clerk]
read = ["*", "!employee"]
create = ["playlist", "playlist_track", "customer"]
update = ["customer", "track", "invoice"]
delete = ["playlist*"]
[role.supervisor]
create = ["*"]
update = ["*"]
delete = ["*"]
any_owner = true
[required]
customer = ["phone"]
[protected]
"track.unit_price" = ["supervisor"]
[own]
customer = "support_rep_id"
[lengths]
"customer.company" = 12
[states]
"invoice.billing_state" = "draft > sent > paid; sent > void"
"""


def call(name: str, /, **arguments) -> ToolCall:
    return ToolCall("c", name, arguments)


@pytest.fixture(scope="module")
def world():
    return World.of("enterprise:generated")


@pytest.fixture
def policy(tmp_path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


def test_the_generated_enterprise_has_its_size_and_holds_together(world):
    assert (len(world.schema.tables), len(world.tools)) == (164, 512)
    assert world.problems == ()
    connection = opened(world.image)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert all(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] >= 6 for name in world.schema.tables)
    assert set(Counter(domain_of(tool) for tool in world.tools)) == {"hr", "itsm", "csm", "crm", "cal", "mail", "drive", "teams"}
    assert len(world.policy) > 10_000
    searched = {tool.attributes["table"] for tool in world.tools if tool.attributes["op"] == "search"}
    assert searched == set(world.schema.tables)


def test_the_same_seed_gives_the_same_world_and_another_another(world):
    generated_image.cache_clear()
    again, other = World.of("enterprise:generated"), World.of("enterprise:generated", seed="5")
    assert (again.image, again.policy, again.toolset()) == (world.image, world.policy, world.toolset())
    assert other.image != world.image
    assert other.policy != world.policy
    assert len(other.tools) == 512


async def test_forks_are_private():
    world = World.of("enterprise:generated", actor="supervisor", tools="5000")
    session = await world.open(Start())
    fork = await session.fork()
    assert fork.run(call("update_hr_candidate", candidate_id=1, city="Tartu")).error is None
    assert fork.digest() != session.digest() == (await world.open(Start())).digest()
    assert session.run(call("get_hr_candidate", candidate_id=1)).content["city"] != "Tartu"
    assert [effect.table for effect in fork.effects()] == ["hr_candidate"]
    await session.close()
    await fork.close()


# -- rules


REFUSALS = [
    ("delete_customer", {"customer_id": 1}, "permission: the role clerk has no permission to delete a customer"),
    ("get_employee", {"employee_id": 1}, "permission: the role clerk has no permission to look at an employee"),
    ("get_support_rep_of_customer", {"customer_id": 1}, "permission: the role clerk has no permission to look at an employee"),
    (
        "update_track",
        {"track_id": 1, "unit_price": 5},
        "protected_field: the unit price of a track can only be set by supervisor; it is not permitted to clerk",
    ),
    ("update_customer", {"customer_id": 2, "company": "x"}, "not_owner: this customer has somebody else as its support rep"),
    (
        "update_customer",
        {"customer_id": 1, "company": "longer than twelve"},
        "too_long: the company of a customer is too long: it may have at most 12 characters",
    ),
    ("create_customer", {"first_name": "A", "last_name": "B", "email": "a@b.example"}, "required_field: a new customer must say its phone"),
    (
        "update_invoice",
        {"invoice_id": 1, "billing_state": "paid"},
        "transition: the billing state of a new invoice cannot become paid; it can only become draft",
    ),
]


async def test_every_rule_refuses_with_its_reason_and_changes_nothing(policy):
    world = World.of("enterprise:sqlite:chinook", policy=str(policy))
    session = await world.open(Start())
    first = session.digest()
    for name, arguments, detail in REFUSALS:
        result = session.run(call(name, **arguments))
        assert result.error is ErrorKind.forbidden, (name, result)
        assert result.detail.startswith(detail), result.detail
    assert session.digest() == first
    assert session.effects() == ()
    assert session.run(call("update_customer", customer_id=9999, company="x")).error is ErrorKind.not_found
    await session.close()


async def test_life_cycles_move_along_their_steps_and_end(policy):
    session = await World.of("enterprise:sqlite:chinook", policy=str(policy)).open(Start())
    for state in ("draft", "sent", "sent", "paid"):
        assert session.run(call("update_invoice", invoice_id=1, billing_state=state)).error is None
    ended = session.run(call("update_invoice", invoice_id=1, billing_city="Oslo"))
    assert (ended.error, ended.detail.partition(":")[0]) == (ErrorKind.forbidden, "closed_record")
    await session.close()


async def test_another_actor_has_other_rights(policy):
    world = World.of("enterprise:sqlite:chinook", policy=str(policy), actor="nancy")
    assert "You act for Nancy Edwards, whose role is supervisor" in world.policy
    assert "Be kind." in world.policy
    session = await world.open(Start())
    for name, arguments in (("update_customer", {"customer_id": 2, "company": "x"}), ("update_track", {"track_id": 1, "unit_price": 5})):
        assert session.run(call(name, **arguments)).error is None
    await session.close()


def test_the_policy_says_what_is_enforced(policy):
    text = World.of("enterprise:sqlite:chinook", policy=str(policy)).policy
    lines = [
        "You act for Jane Peacock",
        "- look at: everything but employee",
        "- delete: playlist, playlist_track",
        "- customer: phone",
        "- track.unit_price: supervisor",
        "- customer: support_rep_id",
        "- customer.company: 12",
        "- invoice.billing_state: begins as draft; draft -> sent; sent -> paid or void (final: paid, void)",
    ]
    for line in lines:
        assert line in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[role.clerk]", "[role.clark]"), "actor.jane: there is no role 'clerk'"),
        (('"track.unit_price"', '"track.price"'), "'track' has no column 'price'"),
        (('people = "employee"', 'people = "staff"'), "there is no table 'staff'"),
        (('customer = "support_rep_id"', 'buyer = "x"'), "there is no table 'buyer'"),
        (('"draft > sent > paid; sent > void"', '"draft, sent"'), "no life cycle"),
        (("= 12", "= 0"), "a length is at least 1"),
        (('create = ["playlist"', 'create = ["plailist"'), "no table is meant by 'plailist'"),
        (("any_owner", "any_boss"), "any_boss"),
        (("title", "title ="), "the policy file is not right"),
    ],
)
def test_mistakes_in_a_policy_file_are_told_with_their_place(policy, change, message):
    policy.write_text(POLICY.replace(*change))
    with pytest.raises(SourceError, match=re.escape(message)) as caught:
        World.of("enterprise:sqlite:chinook", policy=str(policy))
    assert caught.value.where == str(policy)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("enterprise:generated", {"actor": "boss"}, "nobody is called 'boss'"),
        ("enterprise:generated", {"apps": "erp"}, "there is no app 'erp'"),
        ("enterprise:generated", {"seed": "-1"}, "seed must be a whole number"),
        ("enterprise:generated", {"plus_k": "many"}, "plus_k must be a whole number"),
        ("enterprise:generated", {"policy": "/nowhere.toml"}, "the policy cannot be read"),
        ("enterprise:sqlite:nowhere.db", {}, "there is no file"),
        ("enterprise:nothing", {}, "is not a tool source"),
    ],
)
def test_bad_options(source, options, message):
    with pytest.raises(SourceError, match=message):
        World.of(source, **options)


def test_a_source_without_a_schema_is_refused(tmp_path, monkeypatch):
    (tmp_path / "one_lamp.py").write_text('def light(on: bool) -> str:\n    "Lights the lamp."\n    return str(on)\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SourceError, match="has no relational schema"):
        World.of("enterprise:python:one_lamp")


# -- life cycles as text


def test_arrows():
    machine = read_arrows("new > open -> done; open > dropped")
    assert machine.initial == ("new",)
    assert machine.steps == {"new": ("open",), "open": ("done", "dropped"), "done": (), "dropped": ()}
    assert machine.final == ("done", "dropped")
    assert chain(["a", "b"]).steps == {"a": ("b",), "b": ()}
    assert [read_arrows(text) for text in ("", "a", "a > ", "a > b!", "; ;")] == [None] * 5


@given(st.lists(st.lists(st.sampled_from("abcde"), min_size=2, max_size=4), min_size=1, max_size=4))
def test_what_is_written_with_arrows_is_read_again(paths):
    machine = read_arrows("; ".join(" > ".join(path) for path in paths))
    assert all(other in machine.steps[one] for path in paths for one, other in pairwise(path))
    assert sum(map(len, machine.steps.values())) == len({pair for path in paths for pair in pairwise(path)})


# -- tasks


def _synth(knobs: Knobs, folder: Path) -> tuple[list[Task], list[Trace], object]:
    with RunFolder.create_or_continue(folder, {"recipe": "cove"}) as run:
        summary = asyncio.run(execute(stages(knobs), source(knobs), run))
        return [task for _, task in run.read("tasks", Task)], [trace for _, trace in run.read("traces", Trace)], summary


@pytest.mark.parametrize(("actor", "number"), [("clerk", 60), ("supervisor", 20), ("auditor", 20)])
def test_tasks_of_every_actor_are_proven_forbidden_ones_too(tmp_path, actor, number):
    knobs = Knobs(world="enterprise:generated", options={"actor": actor}, n=number, seed=4, impossible=0.6, kinds=("forbidden",))
    tasks, traces, summary = _synth(knobs, tmp_path / "run")
    assert summary["judge"].rejects == {}
    assert len(traces) == len(tasks) >= number * 0.9
    reasons = Counter(want.reason for task in tasks for want in task.goal.wants if want.outcome == "refused")
    if actor == "clerk":
        assert set(reasons) == {"permission", "protected_field", "closed_record", "not_owner", "transition"}
        assert all(task.gold == () for task in tasks if task.goal.wants[0].outcome == "refused")
    if actor == "auditor":
        assert set(reasons) == {"permission"}


@pytest.mark.parametrize("source", ["enterprise:sqlite:chinook", "enterprise:domain:retail"])
def test_tasks_on_other_schemas_are_proven(tmp_path, source):
    tasks, traces, summary = _synth(Knobs(world=source, n=30, seed=1, impossible=0.4), tmp_path / "run")
    assert summary["judge"].rejects == {}
    assert len(traces) == len(tasks) >= 27


async def test_a_forbidden_request_breaks_the_rule_it_names(world):
    session = await world.open(Start())
    seen: set[str] = set()
    found = 0
    async for one in world.guide.propose(session, rng("forbidden"), Demand(impossible="forbidden")):
        if isinstance(one, Request):
            found += 1
            seen.add(one.want.reason)
            verb, table, *columns = one.want.op.split(":")
            assert one.want.gold == ()
            if one.want.reason == "permission":
                assert not world.rules.may(verb if verb in {"create", "update", "delete"} else "read", table)
            if one.want.reason == "protected_field":
                assert any(f"{table}.{name}" in world.rules.policy.protected for name in columns[0].split(","))
        if found == 60:
            break
    await session.close()
    assert seen == {"permission", "protected_field", "closed_record", "not_owner", "transition"}


# -- plus_k


def test_plus_k_offers_what_is_needed_and_k_tools_of_other_apps(tmp_path, world):
    knobs = Knobs(world="enterprise:generated", n=10, seed=6, impossible=0.2)
    tasks, _, _ = _synth(knobs, tmp_path / "run")

    async def run():
        agent, user = agent_maker("scripted:oracle", world.guide), user_maker("goal")
        domains = {tool.name: domain_of(tool) for tool in world.tools}
        for task in tasks:
            names = await needed(world, task)
            assert {call.name for call in task.gold} <= set(names)
            for k in (0, 5, 15):
                offered = await plus_k(world, task, k)
                assert offered == await plus_k(world, task, k)
                assert set(names) <= set(offered.tools)
                assert len(offered.tools) == len(set(offered.tools)) == len(names) + k
                extra = set(offered.tools) - set(names)
                assert not names or not {domains[name] for name in extra} & {domains[name] for name in names}
            trace = await play(offered, world, agent, user)
            trace = await judged(offered, world, trace, by_name(offered.checks))
            assert all(verdict.passed for verdict in trace.verdicts.values())
        return [await plus_k(world, tasks[0], 5, seed) for seed in (1, 2)]

    one, two = asyncio.run(run())
    assert set(one.tools) != set(two.tools)


def test_a_world_of_some_apps_with_distractors():
    bare, more = World.of("enterprise:generated", apps="itsm+hr"), World.of("enterprise:generated", apps="itsm+hr", plus_k="10")
    assert {domain_of(tool) for tool in bare.tools} == {"itsm", "hr"}
    extra = {tool.name for tool in more.tools} - {tool.name for tool in bare.tools}
    assert len(more.tools) == len(bare.tools) + 10 == len(bare.tools) + len(extra)
    assert not {domain_of(tool) for tool in more.tools if tool.name in extra} & {"itsm", "hr"}


async def test_distractors_beside_a_schema_of_one_domain_work(tmp_path):
    bare, more = World.of("enterprise:sqlite:chinook"), World.of("enterprise:sqlite:chinook", plus_k="10")
    assert len(more.tools) == len(bare.tools) + 10
    assert more.rules.actor == bare.rules.actor
    session = await more.open(Start())
    reads = [tool for tool in more.tools[len(bare.tools) :] if tool.attributes["op"] == "search"]
    assert all(session.run(call(tool.name)).content["total"] > 0 for tool in reads)
    await session.close()


def test_the_pages_examples_print_what_it_says(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "worlds-enterprise.md").read_text()
    (tmp_path / "policy.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    examples = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for code, printed in examples:
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout == printed
