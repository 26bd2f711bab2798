"""Ask for help in plain words: a reasoner thinks and requests, a router makes the calls (MetaAgent, arXiv
2508.00271).

The reasoner knows no tool. It writes `<help>` what it needs `</help>`, or `<answer>` what it says to the user
`</answer>`. The router, another model or the same, sees the request, the tools and everything asked and answered
before, and turns it into calls: JSON, guided by a schema, several where the request holds several. What it gets wrong
(an unknown tool, arguments that do not fit) it is told and may mend (published: the task is lost). The results go
into the reasoner's transcript. After `requests` requests since the user last spoke, or 120,000 characters, only an
answer counts (published: 15). Notes hold the request and how often the router was asked again.

From the published code: the split, tags, limits, that earlier requests are shown, at most 5 calls a request
being ours.
The verdict on answers is the middleware `reflect`, experience the middleware `experience`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import msgspec

from artificer.agents.asking import (
    Asking,
    arguments_of,
    call_message,
    calls_by_id,
    cut_at,
    json_in,
    number,
    said,
    sampling_of,
    told,
    toolbox,
    turn_start,
    unreadable,
)
from artificer.agents.base import Agent, View
from artificer.agents.function_calling import timed
from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec, compile_schema, validate_arguments
from artificer.models.base import GONE, Model, Reply, Request, Sampling

MOST_CALLS = 5
MOST_TEXT = 120_000
_AGAIN = 2
"""How often a router may mend its answer."""
_GUARD = "I could not finish this within the requests that I may make."
REASONER = """You solve the user's task by thinking and asking for help. Think first. When you need something
looked up, computed or done, ask in plain words for that alone, with every value it needs, and stop:
<help> the request </help>
The result comes back. Do not repeat a request that brought nothing. About {requests} requests are allowed. To
speak to the user (an answer, a question, a request for confirmation), end with:
<answer> what you say </answer>
Use only values that the user or a result told you."""
ROUTER = """You turn a request for help into tool calls. Split a compound request into several calls, at most 5.
Do not repeat a call that brought nothing. Answer with one JSON object: {"calls": [{"name": TOOL, "arguments": {...}}]}"""
_FORCED = "No more requests are possible. Answer now with what you know, in <answer> ... </answer>."


class Routed(Agent):
    """See the module docstring.

    Args:
        model: the reasoner.
        router: who makes the calls.
        requests: for help, until the user speaks again.
        sampling: of the reasoner; the router is always greedy.
    """

    def __init__(self, model: Model, router: Model, requests: int = 15, sampling: Sampling = Sampling(max_tokens=1024)) -> None:  # noqa: B008
        self._model = model
        self._router = router
        self._requests = requests
        self._sampling = sampling

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        made = sum(bool(message.calls) for message in view.messages[turn_start(view.messages) :])
        shown = conversation(view.messages)
        forced = made >= self._requests or sum(len(message.text) for message in shown) > MOST_TEXT
        rules = [view.policy, REASONER.format(requests=self._requests), _FORCED if forced else ""]
        prompt = (Message("system", "\n\n".join(part for part in rules if part)), *shown)
        reply = await asking.ask(self._model, Request(prompt, sampling=self._sampling))
        if reply.error in GONE:
            return asking.gone(reply)
        repairs: list[str] = []
        text = cut_at(said(reply, repairs), ("<result>",), repairs)
        thought, help_text, answer = _parts(text, repairs)
        author = self._model.name
        reply = msgspec.structs.replace(reply, repairs=tuple(repairs))
        if help_text and not forced:
            return await self._routed(view, asking, reply, thought, help_text)
        if forced:
            asking.notes["forced"] = True
        if not answer:
            problem = "end with <help> a request </help> or <answer> what you say </answer>"
            if not forced:
                return asking.done(reply, unreadable(view, text, problem, author, thought))
            answer = thought or _GUARD
        return asking.done(reply, Message("assistant", answer, reasoning=thought or None, author=author))

    def fork(self) -> Self:
        return self  # it remembers nothing

    async def _routed(self, view: View, asking: Asking, reply: Reply, thought: str, request: str) -> Reply:
        """The request as calls, after the router mended what it got wrong."""
        reasoning = f"{thought}\n<help>{request}</help>".strip()
        asking.notes["help"] = request
        head = f"{ROUTER}\n\nTools:\n{toolbox(view.tools)}"
        asked = f"{_earlier(view.messages)}Request: {request}"
        talk = [Message("system", head), Message("user", asked)]
        problem = ""
        for again in range(_AGAIN + 1):
            asking.notes["asked_again"] = again
            answer = await asking.ask(self._router, Request(tuple(talk), sampling=Sampling(max_tokens=1024), schema=schema_of(view.tools)))
            if answer.error in GONE:
                return asking.gone(answer)
            text = said(answer, [])
            calls, problem = routed_calls(text, view.tools)
            if calls:
                return asking.done(reply, call_message(view, calls, self._model.name, reasoning))
            talk += [Message("assistant", text or "(nothing)"), Message("user", f"That cannot be used: {problem}. Answer again.")]
        return asking.done(reply, unreadable(view, request, f"no tool serves this request: {problem}", self._model.name, reasoning))


def _parts(text: str, repairs: list[str]) -> tuple[str, str, str]:
    """Thought, request and answer of a reasoner's text; whichever tag comes first counts."""
    text = text.replace("</think>", "").replace("<think>", "")
    found = [(text.find(f"<{tag}>"), tag) for tag in ("help", "answer") if f"<{tag}>" in text]
    if not found:
        return text.strip(), "", ""
    at, tag = min(found)
    inner, closed, after = text[at + len(tag) + 2 :].partition(f"</{tag}>")
    if not closed:  # generation is stopped there, and some engines leave the mark out
        repairs.append(f"open <{tag}>")
    if after.strip():
        repairs.append(f"text after </{tag}>")
    inner = inner.strip()
    return text[:at].strip(), inner if tag == "help" else "", inner if tag == "answer" else ""


