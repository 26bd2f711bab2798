"""Milestones: tables worked by hand, and the search against brute force."""

import itertools
import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.state.graph import Milestone, TableConstraint, graph_of
from artificer.checks.state.milestones import constraint_similarity, matched
from artificer.checks.state.reached import Milestones
from artificer.checks.state.snapshots import Snapshots, snapshots_of
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Constraint, Effect
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import begun

# the search against brute force


def case(seed):
    """A random small graph (at most 5 milestones) and a random run (at most 8 snapshots) over two tables of small numbers."""
    chance = random.Random(seed)
    tables, state = ("a", "b", "c"), {"a": 0, "b": 0, "c": 0}
    effects = []
    for _ in range(chance.randint(1, 8)):
        made = []
        for table in tables:
            if chance.random() < 0.3:
                new = chance.randint(0, 3)
                if new != state[table]:
                    made.append(Effect(table, (1,), "update", {"n": (state[table], new)}))
                    state[table] = new
        effects.append(made)
    start = {table: {(1,): {"n": 0, "word": f"the {table} row"}} for table in tables}
    messages = [
        {
            "sender": "agent",
            "recipient": "user",
            "content": " ".join(chance.choices(["one", "two", "three", "four"], k=3)),
            "tool_trace": None,
            "error": None,
        }
        for _ in effects
    ]
    count = chance.randint(1, 5)
    edges = [(first, second) for first, second in itertools.combinations(range(count), 2) if chance.random() < 0.4]
    ancestors = {node: {node} for node in range(count)}
    for first, second in sorted(edges, key=lambda edge: edge[1]):
        ancestors[second] |= ancestors[first]
    milestones = []
    for node in range(count):
        constraints = []
        for _ in range(chance.randint(1, 2)):
            earlier = sorted(ancestors[node] - {node})
            reference = chance.choice([-1, *earlier])
            kind = chance.choice(["snapshot", "update", "messages"])
            if kind == "messages":
                said = " ".join(chance.choices(["one", "two", "three", "four"], k=3))
                constraints.append(TableConstraint(table="@messages", rows=[{"content": said}]))
            elif kind == "update":
                rows = [{"n": chance.randint(0, 3)}] * chance.randint(0, 1)
                constraints.append(TableConstraint(table=chance.choice(tables), kind="update", rows=rows, reference=reference))
            else:
                rows = [{"n": chance.randint(0, 3), "word": "the row of it"}]
                constraints.append(
                    TableConstraint(table=chance.choice(tables), rows=rows, columns={"word": "rouge_l"}, reference=chance.choice([None, reference]))
                )
        milestones.append(Milestone(constraints=constraints, free=chance.choice([[], [], ["c"]])))
    return milestones, edges, Snapshots(start, messages, effects, chance.randint(0, len(effects) - 1))


def by_hand(graph, snapshots, node, place, places):
    """A milestone's similarity, written out again."""
    where = {**places, -1: snapshots.first}

    def rows(table, at):
        return snapshots.rows(table, snapshots.version(table, at))

    product = 1.0
    for constraint in graph.milestones[node].constraints:
        then = None if constraint.reference is None else snapshots.version(constraint.table, where[constraint.reference])
        product *= constraint_similarity(constraint, snapshots, snapshots.version(constraint.table, place), then, graph.mode)
    product **= 1 / len(graph.milestones[node].constraints)
    for other in {*graph.before[node], *(one.reference for one in graph.milestones[node].constraints if one.reference is not None)}:
        for table in "abc":
            named = {one.table for near in {node, *graph.guarded[node]} - {-1} for one in graph.milestones[near].constraints}
            if table not in named and table not in graph.milestones[node].free and rows(table, place) != rows(table, where[other]):
                product = 0.0
    return product


def brute_force(graph, snapshots):
    """Every order of milestones that the graph allows, with every rising choice of messages, as the definition says."""
    best = -1.0
    for order in itertools.permutations(graph.order):
        position = {node: at for at, node in enumerate(order)}
        if any(position[parent] > position[node] for node in order for parent in graph.before[node]):
            continue
        for chosen in itertools.combinations_with_replacement(range(snapshots.first, len(snapshots)), len(order)):
            places = dict(zip(order, chosen, strict=True))
            best = max(best, sum(by_hand(graph, snapshots, node, places[node], places) for node in order))
    return best / len(graph.milestones)


