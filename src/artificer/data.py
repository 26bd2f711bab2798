"""What is done to data, whoever made it: a run folder, or a file of any known format.

As `artificer.api`, which the names are also to be had from, and loaded only when used.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.run import traded


class Converted(Struct, frozen=True):
    """What became of a conversion: what was read, and what was written of it."""

    source: str
    to: str
    read: Account
    written: Account

    @property
    def rows(self) -> int:
        return self.written.rows_out


def convert(
    source: str | Path, out: str | Path, *, to: str = "chat", given: str | None = None, policy: bool = False, every: bool = False
) -> Converted:
    """Writes traces in another format: those of a run, or of a file of any format that is known.

    Args:
        source: a run folder (of which the passed branches are written), a file, or a folder of files.
        out: the file to write, a run folder with `to="artificer"`; an existing file is never overwritten.
        to: a format's name; see `docs/formats.md`.
        given: the format of `source`; guessed from its first rows when None.
        policy: put the policy of a run's world in front as a system message.
        every: also the branches that did not pass.

    Raises:
        ArtificerError: no such format, the source is of none or cannot be read, or the file is there already or cannot be written.
    """
    if to != "artificer" and format_named(to).render is None:
        raise ArtificerError(f"{to!r} is only read", remedy="choose another format; docs/formats.md says which can be written")
    before, after = Account(), Account()
    with traded.opened(source, before, given=given, policy=policy) as data:
        traded.written(data, out, after, before, to=to, every=every)
        return Converted(data.form, to, before, after)