def routed_calls(text: str, tools: Sequence[ToolSpec]) -> tuple[list[tuple[str, dict[str, Json]]], str]:
    """A router's answer as calls that fit the tools; or none, and what is wrong with it."""
    value, _ = json_in(text)
    listed: Any = cast("dict[str, Any]", value).get("calls") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not listed:
        return [], 'it is no JSON object {"calls": [...]} with at least one call'
    by_name = {tool.name: tool for tool in tools}
    calls: list[tuple[str, dict[str, Json]]] = []
    for one in cast("list[Any]", listed)[:MOST_CALLS]:
        record = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        tool = by_name.get(str(record.get("name"))[:200])
        if tool is None:
            return [], f"there is no tool {str(record.get('name'))[:64]!r}"
        arguments, problem = arguments_of(record.get("arguments", {}))
        wrong = problem if arguments is None else _misfit(tool, arguments)
        if arguments is None or wrong:
            return [], f"{tool.name}: {wrong}"
        calls.append((tool.name, arguments))
    return calls, ""


def _misfit(tool: ToolSpec, arguments: dict[str, Json]) -> str:
    try:
        wrong = validate_arguments(compile_schema(tool.parameters, tool.name), arguments)
    except SourceError:  # the world reports such tools; there is nothing to hold arguments against
        return ""
    return "" if wrong is None else f"{wrong.path or 'arguments'}: {wrong.detail}"


def schema_of(tools: Sequence[ToolSpec]) -> dict[str, Json]:
    """What a router's answer must look like."""
    names: list[Json] = [tool.name for tool in tools]
    call: dict[str, Json] = {
        "type": "object",
        "properties": {"name": {"enum": names} if names else {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["name", "arguments"],
    }
    return {"type": "object", "properties": {"calls": {"type": "array", "items": call, "minItems": 1, "maxItems": MOST_CALLS}}, "required": ["calls"]}


def conversation(messages: Sequence[Message]) -> list[Message]:
    """What the reasoner sees: its thoughts and requests, results without the names of tools."""
    calls = calls_by_id(messages)
    shown: list[Message] = []
    results: list[str] = []
    for message in [*messages, None]:
        if message is not None and message.role == "tool":
            results.append(told(message, calls))
            continue
        if results:
            shown.append(Message("user", "<result>\n" + "\n".join(results) + "\n</result>"))
            results = []
        if message is not None and message.role == "assistant":
            answer = f"<answer>{message.text}</answer>" if message.text else ""
            shown.append(Message("assistant", "\n".join(part for part in (message.reasoning, answer) if part) or "(a request)"))
        elif message is not None:
            shown.append(timed(message))
    return shown


def _earlier(messages: Sequence[Message]) -> str:
    """Everything asked of tools and answered, for the router."""
    calls = calls_by_id(messages)
    lines = [
        f"{call.name} {msgspec.json.encode(call.arguments).decode()} -> {told(message, calls)}"
        for message in messages
        if message.result is not None and (call := calls.get(message.result.call_id)) is not None
    ]
    return "Before:\n" + "\n".join(lines) + "\n\n" if lines else ""


def open_agent(model: Model, router_model: Model | None = None, requests: str = "15", tokens: str = "1024", temperature: str = "0") -> Routed:
    """`router:MODEL`. Options: `router_model` (MODEL itself when not given), `requests`, `tokens`, `temperature`."""
    return Routed(model, router_model or model, number(requests, "requests", 0, 1000), sampling_of(tokens, temperature))
