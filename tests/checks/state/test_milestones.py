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
from artificer.checks.state.snapshots import Snapshots
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Constraint, Effect
from artificer.core.verdicts import ErrorKind

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
        {"sender": "agent", "recipient": "user", "content": " ".join(chance.choices("one two three four".split(), k=3)), "tool_trace": None, "error": None}
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
                said = " ".join(chance.choices("one two three four".split(), k=3))
                constraints.append(TableConstraint(table="@messages", rows=[{"content": said}]))
            elif kind == "update":
                rows = [{"n": chance.randint(0, 3)}] * chance.randint(0, 1)
                constraints.append(TableConstraint(table=chance.choice(tables), kind="update", rows=rows, reference=reference))
            else:
                rows = [{"n": chance.randint(0, 3), "word": "the row of it"}]
                constraints.append(TableConstraint(table=chance.choice(tables), rows=rows, columns={"word": "rouge_l"}, reference=chance.choice([None, reference])))
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
        if len(milestones) == 5 and len(snapshots) - snapshots.first > 6:
            edges = [(at, at + 1) for at in range(4)]  # all orders of these would take minutes
        graph = graph_of(milestones, edges)
        found = matched(graph, snapshots)
        assert found.score == pytest.approx(brute_force(graph, snapshots), abs=1e-12), seed
        assert all(found.places[first] <= found.places[second] for first, second in edges), seed
        assert all(snapshots.first <= place < len(snapshots) for place in found.places)
        wide += len(edges) < len(milestones) - 1
    assert wide > 20, "graphs that are no chain are among them"
