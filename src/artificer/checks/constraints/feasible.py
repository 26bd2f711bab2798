"""Can the rules be kept at all, and does the task's own solution keep them? Asked before anything is played.

What is reported is a contradiction for certain; what is not may still be too hard. The gold calls are tried in every
way of cutting them, in their order, into messages. What agents must say and look up besides is not in the gold: reading
tools that it does not call are taken to be called where an order or a group asks for them, and a minimum that the gold
misses counts only where no reading could make it up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from artificer.checks.constraints.agreeing import clashes
from artificer.checks.constraints.possible import callable_tools, levels, needed
from artificer.checks.constraints.rules import DIMENSION, Available, Calls, CallsOf, Order, Parallel, Parameters, Rounds, Rule, Together, Values
from artificer.checks.constraints.stated import Rules, stated
from artificer.checks.constraints.steps import State, Tools, Violation, by_name, called, ended, spoke
from artificer.checks.constraints.written import write
from artificer.core.messages import ToolCall
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec

LONGEST_GOLD = 60
"""Gold calls that are cut into messages in every way; of more only one by one."""
LARGEST_MESSAGE = 16


class Conflict(Struct, frozen=True):
    """Rules that cannot all be kept (by index), and why. `text` names them."""

    rules: tuple[int, ...]
    why: str
    text: str = ""


def check_feasible(task: Task, tools: Sequence[ToolSpec], user_tools: Sequence[ToolSpec] = ()) -> tuple[Conflict, ...]:
    """The contradictions among a task's rules, and between them and its gold; none is good.

    Args:
        tools: that an agent is offered.
        user_tools: whose gold calls are not the agent's.

    Raises:
        ArtificerError: the rules cannot be read.
    """
    rules = stated(task)
    if rules is None:
        return ()
    known = {tool.name for tool in user_tools} - {tool.name for tool in tools}
    offered = [tool for tool in tools if task.tools is None or tool.name in task.tools]
    gold = [call for call in task.gold or () if call.name not in known]
    found = list(contradictions(rules, offered))
    if task.gold is not None:
        found += broken_by(gold, rules, offered)
    return tuple(found)


def contradictions(rules: Rules, tools: Sequence[ToolSpec]) -> Iterator[Conflict]:
    """What in the rules cannot be kept, whatever is done."""
    every = rules.rules
    for at, why in (*_unknown(every, {tool.name for tool in tools}), *_spans(every), *clashes(every)):
        yield _conflict(rules, at, why)
    allowed = callable_tools(every, tools)
    reached = levels(every, allowed)
    for at, rule in enumerate(every):
        names = _named(rule)
        dead = [name for name in names if name in allowed and name not in reached]
        if dead and isinstance(rule, Order | Together):
            yield _conflict(rules, (at,), f"{dead[0]!r} can never be called, by these rules together")
        if isinstance(rule, CallsOf):
            for name, least in rule.least.items():
                if least and name not in reached:
                    yield _conflict(rules, (at,), f"{name!r} must be called and can never be")
    yield from _budgets(rules, reached)


def _unknown(rules: Sequence[Rule], names: set[str]) -> Iterator[tuple[tuple[int, ...], str]]:
    for at, rule in enumerate(rules):
        missing = [name for name in _named(rule) if name not in names]
        if missing:
            yield (at,), f"there is no tool {missing[0]!r}"
        for chain in rule.chains if isinstance(rule, Order) else ():
            if len(set(chain)) < len(chain):
                yield (at,), "a tool stands twice in a chain"


def _named(rule: Rule) -> list[str]:
    """The tools that a rule names."""
    match rule:
        case Order():
            names = [name for chain in rule.chains for name in chain] + ([rule.first] if rule.first is not None else [])
        case Together():
            names = [name for group in rule.groups for name in group]
        case CallsOf():
            names = [*rule.most, *rule.least]
        case Available():
            names = list(rule.tools or ())
        case Parameters() | Values():
            names = list(rule.tools)
        case _:
            names = []
    return list(dict.fromkeys(names))


def _spans(rules: Sequence[Rule]) -> Iterator[tuple[tuple[int, ...], str]]:
    """Minima of one rule above maxima of another."""
    kept = [(at, rule) for at, rule in enumerate(rules) if isinstance(rule, Rounds | Calls | Parallel)]
    for at, one in kept:
        for to, other in kept:
            same = type(one) is type(other) and (not isinstance(one, Parallel) or not isinstance(other, Parallel) or one.unit == other.unit)
            if same and at != to and other.most is not None and one.least > other.most:
                yield (at, to), f"at least {one.least} and at most {other.most}"
    for at, one in enumerate(rules):
        for to, other in enumerate(rules):
            if isinstance(one, CallsOf) and isinstance(other, CallsOf) and at != to:
                hit = next((name for name, least in one.least.items() if least > other.most.get(name, least)), None)
                if hit is not None:
                    yield (at, to), f"{hit!r} at least {one.least[hit]} and at most {other.most[hit]} times"


class _Room(Struct, frozen=True):
    """The narrowest maxima, each with the index of its rule: messages, calls in all, calls in one message."""

    rounds: tuple[int, int] | None
    calls: tuple[int, int] | None
    wide: tuple[int, int] | None


def _room(rules: Sequence[Rule]) -> _Room:
    rounds = [(rule.most, at) for at, rule in enumerate(rules) if isinstance(rule, Rounds) and rule.most is not None]
    calls = [(rule.most, at) for at, rule in enumerate(rules) if isinstance(rule, Calls) and rule.most is not None]
    wide = [(rule.most, at) for at, rule in enumerate(rules) if isinstance(rule, Parallel) and rule.unit == "calls" and rule.most is not None]
    return _Room(min(rounds, default=None), min(calls, default=None), min(wide, default=None))


def _budgets(rules: Rules, reached: Mapping[str, int]) -> Iterator[Conflict]:
    """Minima that do not fit into the messages, calls and tools there are."""
    room, in_all = _room(rules.rules), _in_all(rules.rules, reached)
    for at, rule in enumerate(rules.rules):
        found: Iterator[tuple[int | None, str]] = iter(())
        if isinstance(rule, Calls | Parallel) and rule.least and not reached:
            found = iter([(None, "no tool can be called")])
        elif isinstance(rule, Calls | Parallel) and rule.least and room.rounds is not None and room.rounds[0] < 2:
            found = iter([(room.rounds[1], "the only message is the final answer")])
        elif isinstance(rule, Parallel):
            found = _too_wide(rule, room, reached)
        elif isinstance(rule, Calls):
            found = _too_many(rule, room, in_all)
        elif isinstance(rule, CallsOf):
            found = _too_far(rule, room, rules.rules, reached)
        for other, why in found:
            yield _conflict(rules, (at,) if other is None else (at, other), why)


def _too_wide(rule: Parallel, room: _Room, reached: Mapping[str, int]) -> Iterator[tuple[int | None, str]]:
    if room.calls is not None and rule.least > room.calls[0]:
        yield room.calls[1], f"{rule.least} calls in one message, of at most {room.calls[0]} in all"
    if rule.unit == "tools" and rule.least > len(reached):
        yield None, f"{rule.least} different tools, of {len(reached)} that can be called"
    if rule.unit == "tools" and room.wide is not None and rule.least > room.wide[0]:
        yield room.wide[1], f"{rule.least} different tools in one message of at most {room.wide[0]} calls"


def _too_many(rule: Calls, room: _Room, in_all: int | None) -> Iterator[tuple[int | None, str]]:
    if in_all is not None and rule.least > in_all:
        yield None, f"at least {rule.least} calls, and the tools allow {in_all}"
    if room.rounds is not None and room.wide is not None and rule.least > (room.rounds[0] - 1) * room.wide[0]:
        yield room.rounds[1], f"{rule.least} calls do not fit into {room.rounds[0] - 1} messages of at most {room.wide[0]}"


def _too_far(rule: CallsOf, room: _Room, rules: Sequence[Rule], reached: Mapping[str, int]) -> Iterator[tuple[int | None, str]]:
    for name in [name for name, least in rule.least.items() if least and name in reached]:
        if room.rounds is not None and reached[name] + 1 > room.rounds[0]:
            yield room.rounds[1], f"{name!r} cannot be called before message {reached[name]}, of at most {room.rounds[0]} with the answer"
        if room.calls is not None and len(needed(name, rules)) > room.calls[0]:
            yield room.calls[1], f"{name!r} needs {len(needed(name, rules))} calls with those before it, of at most {room.calls[0]}"


def _in_all(rules: Sequence[Rule], reached: Mapping[str, int]) -> int | None:
    """How many calls the maxima of single tools allow in all; None without end."""
    most: dict[str, int] = {}
    for rule in rules:
        if isinstance(rule, CallsOf):
            most |= {name: min(limit, most.get(name, limit)) for name, limit in rule.most.items()}
    return sum(most[name] for name in reached) if all(name in most for name in reached) else None


def _conflict(rules: Rules, at: tuple[int, ...], why: str) -> Conflict:
    return Conflict(tuple(dict.fromkeys(at)), why, "; ".join(write(rules.rules[index]) for index in dict.fromkeys(at)))


# the gold


def broken_by(gold: Sequence[ToolCall], rules: Rules, tools: Sequence[ToolSpec]) -> list[Conflict]:
    """The rules that the gold calls break however they are cut into messages; the first such way is told."""
    known = by_name(tools)
    allowed = callable_tools(rules.rules, tools)
    reads = {name for name, tool in allowed.items() if tool.effect == "read"}
    asked = _of_gold(rules, reads - {call.name for call in gold})
    ways = _ways(gold, asked, known)
    if not ways:
        first = _first_broken(gold, asked, known)
        why = f"the task's own solution breaks it: {first.why}" if first is not None else "the task's own solution cannot keep them together"
        return [_conflict(rules, (first.rule,) if first is not None else tuple(range(len(rules.rules))), why)]
    padded = bool(reads)
    best = min(([one for one in _missed(state, rules) if not (padded and _made_up(rules.rules[one.rule], one, known))] for state in ways), key=len)
    return [_conflict(rules, (one.rule,), f"the task's own solution does not reach it: {one.why}") for one in best]


def _of_gold(rules: Rules, reads: set[str]) -> Rules:
    """The rules without what an agent could do by reading besides: tools of this kind that the gold does not call are
    taken out of orders and groups. Indices stay.
    """

    def without(rule: Rule) -> Rule:
        if isinstance(rule, Order):
            chains = tuple(tuple(name for name in chain if name not in reads) for chain in rule.chains)
            left = tuple(chain for chain in chains if len(chain) > 1)
            return Order(left, rule.first) if left else Rounds()
        if isinstance(rule, Together):
            groups = tuple(tuple(name for name in group if name not in reads) for group in rule.groups)
            left = tuple(group for group in groups if group)
            return Together(left) if left else Rounds()
        return rule

    return msgspec.structs.replace(rules, rules=tuple(without(rule) for rule in rules.rules))


def _first_broken(gold: Sequence[ToolCall], rules: Rules, tools: Tools) -> Violation | None:
    """What the gold breaks first: call by call, or else all in one message."""
    state = State()
    for call in gold:
        state, wrong = called(state, rules, tools, (call,))
        if wrong:
            return wrong[0]
    wrong = called(State(), rules, tools, tuple(gold))[1]
    return wrong[0] if wrong else None


def _missed(state: State, rules: Rules) -> list[Violation]:
    """What is wrong with giving the answer after the gold calls, whatever its words."""
    return [one for one in ended(spoke(state), rules, "") if DIMENSION[one.category] != "response"]


def _ways(gold: Sequence[ToolCall], rules: Rules, tools: Tools) -> list[State]:
    """The states in which the gold calls can end without breaking a rule on the way. What a message breaks depends on
    how many calls came before it and on its own, so states are told apart by what else the end is judged by.
    """
    largest = LARGEST_MESSAGE if len(gold) <= LONGEST_GOLD else 1
    at: list[dict[tuple[int, int, int], State]] = [{} for _ in range(len(gold) + 1)]
    at[0] = {(0, 0, 0): State()}
    for since in range(len(gold)):
        for state in at[since].values():
            for end in range(since + 1, min(since + largest, len(gold)) + 1):
                after, wrong = called(state, rules, tools, tuple(gold[since:end]))
                if not wrong:
                    at[end].setdefault((after.rounds, after.parallel, after.tools), after)
    return list(at[len(gold)].values())


def _made_up(rule: Rule, violation: Violation, tools: Tools) -> bool:
    """Whether reading more would reach a minimum."""
    if violation.name == "max rounds":
        return False
    if isinstance(rule, CallsOf):
        return all(name in tools and tools[name].effect == "read" for name, least in rule.least.items() if least)
    return True
