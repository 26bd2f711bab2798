"""What the commands on sets of traces print."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from artificer.cli.show import counted, counts, note, say

if TYPE_CHECKING:
    from artificer.curation.sets.doing import Made


def unread(rows: int, events: Counter[str]) -> str:
    """What of sources is no trace."""
    return f"not read: {counted(rows, 'row')}; events: {counts(events)}"


def show(found: Made, json: bool) -> int:
    """Prints what became of all traces; the exit code."""
    if json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return 0 if any(found.kept.values()) else 1
    for folder, kept in found.kept.items():
        say(f"{counted(kept, 'trace')}: {folder}")
    say(f"of {counted(found.traces, 'trace')}; left out: {counts(found.dropped) or 'none'}")
    if found.unread:
        say(unread(found.unread_rows, found.unread))
    for line in found.notes:
        say(f"note: {line}")
    if not any(found.kept.values()):
        note("nothing is left")
    return 0 if any(found.kept.values()) else 1
