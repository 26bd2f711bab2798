r"""The final answer in a longer text.

Tried in this order: the last `\boxed{...}` with its braces matched; what follows the last "answer is" or "answer:" on its line; the last fenced
block that is JSON; the text itself when it is one line; its last line that says something. (After the order of ToRA's evaluation, arXiv 2309.17452,
less its last resort, "the last number anywhere", which makes an answer of what was never said to be one.)
"""

from __future__ import annotations

import re

import msgspec

from artificer.core.canon import Json

LONGEST = 100_000
"""Characters of a text that are read: its end."""
_SAYS = re.compile(r"(?:final answer|answer)\s{0,3}(?:is|:|=)\s{0,3}", re.IGNORECASE)
_FENCE = re.compile(r"```[a-zA-Z]{0,12}\n(.*?)\n?```", re.DOTALL)
_MARKS = "*_` \t"


def final_answer(text: str) -> str:
    """The answer that `text` gives; "" when it says nothing."""
    text = text[-LONGEST:].strip()
    box = boxed(text)
    if box is not None:
        return box
    said = None
    for match in _SAYS.finditer(text):
        said = match
    if said is not None:
        line = text[said.end() :].split("\n", 1)[0].strip(_MARKS)
        if line:
            return _closed(line)
    fences = _FENCE.findall(text)
    for block in reversed(fences):
        if decoded(block) is not None:
            return block.strip()
    lines = [line.strip(_MARKS) for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("```")]
    return _closed(lines[-1]) if lines else ""


def boxed(text: str) -> str | None:
    r"""What stands in the last `\boxed{...}` or `\fbox{...}`; None when there is none or its braces do not match."""
    start = max(text.rfind("boxed{"), text.rfind("fbox{"))
    if start < 0:
        return None
    at = text.index("{", start)
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == "{") - (text[index] == "}")
        if depth == 0:
            return text[at + 1 : index].strip()
    return None


def decoded(text: str) -> Json:
    """A text as JSON when it is an object or a list, else None."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _closed(line: str) -> str:
    """A sentence without its full stop; `3.5.` and `Dr.` keep what is theirs but the last dot."""
    return line[:-1].rstrip(_MARKS) if line.endswith(".") and not line.endswith("..") else line
