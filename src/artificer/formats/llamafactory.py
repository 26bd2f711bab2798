"""LLaMA-Factory's data (hiyouga/LLaMA-Factory, `data/README.md`, `data/converter.py`): ShareGPT turns as it takes them.

It differs from what is called ShareGPT elsewhere: turns of the user's side (`human`, `observation`) and of the model's
(`gpt`, `function_call`) must alternate, so that the results of parallel calls are one `observation`, a thought before
calls stands inside their turn, and no text can stand beside calls; the system prompt and the tools are columns of the
row, images a list with a mark `<image>` each. A row whose turns do not alternate, or that does not end with the model,
is passed over by LLaMA-Factory: it is written, and named in the account.

Read besides: Alpaca's rows (`instruction`, `input`, `output`, `history`), rows with `messages`, its v1 rows (messages of
parts with a `type` and a `value`, `loss_weight`; `data/v1_sft_demo.jsonl`), and `kto_tag`, which becomes a verdict. In
`dataset_info.json` the columns of a written file are `messages: conversations`, `system: system`, `tools: tools` and,
where there are any, `images: images`; `formatting: sharegpt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Image, Message, Part, Text, ToolResult
from artificer.core.trace import Node
from artificer.formats import chat, sharegpt
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.joined import OPEN
from artificer.formats.parts import bare_tool, content_named, extras, image, labelled, listed, result_text, text_of

JOIN = "\n</tool_response>\n<tool_response>\n"
"""What stands between the results of parallel calls, as LLaMA-Factory itself puts it (`OpenAIDatasetConverter`)."""
MARK = "<image>"
_ALPACA = ("instruction", "input", "output", "system", "history")
_ROW = frozenset({"conversations", "conversation", "messages", "tools", "system", "id", "images"})
_TURN = frozenset({"from", "value"})
_V1 = frozenset({"text", "reasoning", "tool_call"})
_THEIRS = ("human", "observation")
PASSED_OVER = "turns that do not alternate and end with the model: LLaMA-Factory passes over the row"


def fits(row: Any) -> float:
    """Turns that only LLaMA-Factory has, or an instruction and its output."""
    if isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str):
        return 0.9
    turns: list[Any] = row["messages"] if "messages" in row else sharegpt.turns(row)
    if "chosen" in row or not turns:
        return 0.0
    texts = [text for turn in turns if isinstance(text := turn.get("value", turn.get("content")), str)]
    if isinstance(row.get("kto_tag"), bool) or (row.get("images") and any(MARK in text for text in texts)):
        return 0.97
    if "messages" in row:
        return 0.95 if _is_v1(row) else 0.0
    said = [(sharegpt.ROLES[who], text) for who, text in map(sharegpt.spoken, turns)]
    return 0.97 if any(_is_ours(kind, text) for kind, text in said) else 0.94


def _is_ours(kind: str, text: str) -> bool:
    """Whether only LLaMA-Factory has such a turn: its joint between results (not whole blocks, as Hermes), or a thought within a call's turn."""
    if kind == "tool":
        return JOIN in text and not text.lstrip().startswith(OPEN)
    return kind == "call" and text.startswith("<think>")


def count(row: Any) -> int:
    """As ShareGPT's, with the results in one turn each counted."""
    if "messages" in row:
        return chat.count(_of_v1(row) if _is_v1(row) else row)
    return sharegpt.count(_spread(row))


def _spread(row: Any) -> dict[str, Any]:
    """A row as ShareGPT has it: a turn for each result, thoughts before calls in a turn of their own, Alpaca's fields as turns."""
    if "instruction" in row:
        return _of_alpaca(row)
    turns: list[Any] = []
    for turn in sharegpt.turns(row):
        who, text = sharegpt.spoken(turn)
        kind = sharegpt.ROLES.get(who)
        if kind == "tool" and JOIN in text:
            besides = _besides(turn)
            first, *pieces = text.split(JOIN)
            turns += [{"from": "observation", "value": first} | besides, *[{"from": "observation", "value": piece} for piece in pieces]]
        elif kind == "call" and text.startswith("<think>"):
            thought, rest = sharegpt.thought_in(text)
            if thought is None:
                turns.append(turn)
                continue
            turns += [{"from": "gpt", "value": text[: len(text) - len(rest)]} | _besides(turn), {"from": who, "value": rest}]
        else:
            turns.append(turn)
    return {name: value for name, value in row.items() if name not in ("conversation", "images")} | {"conversations": turns}


