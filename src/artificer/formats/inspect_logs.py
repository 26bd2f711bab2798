"""Inspect AI's logs (UKGovernmentBEIS/inspect_ai, `log/_log.py` of 0.3.285 and what earlier versions wrote): `.eval`
archives, whose samples are entries of their own, and the JSON form, one document with `samples`. Messages are the work
of `inspect_messages`.

A sample is a trace: its messages (its input, where it has none), the tools that its models were offered (from events,
else `metadata.tools`), its scores as parts of a verdict where they are right, wrong or numbers from 0 to 1, its limit
or error as the stop reason. Long texts that stand as `attachment://` apart are put back. What else a sample says stays
in lineage under `extra.inspect` and is written again; its events are not kept, by name. What Inspect has no field for
is kept under `metadata.artificer`, so that whole traces come back.

A written log says of its run what is known: nothing. Its time is the beginning of 1970, its metrics are left out.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, StopReason, Verdict
from artificer.formats.account import Account
from artificer.formats.base import ALL, Around, Format, Item
from artificer.formats.holding import one_branch
from artificer.formats.inspect_messages import NOTES, count_message, message_records, messages_of, notes_of
from artificer.formats.parts import bare_tool, content_named, fields, tools_of
from artificer.formats.residue import KEY, beside, extra_events, restored
from artificer.formats.source import ROW

LOG = "log"
"""What a log says of all its samples, put beside each."""
_ABOUT = ("task", "task_version", "run_id", "created", "model", "dataset", "solver", "packages")
_LEFT = frozenset({"messages", "events", "attachments", "transcript", "events_data", "message_pool", "timelines"})
_EVENTS = "the transcript of a sample: messages and tools are kept, events are not"
_LIMITS = {
    "context": StopReason.max_tokens,
    "token": StopReason.max_tokens,
    "message": StopReason.max_turns,
    "turn": StopReason.max_turns,
    "operator": StopReason.cancelled,
}
"""Limits that ended a sample; of time, work, cost and one's own: `out_of_budget`."""
_VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters: correct, partly, incorrect, no answer."""
_ATTACHED = ("attachment://", "tc://")


def fits(row: Any) -> float:
    """A sample, a log, or what stands beside samples in an archive."""
    if isinstance(row, list):
        rows = cast("list[Any]", row)
        return 0.9 if rows and all({"id", "epoch"} <= one.keys() or {"scorer", "samples"} <= one.keys() for one in rows) else 0.0
    if {"id", "epoch", "input", "target"} <= row.keys():
        return 0.98
    return 0.98 if isinstance(row.get("eval"), dict) and "status" in row and row.keys() & {"plan", "samples", "stats"} else 0.0


def opened(document: Any) -> Iterator[tuple[str, Any]]:
    """The samples of a log; a document of an archive that is no sample has none."""
    if isinstance(document, list):
        return
    if "eval" not in document or "epoch" in document:
        yield "", document
        return
    ours = document["eval"] == _HEAD["eval"]
    about = {} if ours else {LOG: {name: document["eval"][name] for name in _ABOUT if document["eval"].get(name)}}
    for at, sample in enumerate(cast("list[Any]", document.get("samples") or ())):
        yield f"!samples[{at}]", {**sample, **about}


def count(row: Any) -> int:
    """The events of the messages, and of what was kept beside."""
    return sum([count_message(message) for message in _records(row)]) + extra_events(fields(row.get("metadata")).get(KEY))


def _records(row: Any) -> list[Any]:
    """The messages of a sample."""
    messages = row.get("messages")
    if messages:
        return messages
    asked = row["input"]
    return [{"role": "user", "content": asked, "source": "input"}] if isinstance(asked, str) else asked


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace of a sample."""
    if not {"id", "epoch", "input"} <= row.keys():
        raise ValueError("no sample")
    seen = _seen(row, account)
    kept = fields(row.get("metadata")).get(KEY)
    yield restored(seen, kept, account) if kept is not None else seen


