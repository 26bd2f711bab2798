"""`artificer convert`: traces in another format."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.show import complain, counted, say


def command(
    source: str,
    out: str,
    /,
    *,
    to: str = "chat",
    given: Annotated[str | None, Parameter(name="--from")] = None,
    policy: Annotated[bool, Parameter(negative=())] = False,
    every: Annotated[bool, Parameter(name="--all", negative=())] = False,
) -> int:
    """Write a run's proven traces, or a file of traces in any known format, in another format, with an account of every event.

    Example: `artificer convert runs/shop shop.jsonl --to chat`

    Parameters
    ----------
    source
        A run folder, a file (plain, gz, zst, zip or Parquet), or a folder of files.
    out
        The file to write, or the run folder with --to artificer; a file must not be there yet.
    to
        The format: chat (one JSON object a line with messages and tools, as most trainers read it), artificer (a run folder), or another one of
        docs/formats.md.
    given
        The format of the source; guessed from its first rows otherwise.
    policy
        Put the world's policy in front as a system message.
    every
        Also write the branches that did not pass their checks.
    """
    from artificer.data import convert

    done = convert(source, out, to=to, given=given, policy=policy, every=every)
    say(f"{counted(done.rows, 'conversation')}: {out}" if done.rows else f"no new conversation: {out}")
    for title, account in ((f"read as {done.source}", done.read), (f"written as {done.to}", done.written)):
        say(f"{title}: rows {account.rows_in:,} -> {account.rows_out:,}")
        for line in account.lines():
            say(f"  {line}")
    if not done.rows and (to != "artificer" or not done.read.rows_out):  # a second import of the same is no mistake
        complain("nothing was written; the account above says why")
        return 1
    for damage in done.read.damage or ():
        complain(f"{damage}; the rows before that are written, those behind it are missing")
    return 0 if done.read.balanced and done.written.balanced and not done.read.damage else 1