def _besides(turn: Any) -> dict[str, Any]:
    return {name: value for name, value in turn.items() if name not in ("from", "value", "role", "content")}


def _of_alpaca(row: Any) -> dict[str, Any]:
    turns: list[dict[str, Any]] = []
    for asked, told in listed(row.get("history")):
        turns += [{"from": "human", "value": asked}, {"from": "gpt", "value": told}]
    given = [part for part in (row["instruction"], row.get("input")) if part]
    turns += [{"from": "human", "value": "\n".join(given)}, {"from": "gpt", "value": row["output"]}]
    kept = {name: value for name, value in row.items() if name not in (*_ALPACA, "images")}
    return kept | {"conversations": turns} | ({"system": row["system"]} if row.get("system") else {})


def _is_v1(row: Any) -> bool:
    """Whether all contents are parts with a `value`."""
    contents: list[Any] = [message.get("content") for message in row["messages"]]
    if not contents or not all(isinstance(parts, list) for parts in contents):
        return False
    pieces: list[Any] = [part for parts in contents for part in parts]
    return bool(pieces) and all(part.get("type") in _V1 and "value" in part for part in pieces)


def _of_v1(row: Any) -> dict[str, Any]:
    """A v1 row as chat messages: thoughts and calls apart from the text, the weight of the loss as `weight`.

    Raises:
        MsgspecError, TypeError: a call is not JSON, or a value no text.
    """
    messages: list[dict[str, Any]] = []
    for given in row["messages"]:
        texts: dict[str, list[str]] = {kind: [part["value"] for part in given["content"] if part["type"] == kind] for kind in _V1}
        made = {name: value for name, value in given.items() if name != "content"} | {"content": "".join(texts["text"])}
        if texts["reasoning"]:
            made["reasoning_content"] = "".join(texts["reasoning"])
        if texts["tool_call"]:
            made["tool_calls"] = [{"type": "function", "function": msgspec.json.decode(text)} for text in texts["tool_call"]]
        if given["role"] == "assistant" and "loss_weight" in made:
            made["weight"] = made.pop("loss_weight")
        messages.append(made)
    return {**row, "messages": messages}


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    if "messages" in row:
        row = _of_v1(row) if _is_v1(row) else row
        found = chat.parse({name: value for name, value in row.items() if name != "images"}, account)
    else:
        found = sharegpt.parse(_spread(row), account)
    (item,) = found
    trace = item.trace
    images: list[Any] = listed(row.get("images"))
    if images:
        trace = msgspec.structs.replace(trace, nodes=_shown(trace.nodes, images, account))
    if isinstance(row.get("kto_tag"), bool):
        trace = labelled(trace, "kto_tag", row["kto_tag"])
    yield content_named(Item(trace, item.tools), row.get("id"))


def _shown(nodes: Sequence[Node], images: list[Any], account: Account) -> tuple[Node, ...]:
    """Images in the places of their marks; the marks of a message in the order of the row's list."""
    left = [one if isinstance(one, str) else text_of(one) for one in reversed(images)]
    made: list[Node] = []
    for one in nodes:
        message = one.message
        if message.role == "user" and left and MARK in message.text:
            parts: list[Part] = []
            *pieces, last = message.text.split(MARK)
            for at, piece in enumerate(pieces):
                if not left:
                    last = MARK.join([*pieces[at:], last])
                    break
                parts += [*([Text(piece)] if piece else []), image(left.pop())]
            one = msgspec.structs.replace(one, message=msgspec.structs.replace(message, content=(*parts, *([Text(last)] if last else []))))
        made.append(one)
    if left:
        account.lose("images without a mark in a user's text", len(left))
    return tuple(made)


