"""Text for terminals. Whatever comes from sources, models or files is shown without control characters."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: object) -> str:
    """Text without control characters: nothing shown can move the cursor or change the terminal."""
    return _CONTROL.sub("\ufffd", str(text))


def say(text: object = "") -> None:
    """A line (or several) on stdout."""
    sys.stdout.write(f"{plain(text)}\n")


def complain(text: object) -> None:
    """A message on stderr."""
    sys.stderr.write(f"artificer: {plain(text)}\n")
    sys.stderr.flush()


def note(text: object) -> None:
    """A remark on stderr, beside the output proper."""
    sys.stderr.write(f"{plain(text)}\n")
    sys.stderr.flush()


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = (), *, indent: str = "  ") -> str:
    """Rows in aligned columns; numbers to the right."""
    cells = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
    lines = [list(head), *cells] if head else cells
    if not lines:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    right = [bool(cells) and all(re.fullmatch(r"[-+]?[\d,]+(\.\d+)?\s?[%a-z/]*", row[column]) for row in cells) for column in range(len(widths))]
    shown = [indent + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right)).rstrip() for line in lines]
    if head:
        shown.insert(1, indent + "  ".join("-" * width for width in widths))
    return "\n".join(shown)


def counts(found: Mapping[str, int]) -> str:
    """E.g. `leak 3, wording 1`, most frequent first."""
    return ", ".join(f"{name} {number}" for name, number in sorted(found.items(), key=lambda item: (-item[1], item[0])))


def counted(number: int, one: str) -> str:
    """A number with what it counts: `1 row`, `1,234 rows`."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def shortened(text: str, width: int = 100) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def options_of(pairs: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` arguments as a dict.

    Raises:
        ArtificerError: one has no `=`.
    """
    from artificer.core.errors import ArtificerError

    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ArtificerError(f"the option {pair!r} is not of the form KEY=VALUE", remedy="write e.g. --options tools=tools.toml")
        found[name] = value
    return found
