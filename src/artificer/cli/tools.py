"""`artificer tools`: what tools a source has, and what of it cannot be used."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from artificer.cli.show import counted, options_of, say, shortened, table
from artificer.cli.sources import SOURCE
from artificer.core.tools import ToolSpec


def command(
    source: Annotated[str, Parameter(help=SOURCE)],
    /,
    *,
    options: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    json: Annotated[bool, Parameter(negative=())] = False,
    full: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Show what tools a source has, and what of it cannot be used.

    Example: `artificer tools sqlite:shop.db --options tools=tools.toml`

    Parameters
    ----------
    options
        Options of the source, KEY=VALUE, once for each.
    json
        Print everything as JSON, schemas and policy included.
    full
        Print whole descriptions and every argument.
    """
    from artificer.api import described

    found = described(source, options_of(options))
    if json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return 0
    reads = sum(tool.effect == "read" for tool in found.tools)
    writes = sum(tool.effect == "write" for tool in found.tools)
    rest = len(found.tools) - reads - writes
    say(f"{source}: {counted(len(found.tools), 'tool')} ({reads} read, {writes} write{f', {rest} unknown' if rest else ''}), forks: {found.forks}")
    say()
    if full:
        say("\n\n".join(_whole(tool) for tool in found.tools))
    else:
        say(table([(tool.name, tool.effect, shortened(_arguments(tool), 48), shortened(tool.description, 70)) for tool in found.tools]))
    if found.user_tools:
        say(f"\n{counted(len(found.user_tools), 'tool')} of the user's own, which no agent is offered:")
        say(table([(tool.name, tool.effect, shortened(_arguments(tool), 48), shortened(tool.description, 70)) for tool in found.user_tools]))
    if found.policy:
        say(f"\npolicy: {shortened(found.policy, 160) if not full else found.policy}")
    if found.offers:
        say(f"\n{counted(len(found.offers), 'thing')} besides tools, which agents do not get:")
        say(table([(offer.kind, shortened(offer.name, 80), shortened(offer.description, 70)) for offer in found.offers]))
    if found.notes:
        say("\n" + "\n".join(found.notes))
    if found.problems:
        say(f"\n{counted(len(found.problems), 'thing')} that could not be used as they are:")
        say(table([(problem.where, problem.what) for problem in found.problems]))
    return 0


def _arguments(tool: ToolSpec) -> str:
    """E.g. `track_id, [limit]`: optional ones in brackets."""
    required = tool.parameters.get("required", [])
    return ", ".join(name if name in required else f"[{name}]" for name in tool.parameters.get("properties", {}))


def _whole(tool: ToolSpec) -> str:
    properties: dict[str, Any] = tool.parameters.get("properties", {})
    required = tool.parameters.get("required", [])
    rows = [
        (name, "required" if name in required else "optional", schema.get("type", "any"), schema.get("description", ""))
        for name, schema in properties.items()
    ]
    return f"{tool.name} ({tool.effect})\n  {tool.description}\n{table(rows, indent='    ')}".rstrip()
