"""Any endpoint that speaks OpenAI's chat completions with tools (vLLM, llama.cpp, hosted ones), over aiohttp.

Refusals that pass (429, 5xx, time-outs, broken connections) are tried again with growing pauses, or after what `Retry-After` asks. What does not
pass is one clear error. The key comes from the environment and stands in no message, log or file.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.verdicts import ErrorKind
from artificer.formats.openai import from_record, message_record, tool_record
from artificer.models.base import Counts, Model, Reply, Request
from artificer.models.dialect import parse

KEYS = ("ARTIFICER_API_KEY", "OPENAI_API_KEY")
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_MOST_BYTES = 16 << 20


class Patience(Struct, frozen=True):
    """How failures that may pass are met: `tries` in all, pauses of `pause_s`, twice that, and so on up to `longest_s`; each try at most
    `timeout_s`."""

    tries: int = 6
    pause_s: float = 0.5
    longest_s: float = 30.0
    timeout_s: float = 120.0


class OpenAI(Model):
    """See the module docstring.

    Args:
        model: its name at the endpoint.
        base: the endpoint's root, e.g. `http://localhost:8000/v1`.
        key: bearer token, or None.
        patience: with failures.
        parallel: requests in flight.
    """

    def __init__(self, model: str, base: str, key: str | None = None, patience: Patience = Patience(), parallel: int = 16) -> None:  # noqa: B008
        self.name = f"openai:{model}@{base}"
        self.parallel = parallel
        self._model = model
        self._url = base.rstrip("/") + "/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def reply(self, request: Request) -> Reply:
        """One answer.

        Raises:
            ArtificerError: the endpoint refuses in a way that trying again does not mend (a wrong key, name or address, a request it cannot read).
        """
        body = msgspec.json.encode(body_of(self._model, request))
        pause, detail, kind = self._patience.pause_s, "", ErrorKind.transport
        for turn in range(self._patience.tries):
            wait = pause
            try:
                status, after, answer = await self._post(body)
            except TimeoutError:
                detail, kind = f"no answer within {self._patience.timeout_s:g} s", ErrorKind.timeout
            except (aiohttp.ClientError, OSError) as error:
                detail, kind = f"{type(error).__name__}: {error}", ErrorKind.transport
            else:
                if status == 200:
                    return reply_of(answer)
                detail, kind = f"status {status}: {_short(answer)}", ErrorKind.transport
                if status not in _PASSING:
                    raise ArtificerError(f"The endpoint refused the request: {detail}", where=self._url, remedy=_remedy(status))
                wait = max(pause, after)
            if turn + 1 < self._patience.tries:
                await asyncio.sleep(min(wait, self._patience.longest_s))
                pause *= 2
        return Reply(Message("assistant"), error=kind, detail=f"{self._patience.tries} tries; the last: {detail}")

    async def _post(self, body: bytes) -> tuple[int, float, bytes]:
        """Status, seconds the endpoint asks to wait, body."""
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Content-Type": "application/json", **self._headers})
        timeout = aiohttp.ClientTimeout(total=self._patience.timeout_s)
        async with self._session.post(self._url, data=body, timeout=timeout, allow_redirects=False) as response:
            answer = bytearray()
            async for piece in response.content.iter_chunked(1 << 16):
                answer += piece
                if len(answer) > _MOST_BYTES:
                    raise aiohttp.ClientPayloadError(f"the answer is longer than {_MOST_BYTES} bytes")
            after = response.headers.get("Retry-After", "")
            return response.status, float(after) if re.fullmatch(r"\d{1,4}(\.\d{1,3})?", after) else 0.0, bytes(answer)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def body_of(model: str, request: Request) -> dict[str, Json]:
    """The request in the endpoint's words. `constrained` becomes a required choice of tool."""
    sampling = request.sampling
    body: dict[str, Json] = {
        "model": model,
        "messages": [message_record(message) for message in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
    }
    if request.tools:
        body["tools"] = [tool_record(tool) for tool in request.tools]
        if request.constrained:
            body["tool_choice"] = "required"
    if request.schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": request.schema}}
    return body


def reply_of(answer: bytes) -> Reply:
    """The endpoint's answer. Calls that it left in the text are read from there; junk becomes a reply with an error."""
    try:
        record: Any = msgspec.json.decode(answer)
        choice = record["choices"][0]["message"]
        message, problem = from_record({**choice, "role": "assistant"})
        counts: dict[str, Any] = record.get("usage") or {}
        usage = Counts(int(counts.get("prompt_tokens") or 0), int(counts.get("completion_tokens") or 0))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError):
        return Reply(Message("assistant"), raw=_short(answer), error=ErrorKind.transport, detail=f"the endpoint answered {_short(answer)!r}")
    if problem:
        return Reply(message, usage, message.text, error=ErrorKind.unparsable_call, detail=problem)
    if message.calls or not message.text:
        return Reply(message, usage, message.text)
    parsed = parse(message.text)
    return Reply(Message("assistant", parsed.text, calls=parsed.calls), usage, message.text, parsed.repairs, parsed.error, parsed.detail)


def _short(answer: bytes) -> str:
    return answer[:300].decode("utf-8", "replace")


def _remedy(status: int) -> str:
    if status in (401, 403):
        return f"set {' or '.join(KEYS)} to a key that the endpoint accepts"
    if status == 404:
        return "check the model's name and that the address ends with /v1"
    return "check that the endpoint serves chat completions with tools"


def open_model(rest: str) -> OpenAI:
    """`NAME@http://host/v1`."""
    name, at, base = rest.rpartition("@")
    if not at or not name or not re.fullmatch(r"https?://[^\s/]+(/\S*)?", base):
        raise ArtificerError(f"{rest!r} names no endpoint.", remedy="write openai:NAME@http://HOST/v1")
    key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
    return OpenAI(name, base, key)
