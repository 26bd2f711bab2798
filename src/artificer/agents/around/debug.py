"""`| debug`: a failed call is mended by a model that sees only the call and its error (Tool-Star's debugger, arXiv 2505.16410).

For a program it is asked for the corrected code, otherwise for corrected arguments; nothing else. What it gives is
called at once, before the agent within is asked again. At most `times` repairs until the user speaks again
(published: 1 a sample); one that cannot be read, or changes nothing, is left to the agent. Which call was mended
stands in the notes (`debug`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import msgspec

from artificer.agents.asking import UNREADABLE, Asking, arguments_of, call_message, json_in, number, said, taken, user_turns
from artificer.agents.base import Agent, View
from artificer.agents.code_text import ends, read_program
from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.models.base import GONE, Model, Reply, Request, Sampling
from artificer.models.prompt import PAGE, signature

_CODE = """You correct Python programs. You get a program and the error it ended with. Answer with the whole corrected
program in one fence ```python, and nothing else."""
_CALL = """You correct tool calls. You get a tool, a call of it and the error. Answer with the corrected arguments as one
JSON object, and nothing else."""
RUN = "run_python"


class Debug(Agent):
    """See the module docstring."""

    def __init__(self, inner: Agent, model: Model, times: int) -> None:
        self._inner = inner
        self._model = model
        self._times = times
        self._turn = self._used = 0

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        if user_turns(view.messages) != self._turn:
            self._turn, self._used = user_turns(view.messages), 0
        call, error = failed(view.messages)
        if call is None or call.name == UNREADABLE or self._used >= self._times:
            return asking.passed(asking.paid(taken(await self._inner.act(view))))
        self._used += 1
        reply = await asking.ask(self._model, Request(_question(view, call, error), sampling=Sampling(max_tokens=1024)))
        if reply.error in GONE:
            return asking.gone(reply)
        arguments = _mended(call, said(reply, []))
        asking.notes["debug"] = {"call": call.id, "mended": arguments is not None}
        if arguments is None:
            return asking.passed(asking.paid(taken(await self._inner.act(view))))
        reply = msgspec.structs.replace(reply, tokens=None)  # another prompt's than the agent's
        return asking.done(reply, call_message(view, [(call.name, arguments)], self._model.name))

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._model, self._times)
        other._turn, other._used = self._turn, self._used
        return other


def failed(messages: Sequence[Message]) -> tuple[ToolCall | None, str]:
    """The last call with its error, when it failed; a program that raised has failed too."""
    result = messages[-1].result if messages else None
    error = error_of(result) if result is not None else ""
    if result is None or not error:
        return None, ""
    calls = next((message.calls for message in reversed(messages) if message.calls), ())
    return next((call for call in calls if call.id == result.call_id), None), error


def error_of(result: ToolResult) -> str:
    """What went wrong in a call, as it is told; "" when nothing did."""
    if result.error is not None:
        return result.detail or result.error.value
    content = cast("dict[str, Json]", result.content) if isinstance(result.content, dict) else {}
    return str(content["error"]) if content.get("error") and "stdout" in content else ""


def _question(view: View, call: ToolCall, error: str) -> tuple[Message, ...]:
    code = call.arguments.get("code")
    if call.name == RUN and isinstance(code, str):
        return Message("system", _CODE), Message("user", f"```python\n{code}\n```\nThe error:\n{ends(error, 4000)}")
    tool = next((tool for tool in view.tools if tool.name == call.name), None)
    about = signature(tool, PAGE) if tool is not None else call.name
    asked = f"{about}\n\nThe call:\n{call.name} {msgspec.json.encode(call.arguments).decode()}\nThe error:\n{ends(error, 4000)}"
    return Message("system", _CALL), Message("user", asked)


def _mended(call: ToolCall, text: str) -> dict[str, Json] | None:
    if call.name == RUN:
        code = read_program(text, "tora", []).code
        return {"code": code} if code and code != call.arguments.get("code") else None
    value: Any = json_in(text)[0]
    arguments, _ = arguments_of(value)
    return arguments if arguments is not None and arguments != call.arguments else None


def around(inner: Agent, model: Model, times: str = "1") -> Debug:
    """Options: `model` who corrects, `times` until the user speaks again."""
    return Debug(inner, model, number(times, "times", 1, 1000))
