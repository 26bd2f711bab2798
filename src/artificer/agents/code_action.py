"""Code as action: the model writes text and programs by turns, the world runs the programs, the outputs come back.

It acts in any world with the tool `run_python`: `code:python`, `code:notebook`, or any world `W | code`, where W's
tools are functions of the program. The text before a program is kept as the message's reasoning; text without a
program is for the user. See `code_text` for the three forms; what is fixed by the papers:

- `tora`: at most 4 programs, then a fixed line and no more; outputs cut to 400 characters (200 + 200); of an error
  the last line. Read in the published code.
- `dotamath`: subtasks, one program that prints `s1: ...` for each, verification, correction; the number of attempts
  (4) and the printed form are ours. What was declared and printed is kept in the notes (`dotamath`). A program sent
  for the third time ends it as stuck.
- `deepeyes`: at most 9 turns; stdout and stderr apart, pictures back as pictures; a tag without its fence is an
  error that the model sees (published: it ends the episode).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Self, cast

import msgspec

from artificer.agents.asking import (
    Asking,
    call_message,
    calls_by_id,
    choice,
    number,
    said,
    sampling_of,
    told,
    toolbox,
    turn_start,
    unreadable,
)
from artificer.agents.base import Agent, View
from artificer.agents.code_text import Form, Written, blocks_text, ends, output_text, read_program, subtasks_in
from artificer.agents.function_calling import timed
from artificer.core.messages import Image, Message, Part, Text, ToolCall
from artificer.core.verdicts import Notes
from artificer.models.base import GONE, Model, Reply, Request, Sampling
from artificer.worlds.code.content import parts

RUN = "run_python"
LIMIT_LINE = "Reached the limit of {calls} programs."
STUCK_LINE = "The same program was sent again and again; this is as far as I come."
_ALWAYS = """Work in turns of text and Python. To compute something or to act, end your reply with one program in a fence:
```python
print(...)
```
It is run, and what it printed comes back in a fence `output`; never write one yourself. A reply that does not
end with a program is what you say to the user: an answer, a question, a request for confirmation. Use only values
that the user or an output told you."""
_PROMPTS: dict[Form, str] = {
    "tora": f"""{_ALWAYS}
For mathematics: exact values (sympy, Rational, pi) and no decimals for them; the final answer in \\boxed{{}},
without units.""",
    "dotamath": f"""{_ALWAYS}
First split the task into subtasks, one a line: `s1: ...`, `s2: ...`, without solving them. Then write one program
with a section for each subtask that prints its intermediate result after its label: print("s1:", value). Read the
output and check every line of it. When a line cannot be right or the program failed, say which subtask is wrong and
why, and write the whole program again. When all is right, summarise, with the final answer in \\boxed{{}}.""",
    "deepeyes": """Every reply begins with <think> your reasoning </think> and goes on with exactly one of:
