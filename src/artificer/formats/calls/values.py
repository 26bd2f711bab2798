"""Arguments between tags, where text stands bare and everything else must be told apart from it.

With a tool's schema its type decides: a parameter that can only be text is read as it stands, others as JSON (or Python's constants, which Qwen's
template writes). Without a schema whatever reads as JSON is JSON. The writer checks itself with the reader: text that would not come back as it was
is written as a JSON string, in which `<` is escaped, so that no value can end its own tag.
"""

from __future__ import annotations

import re
from typing import Any, cast

from artificer.core.canon import Json
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import Reading
from artificer.formats.calls.records import encoded

_CONSTANTS: dict[str, Json] = {"True": True, "False": False, "None": None}
_MARK = "\\u003c"
"""What a text has in it that is written as a JSON string although its parameter is text."""
_BEGINS = re.compile(r'[{\["\-0-9tfnTFN]')


def is_text(schema: Json) -> bool:
    """Whether a parameter can only be text."""
    fields: dict[str, Any] = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}
    choices: Any = fields.get("enum")
    if isinstance(choices, list) and choices:
        return all(isinstance(choice, str) for choice in cast("list[Any]", choices))
    return fields.get("type") in ("string", ["string"])


def value_of(text: str, schema: Json, reading: Reading) -> Json:
    """The value that stands between tags."""
    if is_text(schema):
        return _json(text, reading, text) if text[:1] == '"' == text[-1:] and _MARK in text else text
    bare = text.strip()
    if bare in _CONSTANTS:
        return _CONSTANTS[bare]
    if not _BEGINS.match(bare):
        return text
    return _json(bare, reading, text)


def _json(text: str, reading: Reading, otherwise: str) -> Json:
    """`text` as one JSON value; as text where it is none. Broken JSON is mended only where it must have been meant."""
    scratch = Reading("", "")
    mender = Mender(text, scratch)
    try:
        value, end = mender.value(0)
    except Unreadable:
        return otherwise
    if end < len(text) or (scratch.repairs and text[0] not in "{["):
        return otherwise
    for repair in scratch.repairs:
        reading.repair(repair)
    return value


def text_of(value: Json, schema: Json, marks: re.Pattern[str]) -> str:
    """A value as it is written between tags: bare text where that can be read back, else JSON. `marks` are the family's tags."""
    if isinstance(value, str):
        probe = Reading("", "")
        if not marks.search(value) and value_of(value, schema, probe) == value and not probe.repairs:
            return value
        return _json_text(value)
    if value is None or isinstance(value, bool):
        return str(value)
    return _json_text(value)


def _json_text(value: Json) -> str:
    return encoded(value).replace("<", _MARK)
