"""`artificer serve`: offers a world to any MCP client."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from artificer.cli.show import note, options_of
from artificer.cli.sources import SOURCE


def command(
    source: Annotated[str, Parameter(help=f"What to serve: {SOURCE}")],
    /,
    *,
    protocol: Annotated[Literal["mcp"], Parameter(name="--as")] = "mcp",
    http: str | None = None,
    token: str | None = None,
    control: Annotated[bool, Parameter(negative=())] = False,
    seed: int = 0,
    options: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
) -> int:
    """Offer a world to any MCP client, with a private session for each, until it is interrupted.

    Over standard input and output for one client, which starts the command itself; with --http for many.

    Example: `artificer serve domain:retail --http 127.0.0.1:8000`

    Parameters
    ----------
    protocol
        What it is served as.
    http
        HOST:PORT to serve at; the path is /mcp. Port 0 takes a free one.
    token
        env:NAME of the token that HTTP clients must send. Needed on an address that others can reach.
    control
        Add the tools reset, effects and digest.
    seed
        What each session begins with.
    options
        Options of the source, KEY=VALUE, once for each.
    """
    from artificer.api import serve

    try:
        serve(
            source,
            options=options_of(options),
            http=http,
            token=token,
            control=control,
            seed=seed,
            told=lambda url: note(f"serving {source} at {url} (stop with Ctrl-C)"),
        )
    except KeyboardInterrupt:
        note("stopped")
    return 0
