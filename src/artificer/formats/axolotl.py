"""Axolotl's `chat_template` data (axolotl-ai-cloud/axolotl, `docs/dataset-formats/conversation.qmd`,
`prompt_strategies/chat_template.py`): OpenAI's messages with `tools`, in which each turn says itself whether it is
trained on (`train`, with `message_field_training: train` and `roles_to_train: []` in the configuration).

It differs from `chat`, whose `weight` axolotl passes over: what a model did not produce would be trained on. Read
besides: `training` for `train`, ShareGPT's turns, messages, tools and parameters as JSON text, and texts in parts of
which some are trained on. `train_detail` stays with its message and is written again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from artificer.core.canon import Json
from artificer.formats import chat, sharegpt
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.jsontext import Unreadable, loads
from artificer.formats.parts import fields

FIELDS = ("train", "training")
_OURS = ("assistant", "gpt", "model", "function_call", "tool_call", "chatgpt", "bot", "function-call")


def fits(row: Any) -> float:
    """Turns that say whether they are trained on."""
    turns = _turns(row)
    if not turns or not all("from" in turn or "role" in turn for turn in turns) or "chosen" in row:
        return 0.0
    if isinstance(row.get("messages"), str):
        return 0.9
    return 0.97 if any("train_detail" in turn or _train(turn) is not None or _partly(turn) is not None for turn in turns) else 0.1


def _turns(row: Any) -> list[Any]:
    found: Any = row["messages"] if "messages" in row else row["conversations"]
    if isinstance(found, str):
        found = loads(found.encode("utf-8", "surrogatepass"), Account())
    if not isinstance(found, list):
        raise TypeError("messages are a list")
    return cast("list[Any]", found)


def _train(turn: Any) -> bool | None:
    for name in FIELDS:
        said = turn.get(name)
        if said is True or said is False:
            return said
    return None


def _partly(turn: Any) -> set[Any] | None:
    """What the parts of a text say of their training; None where none says anything."""
    content = turn.get("content")
    if not isinstance(content, list):
        return None
    parts = [fields(part) for part in cast("list[Any]", content) if isinstance(part, dict)]
    return {part.get("train", part.get("training")) for part in parts} if any(part.keys() & set(FIELDS) for part in parts) else None


def plain(row: Any, account: Account) -> dict[str, Any]:
    """A row as `chat` or `sharegpt` has it: what says whether a turn is trained on is its weight."""
    turns = [_turn(turn, account) for turn in _turns(row)]
    kept = {name: value for name, value in row.items() if name not in ("messages", "conversations")}
    if kept.get("tools"):
        kept["tools"] = _tools(kept["tools"], account)
    return kept | {"conversations" if turns and turns[0].get("from") is not None else "messages": turns}


def _turn(turn: Any, account: Account) -> dict[str, Any]:
    ours = turn["role" if turn.get("from") is None else "from"] in _OURS
    train, partly = _train(turn), _partly(turn)
    found = {name: value for name, value in turn.items() if name not in FIELDS or (train is True and not ours)}
    if partly is not None:
        if train is None and None not in partly and True not in partly:
            train = False
        elif len(partly) > 1:
            account.lose("which parts of a text are trained on")
    return found | ({"weight": int(train)} if ours and train is not None else {})


def _tools(given: Any, account: Account) -> Any:
    """Tools whose parameters may be JSON text."""
    if isinstance(given, str):
        given = loads(given.encode("utf-8", "surrogatepass"), account)
    return [_tool(one, account) for one in cast("list[Any]", given)] if isinstance(given, list) else given


def _tool(one: Any, account: Account) -> Any:
    record: Any = loads(one.encode("utf-8", "surrogatepass"), account) if isinstance(one, str) else one
    function = fields(record.get("function", record))
    text = function.get("parameters")
    if not isinstance(text, str):
        return record
    try:
        return {**function, "parameters": loads(text.encode("utf-8", "surrogatepass"), account)}
    except Unreadable:
        return record


def count(row: Any) -> int:
    """As `chat` and `sharegpt` count."""
    turns = _turns(row)
    if turns and turns[0].get("from") is not None:
        return sharegpt.count({**row, "conversations": turns})
    return chat.count({**row, "messages": turns})


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    found = plain(row, account)
    return sharegpt.parse(found, account) if "conversations" in found else chat.parse(found, account)


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch: each turn says whether it is trained on."""
    for row in chat.render(item, account):
        record = cast("dict[str, Any]", row)
        record["messages"] = [_said(message) for message in record["messages"]]
        yield record


def _said(message: dict[str, Any]) -> dict[str, Any]:
    trained = message["role"] == "assistant" and message.get("weight") != 0
    return {"train": trained} | {name: value for name, value in message.items() if name != "weight"}


FORMAT = Format(
    "axolotl",
    "axolotl's chat_template data: OpenAI's messages whose turns say whether they are trained on",
    fits,
    count,
    parse,
    render,
    chat.FORMAT.holds,
    chat.FORMAT.losses,
)
