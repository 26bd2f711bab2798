"""XML tags: `<function_calls><invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke></function_calls>`.

The form of Anthropic's first tool prompts, which others took over (MiniMax under a namespace of its own). Read as well, for they are the common
variations: `<tool_call><name>NAME</name><arguments>...</arguments></tool_call>`, and where the tools are known `<NAME><KEY>VALUE</KEY></NAME>`, as
coding assistants prompt for it. Values are bare text or JSON (`artificer.formats.calls.values`), with the five entities of XML. It is no XML parser:
there are no documents, declarations or attributes but the name, and so nothing to expand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import Parsed, Reading, broken, properties_of, thought
from artificer.formats.calls.records import search
from artificer.formats.calls.values import text_of, value_of

RULE = (
    "Reply with text, or call tools in this form:\n"
    '<function_calls>\n<invoke name="name_of_the_tool">\n<parameter name="name_of_a_parameter">its value</parameter>\n</invoke>\n</function_calls>'
)
_TOKEN = re.compile(
    r"<(/?)(?:[A-Za-z]{1,20}:)?(function_calls|tool_calls|tool_call|tool_use|invoke|parameter)\b(?:\s{1,4}name=\"([^\"<>]{0,1300})\")?[^<>]{0,40}>"
)
_PAIR = re.compile(r"<([A-Za-z_][\w.-]{0,199})>")
_MARKS = re.compile(r"</?(?:[A-Za-z]{1,20}:)?(?:function_calls|tool_calls|tool_call|tool_use|invoke|parameter)\b|</?think>")
_NONE = re.compile(r"(?!)")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&#10;": "\n", "&#13;": "\r", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))
_OUTER = ("function_calls", "tool_calls", "tool_call", "tool_use")


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The text, then all calls in one element."""
    text = broken(message.text, _MARKS)
    calls = [_call_text(call, tools) for call in message.calls]
    block = ["<function_calls>", *calls, "</function_calls>"] if calls else []
    return thought(message) + "\n".join(([text] if text else []) + block)


def _call_text(call: ToolCall, tools: Sequence[ToolSpec]) -> str:
    schemas = properties_of(call.name, tools)
    lines = [
        f'<parameter name="{_escaped(key)}">{_escaped(text_of(value, schemas.get(key), _NONE), attribute=False)}</parameter>\n'
        for key, value in call.arguments.items()
    ]
    return f'<invoke name="{_escaped(call.name)}">\n{"".join(lines)}</invoke>'


def _escaped(text: str, attribute: bool = True) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("\n", "&#10;").replace("\r", "&#13;") if attribute else text


def _unescaped(text: str) -> str:
    return _ENTITY.sub(lambda found: _ENTITIES[found[0]], text) if "&" in text else text


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote."""
    reading = Reading(text, prefix)
    tokens = list(_TOKEN.finditer(reading.body))
    if any(token[2] == "invoke" and not token[1] for token in tokens):
        _invocations(reading, tokens, tools)
    elif any(token[2] in _OUTER and not token[1] for token in tokens):
        _pairs(reading, tokens, tools)
    elif tools and _named(reading, tools):
        pass
    else:
        search(reading, repair="no tags")
    return reading.done()


def _invocations(reading: Reading, tokens: Sequence[re.Match[str]], tools: Sequence[ToolSpec]) -> None:
    body, at, index, open_outer = reading.body, 0, 0, 0
    while index < len(tokens) and not reading.problem:
        token = tokens[index]
        index += 1
        reading.words(body[at : token.start()])
        at = token.end()
        if token[2] in _OUTER:
            open_outer += -1 if token[1] else 1
        elif token[2] == "invoke" and not token[1]:
            index, at = _invocation(reading, tokens, index, tools)
        else:
            reading.repair("stray tag")
    reading.words(body[at:])
    if open_outer:
        reading.repair("missing closing tag" if open_outer > 0 else "missing opening tag")


def _invocation(reading: Reading, tokens: Sequence[re.Match[str]], index: int, tools: Sequence[ToolSpec]) -> tuple[int, int]:
    """One call; `index` is the token behind `<invoke>`. The next token's index, and where the call ends."""
    body = reading.body
    name = _unescaped(tokens[index - 1][3] or "")
    at = tokens[index - 1].end()
    schemas = properties_of(name, tools)
    arguments: dict[str, Json] = {}
    if not name:
        reading.fail("a call without a name")
    while index < len(tokens) and tokens[index][2] == "parameter" and not tokens[index][1]:
        if body[at : tokens[index].start()].strip():
            reading.fail("text stands between the parameters")
        key = _unescaped(tokens[index][3] or "")
        start = tokens[index].end()
        index += 1
        closed = index < len(tokens) and tokens[index][2] == "parameter" and tokens[index][1]
        end = tokens[index].start() if index < len(tokens) else len(body)
        at = tokens[index].end() if closed else end
        if key in arguments:
            reading.repair("repeated key")
        arguments[key] = value_of(_unescaped(body[start:end]), schemas.get(key), reading)
        if closed:
            index += 1
            continue
        reading.repair("missing closing tag")
        if end == len(body):
            reading.repair("cut text")
    if index < len(tokens) and tokens[index][2] == "invoke" and tokens[index][1]:
        if body[at : tokens[index].start()].strip():
            reading.fail("text stands between the parameters")
        at = tokens[index].end()
        index += 1
    else:
        reading.repair("missing closing tag")
    reading.call(name, arguments)
    return index, at


