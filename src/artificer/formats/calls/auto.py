"""The reader that guesses: for calls that an endpoint left in the text, whatever model is behind it.

The first mark of a family decides; without any, the text is read as our own form. What was guessed is named as a repair, since nobody asked for that
form. A text that only mentions a mark stays a text wherever the family's reader can tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from artificer.core.tools import ToolSpec
from artificer.formats.calls import hermes, lines, llama, mistral, python, qwen3_coder, react, xml
from artificer.formats.calls.reading import LIMIT, Parse, Parsed

write = lines.write
RULE = lines.RULE

_FAMILIES: dict[str, Parse] = {
    "mistral": mistral.parse,
    "llama": llama.parse,
    "qwen3_coder": qwen3_coder.parse,
    "xml": xml.parse,
    "hermes": hermes.parse,
    "react": react.parse,
    "python": python.parse,
}
_MARKS = re.compile(
    r"""(?P<mistral>\[TOOL_CALLS\]|\A\s{0,20}[\w.:/-]{1,200}\[ARGS\])
    |(?P<llama><\|python_tag\|>|<function=[^<>\n]{1,200}>\s{0,8}(?=\{))
    |(?P<qwen3_coder><tool_call>\s{0,8}(?=<function=)|<function=[^<>\n]{1,200}>\s{0,8}(?=<))
    |(?P<xml><(?:[A-Za-z]{1,20}:)?(?:function_calls|tool_calls|tool_use|invoke)\b|<tool_call>\s{0,8}(?=<name>))
    |(?P<hermes><tool_call>)
    |(?P<react>\A\s{0,20}\**(?:Thought|Final[ ]Answer)\**:|^\**Action\**:[^\n]{1,200}\n\s{0,8}\**Action[ ]Input\**:)
    |(?P<python><\|python_start\|>|\A\s{0,20}(?:```[a-z_]{0,12}\s{0,4})?\[\s{0,20}[^\W\d][\w.]{0,200}\((?:\s{0,20}[^\W\d]\w{0,200}\s{0,4}=|\)))""",
    re.VERBOSE | re.MULTILINE,
)


def guess(text: str) -> str:
    """The family whose mark stands first, "json" where none stands."""
    start = text.find("</think>", 0, LIMIT)
    found = _MARKS.search(text[start + 8 : LIMIT] if start >= 0 else text[:LIMIT])
    return (found.lastgroup if found else None) or "json"


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote, in the family it seems to be of."""
    family = guess(text)
    if family != "json" and text.startswith('{"'):  # a mark may stand within a value of our own form
        own = lines.parse(text, prefix, tools)
        if own.calls and not own.repairs and own.error is None:
            return own
    if family == "json":
        return lines.parse(text, prefix, tools)
    found = _FAMILIES[family](text, prefix, tools)
    if not found.calls and found.error is None and family != "react":
        return found
    return msgspec.structs.replace(found, repairs=(f"read as {family}", *found.repairs))
