"""`artificer convert`: a run's traces in another format."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.show import say


def command(
    run: str,
    out: str,
    /,
    *,
    to: str = "chat",
    policy: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Write a run's proven traces in another format.

    Example: `artificer convert runs/shop shop.jsonl --to chat`

    Parameters
    ----------
    run
        A run folder.
    out
        The file to write; it must not be there yet.
    to
        The format: chat (one JSON object a line with messages and tools, as most trainers read it).
    policy
        Put the world's policy in front as a system message.
    """
    from artificer.api import convert

    count = convert(run, out, to=to, policy=policy)
    say(f"{count} conversations: {out}")
    return 0