<code>
```python
...
```
</code> runs Python, and its output comes back;
<tool_call>{"name": ..., "arguments": {...}}</tool_call> calls another tool;
<answer> what you say to the user </answer>.
Use only values that the user or a result told you.""",
}
_CALLS: dict[Form, int] = {"tora": 4, "dotamath": 4, "deepeyes": 9}
_OUTPUT: dict[Form, int] = {"tora": 400, "dotamath": 2000, "deepeyes": 0}


class CodeAction(Agent):
    """See the module docstring.

    Args:
        model: who answers.
        form: how programs are written and shown.
        calls: how many programs at most until the user speaks again; 0 sets no limit. None takes the form's own.
        output: characters of each output that are shown; 0 shows all. None takes the form's own.
    """

    def __init__(
        self,
        model: Model,
        form: Form = "tora",
        calls: int | None = None,
        output: int | None = None,
        sampling: Sampling = Sampling(max_tokens=1024),  # noqa: B008
    ) -> None:
        self._model = model
        self._form: Form = form
        self._calls = _CALLS[form] if calls is None else calls
        self._output = _OUTPUT[form] if output is None else output
        self._sampling = sampling

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        reply = await asking.ask(self._model, Request(self._prompt(view), sampling=self._sampling))
        if reply.error in GONE:
            return asking.gone(reply)
        repairs: list[str] = []
        text = said(reply, repairs)
        written = read_program(text, self._form, repairs)
        message = self._message(view, written, text, asking.notes)
        return asking.done(msgspec.structs.replace(reply, repairs=()), message, repairs)

    def fork(self) -> Self:
        return self  # it remembers nothing

    def _message(self, view: View, written: Written, text: str, notes: Notes) -> Message:
        author = self._model.name
        if written.answer is not None:
            return Message("assistant", written.answer, reasoning=written.thought or None, author=author)
        if written.code is None and written.name is None:
            return unreadable(view, text, written.problem, author, written.thought)
        before = [call for message in view.messages[turn_start(view.messages) :] for call in message.calls]
        if self._calls and len(before) >= self._calls:
            notes["limit"] = self._calls
            line = LIMIT_LINE.format(calls=self._calls)
            return Message("assistant", f"{written.thought}\n{line}".strip(), author=author)
        if written.code is None:
            return call_message(view, [(cast("str", written.name), written.arguments)], author, written.thought)
        programs = Counter(_program(call) for call in before)
        if self._form == "dotamath":
            notes["dotamath"] = _attempt(written, sum(programs.values()) - programs[""])
            if programs[written.code.strip()] >= 2:
                notes["stuck"] = True
                return Message("assistant", STUCK_LINE, reasoning=written.thought or None, author=author)
        return call_message(view, [(RUN, {"code": written.code})], author, written.thought)

    def _prompt(self, view: View) -> tuple[Message, ...]:
        manual = next((tool.description for tool in view.tools if tool.name == RUN), "")
        others = [tool for tool in view.tools if tool.name != RUN]
        shown = f"Other tools:\n{toolbox(others)}" if self._form == "deepeyes" and others else ""
        head = "\n\n".join(part for part in (view.policy, _PROMPTS[self._form], manual, shown) if part)
        return (Message("system", head), *self._conversation(view.messages))

    def _conversation(self, messages: Sequence[Message]) -> list[Message]:
        calls = calls_by_id(messages)
        shown: list[Message] = []
        observed: list[Part] = []
        for message in [*messages, None]:
            if message is not None and message.role == "tool":
                observed += self._observed(message, calls)
                continue
            if observed:
                texts = "\n".join(part.text for part in observed if isinstance(part, Text))
                images = [part for part in observed if isinstance(part, Image)]
                shown.append(Message("user", (Text(texts), *images) if images else texts))
                observed = []
            if message is not None:
                shown.append(Message("assistant", _written(message, self._form)) if message.role == "assistant" else timed(message))
        return shown

    def _observed(self, message: Message, calls: dict[str, ToolCall]) -> list[Part]:
        result = message.result
        call = calls.get(result.call_id) if result is not None else None
        if result is None or call is None or call.name != RUN:
            text = told(message, calls)
            return [Text(f"<tool_response>{text}</tool_response>" if self._form == "deepeyes" else f"```output\n{ends(text, self._output)}\n```")]
        if self._form == "deepeyes":
            return [Text(ends(blocks_text(result), self._output)), *(part for part in parts(result.content) if isinstance(part, Image))]
        return [Text(f"```output\n{ends(output_text(result), self._output)}\n```")]


def _program(call: ToolCall) -> str:
    """A call's program, for comparing; "" for other calls."""
    code = call.arguments.get("code")
    return code.strip() if call.name == RUN and isinstance(code, str) else ""


def _attempt(written: Written, earlier: int) -> Notes:
    """DotaMath's record of one attempt; `label_mismatch` when the program prints other labels than were declared."""
    declared = subtasks_in(written.thought)
    code = written.code or ""
    printed = [name for name in declared if f'"{name}:' in code or f"'{name}:" in code]
    record: Notes = {"attempt": earlier + 1, "subtasks": declared, "label_mismatch": list(declared) != printed or not declared}
    if earlier:
        record["reflection"] = written.thought
    return record


def _written(message: Message, form: Form) -> str:
    """An earlier message of the agent as it would have written it."""
    lines: list[str] = []
    if form == "deepeyes":
        lines.append(f"<think>{message.reasoning or ''}</think>")
    elif message.reasoning:
        lines.append(message.reasoning)
    for call in message.calls:
        program = call.arguments.get("code")
        if call.name == RUN and isinstance(program, str):
            fence = f"```python\n{program}\n```"
            lines.append(f"<code>\n{fence}\n</code>" if form == "deepeyes" else fence)
        else:
            body = msgspec.json.encode({"name": call.name, "arguments": call.arguments}).decode()
            lines.append(f"<tool_call>{body}</tool_call>" if form == "deepeyes" else body)
    if message.text:
        lines.append(f"<answer>{message.text}</answer>" if form == "deepeyes" and not message.calls else message.text)
    return "\n".join(lines)


def open_agent(
    model: Model, form: str = "tora", calls: str = "", output: str = "", tokens: str = "1024", temperature: str = "0", seed: str = "0"
) -> CodeAction:
    """`code:MODEL`. Options: `form` (tora, dotamath, deepeyes), `calls` and `output` (see `CodeAction`), `tokens`, `temperature`, `seed`."""
    chosen = cast("Form", choice(form, "form", ("tora", "dotamath", "deepeyes")))
    most = number(calls, "calls", 0, 1000) if calls else None
    return CodeAction(model, chosen, most, number(output, "output", 0, 10**6) if output else None, sampling_of(tokens, temperature, seed))
