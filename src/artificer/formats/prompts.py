"""Prompts for reinforcement learning: what stood before the model first spoke, and what a reward function needs.

`grpo` is a row as TRL's GRPOTrainer reads it: `prompt` (messages, or one text), and columns that reward functions receive by name: `tools`,
`task_id`, `world`, `answer` (the last word of the passed branch), `calls` (its calls). `verl` is the row that verl's RLHFDataset reads:
`data_source`, `prompt`, `ability`, `reward_model {style, ground_truth}`, `extra_info`. Structures stand as JSON text, so that all rows have one
schema. Both are made of the chosen branch; what the model and the tools said later is no prompt, and is dropped by name.

Reading gives the prompt as a conversation that nobody has answered yet. The reference is what a reward function compares with, not something that was
said: it stands under `reference` in the fields of the trace (`lineage.extra`), and is written again where nothing was said since. Other columns stay
there too.

Sources: TRL 1 (dataset formats, prompt-only), verl (docs/preparation/prepare_data). The answer is a reference and no proof: verdicts by execution
come from a world and its checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.trace import Node, Trace
from artificer.formats import chat
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, message_events
from artificer.formats.parts import extra, extras, fields, linear, openai_tool, text_of, tools_of

LATER = "what came after the prompt"
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


def prompt_of(nodes: Sequence[Node], account: Account) -> list[dict[str, Json]]:
    """The messages before the model's first, without weights.

    Raises:
        ValueError: the model spoke first.
    """
    first = next((at for at, one in enumerate(nodes) if one.message.role == "assistant" and one.sampled), len(nodes))
    if not any(one.message.role == "user" for one in nodes[:first]):
        raise ValueError("nobody asked before the model spoke")
    account.drop(LATER, sum(message_events(one.message) for one in nodes[first:]))
    return [{name: value for name, value in chat.message_record(one).items() if name != "weight"} for one in nodes[:first]]


def reference(trace: Trace) -> tuple[Json, Json]:
    """The last word, and the calls as JSON text; where the model has said nothing those that the prompt came with, if it came with any."""
    said: list[Message] = [one.message for one in trace.nodes if one.message.role == "assistant" and one.sampled]
    kept = extras(trace.lineage, frozenset()).get("reference")
    if not said:
        told = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
        return told.get("answer"), told.get("calls")
    last = next((one.text for one in reversed(said) if one.text), "")
    return last, text_of([{"name": call.name, "arguments": call.arguments} for one in said for call in one.calls])


def grpo(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    trace = item.trace
    prompt: list[Json] = [*prompt_of(trace.nodes, account)]
    answer, calls = reference(trace)
    row: dict[str, Json] = {
        "prompt": prompt,
        "id": trace.id,
        "task_id": trace.task_id,
        "world": trace.world,
        "tools": text_of([openai_tool(tool) for tool in item.tools]),
        "answer": answer,
        "calls": calls,
    }
    yield row | extras(trace.lineage, _GRPO)


def verl(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    trace = item.trace
    prompt: list[Json] = [*prompt_of(trace.nodes, account)]
    answer, calls = reference(trace)
    info: dict[str, Json] = {
        "index": trace.id,
        "task_id": trace.task_id,
        "world": trace.world,
        "tools": text_of([openai_tool(tool) for tool in item.tools]),
        "calls": calls,
    }
    row: dict[str, Json] = {
        "data_source": trace.world or "artificer",
        "prompt": prompt,
        "ability": "tool_use",
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": info,
    }
    yield row | extras(trace.lineage, frozenset({"prompt", "reference"}))


_LOSSES = ("all but the prompt, the last word and the calls",)
FORMATS = {
    "grpo": Format("grpo", "prompts with references for TRL's GRPOTrainer", fits_grpo, count, parse_grpo, grpo, HOLDS, _LOSSES),
    "verl": Format("verl", "prompts with references for verl, as Parquet", fits_verl, count, parse_verl, verl, HOLDS, _LOSSES, file="parquet"),
}