def test_the_search_finds_what_brute_force_finds_on_200_random_graphs():
    wide = 0
    for seed in range(200):
        milestones, edges, snapshots = case(seed)
        if len(milestones) == 5 and len(snapshots) - snapshots.first > 5:
            edges = [(at, at + 1) for at in range(4)]  # all orders of these would take minutes
        graph = graph_of(milestones, edges)
        found = matched(graph, snapshots)
        assert found.score == pytest.approx(brute_force(graph, snapshots), abs=1e-12), seed
        assert all(found.places[first] <= found.places[second] for first, second in edges), seed
        assert all(snapshots.first <= place < len(snapshots) for place in found.places)
        wide += len(edges) < len(milestones) - 1
    assert wide > 20, "graphs that are no chain are among them"


# hand-worked graphs


def run(*contents, effects=(), start=None):
    """A run in which the agent says these things after the user's opening."""
    said = [{"sender": "user", "recipient": "agent", "content": "hello", "tool_trace": None, "error": None}]
    said += [{"sender": "agent", "recipient": "user", "content": content, "tool_trace": None, "error": None} for content in contents]
    return Snapshots(start or {}, said, [dict(effects).get(at, ()) for at in range(len(said))])


def says(text, **more):
    return Milestone(constraints=[TableConstraint(table="@messages", rows=[{"sender": "agent", "content": text}])], **more)


def item(price, *, reference=None, kind="snapshot", **more):
    return Milestone(constraints=[TableConstraint(table="item", kind=kind, rows=[{"price": price}], reference=reference)], **more)


ITEM = {"item": {(1,): {"id": 1, "price": 5}}, "sale": {}}


def moved(old, new):
    return [Effect("item", (1,), "update", {"price": (old, new)})]


def test_a_chain_takes_the_best_rising_places():
    found = matched(graph_of([says("red fox"), says("blue fox")], None), run("blue fox", "red fox", "old blue fox"))
    assert found.places == (2, 3)
    assert found.similarities == pytest.approx((1, math.sqrt(0.8)))  # sender 1, content ROUGE-L F of 2 of 3 and 2 of 2 words
    backwards = matched(graph_of([says("blue fox"), says("red fox")], None), run("red fox", "blue fox"))
    assert backwards.score == pytest.approx((1 + math.sqrt(0.5)) / 2)  # both at one message is allowed


def test_without_edges_every_milestone_has_its_own_best_place():
    both = [says("blue fox"), says("red fox")]
    assert matched(graph_of(both, []), run("red fox", "blue fox")).score == 1
    assert matched(graph_of(both, []), run("red fox", "blue fox")).places == (2, 1)


def test_nothing_is_placed_before_the_user_speaks():
    said = [{"sender": "agent", "recipient": "user", "content": "red fox", "tool_trace": None, "error": None}]
    said.append({"sender": "user", "recipient": "agent", "content": "no", "tool_trace": None, "error": None})
    assert matched(graph_of([says("red fox")], None), Snapshots({}, said, [(), ()], 1)).score == 0


def test_of_equally_good_places_the_first_is_taken():
    assert matched(graph_of([says("fox"), says("fox")], None), run("fox", "fox", "fox")).places == (1, 1)


def test_a_guardrail_makes_a_right_place_worthless():
    changed = {1: moved(5, 7), 2: [Effect("sale", (1,), "insert", {"id": (None, 1)}, True)]}
    told = [item(7, reference=-1, kind="update"), says("done")]
    assert matched(graph_of(told, None), run("a", "b", "done", effects={1: moved(5, 7)}, start=ITEM)).score == 1
    beside = matched(graph_of(told, None), run("a", "b", "done", effects=changed, start=ITEM))
    assert beside.places[0] == 1  # before the sale
    assert beside.similarities == pytest.approx((1, 0))  # after the first, `sale` must not change until `done`
    free = [told[0], says("done", free=["sale"])]
    assert matched(graph_of(free, None), run("a", "b", "done", effects=changed, start=ITEM)).score == 1
    at_once = {1: [*moved(5, 7), *changed[2]]}
    assert matched(graph_of(told[:1], None), run("a", effects=at_once, start=ITEM)).score == 0, "a side change in another table"


