"""Names: operation ids and parameter names of any kind become short, unique names in plain ASCII.

Unicode that only looks like ASCII is folded to it (NFKC), everything else is dropped; what then coincides, or is
too long, is told apart by a number or by a digest of the whole, so that a name depends on the document alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from artificer.core.canon import digest

LONGEST = 64
_JUNK = re.compile(r"[^A-Za-z0-9_-]+")
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
_SPACES = re.compile(r"\s+")


def ascii_name(text: str, also: str = "") -> str:
    """Letters, digits, `_`, `-` (and the characters in `also`) of a text; runs of others become one `_`."""
    junk = _JUNK if not also else re.compile(rf"[^A-Za-z0-9_{re.escape(also)}-]+")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return junk.sub("_", text).strip("_")


def tool_name(operation_id: str, method: str, path: str) -> str:
    """A tool's name from its operation id, else from method and path: `get_pets_by_petId`. At most 64 characters."""
    name = ascii_name(operation_id)
    if not re.search(r"[A-Za-z]", name):
        words = [f"by_{ascii_name(step)}" if step.startswith("{") else ascii_name(step) for step in path.split("/")]
        name = "_".join([method, *(word for word in words if word)])
    return shortened(name)


def shortened(name: str, longest: int = LONGEST) -> str:
    """A name of at most `longest` characters: words in the middle of a longer one give way to a digest of the whole."""
    if len(name) <= longest:
        return name
    mark = digest("name", name, size=3)
    head = longest // 3
    return f"{name[:head].rstrip('_-')}_{mark}_{name[-(longest - head - len(mark) - 2) :].lstrip('_-')}"


def unique(name: str, taken: Collection[str], longest: int = LONGEST) -> str:
    """`name`, or `name_2`, `name_3`, ... when it is taken (whatever the case of letters)."""
    found, number = name, 1
    while found.lower() in taken:
        number += 1
        found = f"{name[: longest - len(str(number)) - 1]}_{number}"
    return found


def argument_name(wire: str) -> str:
    """A parameter's name as models can write it: `$top` -> `top`, `filter[status]` -> `filter_status`."""
    return shortened(ascii_name(wire, ".") or "value")


def clean(text: str, most: int) -> str:
    """Prose in one line: no control, zero-width or direction-changing characters, at most `most` characters."""
    if len(text) > 4 * most:
        text = text[: 4 * most]
    line = _SPACES.sub(" ", _HIDDEN.sub(" ", text)).strip()
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
