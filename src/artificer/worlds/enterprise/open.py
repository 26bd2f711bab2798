"""`enterprise:SOURCE`: from a schema to a world with an acting user, roles and a policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import msgspec

from artificer.core.errors import SourceError
from artificer.worlds.base import Problem, World, without_password
from artificer.worlds.enterprise.blueprint import blueprint
from artificer.worlds.enterprise.borrow import borrowed
from artificer.worlds.enterprise.derived import derived_policy
from artificer.worlds.enterprise.generated import CLOCK as GENERATED_CLOCK
from artificer.worlds.enterprise.generated import DEFAULT_SEED, generated_image
from artificer.worlds.enterprise.guard import guarded
from artificer.worlds.enterprise.guide import EnterpriseGuide
from artificer.worlds.enterprise.offer import chosen, distractors
from artificer.worlds.enterprise.policy import Policy
from artificer.worlds.enterprise.policyfile import read_policy
from artificer.worlds.enterprise.render import rendered
from artificer.worlds.enterprise.rules import Rules
from artificer.worlds.sqlite.derive import derive, labels
from artificer.worlds.sqlite.names import humanised, singular, snake
from artificer.worlds.sqlite.schema import Schema, read_schema
from artificer.worlds.sqlite.session import SqlTool
from artificer.worlds.sqlite.world import CLOCK, SqlWorld, opened

TOOLS = 512
"""Tools of the generated enterprise, as many as EnterpriseOps-Gym has."""


class EnterpriseWorld(SqlWorld):
    """A world with a policy; see `open_world`. `rules` decides calls; `groups` are titles of apps by their prefix."""

    rules: Rules
    groups: Mapping[str, str]


def open_world(
    source: str,
    *,
    policy: str | None = None,
    actor: str | None = None,
    seed: str = str(DEFAULT_SEED),
    tools: str | None = None,
    apps: str | None = None,
    plus_k: str = "0",
    clock: str | None = None,
) -> EnterpriseWorld:
    """The world of a schema with a policy.

    Args:
        source: `generated`, or the source of any SQL world: `sqlite:shop.db`, `domain:retail`, `postgresql://...`.
        policy: a policy file (TOML); without one a policy is derived.
        actor: who acts: the name of an actor in the policy (clerk, supervisor or auditor in a derived one).
        seed: of the generated data and of the derived policy.
        tools: how many of the derived tools are offered; 512 of the generated enterprise, else all.
        apps: for a schema of several apps (tables named APP_TABLE), those whose tools are offered, joined by +.
        plus_k: how many tools of other apps are offered besides; of the generated enterprise's where there are none.
        clock: the time that SQL sees as now, ISO 8601, UTC.

    Raises:
        SourceError: the source, the policy or an option cannot be used.
    """
    name, where = f"enterprise:{source}", f"enterprise:{without_password(source)}"
    number, more = _whole("seed", seed, where), _whole("plus_k", plus_k, where)
    generated = source == "generated"
    image, found = (generated_image(number), ()) if generated else _image(source)
    schema = _schema(image)
    groups = blueprint().apps if generated else _groups(schema)
    kept = _apps(apps, groups, where)
    made, left_out = derive(schema)
    made = [_of_app(tool, groups) for tool in made]
    count = TOOLS if tools is None and generated else None if tools is None else _whole("tools", tools, where)
    if count is not None:
        made = chosen(made, count, number)
    own = [tool for tool in made if not kept or tool.spec.attributes["app"] in kept]
    rule = read_policy(Path(policy), schema) if policy is not None else _derived(schema, image, source, number)
    extra: list[SqlTool] = []
    if more:
        image, extra = _extra(image, schema, made, own, more, number)
        before, schema = schema, _schema(image)
        rule = _open_to_all(rule, schema.tables.keys() - before.tables.keys())
    wording = _labels(schema, groups)
    chosen_actor = actor if actor is not None else next(iter(rule.actors))
    if chosen_actor not in rule.actors:
        raise SourceError(f"nobody is called {chosen_actor!r} in the policy.", where=where, remedy=f"use actor={' or actor='.join(rule.actors)}")
    rules = Rules(rule, schema, chosen_actor, wording)
    offered = [guarded(tool, schema, rules) for tool in (*own, *extra)]
    world = EnterpriseWorld(
        name,
        image,
        offered,
        rendered(rules, _tables([*own, *extra]), groups),
        clock or (GENERATED_CLOCK if generated else CLOCK),
        EnterpriseGuide(schema, [tool.spec for tool in own], wording, rules),
        schema=schema,
        problems=[*found, *schema.problems, *left_out],
    )
    world.rules, world.groups = rules, groups
    return world


def _whole(option: str, value: str, where: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise SourceError(f"{option} must be a whole number, not {value!r}.", where=where, remedy=f"e.g. {option}=7")
    return int(value)


def _image(source: str) -> tuple[bytes, Sequence[Problem]]:
    """The database of another SQL world, and what was wrong with it."""
    world = World.of(source)
    if not isinstance(world, SqlWorld):
        raise SourceError(
            f"{without_password(source)!r} has no relational schema.",
            where="enterprise:SOURCE",
            remedy="give generated, sqlite:FILE, postgresql://... or domain:NAME",
        )
    return world.image, [problem for problem in world.problems if problem not in world.schema.problems]


def _derived(schema: Schema, image: bytes, source: str, seed: int) -> Policy:
    title = "Rules of the enterprise" if source == "generated" else f"Rules for {source.rpartition(':')[2] or source}"
    connection = opened(image)
    try:
        return derived_policy(schema, connection, title, seed)
    finally:
        connection.close()


def _open_to_all(policy: Policy, tables: Set[str]) -> Policy:
    """The policy with every right on tables that were borrowed for distractors: it has no rules for them."""
    roles = {
        name: msgspec.structs.replace(role, rights={right: allowed | tables for right, allowed in role.rights.items()})
        for name, role in policy.roles.items()
    }
    return msgspec.structs.replace(policy, roles=roles)


def _schema(image: bytes) -> Schema:
    connection = opened(image)
    try:
        return read_schema(connection)
    finally:
        connection.close()


def _groups(schema: Schema) -> dict[str, str]:
    """Apps of a schema: beginnings (up to the first _) that at least three tables share and nearly all have."""
    begins = Counter(snake(name).partition("_")[0] for name in schema.tables)
    shared = {begin: humanised(begin).capitalize() for begin, count in sorted(begins.items()) if count >= 3}
    covered = sum(begins[begin] for begin in shared)
    return shared if len(shared) > 1 and covered == len(schema.tables) else {}


def _apps(apps: str | None, groups: Mapping[str, str], where: str) -> frozenset[str]:
    kept = frozenset(filter(None, (apps or "").split("+")))
    for app in sorted(kept):
        if app not in groups:
            raise SourceError(f"there is no app {app!r}.", where=where, remedy=f"use {', '.join(groups) or 'no apps: this schema has one'}")
    return kept


def _of_app(tool: SqlTool, groups: Mapping[str, str]) -> SqlTool:
    begin = snake(str(tool.spec.attributes["table"])).partition("_")[0]
    attributes = tool.spec.attributes | {"app": begin if begin in groups else ""}
    return SqlTool(msgspec.structs.replace(tool.spec, attributes=attributes), tool.run)


def _extra(image: bytes, schema: Schema, made: list[SqlTool], own: list[SqlTool], k: int, seed: int) -> tuple[bytes, list[SqlTool]]:
    """`k` distractor tools, and the image that has their tables."""
    taken = {tool.spec.name for tool in own}
    if len(own) < len(made):
        names = distractors([tool.spec for tool in made], taken, k, seed)
        return image, [tool for tool in made if tool.spec.name in set(names) - taken]
    wider, strange = borrowed(image, schema, seed)
    strange = [tool for tool in strange if tool.spec.name not in taken]
    names = set(distractors([*(tool.spec for tool in own), *(tool.spec for tool in strange)], taken, k, seed))
    return wider, [_of_app(tool, blueprint().apps) for tool in strange if tool.spec.name in names]


def _labels(schema: Schema, groups: Mapping[str, str]) -> dict[str, str]:
    """What people call tables and columns: without the app's name, except where two apps use the same noun."""
    out = labels(schema)
    bare: dict[str, str] = {}
    for name in schema.tables:
        begin, _, rest = snake(name).partition("_")
        bare[name] = humanised(singular(rest)) if begin in groups and rest else out[name]
    uses = Counter(bare.values())
    return out | {name: label if uses[label] == 1 else out[name] for name, label in bare.items()}


def _tables(tools: Sequence[SqlTool]) -> list[str]:
    return list(dict.fromkeys(str(tool.spec.attributes["table"]) for tool in tools))