def test_a_change_taken_back_is_no_change():
    effects = {1: moved(5, 7), 2: moved(7, 5)}
    told = [Milestone(constraints=[TableConstraint(table="sale", rows=[], reference=-1)])]
    assert matched(graph_of(told, None), run("a", "b", effects=effects, start=ITEM)).score == 1


def test_code_mode_loses_what_upstream_loses():
    effects = {1: [*moved(5, 7), Effect("sale", (1,), "insert", {"id": (None, 1)})]}
    last = Milestone(constraints=[TableConstraint(table="sale", rows=[{"id": 1}])])
    told = [item(7, reference=-1, kind="update"), last]
    assert matched(graph_of(told, []), run("a", effects=effects, start=ITEM)).similarities == (0, 1)
    assert graph_of(told, [], "code").order == ()  # a graph without edges has no nodes there
    # the start's index -1 is read as the last milestone, so that its tables are not guarded against the start
    assert matched(graph_of(told, [(0, 1)], "code"), run("a", effects=effects, start=ITEM)).similarities == (1, 1)
    assert matched(graph_of(told, [(0, 1)]), run("a", effects=effects, start=ITEM)).similarities == (0, 1)


@pytest.mark.parametrize(
    ("milestones", "edges", "why"),
    [
        ([says("a"), says("b")], [(0, 1), (1, 0)], "in a circle"),
        ([says("a")], [(0, 0)], "in a circle"),
        ([says("a")], [(0, 3)], "leads to no milestone"),
        ([Milestone(constraints=[])], None, "constrains nothing"),
        ([item(1, kind="addition")], None, "needs a reference"),
        ([says("a"), item(1, kind="addition", reference=0)], [], "does not come before it"),
        ([item(1, kind="removal", reference=0)], None, "does not come before it"),
        ([says("a")] * 65, None, "65 milestones"),
    ],
)
def test_what_cannot_be_decided_is_the_authors_mistake(milestones, edges, why):
    with pytest.raises(ArtificerError, match=why):
        graph_of(milestones, edges)


def test_wide_and_long_graphs_take_no_long_time():
    chance = random.Random(3)
    words = ["one", "two", "three", "four", "five", "six"]
    long = run(*(" ".join(chance.choices(words, k=4)) for _ in range(120)))
    many = [says(" ".join(chance.choices(words, k=4))) for _ in range(24)]
    assert matched(graph_of(many, None), long).score > 0.5
    assert matched(graph_of(many, None), long).whole
    joined = [(at, 23) for at in range(23)]
    assert matched(graph_of(many, joined), long).score > 0.5
    assert matched(graph_of(many, []), long).score > 0.5
    assert matched(graph_of(many, []), long).whole


def test_a_graph_that_is_too_wide_to_search_gives_a_lower_bound_and_says_so():
    chance = random.Random(4)
    state, effects = dict.fromkeys("abcdef", 0), {}
    for at in range(1, 60):
        table = chance.choice("abcdef")
        new = chance.choice([value for value in range(4) if value != state[table]])
        effects[at] = [Effect(table, (1,), "update", {"n": (state[table], new)})]
        state[table] = new
    start = {table: {(1,): {"n": 0}} for table in state}
    many = [Milestone(constraints=[TableConstraint(table="@messages", rows=[{"content": text}])]) for text in "abcdefghijkl"]
    graph = graph_of(many, [(at, 11) for at in range(11)])
    run_of_it = run("l", *(chance.choice("abcdefghijk") for _ in range(59)), effects=effects, start=start)  # the last comes first
    few, more = matched(graph, run_of_it, 20), matched(graph, run_of_it, 500)
    assert not few.whole
    assert 0 < few.score <= more.score <= 1
    assert all(few.places[at] <= few.places[11] for at in range(11))


# values taken from traces


def traced(*values):
    said = [{"sender": "user", "recipient": "agent", "content": "hello", "tool_trace": None, "error": None}]
    for value in values:
        trace = [{"tool_name": "weather", "arguments": {"city": "Oslo"}, "result": {"now": value}}]
        said.append({"sender": "tools", "recipient": "agent", "content": "", "tool_trace": trace, "error": None})
    return said


