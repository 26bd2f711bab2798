"""A policy in words, for one acting user: what an agent is given to read and must obey.

The text says everything that `rules` enforces for this user, in one order, so that a refusal can always be traced to a
line of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from artificer.worlds.enterprise.policy import RIGHTS
from artificer.worlds.enterprise.rules import Rules
from artificer.worlds.sqlite.guide import POLICY

_FORBIDDEN = """When one of these rules forbids what somebody asks for, do not try: change nothing, say that it cannot be done, and name the rule.
The tools refuse such calls with the rule's name: permission, protected_field, closed_record, not_owner, transition, required_field or too_long."""


def rendered(rules: Rules, tables: Sequence[str], groups: Mapping[str, str]) -> str:
    """The text.

    Args:
        tables: those that have tools, in order: nothing is said of others.
        groups: titles by the beginning of tables' names, for a schema of several apps.
    """
    actor, role, policy = rules.actor, rules.role, rules.policy
    mail = f" ({actor.email})" if actor.email else ""
    parts = [
        f"# {policy.title}",
        f"You act for {actor.name}{mail}, whose role is {role.name}. {role.name.capitalize()}: {role.about or 'as follows'}. "
        f"Whatever you do counts as done by {actor.name}.",
        POLICY.strip(),
        "## What the role may do",
        *_rights(rules, tables, groups),
    ]
    for title, text, lines in _sections(rules, tables):
        if lines:
            parts += [f"## {title}", text, *(f"- {line}" for line in lines)]
    if policy.text:
        parts += ["## More", policy.text.strip()]
    return "\n".join([*parts, "## What is forbidden", _FORBIDDEN]) + "\n"


def _sections(rules: Rules, tables: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """Headings, what they mean, and the rules under them."""
    role, policy, shown = rules.role, rules.policy, set(tables)
    written = {name for name in tables if any(rules.may(right, name) for right in ("create", "update", "delete"))}
    cycles = "Records begin in the first state and move only along these steps. A record in a final state is never changed or deleted."
    owned = f"Where this column names somebody other than {rules.actor.name}, the record may not be changed or deleted."
    return [
        ("Life cycles", cycles, [_machine(column, rules) for column in policy.states if _in(column, written)]),
        (
            "Required",
            "A new record must say these, too.",
            [f"{table}: {', '.join(names)}" for table, names in policy.required.items() if table in written],
        ),
        ("Protected", "These are set only by those named.", [f"{name}: {_who(who)}" for name, who in policy.protected.items() if _in(name, shown)]),
        ("Ownership", owned, [] if role.any_owner else [f"{table}: {column}" for table, column in policy.own.items() if table in written]),
        ("Lengths", "The most characters a text may have.", [f"{name}: {most}" for name, most in policy.lengths.items() if _in(name, written)]),
    ]


def _who(roles: Sequence[str]) -> str:
    return " or ".join(roles) or "the system itself"


def _in(column: str, tables: Iterable[str]) -> bool:
    return column.rpartition(".")[0] in tables


def _machine(column: str, rules: Rules) -> str:
    machine = rules.policy.states[column]
    final = f" (final: {', '.join(machine.final)})" if machine.final else ""
    return f"{column}: begins as {' or '.join(machine.initial)}; {machine.arrows()}{final}"


def _rights(rules: Rules, tables: Sequence[str], groups: Mapping[str, str]) -> list[str]:
    """What may be done, one paragraph for each app; what may not be looked at is named."""
    out: list[str] = []
    for prefix, title in groups.items() or [("", "")]:
        inside = [name for name in tables if name.startswith(f"{prefix}_") or not prefix]
        if not inside:
            continue
        if title:
            out.append(f"{title}:")
        for right in RIGHTS:
            allowed = [name for name in inside if rules.may(right, name)]
            denied = [name for name in inside if not rules.may(right, name)]
            if right == "read":
                out.append(f"- look at: {'everything' if not denied else 'everything but ' + ', '.join(denied) if allowed else 'nothing'}")
            else:
                verb = {"create": "add", "update": "change", "delete": "delete"}[right]
                out.append(f"- {verb}: {', '.join(allowed) if denied and allowed else 'everything' if allowed else 'nothing'}")
    return out
