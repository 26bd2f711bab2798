"""The player with a model: asks, reads, checks, and asks again with what was wrong; what still cannot stand is refused.

A model that fails is the world's failure, never the agent's: the result is `bad_output`, `transport` or `timeout`, and
nothing has changed. Its text is hostile: sizes are bounded before anything is parsed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, seed_of
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Request, Sampling
from artificer.models.prompt import record_of
from artificer.worlds.emulated.consistency import KINDS, changeable
from artificer.worlds.emulated.offline import Situation
from artificer.worlds.emulated.plans import Plan
from artificer.worlds.emulated.prompts import again, messages
from artificer.worlds.emulated.spec import Outcome, Scenario, refused

if TYPE_CHECKING:
    from artificer.worlds.emulated.world import EmulatedWorld

_MOST = 1 << 20
_TOKENS = 2_000
_FENCE = re.compile(r"\A\s{0,20}```[a-z]{0,10}\s(.*)```\s{0,20}\Z", re.DOTALL)


class Played(Struct, frozen=True, omit_defaults=True):
    """What a model made of a call. `repairs`: what was wrong on the way. `meant`: the model answered, be it an error."""

    outcome: Outcome
    repairs: tuple[str, ...] = ()
    meant: bool = False


class Player:
    """Plays the tools of a world with a model."""

    def __init__(self, world: EmulatedWorld, model: Model, told: Scenario, now: str, seed: int, repairs: int, timeout_s: float) -> None:
        self.model = model
        self._world = world
        self._told = told
        self._now = now
        self._seed = seed
        self._repairs = repairs
        self._timeout_s = timeout_s

    async def play(self, plan: Plan, call: ToolCall, met: Situation, history: Sequence[tuple[ToolCall, ToolResult]], key: str) -> Played:
        """The outcome of a call. `key` seeds the sampling: the same question draws the same answer where the engine can."""
        world = self._world
        spec = world.specs[call.name]
        asked = messages(
            spec,
            [tool for tool in world.tools if tool is not spec],
            call,
            met.state,
            history,
            tables=changeable(plan, world.plans),
            policy=world.policy,
            now=self._now,
            told=self._told,
            dialogue=world.dialogue.messages,
            examples=world.dialogue.of_tool(call.name),
        )
        sampling = Sampling(max_tokens=_TOKENS, seed=seed_of(self._seed, met.seed, key) % 2**31)
        repairs: list[str] = []
        for _ in range(self._repairs + 1):
            raw, fault = await self._asked(Request(tuple(asked), sampling=sampling, schema=_schema(spec.returns)))
            if fault is not None:
                return Played(fault, tuple(repairs))
            answer, mended, problem = read_answer(raw)
            repairs += [mended] if mended else []
            outcome, problems = (None, [problem]) if problem else world.judging(plan, call.arguments, met).judged(answer)
            if outcome is not None:
                return Played(outcome, tuple(repairs), meant=True)
            repairs.append("asked again: " + problems[0][:200])
            asked += [Message("assistant", raw[:4_000]), again(problems)]
        detail = f"the tool gave no usable result ({len(repairs)} attempts)"
        return Played(refused(ErrorKind.bad_output, detail), tuple(repairs))

    async def _asked(self, request: Request) -> tuple[str, Outcome | None]:
        """What the model wrote, or why it wrote nothing."""
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await self.model.reply(request)
        except TimeoutError:
            return "", refused(ErrorKind.timeout, "the tool did not answer in time")
        if reply.error is ErrorKind.transport or reply.error is ErrorKind.timeout:
            return "", refused(reply.error, "the tool could not be reached")
        return reply.raw or reply.message.text, None


def _schema(returns: dict[str, Json] | None) -> dict[str, Json]:
    """What engines that decode under a schema are held to; references into the tool's own schema are left to the check."""
    simple = returns is not None and "$ref" not in str(returns)
    change = {
        "type": "object",
        "properties": {"table": {"type": "string", "maxLength": 80}, "key": {"type": "string", "maxLength": 80}, "set": {"type": ["object", "null"]}},
        "required": ["table", "key", "set"],
    }
    error = {
        "type": "object",
        "properties": {"kind": {"enum": list(KINDS)}, "detail": {"type": "string", "maxLength": 300}},
        "required": ["kind", "detail"],
    }
    return {
        "type": "object",
        "properties": {
            "thought": {"type": "string", "maxLength": 400},
            "observation": {"anyOf": [returns, {"type": "null"}]} if simple else {},
            "error": {"anyOf": [{"type": "null"}, error]},
            "state": {"type": "array", "items": change},
        },
        "required": ["observation", "error", "state"],
    }


def read_answer(raw: str) -> tuple[Json, str, str]:
    """The JSON object of a model's text, what had to be mended, and why there is none: two of the three are empty."""
    if len(raw) > _MOST:
        return None, "", f"the answer has {len(raw)} characters; a result is at most a few thousand"
    fenced = _FENCE.match(raw)
    inside = raw[raw.find("{") : raw.rfind("}") + 1]
    for text, mended in ((raw, ""), (fenced[1] if fenced else "", "code fence"), (inside, "text beside the JSON")):
        try:
            value = msgspec.json.decode(text) if text else None
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            continue
        if record_of(value) is not None:
            return value, mended, ""
    return None, "", "the answer is not one JSON object"
