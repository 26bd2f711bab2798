"""Conversations whose calls stand in the text, as a family of models writes them: Hermes, Qwen, Llama, Mistral, ReAct,
Python-call lists, XML.

A row is a conversation in turns (`conversations` of `from` and `value`, or `messages` of `role` and `content`), whose
assistant's turns are read and written by the family's dialect (`artificer.formats.calls`) and whose results stand in the
family's wrapper, where it has one. What had to be mended is named in the account; a text that means a call and cannot be
read stays a text, by name. Ids of calls are not in the text: results follow the order of the calls. What a text cannot
say as it stands (white space at its ends, words that read as a mark of the dialect) is declared lost, message by
message: `told` is what a reader of the text would take a message for.

Sources: `hermes` as NousResearch/hermes-function-calling-v1, `react` as ToolBench's ToolLLaMA turns, `toolace` as
Team-ACE/ToolACE; `qwen`, `llama`, `mistral`, `python` and `xml` are the same turns in the other dialects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, Role, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.broken import unbroken
from artificer.formats.calls import dialect
from artificer.formats.calls.reading import LIMIT, Dialect, Parsed
from artificer.formats.holding import answered
from artificer.formats.joined import AS_MANY, UNEVEN, bare, block, blocks, is_record, only_blocks, records, unanswered
from artificer.formats.jsontext import loads
from artificer.formats.parts import bare_tool, extra, extras, linear, node, result_of, result_text, text_of, tools_of
from artificer.formats.sharegpt import ROLES, spoken
from artificer.formats.xlam import TYPES

_ROW = frozenset({"conversations", "conversation", "messages", "tools", "system", "id"})
_TURN = frozenset({"from", "value", "role", "content", "weight"})
_LIST = re.compile(r"\[\s{0,20}\{\s{0,20}\"name\"")
_TAGGED = ("hermes", "qwen")
"""Families whose system prompts list tools between `<tools>` and `</tools>`."""
UNMARKED = 0.1
"""How much a row without a call looks like such a family: it could be one of its rows, and nothing says that it is."""
_EXACT = json.JSONDecoder()
HOLDS = frozenset(["id", "reasoning", "sampled", "parallel", "beside", "errors", "results", "system", "opening", "tools"])


Results = Literal["plain", "blocks", "shown", "records"]
"""How results stand in turns: as they are; in blocks; as they are, but in blocks (also of a user's turn) where a template has shown them;
several as a list of records."""


class Convention(msgspec.Struct, frozen=True):
    """How a family writes a conversation.

    Args:
        name: what people type.
        title: in a line.
        mark: what stands in a text that holds a call (or, for ReAct, any step).
        keys: how its turns are written.
        roles: the names of system, user, assistant and tool.
        dialect: the dialect of calls, when it has another name.
        apart: whether turns with calls may have a speaker of their own (`function_call`), as in ADP's rows for OpenHands.
        results: see `Results`.
    """

    name: str
    title: str
    mark: re.Pattern[str]
    keys: Literal["from", "role"] = "role"
    roles: tuple[str, str, str, str] = ("system", "user", "assistant", "tool")
    dialect: str = ""
    apart: bool = False
    results: Results = "plain"

    @property
    def spoken(self) -> Dialect:
        """The dialect of its calls."""
        return dialect(self.dialect or self.name)


CONVENTIONS = (
    Convention(
        "hermes",
        "Hermes turns with <tool_call> in the text",
        re.compile(r"<tool_call>\s{0,8}\{"),
        "from",
        ("system", "human", "gpt", "tool"),
        results="blocks",
    ),
    Convention("qwen", "messages with <tool_call> in the text (Qwen 2.5 and 3)", re.compile(r"<tool_call>\s{0,8}\{"), results="shown"),
    Convention(
        "qwen3_coder",
        "messages with <function=...> in the text (Qwen3-Coder, OpenHands)",
        re.compile(r"<function="),
        apart=True,
        results="shown",
    ),
    Convention("llama", "messages with Llama 3's calls in the text", re.compile(r'<\|python_tag\|>|^\s{0,8}\{"name":[^\n]{0,300}"parameters":')),
    Convention("mistral", "messages with [TOOL_CALLS] in the text", re.compile(r"\[TOOL_CALLS\]")),
    Convention(
        "react",
        "turns of Thought, Action, Action Input (ToolLLaMA)",
        re.compile(r"^\s{0,8}(?:Action Input|Final Answer):", re.MULTILINE),
        "from",
        roles=("system", "user", "assistant", "function"),
    ),
    Convention(
        "toolace",
        "turns with Python-call lists in the text (ToolACE)",
        re.compile(r"^\s{0,8}\[[^\W\d][\w. ]{0,120}\("),
        "from",
        roles=("system", "user", "assistant", "tool"),
        dialect="python",
        results="records",
    ),
    Convention("xml", "messages with <function_calls> in the text", re.compile(r"<function_calls>")),
)


def turns(row: Any) -> list[Any]:
    """The turns of a row.

    Raises:
        TypeError: there are none.
    """
    found = row.get("conversations", row.get("conversation", row.get("messages")))
    if not isinstance(found, list):
        raise TypeError("conversations are a list")
    return cast("list[Any]", found)


def _kind(convention: Convention, turn: Any) -> str | None:
    kind = ROLES.get(spoken(turn)[0])
    return "assistant" if convention.apart and kind == "call" else kind


def fits(convention: Convention, row: Any) -> float:
    """Turns with known speakers, of which one of the assistant's has the family's mark; more in the keys that it is written in."""
    found = turns(row)
    known = ("system", "user", "assistant", "tool")
    if not found or any("tool_calls" in turn for turn in found) or not all(_kind(convention, turn) in known for turn in found):
        return 0.0
    marked = any(_kind(convention, turn) == "assistant" and convention.mark.search(spoken(turn)[1][:LIMIT]) for turn in found)
    if not marked:
        return UNMARKED if convention.name in _TAGGED else 0.0
    return 0.97 if all(convention.keys in turn for turn in found) else 0.96


def _parsed(convention: Convention, text: str) -> Parsed:
    found = convention.spoken.parse(text)
    return Parsed(text=text) if found.error is not None else found


def _events(found: Parsed) -> int:
    made = len(found.calls) + (found.reasoning is not None)
    return made + 1 if not made or found.text else made


def count(convention: Convention, row: Any) -> int:
    """The system prompt; of each turn of the assistant what the dialect reads in it; each other turn."""
    found = 1 if row.get("system") else 0
    calls = 0
    for turn in turns(row):
        kind, text = _kind(convention, turn), spoken(turn)[1]
        if kind == "assistant":
            said = _parsed(convention, text)
            found += _events(said)
            calls = len(said.calls)
            continue
        told = len(_results(convention, kind, text, calls))
        found += told or 1
        calls = calls - told if told else 0 if kind in ("user", "system") else calls
    return found


def _results(convention: Convention, kind: str | None, text: str, calls: int) -> list[str]:
    """The results in a turn behind so many calls: one in a turn of the tool where nothing parts them, none in other turns."""
    blocked = convention.results in ("blocks", "shown")
    if kind != "tool":
        return only_blocks(text) if kind == "user" and blocked else []
    found = blocks(text) if blocked else records(text) if convention.results == "records" else []
    return found if (blocked and found) or len(found) == calls > 1 else [text]


def parse(convention: Convention, row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    nodes: list[Node] = []
    if row.get("system"):
        nodes.append(node(-1, Message("system", _text(row["system"]))))
    for turn in turns(row):
        who, text = spoken(turn)
        kind, kept = _kind(convention, turn), extra(turn, _TURN)
        at = len(nodes) - 1
        if kind == "assistant":
            message = _said(convention, text, len(nodes), account)
            nodes.append(node(at, message, sampled=turn.get("weight") != 0, notes=kept))
        elif told := _results(convention, kind, text, calls := unanswered(nodes)):
            if (calls != len(told) and (kind == "user" or len(told) > 1)) or (convention.results == "records" and len(told) == 1 and records(text)):
                account.lose(UNEVEN)
            for one in told:
                nodes.append(node(len(nodes) - 1, Message("tool", result=result_of(answered(nodes), one)), notes=kept))
                kept = {}
        elif kind in ("user", "system"):
            nodes.append(node(at, Message(cast("Any", kind), text), notes=kept))
        else:
            account.drop(f"a turn of {str(who)[:40]!r}", 1)
    kept = extra(row, _ROW)
    listed = row.get("tools")
    if listed is None and nodes and nodes[0].message.role == "system":
        listed = _told_of(convention, nodes[0].message.text, account)
    yield linear(nodes, tools_of(listed, account), name=row.get("id"), lineage={"extra": kept} if kept else None)


def _told_of(convention: Convention, prompt: str, account: Account) -> list[Any]:
    """The tools that a system prompt lists, where the family lists them there and a row has no column for them. The prompt stays."""
    if convention.name == "toolace":
        return _listed(prompt, account)
    return _between_tags(prompt, account) if convention.name in _TAGGED else []


def _between_tags(text: str, account: Account) -> list[Any]:
    """The tools between the last `<tools>` and `</tools>`: a JSON list (NousResearch), or an object a line (Qwen)."""
    end = text.rfind("</tools>")
    begun = text.rfind("<tools>", 0, max(end, 0))
    inside = text[begun + len("<tools>") : end].strip() if begun >= 0 else ""
    if not inside:
        return []
    try:
        pieces = [inside] if inside.startswith("[") else inside.splitlines()
        found = [loads(piece.encode("utf-8", "surrogatepass"), account) for piece in pieces if piece.strip()]
        records: list[Any] = found[0] if inside.startswith("[") else found
        tools_of(records, Account())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ArtificerError):
        account.lose("tools in a system prompt that are not JSON: they stay there alone")
        return []
    return records


def _listed(text: str, account: Account) -> list[Any]:
    """The tools that ToolACE lists in its system prompt: the first JSON list of records there, with JSON Schema's types. The prompt stays."""
    found = _LIST.search(text)
    if found is None:
        return []
    try:
        records: Any = loads(text[found.start() : _EXACT.raw_decode(text, found.start())[1]].encode("utf-8", "surrogatepass"), account)
    except (ValueError, RecursionError):
        account.lose("tools in a system prompt that are not JSON: they stay there alone")
        return []
    return [_typed(record) for record in records]


def _typed(value: Any) -> Any:
    """A schema with JSON Schema's names of types: `dict` is an object, `float` a number."""
    if isinstance(value, list):
        return [_typed(one) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    inner = {key: _typed(one) for key, one in cast("dict[str, Any]", value).items()}
    kind = inner.get("type")
    return inner | {"type": TYPES[kind]} if isinstance(kind, str) and kind in TYPES else inner


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a system prompt is text")
    return value


def _said(convention: Convention, text: str, index: int, account: Account) -> Message:
    found = convention.spoken.parse(text)
    if found.error is not None:
        account.lose("calls that cannot be read: kept as text")
        return Message("assistant", text)
    for repair in found.repairs:
        account.lose(f"a text as it was written: mended ({repair})")
    calls = tuple(msgspec.structs.replace(call, id=f"c{index}.{at}") for at, call in enumerate(found.calls))
    return Message("assistant", found.text, found.reasoning, calls)


# writing


def told(convention: Convention, message: Message) -> Message:
    """What a reader of the family's text takes an assistant's message for."""
    if message.role != "assistant":
        return message
    message = unbroken(message)
    found = _parsed(convention, convention.spoken.write(_plain(message)))
    calls = tuple(
        msgspec.structs.replace(call, id=message.calls[at].id if at < len(message.calls) else call.id) for at, call in enumerate(found.calls)
    )
    return msgspec.structs.replace(message, content=found.text, reasoning=found.reasoning, calls=calls)


def _plain(message: Message) -> Message:
    return Message("assistant", message.text, message.reasoning, message.calls)


def render(convention: Convention, item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    spoken_turns: list[Json] = []
    group: list[Node] = []
    calls = 0
    for one in item.trace.nodes:
        if one.message.role == "tool":
            group.append(one)
            continue
        if group:
            spoken_turns += _told(convention, group, calls)
            group = []
        spoken_turns.append(_turn(convention, one, account))
        calls = len(one.message.calls)
    spoken_turns += _told(convention, group, calls)
    row: dict[str, Json] = {"id": item.trace.id, "conversations" if convention.keys == "from" else "messages": spoken_turns}
    if item.tools or convention.name in ("toolace", *_TAGGED):  # there, no column means that the system prompt lists them
        row["tools"] = text_of([bare_tool(tool) for tool in item.tools])
    yield row | extras(item.trace.lineage, _ROW)


def _told(convention: Convention, group: Sequence[Node], calls: int) -> list[Json]:
    """The turns of the results behind so many calls: one, where the family has them so and no result is missing.

    Raises:
        ValueError: one of them would be read as several.
    """
    results = [one.message.result or ToolResult("", one.message.text) for one in group]
    joins = len(group) == calls > 1 and not any(one.notes and extras(one.notes, _TURN) for one in group[1:])
    if convention.results == "blocks":
        texts = [block(one) for one in results]
        texts = ["\n".join(texts)] if joins else texts
    elif convention.results == "shown":
        texts = [bare(one) for one in results]
    elif convention.results == "records" and joins and all(is_record(one.content) for one in results):
        texts = [text_of([one.content for one in results])]
    else:
        texts = [result_text(one) for one in results]
        if convention.results == "records" and any(len(records(text)) == calls - at > 1 for at, text in enumerate(texts)):
            raise ValueError(AS_MANY)
    return [_written(convention, "tool", text) | extras(one.notes, _TURN) for one, text in zip(group, texts, strict=False)]


def _turn(convention: Convention, one: Node, account: Account) -> dict[str, Json]:
    message, notes = one.message, extras(one.notes, _TURN)
    if message.role != "assistant":
        if _results(convention, message.role, message.text, 0):
            raise ValueError("a user's text that reads as results")
        return _written(convention, message.role, message.text) | notes
    text = convention.spoken.write(_plain(message))
    read = _parsed(convention, text)
    had, has = _events(Parsed(message.calls, message.text, reasoning=message.reasoning)), _events(read)
    if len(read.calls) < len(message.calls):
        raise ValueError("calls that its text does not say")
    if has > had:
        raise ValueError("its text reads as more than it says")
    account.drop("what the text reads otherwise", had - has)
    weight: dict[str, Json] = {} if one.sampled else {"weight": 0}
    return _written(convention, "assistant", text) | weight | notes


def _written(convention: Convention, role: Role, text: str) -> dict[str, Json]:
    who = convention.roles[("system", "user", "assistant", "tool").index(role)]
    return {"from": who, "value": text} if convention.keys == "from" else {"role": who, "content": text}


def _format(convention: Convention) -> Format:
    return Format(
        convention.name,
        convention.title,
        cast("Callable[[Any], float]", partial(fits, convention)),
        cast("Callable[[Any], int]", partial(count, convention)),
        cast("Callable[[Any, Account], Iterable[Item]]", partial(parse, convention)),
        cast("Callable[[Item, Account], Iterable[Json]]", partial(render, convention)),
        HOLDS,
        ("results that do not follow the order of their calls", "words that read as a mark of the dialect"),
        told=partial(told, convention),
    )


FORMATS = {convention.name: _format(convention) for convention in CONVENTIONS}
