"""All categories of the Berkeley Function Calling Leaderboard, from the data files of an installed `bfcl-eval`: questions, functions, and of the
possible answers the first.

Source: gorilla/berkeley-function-call-leaderboard, `bfcl_eval/data` (code). Left out: `format_sensitivity`, a list of rows of other categories.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.curation.suites.rows import Turn, row
from artificer.formats.base import Item
from artificer.formats.bfcl_schemas import from_bfcl
from artificer.worlds.imported.bfcl import INSTALL
from artificer.worlds.imported.literals import call_of
from artificer.worlds.imported.rooms import installed, records_of

_SINGLE = ("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance")
_LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance")
_TURNS = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")
CATEGORIES = (*_SINGLE, *_LIVE, *_TURNS, "memory", "web_search")
_DOCUMENTS = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
    "MemoryAPI": "memory_kv",
    "WebSearchAPI": "web_search",
}
"""The file in `multi_turn_func_doc` of each class (as `constants/executable_backend_config.py` maps them; memory by its key-value store)."""


class _Said(Struct, frozen=True):
    role: str
    content: str = ""


class _Doc(Struct, frozen=True):
    name: str
    description: str = ""
    parameters: Json = None


class _Question(Struct, frozen=True):
    id: str
    question: list[list[_Said]]
    function: list[_Doc] | _Doc = msgspec.field(default_factory=list[_Doc])
    involved_classes: list[str] = []


class _Answer(Struct, frozen=True):
    id: str
    ground_truth: list[Any]


def rows(category: str) -> Iterator[Item]:
    """The rows of a category.

    Raises:
        SourceError: `bfcl-eval` is not installed, or its data are not as expected.
    """
    data = installed("bfcl_eval", INSTALL, f"the suite bfcl:{category}") / "data"
    answers = data / "possible_answer" / f"BFCL_v4_{category}.json"
    gold = {one.id: one.ground_truth for one in records_of(answers, _Answer, INSTALL)} if answers.exists() else {}
    documents: dict[str, list[_Doc]] = {}
    for one in records_of(data / f"BFCL_v4_{category}.json", _Question, INSTALL):
        offered: list[_Doc] = [*one.function] if isinstance(one.function, list) else [one.function]
        for name in one.involved_classes:
            if name in _DOCUMENTS and name not in documents:
                documents[name] = records_of(data / "multi_turn_func_doc" / f"{_DOCUMENTS[name]}.json", _Doc, INSTALL)
            offered += documents.get(name, [])
        yield _item(category, one, offered, gold.get(one.id, []))


def _item(category: str, one: _Question, offered: list[_Doc], gold: list[Any]) -> Item:
    tools = [ToolSpec(doc.name, doc.description, from_bfcl(doc.parameters)) for doc in offered]
    parameters = {tool.name: list(tool.parameters.get("properties", {})) for tool in tools}
    turns: list[Turn] = []
    for at, said in enumerate(one.question):
        if category in _TURNS:
            calls = _written(gold[at] if at < len(gold) else [], parameters, f"g{at}")
        else:
            calls = _possible(gold if at == len(one.question) - 1 else [])
        turns.append(Turn(tuple(message.content for message in said if message.role == "user"), calls))
    rules = [message.content for said in one.question for message in said if message.role == "system"]
    return row(one.id, f"bfcl:{category}", turns, tools, rules)


def _written(texts: list[str], parameters: dict[str, list[str]], prefix: str) -> tuple[ToolCall, ...]:
    """Calls that are written as Python. One that is no call of a known tool with plain arguments is left out (none is, of release 2026.3.23)."""
    found: list[ToolCall] = []
    for text in texts:
        try:
            found.append(ToolCall(f"{prefix}.{len(found)}", *call_of(text, cast("dict[str, Any]", parameters))))
        except ValueError:
            continue
    return tuple(found)


def _possible(gold: list[Any]) -> tuple[ToolCall, ...]:
    """`[{NAME: {ARGUMENT: [VALUES]}}]` as calls with the first value of each, less the arguments that are best left out (""). An answer in words is
    no call.
    """
    found: list[ToolCall] = []
    for one in gold:
        for name, arguments in cast("dict[str, Any]", one).items() if isinstance(one, dict) else ():
            first = {key: _first(values) for key, values in cast("dict[str, Any]", arguments).items()} if isinstance(arguments, dict) else {}
            found.append(ToolCall(f"g{len(found)}", name, {key: value for key, value in first.items() if value != ""}))
    return tuple(found)


def _first(values: Json) -> Json:
    """The first possible value. In an object each value is a list of possible ones again, also in the objects of a list."""
    chosen: Any = _either(values)
    return [_inside(part) for part in cast("list[Any]", chosen)] if isinstance(chosen, list) else _inside(chosen)


def _inside(value: Any) -> Json:
    return {key: _either(part) for key, part in cast("dict[str, Any]", value).items()} if isinstance(value, dict) else value


def _either(values: Json) -> Json:
    listed = cast("list[Json]", values) if isinstance(values, list) else [values]
    return listed[0] if listed else []
