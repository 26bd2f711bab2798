"""One message of an agent at a time: which of its calls break which rule, and what is known afterwards.

`called`, `spoke` and `ended` are pure: what they say depends on the rules, the tools, the state so far and the message,
so that refusing during play and checking a record afterwards are the same computation. Texts are stable: they name
the rule, what broke it, and what would be allowed.

Source: CCTU's handlers, rule by rule (`code-mode:` marks what only their code shows). Texts are ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from msgspec import Struct

from artificer.checks.constraints.response import answer, unanswered
from artificer.checks.constraints.rules import (
    CATEGORY,
    Acceptable,
    Available,
    Calls,
    CallsOf,
    Category,
    Order,
    Parallel,
    Parameters,
    Rounds,
    Rule,
    Together,
    Values,
)
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.values import among, shown, wrong_keys, wrong_values
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

Tools = Mapping[str, ToolSpec]


class Violation(Struct, frozen=True, omit_defaults=True):
    """One rule broken once.

    Args:
        rule: its index among the task's rules.
        category: its category.
        name: what of it was broken, in a word, e.g. `max calls`.
        why: a sentence: what happened, and what would be allowed.
        kind: the same in the words all checks share.
        call: which call of the message, None when it is about the answer.
        node: where in the trace, when it was found in one.
    """

    rule: int
    category: Category
    name: str
    why: str
    kind: ErrorKind
    call: int | None = None
    node: int | None = None


class State(Struct, frozen=True):
    """What is known of an episode so far.

    Args:
        rounds: messages of the agent.
        tried, kept: its calls, and those of them that no rule refused.
        of, kept_of: the same by tool.
        first: the tool it called first.
        parallel: most calls in one message; `tools` of them different.
    """

    rounds: int = 0
    tried: int = 0
    kept: int = 0
    of: dict[str, int] = {}
    kept_of: dict[str, int] = {}
    first: str | None = None
    parallel: int = 0
    tools: int = 0


def by_name(tools: Iterable[ToolSpec]) -> Tools:
    """Tools, to be looked up."""
    return {tool.name: tool for tool in tools}


def spoke(state: State) -> State:
    """The state after a message without calls."""
    return _with(state, rounds=state.rounds + 1)


def called(state: State, rules: Rules, tools: Tools | None, calls: Sequence[ToolCall]) -> tuple[State, list[Violation]]:
    """A message that makes calls: the state after it, and all that is wrong, by call, then by rule.

    What is asked of arguments is looked at only for calls that nothing else refuses, as in the source. Where the tools
    are not known (None), only what a rule says by name is asked.
    """
    found: list[list[Violation]] = [[] for _ in calls]
    late: list[tuple[int, Rule]] = []
    for index, rule in enumerate(rules.rules):
        if isinstance(rule, Available | Acceptable | Parameters | Values):
            late.append((index, rule))
            continue
        for at, name, why, kind in _turn(rule, state, rules, calls):
            found[at].append(Violation(index, CATEGORY[type(rule)], name, why, kind, at))
    for at, call in enumerate(calls):
        for index, rule in late:
            if found[at]:
                break
            found[at] += [Violation(index, CATEGORY[type(rule)], name, why, kind, at) for name, why, kind in _arguments(rule, tools, call)]
    kept = [call for call, wrong in zip(calls, found, strict=True) if not wrong]
    counted = calls if rules.mode == "code" else kept
    after = State(
        rounds=state.rounds + 1,
        tried=state.tried + len(calls),
        kept=state.kept + len(kept),
        of=_added(state.of, calls),
        kept_of=_added(state.kept_of, kept),
        first=state.first if state.first is not None else counted[0].name if counted else None,
        parallel=max(state.parallel, len(counted)),
        tools=max(state.tools, len({call.name for call in counted})),
    )
    return after, [violation for wrong in found for violation in wrong]


def ended(state: State, rules: Rules, text: str) -> list[Violation]:
    """What is wrong with ending here with these words: minima that were not reached, and what is asked of an answer.
    `state` is the one after the message.
    """
    words = answer(text)
    found: list[Violation] = []
    for index, rule in enumerate(rules.rules):
        category = CATEGORY[type(rule)]
        found += [Violation(index, category, name, why, _ends(name)) for name, why in _short(rule, state, rules)]
        found += [Violation(index, category, name, why, ErrorKind.policy_breach) for name, why in unanswered(words, rule)]
    return found


def _ends(name: str) -> ErrorKind:
    return ErrorKind.policy_breach if name.startswith("max") else ErrorKind.premature_end


Broken = tuple[int, str, str, ErrorKind]


def _turn(rule: Rule, state: State, rules: Rules, calls: Sequence[ToolCall]) -> Iterator[Broken]:
    """Which calls of a message break a rule that is not about arguments."""
    match rule:
        case Calls(most=int(most)):
            for at in range(max(0, most - state.tried), len(calls)):
                why = f"this would be call {state.tried + at + 1} of at most {most}; no further call is allowed: give the final answer"
                yield at, "max calls", why, ErrorKind.extra_call
        case CallsOf():
            so_far = Counter(state.of)
            for at, call in enumerate(calls):
                so_far[call.name] += 1
                most = rule.most.get(call.name)
                if most is not None and so_far[call.name] > most:
                    why = f"this would be call {so_far[call.name]} of {shown(call.name)}, of at most {most}; use other tools, or what is known"
                    yield at, "max calls of a tool", why, ErrorKind.extra_call
        case Order():
            yield from _order(rule, state, rules, calls)
        case Together():
            yield from _together(rule, calls)
        case Parallel(most=int(most)):
            yield from _parallel(rule.unit, most, calls)
        case Rounds(most=int(most)) if state.rounds + 1 > most:  # only in records: play ends there
            for at in range(len(calls)):
                yield at, "max rounds", f"this is message {state.rounds + 1} of at most {most}", ErrorKind.policy_breach
        case _:
            return


def _parallel(unit: str, most: int, calls: Sequence[ToolCall]) -> Iterator[Broken]:
    names: set[str] = set()
    for at, call in enumerate(calls):
        names.add(call.name)
        count = len(names) if unit == "tools" else at + 1
        if count > most:  # code-mode: once over, every further call of the message is
            what = "different tools" if unit == "tools" else "calls"
            yield (
                at,
                "max parallel calls",
                f"with it this message has {count} {what}, of at most {most}; make fewer at a time",
                ErrorKind.policy_breach,
            )


def _order(rule: Order, state: State, rules: Rules, calls: Sequence[ToolCall]) -> Iterator[Broken]:
    first = state.first if state.first is not None else calls[0].name if calls else None
    if rule.first is not None and rule.first != first:
        return
    before = state.of if rules.mode == "code" else state.kept_of  # code-mode: a refused call counts as having come before
    for at, call in enumerate(calls):
        missing: list[str] = []
        for chain in rule.chains:
            if call.name in chain:
                missing += [name for name in chain[: chain.index(call.name)] if not before.get(name)]
        if missing:
            why = f"{shown(call.name)} may be called only after {' and '.join(shown(name) for name in dict.fromkeys(missing))}, in a later message"
            yield at, "order", why, ErrorKind.wrong_order


def _together(rule: Together, calls: Sequence[ToolCall]) -> Iterator[Broken]:
    made = Counter(call.name for call in calls)
    for at, call in enumerate(calls):
        groups = [group for group in rule.groups if call.name in group]
        if groups and not any(Counter(group) <= made for group in groups):
            ways = " or ".join("[" + ", ".join(shown(name) for name in group) + "]" for group in groups)
            yield at, "parallel group", f"{shown(call.name)} may be called only in one message with {ways}", ErrorKind.policy_breach


def _arguments(rule: Rule, tools: Tools | None, call: ToolCall) -> Iterator[tuple[str, str, ErrorKind]]:
    """What is wrong with a call by itself: its tool, the names of its arguments, their values."""
    tool = tools.get(call.name) if tools is not None else None
    if isinstance(rule, Available):
        if tools is not None and tool is None:
            yield "available", f"there is no tool {shown(call.name)}", ErrorKind.unknown_tool
        elif rule.tools is not None and call.name not in rule.tools:
            yield (
                "available",
                f"{shown(call.name)} may not be called; allowed are {', '.join(map(shown, rule.tools)) or 'none'}",
                ErrorKind.wrong_tool,
            )
    elif isinstance(rule, Acceptable) and tool is not None:
        why = unacceptable(tool, rule)
        if why is not None:
            yield "acceptable", why, ErrorKind.wrong_tool
    elif isinstance(rule, Parameters) and tool is not None:
        for kind, why in wrong_keys(call.arguments, tool.parameters, rule.tools.get(call.name)):
            yield "parameters", f"{shown(call.name)}: {why}", kind
    elif isinstance(rule, Values) and tool is not None:
        for kind, why in wrong_values(call.arguments, tool.parameters, rule.tools.get(call.name, {})):
            yield "values", f"{shown(call.name)}: {why}", kind


def unacceptable(tool: ToolSpec, rule: Acceptable) -> str | None:
    """Why a tool's attribute is none of those asked for; None when it is. Source: FinToolBench's rule, there a
    commented equation beside its judge: a tag outside the set asked for, or sets of tags that share nothing.
    """
    wanted = ", ".join(map(shown, rule.values))
    if rule.attribute not in tool.attributes:
        return None if rule.unlabelled else f"{shown(tool.name)} does not say its {shown(rule.attribute)}; allowed are {wanted}"
    has = tool.attributes[rule.attribute]
    tags = cast("list[object]", has) if isinstance(has, list) else [has]
    if any(among(tag, rule.values) for tag in tags):
        return None
    return f"{shown(tool.name)} has the {shown(rule.attribute)} {', '.join(map(shown, tags))}; allowed are {wanted}"


def _short(rule: Rule, state: State, rules: Rules) -> Iterator[tuple[str, str]]:
    """Minima that were not reached, and a last word that comes too late."""
    code = rules.mode == "code"
    if isinstance(rule, Rounds):
        if state.rounds < rule.least:
            yield "min rounds", f"the final answer came with message {state.rounds}, and may come with message {rule.least} at the earliest"
        if rule.most is not None and state.rounds > rule.most:
            yield "max rounds", f"the final answer came with message {state.rounds}, and had to come with message {rule.most} at the latest"
    elif isinstance(rule, Calls):
        made = state.tried if code else state.kept
        if made < rule.least:
            yield "min calls", f"{made} calls were made, and at least {rule.least} must be"
    elif isinstance(rule, CallsOf):
        for name, least in rule.least.items():
            made = (state.of if code else state.kept_of).get(name, 0)
            if made < least:
                yield "min calls of a tool", f"{shown(name)} was called {made} times, and must be called at least {least} times"
    elif isinstance(rule, Parallel):
        most = state.tools if rule.unit == "tools" else state.parallel
        if most < rule.least:
            unit = "different tools" if rule.unit == "tools" else "calls"
            yield "min parallel calls", f"no message made more than {most} {unit}, and one must make at least {rule.least}"


def _added(counts: dict[str, int], calls: Sequence[ToolCall]) -> dict[str, int]:
    more = dict(counts)
    for call in calls:
        more[call.name] = more.get(call.name, 0) + 1
    return more


def _with(state: State, *, rounds: int) -> State:
    return State(rounds, state.tried, state.kept, state.of, state.kept_of, state.first, state.parallel, state.tools)