def _seen(row: Any, account: Account) -> Item:
    told: Any = row.get("transcript") or {}
    events: Any = row.get("events") or told.get("events") or []
    tools = list(_offered(events))
    sample: dict[str, Any] = {name: value for name, value in row.items() if name not in _LEFT and value not in (None, {}, [])}
    if events:
        account.lose(_EVENTS)
    records: Any = _records(row)
    attached: Any = row.get("attachments") or told.get("content") or {}
    if attached:
        sample, records, tools = resolved((sample, records, tools), attached, account)
    metadata: dict[str, Any] = fields(sample.get("metadata"))
    if not tools and _are_tools(metadata.get("tools")):
        tools = metadata["tools"]
        metadata = {name: value for name, value in metadata.items() if name != "tools"}
    sample["metadata"] = {name: value for name, value in metadata.items() if name != KEY}
    nodes = tuple(messages_of(records, account))
    toolset, specs = tools_of(tools, account)
    verdict, stop, leaf = verdict_of(scores_of(sample)), _stop(sample), len(nodes) - 1
    if "score" in sample:
        sample["scores"] = {"score": sample.pop("score")}
    name, epoch = sample.pop("id"), sample.pop("epoch")
    if isinstance(name, bool) or not isinstance(name, str | int) or isinstance(epoch, bool) or not isinstance(epoch, int):
        raise TypeError("a sample has an id and an epoch")
    if isinstance(name, int):
        sample["id"] = name
    if epoch != 1:
        sample["epoch"] = epoch
    kept = {key: value for key, value in sample.items() if value not in (None, {}, [], "")}
    trace = Trace(
        "",
        "",
        "",
        toolset,
        nodes,
        {leaf: verdict} if verdict is not None and nodes else {},
        {leaf: stop} if stop is not None and nodes else {},
        lineage={"extra": {NOTES: kept}} if kept else {},
    )
    found = content_named(Item(trace, specs), str(name) if epoch == 1 else f"{name}/{epoch}")
    return Item(msgspec.structs.replace(found.trace, task_id=str(name)), specs)


def _offered(events: Any) -> Iterator[Any]:
    """The tools that a model was offered, each name once."""
    known: set[str] = set()
    for event in events:
        if event.get("event") != "model":
            continue
        for tool in event.get("tools") or ():
            if tool["name"] not in known:
                known.add(tool["name"])
                yield tool


def _are_tools(given: Any) -> bool:
    return isinstance(given, list) and all(
        isinstance(one, dict) and {"name", "parameters"} <= cast("Any", one).keys() for one in cast("list[Any]", given)
    )


def resolved(value: Any, attached: dict[str, Any], account: Account) -> Any:
    """A copy of JSON values in which texts that stand apart are put back.

    Raises:
        ValueError: they would be too much.
    """
    root: list[Any] = [msgspec.json.decode(msgspec.json.encode(value))]
    waiting: list[Any] = [root]
    size = 0
    while waiting:
        at = waiting.pop()
        places: list[tuple[Any, Any]] = list(at.items() if isinstance(at, dict) else enumerate(at))  # pyright: ignore[reportUnknownArgumentType]
        for key, inner in places:
            if isinstance(inner, dict | list):
                waiting.append(inner)
            elif isinstance(inner, str) and inner.startswith(_ATTACHED):
                found = attached.get(inner.partition("://")[2])
                if not isinstance(found, str):
                    account.lose("texts that stand apart and are not there")
                    continue
                size += len(found)
                if size > 4 * ROW:
                    raise ValueError("texts that stand apart are too long together")
                at[key] = found
    return root[0]


def scores_of(sample: Any) -> dict[str, Any]:
    """The scores of a sample by name; the first versions had one without a name."""
    return fields(sample.get("scores")) or ({"score": sample["score"]} if sample.get("score") else {})


def verdict_of(scores: dict[str, Any]) -> Verdict | None:
    """A verdict of the scores that are right, wrong, or between; None where there are none."""
    parts: list[CheckResult] = []
    for name, score in scores.items():
        value, why = score.get("value"), score.get("explanation")
        evidence = (why[:500],) if isinstance(why, str) and why else ()
        inner: dict[str, Any] = cast("dict[str, Any]", value) if isinstance(value, dict) else {"": value}
        for key, one in inner.items():
            found = _number(one)
            if found is not None:
                parts.append(CheckResult(f"{name}/{key}" if key else name, found, found >= 1, evidence))
    return Verdict.of(tuple(parts)) if parts else None


def _number(value: Any) -> float | None:
    """A score from 0 to 1: a letter of Inspect's, yes or no, a number in words; None for what is none of them."""
    if isinstance(value, str):
        text = value.strip()
        if text in _VALUES:
            return _VALUES[text]
        if text.lower() in ("yes", "true", "no", "false"):
            return float(text.lower() in ("yes", "true"))
        value = float(text) if re.fullmatch(r"[01]?\.?\d{1,18}", text) else None
    return float(value) if isinstance(value, bool | int | float) and 0 <= value <= 1 else None


