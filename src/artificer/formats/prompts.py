"""Prompts for reinforcement learning: what stood before the model was to speak, and what a reward function needs.

`grpo` is a row as TRL's GRPOTrainer reads it: `prompt` (messages, or one text), and columns that reward functions receive by name: `tools`,
`task_id`, `world`, `answer` (the model's last word), `calls` (its calls). `verl` is the row that verl's RLHFDataset reads:
`data_source`, `prompt`, `ability`, `reward_model {style, ground_truth}`, `extra_info`. Structures stand as JSON text, so that all rows have one
schema. Both are made of the chosen branch, a row for each time that a user asked: the prompt is all before, the reference what the model did until
somebody spoke again. What came after the last prompt is dropped by name.

Reading gives the prompt as a conversation that nobody has answered yet. The reference is what a reward function compares with, not something that was
said: it stands under `reference` in the fields of the trace (`lineage.extra`), and is written again where nothing was said since. Other columns stay
there too.

Sources: TRL 1 (dataset formats, prompt-only), verl (docs/preparation/prepare_data). The answer is a reference and no proof: verdicts by execution
come from a world and its checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.trace import Node, Trace
from artificer.formats import chat
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, message_events
from artificer.formats.holding import MOST
from artificer.formats.parts import extra, extras, fields, linear, openai_tool, text_of, tools_of
from artificer.formats.trl import message_record

LATER = "what came after the prompt"
CALLED = "prompts in which calls were made before: Parquet gives the arguments of all rows the same fields, and a text is encoded twice by templates"
_GRPO = frozenset({"reference", "prompt", "id", "task_id", "world", "tools", "answer", "calls"})
_VERL = frozenset({"prompt", "data_source", "ability", "reward_model", "extra_info"})
_INFO = frozenset({"index", "task_id", "world", "tools", "calls"})
_FILLED = frozenset({"tool_calls", "tool_call_id", "function_call", "reasoning_content", "name", "weight"})
HOLDS = chat.LINEAR | {"opening", "words"}


def asked(row: Any) -> list[Any]:
    """The messages of a prompt, also of one that is a text.

    Raises:
        TypeError: it is neither.
    """
    prompt = row["prompt"]
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    if not isinstance(prompt, list):
        raise TypeError("a prompt is messages or text")
    return [_filled(message) for message in cast("list[Any]", prompt)]


def _filled(message: Any) -> Any:
    """A message without the fields that only its neighbours have: a table of Parquet gives them to all."""
    return {name: value for name, value in message.items() if value is not None or name not in _FILLED}


def fits_grpo(row: Any) -> float:
    """A prompt without an answer that is learnt from."""
    if any(name in row for name in ("chosen", "rejected", "completion", "messages", "conversations", "nodes")):
        return 0.0
    return 0.7 if asked(row) and all("role" in message for message in asked(row)) else 0.0


def fits_verl(row: Any) -> float:
    """A prompt with the model of its reward, or the source that names one."""
    return 0.95 if asked(row) and ("reward_model" in row or ("data_source" in row and "extra_info" in row)) else 0.0


def count(row: Any) -> int:
    """The messages of the prompt."""
    return sum(chat.count_message(message) for message in asked(row))


def _read(row: Any, columns: Any, known: frozenset[str], answer: Any, account: Account) -> Item:
    """The prompt as a conversation; `columns` has the tools, the task and the calls."""
    tools = tools_of(columns.get("tools"), account)
    nodes = [msgspec.structs.replace(one, sampled=False) for one in chat.messages_of(asked(row), account)]
    kept = extra(row, known)
    told = {name: value for name, value in (("answer", answer), ("calls", columns.get("calls"))) if value is not None}
    if told:
        kept["reference"] = told
    found = linear(nodes, tools, name=columns.get("id"), lineage={"extra": kept} if kept else None)
    task, world = columns.get("task_id"), columns.get("world")
    named = {"task_id": task} if isinstance(task, str) and task else {}
    named |= {"world": world} if isinstance(world, str) else {}
    return Item(msgspec.structs.replace(found.trace, **named), found.tools)


def parse_grpo(row: Any, account: Account) -> Iterable[Item]:
    """The prompt of a row."""
    yield _read(row, row, _GRPO, row.get("answer"), account)


def parse_verl(row: Any, account: Account) -> Iterable[Item]:
    """The prompt of a row. `extra_info` and `reward_model` are kept whole where they say more than what we write."""
    info, reward = fields(row.get("extra_info")), fields(row.get("reward_model"))
    ours = set(info) <= _INFO and set(reward) <= {"style", "ground_truth"} and reward.get("style", "rule") == "rule"
    columns = {**info, "id": info.get("index")}
    known = _VERL if ours and row.get("ability") == "tool_use" and row.get("data_source") == _source(info.get("world")) else frozenset({"prompt"})
    yield _read(row, columns, known, reward.get("ground_truth"), account)


def _source(world: Any) -> Any:
    return world or "artificer"


class Turn(msgspec.Struct, frozen=True):
    """What a user asked, with all before it (`nodes[:asked]`), and what the model did until somebody spoke again (`nodes[asked:done]`)."""

    asked: int
    done: int


def turns(nodes: Sequence[Node], account: Account, *, called: bool = True) -> list[Turn]:
    """A branch as prompts: one for each time that the model was asked; all of it where the model said nothing.

    Args:
        called: also those in which the model has called something before.

    Raises:
        ValueError: nobody asked before the model spoke, or the prompts together have too many messages.
    """
    found: list[Turn] = []
    user, at = False, 0
    while at < len(nodes):
        if nodes[at].message.role != "assistant" or not nodes[at].sampled:
            user, at = user or nodes[at].message.role == "user", at + 1
            continue
        done = next((later for later in range(at, len(nodes)) if nodes[later].message.role in ("user", "system")), len(nodes))
        if user:
            found.append(Turn(at, done))
        user, at = False, done
    if not found and any(one.sampled and one.message.role == "assistant" for one in nodes):
        raise ValueError("nobody asked before the model spoke")
    if not found:
        if not user:
            raise ValueError("nobody asked")
        found.append(Turn(len(nodes), len(nodes)))
    if not called:
        before = next((at for at, one in enumerate(nodes) if one.sampled and one.message.calls), len(nodes))
        first = [turn for turn in found if turn.asked <= before]
        if len(first) < len(found):
            account.lose(CALLED, len(found) - len(first))
        found = first
    if sum(turn.asked for turn in found) > MOST:
        raise ValueError(f"prompts of more than {MOST:,} messages in all: each holds those before it")
    sizes = list(accumulate([message_events(one.message) for one in nodes], initial=0))
    account.shared += sum(sizes[turn.asked] for turn in found[:-1])
    account.drop(LATER, sizes[-1] - sizes[found[-1].asked])
    return found


def _prompt(nodes: Sequence[Node]) -> list[Json]:
    """Messages as templates take them, which look for a text in all; without weights: nothing of a prompt is learnt."""
    made: list[Json] = []
    for one in nodes:
        record = message_record(one)
        record.pop("weight", None)
        record["content"] = record.get("content") or ""
        made.append(record)
    return made


def reference(trace: Trace, turn: Turn) -> tuple[Json, Json]:
    """The last word of a turn, and its calls as JSON text; where the model has said nothing those that the prompt came with, if with any."""
    said = [one.message for one in trace.nodes[turn.asked : turn.done] if one.message.role == "assistant"]
    if not said:
        kept = extras(trace.lineage, frozenset()).get("reference")
        told = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
        return told.get("answer"), told.get("calls")
    last = next((one.text for one in reversed(said) if one.text), "")
    return last, text_of([{"name": call.name, "arguments": call.arguments} for one in said for call in one.calls])


def _name(trace: Trace, number: int) -> str:
    return trace.id if not number else f"{trace.id}/{number + 1}"


def grpo(item: Item, account: Account) -> Iterable[Json]:
    """The rows of a branch."""
    trace = item.trace
    for number, turn in enumerate(turns(trace.nodes, account)):
        answer, calls = reference(trace, turn)
        row: dict[str, Json] = {
            "prompt": _prompt(trace.nodes[: turn.asked]),
            "id": _name(trace, number),
            "task_id": trace.task_id,
            "world": trace.world,
            "tools": text_of([openai_tool(tool) for tool in item.tools]),
            "answer": answer,
            "calls": calls,
        }
        yield row | extras(trace.lineage, _GRPO)


def verl(item: Item, account: Account) -> Iterable[Json]:
    """The rows of a branch."""
    trace = item.trace
    for number, turn in enumerate(turns(trace.nodes, account, called=False)):
        answer, calls = reference(trace, turn)
        info: dict[str, Json] = {
            "index": _name(trace, number),
            "task_id": trace.task_id,
            "world": trace.world,
            "tools": text_of([openai_tool(tool) for tool in item.tools]),
            "calls": calls,
        }
        row: dict[str, Json] = {
            "data_source": trace.world or "artificer",
            "prompt": _prompt(trace.nodes[: turn.asked]),
            "ability": "tool_use",
            "reward_model": {"style": "rule", "ground_truth": answer},
            "extra_info": info,
        }
        yield row | extras(trace.lineage, frozenset({"prompt", "reference"}))


_LOSSES = ("all but the prompts, and of each the last word and the calls",)
_CALLED = (*_LOSSES, "prompts in which calls were made before")
FORMATS = {
    "grpo": Format("grpo", "prompts with references for TRL's GRPOTrainer", fits_grpo, count, parse_grpo, grpo, HOLDS, _LOSSES),
    "verl": Format("verl", "prompts with references for verl, as Parquet", fits_verl, count, parse_verl, verl, HOLDS, _CALLED, file="parquet"),
}
