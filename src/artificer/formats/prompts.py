"""Prompts for reinforcement learning: what stood before the model first spoke, and what a reward function needs. Only written.

`grpo` is a row as TRL's GRPOTrainer reads it: `prompt` (messages), and columns that reward functions receive by name: `tools`, `task_id`, `world`,
`answer` (the last word of the passed branch), `calls` (its calls). `verl` is the row that verl's RLHFDataset reads: `data_source`, `prompt`,
`ability`, `reward_model {style, ground_truth}`, `extra_info`. Structures stand as JSON text, so that all rows have one schema. Both are made of the
chosen branch; what the model and the tools said later is no prompt, and is dropped by name.

Sources: TRL 1 (dataset formats, prompt-only), verl (docs/preparation/prepare_data). The answer is a reference and no proof: verdicts by execution
come from a world and its checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.trace import Node
from artificer.formats import chat
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, message_events
from artificer.formats.parts import openai_tool, text_of

LATER = "what came after the prompt"
HOLDS = frozenset({"id", "reasoning", "author", "images", "system", "opening", "words", "empty", "tools"})


def never(row: Any) -> float:
    """These rows hold no conversation that could be read."""
    return 0.0


def count(row: Any) -> int:
    """The messages of the prompt."""
    return sum(chat.count_message(message) for message in row["prompt"])


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


def reference(nodes: Sequence[Node]) -> tuple[str, str]:
    """The last word, and the calls as JSON text."""
    said: list[Message] = [one.message for one in nodes if one.message.role == "assistant"]
    last = next((one.text for one in reversed(said) if one.text), "")
    return last, text_of([{"name": call.name, "arguments": call.arguments} for one in said for call in one.calls])


def grpo(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    trace = item.trace
    prompt: list[Json] = [*prompt_of(trace.nodes, account)]
    answer, calls = reference(trace.nodes)
    yield {
        "prompt": prompt,
        "id": trace.id,
        "task_id": trace.task_id,
        "world": trace.world,
        "tools": text_of([openai_tool(tool) for tool in item.tools]),
        "answer": answer,
        "calls": calls,
    }


def verl(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    trace = item.trace
    prompt: list[Json] = [*prompt_of(trace.nodes, account)]
    answer, calls = reference(trace.nodes)
    extra: dict[str, Json] = {
        "index": trace.id,
        "task_id": trace.task_id,
        "world": trace.world,
        "tools": text_of([openai_tool(tool) for tool in item.tools]),
        "calls": calls,
    }
    yield {
        "data_source": trace.world or "artificer",
        "prompt": prompt,
        "ability": "tool_use",
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": extra,
    }


_LOSSES = ("all but the prompt, the last word and the calls",)
FORMATS = {
    "grpo": Format("grpo", "prompts with references for TRL's GRPOTrainer (only written)", never, count, None, grpo, HOLDS, _LOSSES),
    "verl": Format("verl", "prompts with references for verl, as Parquet (only written)", never, count, None, verl, HOLDS, _LOSSES, file="parquet"),
}
