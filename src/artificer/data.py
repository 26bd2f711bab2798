"""What is done to data, whoever made it: a run folder, or a file of any known format.

As `artificer.api`, which the names are also to be had from, and loaded only when used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.run import traded

if TYPE_CHECKING:
    from artificer.curation.quality.card import Card


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


def check(
    source: str | Path,
    *,
    given: str | None = None,
    thresholds: str | Path | None = None,
    findings: str | Path | None = None,
    near: bool = True,
    tokens: Callable[[str], int] | None = None,
    native: Sequence[str] | None = None,
    seen: Callable[[int], None] | None = None,
) -> Card:
    """What a data set holds and what is wrong with it: its data card. Reads it once, and once more for near-duplicates.

    Args:
        source: a run folder, a file of any known format, or a folder of files.
        given: the format of `source`; guessed from its first rows when None.
        thresholds: a TOML file whose bounds replace ours; see `docs/quality.md`.
        findings: a file to write everything that was found to, a JSON object a line; an existing file is never overwritten.
        near: also look for near-duplicates.
        tokens: how many tokens a text is; a rule of thumb when None.
        native: the tools that ADP's check takes for native; those that each conversation offers when None.
        seen: told how many traces have been looked at, now and then.

    Raises:
        ArtificerError: the source is of no known format or cannot be read, a threshold does not fit, or the file of findings is there already.
    """
    from artificer.curation.quality.survey import survey

    return survey(source, given=given, bounds=thresholds, findings=findings, near=near, tokens=tokens, native=native, seen=seen)
