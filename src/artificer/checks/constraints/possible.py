"""Which tools can ever be called under the rules, and how early: the least fixpoint of "a message is possible".

A message is possible when all that its tools need before them was called in earlier messages, and it is as small as the
rules on what goes together allow. Counts are looked at for each message by itself, so what is called impossible is
impossible; what is not may still be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from artificer.checks.constraints.rules import Acceptable, Available, Calls, CallsOf, Order, Parallel, Parameters, Rule, Together, Values
from artificer.checks.constraints.steps import unacceptable
from artificer.checks.constraints.values import among
from artificer.core.canon import Json
from artificer.core.tools import ToolSpec

TRIED = 500
"""Combinations of groups that are tried for one tool; with more it is taken to be possible."""


def callable_tools(rules: Sequence[Rule], tools: Iterable[ToolSpec]) -> dict[str, ToolSpec]:
    """The tools that no rule about the toolset, nor a maximum of none, forbids altogether."""
    return {tool.name: tool for tool in tools if not any(_forbids(rule, tool) for rule in rules)}


def _forbids(rule: Rule, tool: ToolSpec) -> bool:
    match rule:
        case Available():
            return rule.tools is not None and tool.name not in rule.tools
        case Acceptable():
            return unacceptable(tool, rule) is not None
        case CallsOf():
            return rule.most.get(tool.name) == 0
        case Calls():
            return rule.most == 0
        case Parameters():
            keys = rule.tools.get(tool.name)
            if keys is None:
                return False
            required = {*required_of(tool), *keys.required}
            return (keys.allowed is not None and bool(required - set(keys.allowed))) or not set(keys.required) <= set(properties_of(tool))
        case Values():
            return any(_hopeless(tool, name, rule) for name in rule.tools.get(tool.name, {}))
        case _:
            return False


def _hopeless(tool: ToolSpec, name: str, rule: Values) -> bool:
    """Whether a required argument has no value that both the schema and the rule allow."""
    limit = rule.tools[tool.name][name]
    if name not in required_of(tool) or limit.one_of is None:
        return False
    schema = properties_of(tool).get(name)
    options: Json = cast("dict[str, Json]", schema).get("enum") if isinstance(schema, dict) else None
    if not isinstance(options, list):
        return not limit.one_of
    return not any(among(value, limit.one_of) for value in cast("list[Json]", options))


def properties_of(tool: ToolSpec) -> dict[str, Json]:
    """The schemas of a tool's arguments."""
    found = tool.parameters.get("properties")
    return cast("dict[str, Json]", found) if isinstance(found, dict) else {}


def required_of(tool: ToolSpec) -> tuple[str, ...]:
    """The arguments that a tool's schema requires."""
    found = tool.parameters.get("required")
    return tuple(str(name) for name in cast("list[Json]", found)) if isinstance(found, list | tuple) else ()


def levels(rules: Sequence[Rule], allowed: Mapping[str, ToolSpec]) -> dict[str, int]:
    """For each tool that can be called, the message in which it can be called first (1 for the first)."""
    before = _before(rules)
    reached: dict[str, int] = {}
    messages = {name: list(_messages(name, rules)) for name in allowed}
    level = 0
    while True:
        level += 1
        ready = {name for name in allowed if all(need in reached for need in before.get(name, ()))}
        new = {
            member
            for name in ready
            if name not in reached
            for message in messages[name]
            if all(member in ready for member in message)
            for member in message
            if member not in reached
        }
        if not new:
            return reached
        reached |= dict.fromkeys(new, level)


def _before(rules: Sequence[Rule]) -> dict[str, set[str]]:
    """For each tool the tools that must come in earlier messages, whatever is called first."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        if isinstance(rule, Order) and rule.first is None:
            for chain in rule.chains:
                for at, name in enumerate(chain):
                    if chain.index(name) == at:
                        found.setdefault(name, set()).update(chain[:at])
    return found


def needed(name: str, rules: Sequence[Rule]) -> set[str]:
    """A tool and all that must come before it."""
    before = _before(rules)
    found: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += before.get(at, ())
    return found


def _messages(name: str, rules: Sequence[Rule]) -> Iterator[Counter[str]]:
    """Smallest messages that may call a tool, by the rules on what goes together and how much fits into one message."""
    together = [rule for rule in rules if isinstance(rule, Together)]
    waiting: list[Counter[str]] = [Counter({name: 1})]
    tried = 0
    while waiting:
        message = waiting.pop()
        tried += 1
        if tried > TRIED:
            yield Counter({name: 1})
            return
        if not _fits(message, rules):
            continue
        groups = next((groups for rule in together for member in message if (groups := _open(rule, member, message))), None)
        if groups is None:
            yield message
        else:
            waiting += [message | Counter(group) for group in groups]


def _open(rule: Together, member: str, message: Counter[str]) -> list[tuple[str, ...]]:
    """The groups of which a member still needs one; none when it has one, or needs none."""
    groups = [group for group in rule.groups if member in group]
    return [] if any(Counter(group) <= message for group in groups) else groups


def _fits(message: Counter[str], rules: Sequence[Rule]) -> bool:
    size = message.total()
    for rule in rules:
        if isinstance(rule, Calls) and rule.most is not None and size > rule.most:
            return False
        if isinstance(rule, CallsOf) and any(count > rule.most.get(name, count) for name, count in message.items()):
            return False
        if isinstance(rule, Parallel) and rule.most is not None and (len(message) if rule.unit == "tools" else size) > rule.most:
            return False
    return True