def _stop(sample: Any) -> StopReason | None:
    """How a sample ended, where it says so."""
    if sample.get("error"):
        return StopReason.world_error
    limit: Any = sample.get("limit")
    if limit:
        kind = fields(limit).get("type") if isinstance(limit, dict) else limit
        return _LIMITS.get(str(kind), StopReason.out_of_budget)
    choices: Any = fields(sample.get("output")).get("choices") or []
    reason = choices[0].get("stop_reason") if choices else None
    return StopReason.max_tokens if reason in ("max_tokens", "model_length") else StopReason.agent_done if reason == "stop" else None


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The sample of a trace."""
    row = _row(one_branch(item))
    kept = beside(item, _seen(row, Account()))
    if kept is not None:
        row["metadata"] = {**row["metadata"], KEY: kept}
    yield row


def _row(item: Item) -> dict[str, Any]:
    trace = item.trace
    kept = {name: value for name, value in notes_of(trace.lineage).items() if name not in _LEFT}
    leaf = len(trace.nodes) - 1
    row: dict[str, Any] = {
        "id": kept.get("id", trace.task_id or trace.id),
        "epoch": kept.get("epoch", 1),
        "input": kept.get("input", _asked(trace.nodes)),
        "target": kept.get("target", ""),
        "messages": message_records(trace.nodes),
    }
    verdict, stop = trace.verdicts.get(leaf), trace.stop.get(leaf)
    scores = kept.pop("scores", None)
    metadata: dict[str, Any] = dict(fields(kept.pop("metadata", None)))
    if item.tools and "tools" not in metadata:
        metadata["tools"] = [bare_tool(tool) for tool in item.tools]
    row |= {name: value for name, value in kept.items() if name not in row}
    row["metadata"] = metadata
    if isinstance(scores, dict) and verdict_of(cast("dict[str, Any]", scores)) == verdict:
        row["scores"] = scores
    elif verdict is not None:
        row["scores"] = {part.name: _score(part) for part in verdict.parts} or {"artificer": {"value": verdict.score}}
    if _stop(row) != stop:
        for name in ("error", "limit"):
            row.pop(name, None)
    return row


def _score(part: CheckResult) -> dict[str, Any]:
    return {"value": part.score} | ({"explanation": part.evidence[0]} if part.evidence else {})


def _asked(nodes: Iterable[Node]) -> str:
    """The user's first words."""
    first: Message | None = next((one.message for one in nodes if one.message.role == "user"), None)
    return first.text if first is not None else ""


_CREATED = "1970-01-01T00:00:00+00:00"
_HEAD: dict[str, Any] = {
    "version": 2,
    "status": "success",
    "eval": {"created": _CREATED, "task": "artificer", "dataset": {}, "model": "artificer", "config": {}},
    "plan": {},
    "stats": {"started_at": "", "completed_at": ""},
}
_NAME = re.compile(r"[\w.-]{1,120}", re.ASCII)


def packed(rows: Iterable[bytes], out: BinaryIO) -> None:
    """Writes samples as an `.eval` archive: an entry each, named as Inspect looks for it where the id can be a name."""
    encode, summaries, taken = msgspec.json.encode, list[Any](), set[str]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, raw in enumerate(rows):
            sample = msgspec.json.decode(raw)
            name = f"{sample['id']}_epoch_{sample['epoch']}"
            if _NAME.fullmatch(name) is None or name in taken:
                name = f"sample-{number}_epoch_{sample['epoch']}"
            taken.add(name)
            archive.writestr(_entry(f"samples/{name}.json"), raw)
            summaries.append({key: sample[key] for key in ("id", "epoch", "input", "target") if isinstance(sample[key], str | int)})
        for summary in summaries:
            summary.setdefault("input", "")
            summary.setdefault("target", "")
        archive.writestr(_entry("_journal/start.json"), encode({key: _HEAD[key] for key in ("version", "eval", "plan")}))
        archive.writestr(_entry("summaries.json"), encode(summaries))
        archive.writestr(_entry("header.json"), encode(_HEAD))


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry of no time: the same samples give the same bytes."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


FORMAT = Format(
    "inspect",
    "Inspect AI's logs: .eval archives and JSON",
    fits,
    count,
    parse,
    render,
    ALL,
    opened=opened,
    file="array",
    frame=lambda: Around(msgspec.json.encode(_HEAD)[:-1] + b',"samples":[\n', b"\n]}\n"),
    packed=packed,
    ending=".eval",
    constants=True,
    whole=True,
)
