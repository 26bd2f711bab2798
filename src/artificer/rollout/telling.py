"""What is told of episodes while a run goes: requests, tokens, money, errors by kind."""

from __future__ import annotations

import re
from typing import Any, cast

from msgspec import Struct

from artificer.core.trace import Trace
from artificer.core.verdicts import GONE, StopReason

_PRICE = re.compile(r"[?&]price_(in|out)=(\d+(?:\.\d+)?)(?=&|$)")


class Telling(Struct, frozen=True):
    """Numbers of a `Played`, for `each(..., tell=...)`. Prices are of a million tokens."""

    price_in: float = 0.0
    price_out: float = 0.0

    def __call__(self, played: Any) -> dict[str, float]:
        trace: Trace = played.trace
        usage = trace.usage
        told: dict[str, float] = {"requests": usage.turns, "tokens": usage.tokens_in + usage.tokens_out}
        if self.price_in or self.price_out:
            told["usd"] = (usage.tokens_in * self.price_in + usage.tokens_out * self.price_out) / 1e6
        for kind in errors_in(trace):
            told[f"error.{kind}"] = told.get(f"error.{kind}", 0) + 1
        return told


def telling(agent: str) -> Telling:
    """Tells of a model's episodes; money too when the model string holds its prices (`price_in=`, `price_out=`)."""
    found = {side: float(price) for side, price in _PRICE.findall(agent)}
    return Telling(found.get("in", 0.0), found.get("out", 0.0))


def errors_in(trace: Trace) -> list[str]:
    """The kind of every error: calls that failed, replies that did, in order."""
    kinds: list[str] = []
    for node in trace.nodes:
        result = node.message.result
        if result is not None and result.error is not None:
            kinds.append(result.error.value)
        elif "error" in node.notes:
            kinds.append(_kind(node.notes["error"]))
    return kinds


def _kind(noted: Any) -> str:
    return str(cast("dict[str, Any]", noted).get("kind", "error")) if isinstance(noted, dict) else str(noted)


def gone(trace: Trace) -> tuple[StopReason, str] | None:
    """Why an episode says nothing of its agent, and the last words about that; None when it does."""
    stops = set(trace.stop.values())
    if not stops or not stops <= GONE:
        return None
    noted = next((node.notes["error"] for node in reversed(trace.nodes) if "error" in node.notes), None)
    detail = cast("dict[str, Any]", noted).get("detail") if isinstance(noted, dict) else None
    return min(stops), str(detail or "")
