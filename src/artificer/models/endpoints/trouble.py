"""What an answer that is no good means for the request, for its row and for the run.

- `again`: it may pass (5xx, a time-out, a broken connection, an answer that cannot be read). A request is tried a
  few times, then the row ends with the reason.
- `wait`: the endpoint is asked too much (429, 503, 529). The request is kept, for hours if need be.
- `row`: this request is refused, and would be again (it is too long, its content is not wanted).
- `stop`: every request would be refused (key, name, address, no money left). An error, and the run can be continued.
- `doubt`: it is refused for what it is, perhaps as every request would be: `row` when others were answered, else `stop`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal

import aiohttp
from msgspec import Struct

from artificer.core.verdicts import ErrorKind

Action = Literal["again", "wait", "row", "stop", "doubt"]
_REFUSED = frozenset({429, 503, 529})
_SLOW = frozenset({408, 504})
_NEVER = frozenset({401, 402, 403, 404, 405})
_PASSING = frozenset({408, 409, 425})
_TOO_LONG = re.compile(
    r"context.{0,12}(length|window|size)|maximum context|too (long|large|many tokens)|prompt is too|content.{0,3}(filter|policy)", re.IGNORECASE
)
_NO_MONEY = re.compile(r"insufficient_quota|credit balance|billing_hard_limit|exceeded your current quota", re.IGNORECASE)
_SECONDS = re.compile(r"\d{1,6}(\.\d{1,6})?")


class Trouble(Struct, frozen=True):
    """Why there is no reply.

    Args:
        action: see the module docstring.
        kind, detail: for the row, should it end by this.
        factor: what the pace is multiplied by; None when this says nothing about the address.
        after: seconds that the endpoint asks to wait.
        gone: nobody could be reached there.
        stale: the connection was closed before an answer began, as an idle one is by a server that is well.
        billed: the endpoint may have worked on it.
        status: the HTTP status, where there was one.
    """

    action: Action
    kind: ErrorKind
    detail: str
    factor: float | None = None
    after: float = 0.0
    gone: bool = False
    stale: bool = False
    billed: bool = False
    status: int = 0


def of_status(status: int, headers: Mapping[str, str], said: str) -> Trouble:
    """The meaning of an HTTP status other than 2xx; `said` is the beginning of what came with it."""
    detail = f"status {status}: {said}"
    if _NO_MONEY.search(said) and status in (400, 402, 403, 429):
        return Trouble("stop", ErrorKind.transport, detail, status=status)
    if status in _REFUSED:
        return Trouble("wait", ErrorKind.transport, detail, 0.5, retry_after(headers), status=status)
    if status in _NEVER or 300 <= status < 400:
        return Trouble("stop", ErrorKind.transport, detail, status=status)
    if status >= 500 or status in _PASSING:
        return Trouble("again", ErrorKind.transport, detail, 0.5 if status in _SLOW else 0.8, retry_after(headers), status=status)
    return Trouble("row" if _TOO_LONG.search(said) or status == 413 else "doubt", ErrorKind.internal, detail, status=status)


def of_error(error: Exception, timeout_s: float) -> Trouble:
    """The meaning of what the HTTP client raised."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Trouble("again", ErrorKind.transport, f"{type(error).__name__}: {error}", 0.8, gone=True)
    if isinstance(error, TimeoutError):
        return Trouble("again", ErrorKind.timeout, f"no answer within {timeout_s:g} s", 0.5, billed=True)
    stale = isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError)
    return Trouble("again", ErrorKind.transport, f"{type(error).__name__}: {error}", 0.8, stale=stale, billed=not stale)


def of_junk(said: str) -> Trouble:
    """An answer that cannot be read: cut off, empty, or something else altogether."""
    return Trouble("again", ErrorKind.transport, f"the endpoint answered {said!r}", billed=True)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds, or a date: against the server's own clock where it tells it)."""
    exact = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(exact):
        return float(exact) / 1000
    asked = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    then = _instant(asked)
    if then is None:
        return 0.0
    now = _instant(headers.get("Date", ""))
    return max(0.0, then - (time.time() if now is None else now))


def _instant(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError):
        return None
