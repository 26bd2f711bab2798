"""What MCP servers list: tools, resources and prompts, page by page and within bounds; and what of it a world can offer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal, cast

from msgspec import Struct, structs

from artificer.core.canon import Json, digest
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.base import Offer, Problem
from artificer.worlds.mcp_link import Connection, Refused
from artificer.worlds.mcp_names import Route, labels_of, names_of
from artificer.worlds.mcp_target import Limits
from artificer.worlds.mcp_wire import Offered, others, specs

_PAGES = 100
_TOOLS = 20_000
_OTHERS: tuple[tuple[Literal["resource", "template", "prompt"], str, str, str], ...] = (
    ("resource", "resources", "resources/list", "resources"),
    ("template", "resources", "resources/templates/list", "resourceTemplates"),
    ("prompt", "prompts", "prompts/list", "prompts"),
)


class Listing(Struct, frozen=True):
    """What one server says of itself: raw tool objects, other offers, instructions, and what it calls itself."""

    tools: list[Json]
    offers: tuple[Offer, ...] = ()
    instructions: str = ""
    label: str = ""
    problems: tuple[Problem, ...] = ()


class Catalogue(Struct, frozen=True):
    """The tools of all servers under names of their own, and where each name leads."""

    tools: tuple[ToolSpec, ...]
    routes: dict[str, Route]
    offers: tuple[Offer, ...]
    problems: tuple[Problem, ...]
    policy: str


async def listing_of(link: Connection, limits: Limits) -> Listing:
    """Everything that a server lists.

    Raises:
        SourceError: it does not list its tools.
    """
    try:
        tools = await tools_of(link, limits)
    except Refused as error:
        raise link.blame(f"the server does not list its tools: {error.detail}") from error
    offers: list[Offer] = []
    problems: list[Problem] = []
    for kind, capability, method, key in _OTHERS:
        if capability not in link.capabilities:
            continue
        try:
            offers += others(kind, await _pages(link, method, key, limits.start_s))
        except Refused as error:
            if kind != "template":  # many servers have resources and no templates, and say so with an error
                problems.append(Problem(method, f"cannot be listed: {error.detail}"))
    return Listing(tools, tuple(offers), link.instructions, link.label, tuple(problems))


async def tools_of(link: Connection, limits: Limits) -> list[Json]:
    """The server's raw tool objects. Raises: Refused."""
    return await _pages(link, "tools/list", "tools", limits.start_s)


async def _pages(link: Connection, method: str, key: str, seconds: float) -> list[Json]:
    found: list[Json] = []
    cursors: set[str] = set()
    cursor: Json = None
    try:
        async with asyncio.timeout(seconds):
            for _ in range(_PAGES):
                page = await link.request(method, {"cursor": cursor} if cursor else {}, seconds)
                offered: Json = page.get(key)
                if not isinstance(offered, list):
                    raise link.blame(f"the server's answer to {method} holds no list of {key}")
                found += cast("list[Json]", offered)
                cursor = page.get("nextCursor")
                if not isinstance(cursor, str) or not cursor or cursor in cursors or len(found) > _TOOLS:
                    break
                cursors.add(cursor)
    except TimeoutError as error:
        raise link.blame(f"the server did not list its {key} within {seconds:g} s (option start_timeout)") from error
    return found


def mark_of(tools: list[Json]) -> dict[str, str]:
    """Digests of raw tools by name, to see whether a list has changed."""
    entries = [cast("dict[str, Json]", tool) for tool in tools if isinstance(tool, dict)]
    return {str(entry.get("name")): digest(entry) for entry in entries}


def change_between(before: dict[str, str], after: dict[str, str]) -> str:
    """How a list of tools has changed, in words; "" when it has not."""
    lists = (
        ("gone", sorted(before.keys() - after.keys())),
        ("new", sorted(after.keys() - before.keys())),
        ("different", sorted(name for name in before.keys() & after.keys() if before[name] != after[name])),
    )
    return "; ".join(f"{what}: {', '.join(ascii(name)[1:-1][:64] for name in names[:8])}" for what, names in lists if names)


def catalogue(where: str, listings: Sequence[Listing], *, prefixed: bool) -> Catalogue:
    """One set of tools from the lists of all servers.

    Raises:
        SourceError: none of them offers a usable tool.
    """
    several = len(listings) > 1
    labels = labels_of([listing.label for listing in listings])
    problems: list[Problem] = []
    offered: list[list[Offered]] = []
    for label, listing in zip(labels, listings):
        found, faults = specs(listing.tools, where)
        offered.append(found)
        problems += [Problem(f"{label} {fault.where}" if several else fault.where, fault.what) for fault in (*faults, *listing.problems)]
    if not any(offered):
        reasons = "; ".join(f"{problem.where}: {problem.what}" for problem in problems[:3]) or "it lists none"
        raise SourceError(f"the server offers no usable tool: {reasons}", where=where, remedy="choose another server, or mend its schemas")
    names = names_of([[tool.spec.name for tool in found] for found in offered], labels, prefixed=prefixed)
    tools: list[ToolSpec] = []
    routes: dict[str, Route] = {}
    for server, found in enumerate(offered):
        for name, tool in zip(names[server], found):
            attributes = tool.spec.attributes | ({"server": labels[server]} if several else {})
            tools.append(structs.replace(tool.spec, name=name, attributes=attributes))
            routes[name] = Route(server, tool.raw)
    told = [(label, listing.instructions) for label, listing in zip(labels, listings) if listing.instructions]
    rules = [f"{label}: {text}" if several else text for label, text in told]
    offers = tuple(offer for listing in listings for offer in listing.offers)
    return Catalogue(tuple(tools), routes, offers, tuple(problems), "\n".join(rules))