def dependent(**more):
    first = Milestone(constraints=[TableConstraint(table="@messages", rows=[{"tool_trace": {"tool_name": "weather", "arguments": {}}}])])
    taken = TableConstraint(table="@messages", kind="tool_trace_dependent", reference=0, take={"x": ["result", "now"]}, **more)
    return graph_of([first, Milestone(constraints=[taken])], None)


@pytest.mark.parametrize(("said", "similarity"), [("it is 20.46 there", 1), ("it is 20.5 there", 1), ("it is 20 there", 1), ("it is 21 there", 0.75)])
def test_a_blank_in_what_is_said_is_filled_from_an_earlier_call(said, similarity):
    messages = [*traced(20.46), {"sender": "agent", "recipient": "user", "content": said, "tool_trace": None, "error": None}]
    found = matched(dependent(rows=[{"content": "it is {x} there"}]), Snapshots({}, messages, [()] * len(messages)))
    assert found.similarities[1] == pytest.approx(similarity)  # the fourth: 3 of 4 words, filled as "20"


def test_a_blank_in_a_call_is_filled_and_what_is_stated_may_stay():
    def after(arguments):
        trace = [{"tool_name": "note", "arguments": arguments, "result": None}]
        return [*traced(20), {"sender": "tools", "recipient": "agent", "content": "", "tool_trace": trace, "error": None}]

    graph = dependent(fill="tool_trace", rows=[{"tool_trace": {"tool_name": "note", "arguments": {"to": "me"}}}])
    for arguments, score in (({"x": 20, "to": "me"}, 1), ({"x": 21, "to": "me"}, 0), ({"x": 20, "to": "you"}, 0)):
        messages = after(arguments)
        assert matched(graph, Snapshots({}, messages, [()] * len(messages))).similarities[1] == score
    graph = dependent(fill="tool_trace", rows=[{"tool_trace": {"tool_name": "note", "arguments": {"x": 7}}}])
    messages = after({"x": 7})
    assert matched(graph, Snapshots({}, messages, [()] * len(messages))).similarities[1] == 1


# in a world


def stated(**arguments):
    return Constraint("milestones", arguments)


SOLD = {"constraints": [{"table": "sale", "kind": "addition", "rows": [{"item_id": 1}], "reference": -1}], "free": ["item"], "name": "sold"}
TOLD = {"constraints": [{"table": "@messages", "rows": [{"sender": "agent", "recipient": "user", "content": "It is sold."}]}]}
NEVER = {"constraints": [{"table": "@messages", "rows": [{"recipient": "tools", "content": "price("}], "columns": {"content": "contains"}}]}


async def test_milestones_in_a_shop(shop, play, task):
    wanted = task(stated(milestones=[SOLD, TOLD], minefields=[NEVER]))
    right = await Milestones()(await play(shop, wanted, "a lamp please", ("look", {"item": 1}), ("sell", {"item": 1}), "It is sold."))
    assert (right.passed, right.score, right.evidence) == (True, 1.0, ())
    assert right.numbers == {
        "milestone_similarity": 1.0, "minefield_similarity": 0.0, "milestones": 2, "minefields": 1, "reached": 2, "turns": 6,
    }  # fmt: skip
    half = await Milestones()(await play(shop, wanted, "a lamp please", ("sell", {"item": 1}), "Sold!"))
    assert not half.passed
    assert half.score == pytest.approx((1 + (2 * 1 / 3 / (1 + 1 / 3)) ** (1 / 3)) / 2)  # "sold" is 1 of 3 words: F = 1/2, third root
    assert half.kinds == (ErrorKind.missing_effect,)
    struck = await Milestones()(await play(shop, wanted, "a lamp please", ("sell", {"item": 1}), ("price", {"item": 1, "price": 1}), "It is sold."))
    assert (struck.passed, struck.score, struck.kinds) == (False, 0.0, (ErrorKind.policy_breach,))
    assert "minefield 0: 1.000 at message 3" in struck.evidence
    other = await Milestones()(await play(shop, wanted, "a rug please", ("sell", {"item": 3}), "It is sold."))
    assert "milestone 0 (sold): not reached at any message" in other.evidence


