"""Preference pairs: a prompt, an answer that is better and one that is worse.

`dpo` is TRL's conversational form, `{"prompt": [messages], "chosen": [messages], "rejected": [messages], "tools"}`; with `chosen` and
`rejected` as whole conversations (an implicit prompt) what both begin with is the prompt. Read besides: answers that are one message, or
text; `conversations` (ShareGPT turns) for the prompt, as LLaMA-Factory writes it; `instruction` and `input` with `output: [chosen,
rejected]`, as its older form has it, and ToolPreference (chrissiecsj/ToolPreference, `dpo_preferencepairs_train.json`): there `input` is the
trajectory so far in one text, and an answer is the next step as ToolLLaMA writes it (Thought, Action, Action Input), which is read as a call where
both are. OpenAI's own form (`input.messages`, `preferred_output`, `non_preferred_output`) is read too.

A pair is a trace with two leaves: the chosen one passed, the rejected one did not. That is the source's word and stands in the verdict as
`preference`. Of a trace with several judged leaves each pair of a passed and a failed branch is written that part at the same node: what both have
in common is the prompt. Which pairs are worth learning is a question of curation, not of the format.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.trace import Trace
from artificer.core.verdicts import CheckResult, Verdict
from artificer.formats import chat, sharegpt, trl
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, message_events
from artificer.formats.calls import dialect
from artificer.formats.calls.reading import Parsed
from artificer.formats.holding import MOST, TOO_MANY, within
from artificer.formats.parts import content_named, extra, extras, openai_tool, text_of, tools_of

_ROW = frozenset({"prompt", "chosen", "rejected", "tools", "id", "conversations", "instruction", "input", "output", "system"}) | {
    "preferred_output",
    "non_preferred_output",
}
PREFERENCE = "preference"


def fits(row: Any) -> float:
    """A chosen and a rejected answer."""
    if ("chosen" in row and "rejected" in row) or ("preferred_output" in row and "non_preferred_output" in row):
        return 0.99
    return 0.97 if "instruction" in row and isinstance(row["output"], list) and len(cast("list[Any]", row["output"])) == 2 else 0.0


def _steps(outputs: Any) -> list[list[Any]]:
    """Two answers; as calls where both are steps of Thought, Action, Action Input that the dialect reads as they stand."""
    better, worse = outputs
    if isinstance(better, str) and isinstance(worse, str):
        read = [dialect("react").parse(one.strip()) for one in (better, worse)]
        if all(one.calls and one.error is None and not one.repairs for one in read):
            return [[_said(one)] for one in read]
    return [_side(better), _side(worse)]


def _said(one: Parsed) -> dict[str, Any]:
    calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in one.calls]
    thought = {"reasoning_content": one.reasoning} if one.reasoning is not None else {}
    return {"role": "assistant", "content": one.text or None, "tool_calls": calls} | thought


def _side(value: Any) -> list[Any]:
    """An answer as messages in OpenAI's form."""
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    if isinstance(value, dict):
        return [_message(value)]
    if not isinstance(value, list):
        raise TypeError("an answer is messages, a message or text")
    return [_message(one) for one in cast("list[Any]", value)]


def _message(one: Any) -> Any:
    """A message in OpenAI's form, also of a ShareGPT turn without calls."""
    if "from" not in one:
        return one
    who, text = sharegpt.spoken(one)
    role = sharegpt.ROLES.get(who)
    if role not in ("system", "user", "assistant"):
        raise ValueError("turns of calls in a pair: write them as messages")
    return {"role": role, "content": text}