def _pairs(reading: Reading, tokens: Sequence[re.Match[str]], tools: Sequence[ToolSpec]) -> None:
    """`<tool_call><name>f</name><arguments>...</arguments></tool_call>`."""
    body, at = reading.body, 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.start() < at:
            continue
        reading.words(body[at : token.start()])
        at = token.end()
        if token[1] or token[2] not in ("tool_call", "tool_use"):
            continue
        end = following.start() if following is not None else len(body)
        if following is None or not following[1]:
            reading.repair("missing closing tag")
        fields = _elements(body[at:end])
        name = fields.get("name") or fields.get("tool_name") or ""
        given = next((fields[key] for key in ("arguments", "parameters", "args", "input") if key in fields), None)
        arguments = _inner(given, name.strip(), reading, tools)
        if not name.strip() or arguments is None:
            reading.fail("what stands between the tags is no call")
            return
        reading.call(name.strip(), arguments)
        at = following.end() if following is not None and following[1] else end
    reading.words(body[at:])


def _inner(given: str | None, name: str, reading: Reading, tools: Sequence[ToolSpec]) -> dict[str, Json] | None:
    """Arguments that are a record or elements."""
    if given is None or not given.strip():
        return {}
    if given.strip().startswith("{"):
        mender = Mender(given, reading)
        try:
            value, end = mender.value(mender.skip(0))
        except Unreadable:
            return None
        return cast("dict[str, Any]", value) if isinstance(value, dict) and not given[end:].strip() else None
    schemas = properties_of(name, tools)
    found = _elements(given)
    return {key: value_of(_unescaped(text), schemas.get(key), reading) for key, text in found.items()} if found else None


def _elements(text: str) -> dict[str, str]:
    """The elements of a text by name, at its outermost level. Each closing tag is looked for once."""
    found: dict[str, str] = {}
    at = 0
    for _ in range(64):
        opening = _PAIR.search(text, at)
        if opening is None:
            break
        end = text.find(f"</{opening[1]}>", opening.end())
        if end < 0:
            at = opening.end()
            continue
        found[opening[1]] = text[opening.end() : end]
        at = end + len(opening[1]) + 3
    return found


def _named(reading: Reading, tools: Sequence[ToolSpec]) -> bool:
    """`<NAME><KEY>VALUE</KEY></NAME>` for tools that are known; True when there was one."""
    names = {tool.name for tool in tools}
    body, at, any_found = reading.body, 0, False
    for opening in _PAIR.finditer(body):
        if opening.start() < at or opening[1] not in names:
            continue
        end = body.find(f"</{opening[1]}>", opening.end())
        if end < 0:
            reading.repair("missing closing tag")
            end = len(body)
        reading.words(body[at : opening.start()])
        arguments = _inner(body[opening.end() : end], opening[1], reading, tools)
        if arguments is None:
            reading.fail("what stands between the tags is no call")
            return True
        reading.call(opening[1], arguments)
        at, any_found = min(len(body), end + len(opening[1]) + 3), True
    if any_found:
        reading.words(body[at:])
    return any_found
