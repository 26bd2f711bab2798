"""Examining a model on decisions: is the call exact, and if not, does it do the same?

A predicted call is exact when tool and arguments equal the wanted ones, typed and in any order. Otherwise the state before the decision is made
again by replaying `prefix`, and the wanted and the predicted call are run on two forks: equal effects (of writes) or equal results (of reads) count
as reached. Every prediction is kept with what was wanted, so that each figure can be traced to its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from artificer.checks.matching import match
from artificer.checks.values import freeze
from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.curation.decisions import Decision
from artificer.evaluation.metrics import Share, share
from artificer.models.base import Model, Reply, Request, Sampling
from artificer.models.prompt import FULL, Style
from artificer.worlds.base import Session, World, begun


class Prediction(Struct, frozen=True, omit_defaults=True):
    """What a model did on one decision, and how it was judged.

    Args:
        kind: the group the row belongs to, e.g. `"held-out rows"`.
        wanted, predicted: the calls; empty for words.
        raw: what the model wrote.
        parsed: what it wrote could be read (with or without repairs).
        tool: the right tools, in any order. exact: the same calls. reached: exact, or the same effects and results.
        error: what was wrong, the first thing found.
    """

    id: str
    kind: str
    wanted: tuple[ToolCall, ...]
    predicted: tuple[ToolCall, ...]
    raw: str
    parsed: bool
    tool: bool
    exact: bool
    reached: bool
    repairs: tuple[str, ...] = ()
    error: ErrorKind | None = None
    detail: str | None = None


class Figures(Struct, frozen=True):
    """Shares over rows, and the errors counted by kind."""

    exact: Share
    reached: Share
    tool: Share
    parsed: Share
    errors: dict[str, int]


class Summary(Struct, frozen=True):
    """What an examination showed: for each kind of row, and for all (`"all"`)."""

    model: str
    constrained: bool
    rows: int
    kinds: dict[str, Figures]
    tokens_in: int
    tokens_out: int


class Examination(Struct, frozen=True):
    """An examination's evidence and summary."""

    predictions: tuple[Prediction, ...]
    summary: Summary


async def examine(
    model: Model,
    rows: Mapping[str, Sequence[Decision]],
    worlds: Mapping[str, World],
    *,
    style: Style = FULL,
    constrained: bool = False,
    max_tokens: int = 96,
    progress: Callable[[int], None] = lambda done: None,
    block: int = 32,
) -> Examination:
    """Asks the model for each decision once, greedily, and judges the answers.

    Args:
        rows: decisions by kind; every kind is reported by itself.
        worlds: by the name that stands in `Decision.world`.
        style: how much the model is told of each tool.
        constrained: let the engine force a valid call (decisions of words are then always missed).
        progress: is told how many rows are done.
        block: rows asked for at once.

    Raises:
        ArtificerError: a decision's world is not among `worlds`.
    """
    flat = [(kind, row) for kind in rows for row in rows[kind]]
    missing = sorted({row.world for _, row in flat} - set(worlds))
    if missing:
        raise ArtificerError(f"the decisions need the world {missing[0]!r}", remedy="open it and pass it with the others")
    tools = {name: {tool.name: tool for tool in world.tools} for name, world in worlds.items()}
    flat.sort(key=lambda entry: sum(len(message.text) + 8 for message in entry[1].context))  # like lengths batch well
    predictions: list[Prediction] = []
    read = written = 0
    for at in range(0, len(flat), block):
        part = flat[at : at + block]
        replies = await model.replies([_request(row, tools[row.world], style, constrained, max_tokens) for _, row in part])
        for (kind, row), reply in zip(part, replies, strict=True):
            read, written = read + reply.usage.tokens_in, written + reply.usage.tokens_out
            predictions.append(await judge(kind, row, reply, worlds[row.world]))
        progress(len(predictions))
    predictions.sort(key=lambda prediction: (prediction.kind, prediction.id))
    return Examination(tuple(predictions), _summary(model.name, constrained, predictions, read, written))


def _request(row: Decision, tools: Mapping[str, ToolSpec], style: Style, constrained: bool, max_tokens: int) -> Request:
    offered = tuple(tools[name] for name in row.tools if name in tools)
    return Request(row.context, offered, Sampling(max_tokens=max_tokens), constrained=constrained, style=style)