def _parts(row: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Prompt, chosen, rejected as messages."""
    if "preferred_output" in row:
        given = row["input"]["messages"]
        return _side(given), _side(row["preferred_output"]), _side(row["non_preferred_output"])
    if "chosen" not in row:
        asked = row["instruction"] + (f"\n{row['input']}" if row.get("input") else "")
        chosen, rejected = _steps(row["output"])
        return [{"role": "user", "content": asked}], chosen, rejected
    chosen, rejected = _side(row["chosen"]), _side(row["rejected"])
    given: Any = row.get("prompt", row.get("conversations"))
    if given is None and isinstance(row.get("instruction"), str):
        given = row["instruction"] + (f"\n{row['input']}" if row.get("input") else "")
    if given is not None:
        prompt: list[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else _side(given)
    else:
        shared = 0
        while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
            shared += 1
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    return ([{"role": "system", "content": row["system"]}] if row.get("system") else []) + prompt, chosen, rejected


def count(row: Any) -> int:
    """The events of the prompt and of both answers."""
    return sum(chat.count_message(message) for part in _parts(row) for message in part)


def parse(row: Any, account: Account) -> Iterable[Item]:
    """A trace with two leaves.

    Raises:
        ValueError: an answer is empty.
    """
    tools = tools_of(row["input"].get("tools") if "preferred_output" in row else row.get("tools"), account)
    prompt, chosen, rejected = _parts(row)
    begun = chat.messages_of(prompt, account)
    nodes = [msgspec.structs.replace(one, sampled=False) for one in begun]
    leaves: list[int] = []
    for side in (chosen, rejected):
        found = chat.messages_of(side, account)
        if not found:
            raise ValueError("an answer without a message")
        at = len(begun) - 1
        for one in found:
            nodes.append(msgspec.structs.replace(one, parent=at if at >= 0 else None))
            at = len(nodes) - 1
        leaves.append(at)
    kept = extra(row, _ROW)
    verdicts = {leaves[0]: _verdict(True), leaves[1]: _verdict(False)}
    trace = Trace("", "", "", tools[0], tuple(nodes), verdicts, lineage={"extra": kept} if kept else {})
    yield content_named(Item(trace, tools[1]), row.get("id"))


def _verdict(chosen: bool) -> Verdict:
    return Verdict.of((CheckResult(PREFERENCE, float(chosen), chosen, () if chosen else ("the source prefers another answer",)),))


def render(item: Item, account: Account) -> Iterable[Json]:
    """A row for each pair of a passed and a failed branch; what is in none is dropped by name.

    Raises:
        ValueError: nothing passed, or nothing failed.
    """
    trace = item.trace
    paths = {leaf: trace.path(leaf) for leaf in within(trace, trace.leaves())}
    good = [leaf for leaf in paths if leaf in trace.verdicts and trace.verdicts[leaf].passed]
    bad = [leaf for leaf in paths if leaf in trace.verdicts and not trace.verdicts[leaf].passed]
    if not good or not bad:
        raise ValueError("no passed branch beside a failed one")
    written: dict[int, int] = {}
    cost = 0
    for better in good:
        for worse in bad:
            cost += len(paths[better]) + len(paths[worse])
            if cost > MOST and written:
                break
            shared = sum(a == b for a, b in zip(paths[better], paths[worse], strict=False))
            sides = (paths[better][:shared], paths[better][shared:], paths[worse][shared:])
            for index in (*sides[0], *sides[1], *sides[2]):
                written[index] = written.get(index, 0) + 1
            name = trace.id if len(good) == len(bad) == 1 else f"{trace.id}/{better}-{worse}"
            prompt, chosen, rejected = (_messages(trace, side) for side in sides)
            row: dict[str, Json] = {"id": name, "prompt": prompt, "chosen": chosen, "rejected": rejected}
            if item.tools:
                row["tools"] = text_of([openai_tool(tool) for tool in item.tools])
            yield row | extras(trace.lineage, _ROW)
    account.shared += sum((times - 1) * message_events(trace.nodes[index].message) for index, times in written.items())
    left = sum(message_events(one.message) for at, one in enumerate(trace.nodes) if at not in written)
    account.drop("branches without a verdict" if cost <= MOST else TOO_MANY, left)
    if cost > MOST:
        account.lose(TOO_MANY)


def _messages(trace: Trace, path: Iterable[int]) -> list[Json]:
    """Messages as TRL takes them (`trl`); which of them a model produced is not said: the answers are what is learnt from."""
    return [{name: value for name, value in trl.message_record(trace.nodes[index]).items() if name != "weight"} for index in path]


FORMAT = Format(
    "dpo",
    "pairs of a chosen and a rejected answer (TRL, ToolPreference)",
    fits,
    count,
    parse,
    render,
    frozenset({"id", "branches", "reasoning", "author", "images", "call_ids", "parallel", "beside", "errors", "results", "user_calls", "system"})
    | {"opening", "words", "empty", "tools", "adjacent"},
    ("why an answer is better: a verdict is only passed or not", "states, effects and tokens"),
    whole=True,
)