async def test_a_state_dependency_is_solved_after_its_error(shop, play, task):
    """The first call is refused, is then made possible, and succeeds: all milestones are reached."""
    wanted = task(
        stated(
            milestones=[
                {"constraints": [{"table": "item", "kind": "update", "rows": [{"id": 2, "price": 5}], "reference": -1}]},
                {"constraints": [{"table": "@messages", "rows": [{"sender": "tools", "tool_trace": {"tool_name": "sell", "arguments": {"item": 1}}}]},
                                 {"table": "sale", "kind": "addition", "rows": [{"item_id": 1}], "reference": 0}], "free": ["item"]},
            ]
        )
    )  # fmt: skip
    made = await play(shop, wanted, "hi", ("sell", {"item": 2}), ("price", {"item": 2, "price": 5}), ("sell", {"item": 1}), "done")
    assert made.nodes[2].message.result.error is not None
    found = await Milestones()(made)
    assert (found.score, found.evidence) == (1.0, ())


async def test_snapshots_are_the_states_as_they_were(shop, play, task):
    """At every message the rows rebuilt from effects are those that the session had."""
    calls = [("sell", {"item": 1}), ("price", {"item": 2, "price": 4.5}), ("price", {"item": 2, "price": None}), ("sell", {"item": 3, "note": "x"})]
    made = await play(shop, task(), "hi", *calls, "ho")
    rebuilt = snapshots_of(made, await made.past.start(lambda session: session.rows()))
    session = await begun(shop, made.task.start)
    for at, node in enumerate(made.nodes):
        if node.message.result is not None:
            await session.call(made.nodes[at - 1].message.calls[0])
        for table, rows in session.rows().items():
            mine = rebuilt.rows(table, rebuilt.version(table, at))
            assert sorted(map(repr, mine)) == sorted(map(repr, rows.values())), (at, table)
    await session.close()


async def test_nothing_depends_on_the_order_of_rows_keys_or_call_ids(shop, play, task):
    wanted = task(stated(milestones=[SOLD, TOLD]))
    made = await play(shop, wanted, "a lamp please", ("sell", {"item": 1}), "It is sold!")
    flipped = [{name: one[name] for name in reversed(one)} for one in (SOLD, TOLD)]
    other = msgspec.structs.replace(made, task=task(stated(minefields=[], milestones=flipped)))
    assert await Milestones()(other) == await Milestones()(made)


@pytest.mark.parametrize("content", ["x" * 10_000_000, "\ud800 It is sold.", "a b " * 1_000_000, '{"a":' * 100_000, "{sender.__class__}"])
async def test_hostile_words_are_only_words(shop, play, task, content):
    taken = {
        "table": "@messages",
        "kind": "tool_trace_dependent",
        "reference": 0,
        "take": {"n": ["result", "sold"]},
        "rows": [{"content": "{n} {sender}"}],
    }
    wanted = task(stated(milestones=[SOLD, TOLD, {"constraints": [taken]}]))
    found = await Milestones()(await play(shop, wanted, content, ("sell", {"item": 1, "note": content[:1000]}), content))
    assert 0 <= found.score < 1
    "\n".join(found.evidence).encode()


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part))
)
@settings(max_examples=60, deadline=None)
def test_whatever_a_tool_answers_is_compared(value):
    graph = dependent(rows=[{"content": "{x}"}])
    messages = traced(value)
    assert 0 <= matched(graph, Snapshots({}, messages, [()] * len(messages))).score <= 1


async def test_a_world_that_shows_nothing_is_judged_by_its_effects(shop, play, task):
    """What came, went and changed is told by the calls' own effects; a whole table is not."""
    priced = {"constraints": [{"table": "item", "kind": "update", "rows": [{"price": 4}], "reference": -1}]}
    made = await play(shop, task(stated(milestones=[SOLD, TOLD])), "a lamp", ("sell", {"item": 1}), "It is sold.")
    cheap = await play(
        shop, task(stated(milestones=[priced])), "cheaper", ("price", {"item": 1, "price": 5}), ("price", {"item": 1, "price": 4}), "ok"
    )
    for episode in (made, cheap):
        found = await Milestones()(episode)
        assert found.passed
        assert await Milestones()(msgspec.structs.replace(episode, past=None)) == found
    whole = task(stated(milestones=[{"constraints": [{"table": "sale", "rows": [{"item_id": 1}]}]}]))
    assert (await Milestones()(msgspec.structs.replace(made, task=whole))).passed
    assert (await Milestones()(msgspec.structs.replace(made, task=whole, past=None))).evidence == ("the state was not kept",)