async def judge(kind: str, row: Decision, reply: Reply, world: World) -> Prediction:
    """One answer's judgement; see the module docstring."""
    wanted, predicted = row.target.calls, reply.message.calls
    exact = _same(wanted, predicted) and reply.error is None
    tool = Counter(call.name for call in wanted) == Counter(call.name for call in predicted)
    error, detail, reached = None, None, exact
    if not exact:
        error, detail, reached = await _wrong(row, wanted, predicted, reply, world)
    return Prediction(
        row.id, kind, wanted, predicted, reply.raw, reply.error is None, tool, exact, reached, reply.repairs, None if reached else error, detail
    )


def _same(wanted: Sequence[ToolCall], predicted: Sequence[ToolCall]) -> bool:
    return Counter(_key(call) for call in wanted) == Counter(_key(call) for call in predicted)


def _key(call: ToolCall) -> tuple[str, object]:
    return call.name, freeze(call.arguments)


async def _wrong(
    row: Decision, wanted: Sequence[ToolCall], predicted: Sequence[ToolCall], reply: Reply, world: World
) -> tuple[ErrorKind | None, str | None, bool]:
    """Why an answer that is not exact is wrong, and whether it reaches the same all the same."""
    if reply.error is not None:
        return reply.error, reply.detail, False
    if not wanted:
        return ErrorKind.needless_call, None, False
    if not predicted:
        return ErrorKind.no_call, None, False
    unknown = [call.name for call in predicted if call.name not in row.tools]
    if unknown:
        return ErrorKind.unknown_tool, f"{unknown[0]!r} was not offered", False
    session = await _before(row, world)
    try:
        want, got = await _outcome(session, wanted), await _outcome(session, predicted)
    finally:
        await session.close()
    refused = [result for result in got[1] if result.error is not None]
    if refused:
        return refused[0].error, refused[0].detail, False
    if _alike(want, got, world.tools):
        return None, None, True
    different = Counter(call.name for call in wanted) != Counter(call.name for call in predicted)
    return (ErrorKind.wrong_tool if different else ErrorKind.wrong_value), None, False


async def _before(row: Decision, world: World) -> Session:
    """A session in the state before the decision."""
    session = await begun(world, row.start)
    for call in row.prefix:
        await session.call(call)
    return session


Outcome = tuple[tuple[Effect, ...], tuple[ToolResult, ...]]


async def _outcome(session: Session, calls: Sequence[ToolCall]) -> Outcome:
    """Effects and results of calls on a fork, which leaves `session` as it was."""
    fork = await session.fork()
    try:
        mark = fork.calls
        results = [await fork.call(call) for call in calls]
        return fork.effects(mark), tuple(results)
    finally:
        await fork.close()


def _alike(want: Outcome, got: Outcome, tools: Sequence[ToolSpec]) -> bool:
    """Writes are alike by their effects, reads by their results."""
    if want[0] or got[0]:
        found = match(want[0], got[0], tools)
        return not found.missing and not found.extra and found.tied
    return Counter(freeze(result.content) for result in want[1]) == Counter(freeze(result.content) for result in got[1])


def _summary(model: str, constrained: bool, predictions: Sequence[Prediction], read: int, written: int) -> Summary:
    kinds = {kind: figures([one for one in predictions if one.kind == kind]) for kind in sorted({one.kind for one in predictions})}
    return Summary(model, constrained, len(predictions), {**kinds, "all": figures(predictions)}, read, written)


def figures(predictions: Sequence[Prediction]) -> Figures:
    """The shares of some predictions."""
    n = len(predictions)
    errors = Counter(one.error.value for one in predictions if one.error is not None)
    return Figures(
        exact=share(sum(one.exact for one in predictions), n),
        reached=share(sum(one.reached for one in predictions), n),
        tool=share(sum(one.tool for one in predictions), n),
        parsed=share(sum(one.parsed for one in predictions), n),
        errors=dict(sorted(errors.items())),
    )


def save(examination: Examination, folder: Path, name: str) -> None:
    """Writes `NAME-predictions.jsonl` and `NAME.json` (the summary)."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in examination.predictions)
    (folder / f"{name}-predictions.jsonl").write_bytes(lines)
    (folder / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(examination.summary), indent=1) + b"\n")


def load(folder: Path, name: str) -> Examination:
    """Reads what `save` wrote.

    Raises:
        ArtificerError: it is missing or not what it should be.
    """
    try:
        lines = (folder / f"{name}-predictions.jsonl").read_bytes().splitlines()
        predictions = tuple(msgspec.json.decode(line, type=Prediction) for line in lines)
        return Examination(predictions, msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=Summary))
    except (OSError, msgspec.MsgspecError) as error:
        raise ArtificerError(f"This is no examination: {error}", where=str(folder / name), remedy="run artificer eval again") from error