# writing


def told(message: Message) -> Message:
    """What a reader takes a message for: no text beside calls, texts between images joined, thoughts as ShareGPT has them."""
    if message.role == "assistant" and message.calls and message.content != "":
        message = msgspec.structs.replace(message, content="")
    if message.role == "user" and not isinstance(message.content, str):
        message = msgspec.structs.replace(message, content=_joined(message.content))
    return sharegpt.told(message)


def _joined(content: Sequence[Part]) -> str | tuple[Part, ...]:
    parts: list[Part] = []
    for part in content:
        if isinstance(part, Text) and parts and isinstance(parts[-1], Text):
            parts[-1] = Text(parts[-1].text + part.text)
        elif isinstance(part, Image) or (isinstance(part, Text) and part.text):
            parts.append(part)
    return tuple(parts) if any(isinstance(part, Image) for part in parts) else "".join([part.text for part in content if isinstance(part, Text)])


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch.

    Raises:
        ValueError: a text holds a mark that is read as something else, a call has no name, or one result would be read as several.
    """
    row: dict[str, Json] = {"id": item.trace.id, "conversations": []}
    nodes = item.trace.nodes
    first = nodes[0].message if nodes else None
    if first is not None and first.role == "system" and first.text and not extras(nodes[0].notes, _TURN):
        row["system"] = first.text
        nodes = nodes[1:]
    images: list[Json] = []
    turns: list[dict[str, Json]] = []
    for at, one in enumerate(nodes):
        if one.message.role == "tool" and at and nodes[at - 1].message.role == "tool" and not extras(one.notes, _TURN):
            turns[-1]["value"] = f"{turns[-1]['value']}{JOIN}{_result(one.message)}"
        else:
            turns.append(_turn(one, images, account))
            if len(one.message.calls) > 1:
                sharegpt.told_apart(nodes, at)
    row["conversations"] = cast("Json", turns)
    if item.tools:
        row["tools"] = text_of([bare_tool(tool) for tool in item.tools])
    if images:
        if sum(str(turn["value"]).count(MARK) for turn in turns) != len(images):
            raise ValueError(f"a text that holds {MARK}")
        row["images"] = images
    sides = [turn["from"] in _THEIRS for turn in turns]
    if not sides or not sides[0] or sides[-1] or any(a == b for a, b in pairwise(sides)):
        account.lose(PASSED_OVER)
    yield row | extras(item.trace.lineage, _ROW)


def _turn(one: Node, images: list[Json], account: Account) -> dict[str, Json]:
    message, notes = one.message, extras(one.notes, _TURN)
    if message.role == "tool":
        return {"from": "observation", "value": _result(message)} | notes
    if message.role != "assistant":
        return {"from": "human" if message.role == "user" else "system", "value": _marked(message, images)} | notes
    if not message.calls:
        return {"from": "gpt", "value": sharegpt.with_thought(message, account)} | notes
    if message.text:
        account.drop("text beside calls", 1)
    thought = sharegpt.with_thought(msgspec.structs.replace(message, content=""), account) if message.reasoning is not None else ""
    return {"from": "function_call", "value": thought + sharegpt.call_text(message.calls)} | notes


def _marked(message: Message, images: list[Json]) -> str:
    if isinstance(message.content, str) or message.role != "user":
        return message.text
    images += [part.uri for part in message.content if isinstance(part, Image)]
    return "".join([part.text if isinstance(part, Text) else MARK for part in message.content if isinstance(part, Text | Image)])


def _result(message: Message) -> str:
    text = result_text(message.result or ToolResult("", message.text))
    if JOIN in text:
        raise ValueError("a result that holds what stands between results")
    return text


FORMAT = Format(
    "llamafactory",
    "LLaMA-Factory's ShareGPT turns, with columns for the system prompt, tools and images",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "reasoning", "images", "parallel", "errors", "results", "system", "opening", "empty", "tools"]),
    ("results that do not follow the order of their calls", "text beside calls", "line breaks around a thought"),
    told=told,
)
