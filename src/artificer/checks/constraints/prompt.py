"""Rules as sentences for a prompt: what an agent is told before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from artificer.checks.constraints.rules import (
    Acceptable,
    Available,
    Calls,
    CallsOf,
    Format,
    Identifiers,
    Keys,
    Length,
    Limit,
    Order,
    Parallel,
    Parameters,
    Punctuation,
    Rounds,
    Rule,
    Together,
    Values,
)
from artificer.checks.constraints.templates import LONGEST
from artificer.checks.constraints.values import shown

HEAD = "Keep these rules at every step. A call that breaks one is not made, and you are told why."


def render(rules: Sequence[Rule]) -> str:
    """All rules, each on a line of its own."""
    return "\n".join([HEAD, *(f"- {sentence(rule)}" for rule in rules)])


def sentence(rule: Rule) -> str:
    """One rule, as one or two sentences."""
    match rule:
        case Rounds():
            return f"Take {_many(rule.least, rule.most, 'message')} in all, the one with your final answer among them."
        case Calls():
            return f"Make {_many(rule.least, rule.most, 'tool call')} in all."
        case CallsOf():
            told = [
                f"{_tool(name)} {_many(rule.least.get(name, 0), rule.most.get(name), 'time')}" for name in dict.fromkeys([*rule.most, *rule.least])
            ]
            return f"Call {_and(told)}."
        case Order():
            chains = "; ".join(", then ".join(map(_tool, chain)) for chain in rule.chains)
            when = "" if rule.first is None else f"If the first tool you call is {_tool(rule.first)}: "
            return f"{when}{'call' if when else 'Call'} in this order, each in a later message than the one before: {chains}."
        case Together():
            groups = " or ".join(f"({_and([_tool(name) for name in group])})" for group in rule.groups)
            tools = _or([_tool(name) for name in dict.fromkeys(name for group in rule.groups for name in group)])
            return f"Call {tools} only as part of one message that calls {groups} together."
        case Parallel():
            return _parallel(rule)
        case Available():
            return (
                "Call only tools that you were given."
                if rule.tools is None
                else f"Call only {_or([_tool(name) for name in rule.tools]) or 'no tool'}."
            )
        case Acceptable():
            unlabelled = ", or that do not say" if rule.unlabelled else ""
            return f"Call only tools whose {_said(rule.attribute)} is {_or([_said(value) for value in rule.values])}{unlabelled}."
        case Parameters():
            more = [_keys(name, keys) for name, keys in rule.tools.items()]
            return " ".join(["Give every argument that a tool requires, and none that it does not take.", *more])
        case Values():
            more = [_limit(name, argument, limit) for name, limits in rule.tools.items() for argument, limit in limits.items()]
            return " ".join(["Give arguments of the types and values that a tool's schema allows.", *more])
        case Length() | Format() | Identifiers() | Punctuation():
            return _answer(rule)


def _answer(rule: Length | Format | Identifiers | Punctuation) -> str:
    match rule:
        case Length():
            return f"Your final answer must have {_many(rule.least, rule.most, rule.unit[:-1])}."
        case Format(shape="json"):
            keys = f" with the keys {_and([_said(name) for name in rule.keys])}{' and no others' if rule.only else ''}" if rule.keys else ""
            return f"Your final answer must be one JSON object{keys}, and nothing else."
        case Format(shape="table"):
            columns = f" and the columns {_and([_said(name) for name in rule.keys])}" if rule.keys else ""
            return f"Your final answer must hold a Markdown table with {_many(rule.least, rule.most, 'row')}, the heading among them{columns}."
        case Format():
            return f"Your final answer must have {_many(rule.least, rule.most, *_SHAPES[rule.shape])}."
        case Identifiers():
            parts = [f"begin with {_said(rule.start)}"] if rule.start is not None else []
            parts += [f"end with {_said(rule.end)}"] if rule.end is not None else []
            parts += [f"contain {_said(text)}" for text in rule.include] + [f"not contain {_said(text)}" for text in rule.exclude]
            texts = [text for text in (rule.start, rule.end, *rule.include, *rule.exclude) if text is not None]
            holes = " ({int}, {number}, {word}, {date}, {mark} and {text} stand for what they say.)" if any("{" in text for text in texts) else ""
            return f"Your final answer must {_and(parts)}.{holes}"
        case Punctuation():
            parts = [f"end with {_or([_said(mark) for mark in rule.end])}"] if rule.end else []
            parts += [f"not use {_or([_said(mark) for mark in rule.exclude])}"] if rule.exclude else []
            return f"Your final answer must {_and(parts)}."


_SHAPES: dict[str, tuple[str] | tuple[str, str]] = {
    "markdown": (
        "element of Markdown (a heading, a point of a list, bold text, code, a table)",
        "elements of Markdown (headings, points of lists, bold text, code, tables)",
    ),
    "bullets": ("bullet point",),
    "numbered": ("numbered point",),
    "headings": ("Markdown heading",),
    "bold": ("piece of bold text (**like this**)", "pieces of bold text (**like this**)"),
    "code": ("piece of code in backticks", "pieces of code in backticks"),
    "lines": ("line that is not empty", "lines that are not empty"),
    "paragraphs": ("paragraph",),
    "sentences": ("sentence",),
}


def _parallel(rule: Parallel) -> str:
    unit = "different tools" if rule.unit == "tools" else "tools"
    one = unit[:-1] if rule.most == 1 else unit
    parts = [f"call at most {rule.most} {one} in one message"] if rule.most is not None else []
    parts += [f"at least once call {rule.least} {unit} or more in one message"] if rule.least else []
    told = " and ".join(parts) or "call as many tools in one message as you like"
    return f"{told[0].upper()}{told[1:]}."


def _keys(name: str, keys: Keys) -> str:
    parts = [f"give {_and([_said(key) for key in keys.required])}"] if keys.required else []
    parts += [f"give only {_or([_said(key) for key in keys.allowed]) or 'nothing'}"] if keys.allowed is not None else []
    return f"To {_tool(name)}, {' and '.join(parts) or 'give what it takes'}."


def _limit(name: str, argument: str, limit: Limit) -> str:
    parts = [f"one of {_or([_said(value) for value in limit.one_of])}"] if limit.one_of is not None else []
    parts += [f"at least {limit.least:g}"] if limit.least is not None else []
    parts += [f"at most {limit.most:g}"] if limit.most is not None else []
    parts += [f"no longer than {limit.longest}"] if limit.longest is not None else []
    parts += [f"of the form {_said(limit.like)}"] if limit.like is not None else []
    return f"{_said(argument)} of {_tool(name)} must be {_and(parts) or 'as its schema says'}."


def _span(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    if least == most:
        return f"exactly {least}"
    return f"{least} to {most}" if least else f"at most {most}"


def _said(value: object) -> str:
    return shown(value, LONGEST)


def _many(least: int, most: int | None, one: str, many: str = "") -> str:
    last = least if most is None else most
    return f"{_span(least, most)} {one if last == 1 else many or one + 's'}"


def _tool(name: str) -> str:
    return _said(name).strip("'\"")


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def _or(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}" if parts else ""
