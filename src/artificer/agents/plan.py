"""Plan, then execute: the model writes a whole plan, the agent parses, verifies and runs it (m&m's, arXiv
2403.11085).

The model answers the conversation with a plan (see `plans`) or with text, which is for the user. A plan climbs a
ladder: it is parsed; verified; executed, one call a message, with references filled in from earlier outputs. The
first rung that fails gives the model a message and the request to mend only that, as long as `feedback` reaches that
far and `replies` last; what ran before a failure is not run again when the mended plan still holds it. After the last
node the model sees all results and tells the user, or plans what is left.

From the published code: the rungs, their order, the error codes and "fix only this". Ours: how many replies (3), the
wording, that there are users to talk to, and that what an earlier node did is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from artificer.agents.asking import Asking, call_message, calls_by_id, choice, number, said, sampling_of, told, toolbox, user_turns
from artificer.agents.base import Agent, View
from artificer.agents.function_calling import timed
from artificer.agents.plans import Fault, Plan, Step, code_of, faults_of, filled, read_plan
from artificer.core.canon import Json, digest
from artificer.core.messages import Message
from artificer.models.base import GONE, Model, Reply, Request, Sampling

RUNGS = ("none", "parse", "verify", "execute")
FAILED = "I could not make a plan that works for this."
_RULES = {
    "json": """You serve the user by plans of tool calls. To use tools, write a whole plan as one JSON object:
{"nodes": [{"id": 0, "name": TOOL, "args": {...}}, {"id": 1, "name": TOOL, "args": {"x": "<node-0>.key"}}]}
`<node-0>.key` stands for that part of what node 0 returns; nodes run in their order. When nothing has to be
called, reply with plain text: it is what you say to the user (an answer, a question, a request for confirmation).
Use only values that the user or a result told you.""",
    "code": """You serve the user by plans of tool calls. To use tools, write a whole plan as a Python program in a fence:
```python
output0 = tool(argument=value)
output1 = other_tool(argument=output0["key"])
```
Each line is one call with named arguments, each a literal or a part of an earlier output; nothing else is
allowed. When nothing has to be called, reply with plain text: it is what you say to the user (an answer, a question,
a request for confirmation). Use only values that the user or a result told you.""",
}
_FIX = "{rung} failed ({code}): {detail}\nMend only this and keep the rest. Write the whole plan again, or tell the user why it cannot be done."
_DONE = "All nodes ran. Tell the user, or plan what is left to do."


class Planning(Agent):
    """See the module docstring.

    Args:
        model: who plans.
        form: `json` or `code`.
        feedback: the last rung whose failures the model is told.
        replies: how many failures it is told until the user speaks again.
    """

    def __init__(
        self,
        model: Model,
        form: str = "json",
        feedback: str = "execute",
        replies: int = 3,
        sampling: Sampling = Sampling(max_tokens=1024),  # noqa: B008
    ) -> None:
        self._model = model
        self._form = form
        self._feedback = RUNGS.index(feedback)
        self._replies = replies
        self._sampling = sampling
        self._begin(0)

    def _begin(self, turn: int) -> None:
        """Forgets the plan: the user has spoken."""
        self._turn = turn
        self._told = 0
        self._log: list[Message] = []
        """What passed since the last call: plans that were refused, and why."""
        self._kept: dict[str, Json] = {}
        """What nodes of failed plans returned, by call."""
        self._set(())

    def _set(self, plan: Plan) -> None:
        self._plan = plan
        self._next = 0
        self._outputs: dict[int, Json] = {}
        self._ran: dict[str, Json] = {}
        self._waiting: Step | None = None

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        if user_turns(view.messages) != self._turn:
            self._begin(user_turns(view.messages))
        fault = self._taken(view)
        reply = Reply(Message("assistant"))
        while True:
            step = None if fault is not None else self._step()
            if isinstance(step, Step):
                return asking.done(reply, self._called(view, step, asking))
            if not self._heard(fault or step):
                asking.notes["failed"] = msgspec.to_builtins(fault or step)
                return asking.done(reply, Message("assistant", FAILED, author=self._model.name))
            reply = await asking.ask(self._model, Request(self._prompt(view), sampling=self._sampling))
            if reply.error in GONE:
                return asking.gone(reply)
            repairs: list[str] = []
            text = said(reply, repairs)
            reply = msgspec.structs.replace(reply, repairs=tuple(repairs))
            found = read_plan(text, self._form)
            if found is None and text:
                return asking.done(reply, Message("assistant", text, author=self._model.name))
            fault = self._accepted(found or Fault("parse", "unknown", "the reply is empty"), text, view, asking)

    # the ladder

    def _accepted(self, found: Plan | Fault, text: str, view: View, asking: Asking) -> Fault | None:
        """Takes a plan over, if it gets past the rungs that count."""
        fault = found if isinstance(found, Fault) else None
        if fault is None and self._feedback >= RUNGS.index("verify"):
            fault = faults_of(cast("Plan", found), view.tools)
        if fault is not None:
            self._log.append(Message("assistant", text or "(nothing)"))
            asking.notes.setdefault("refused", []).append(msgspec.to_builtins(fault))
            return fault
        self._set(cast("Plan", found))
        self._log.clear()
        asking.notes["plan"] = [msgspec.to_builtins(step) for step in self._plan]
        return None

    def _heard(self, fault: Fault | None) -> bool:
        """Prepares what the model is told next; False when a failure may not be told, or no more."""
        if fault is None:
            return True
        if RUNGS.index(fault.rung) > self._feedback and fault.rung == "execute":
            self._set(())  # nobody mends it: the model makes of the results what it can
            return True
        if RUNGS.index(fault.rung) > self._feedback or self._told >= self._replies:
            return False
        self._told += 1
        self._log.append(Message("user", _FIX.format(rung=fault.rung, code=fault.code, detail=fault.detail)))
        return True

    def _taken(self, view: View) -> Fault | None:
        """The answer to the node that was waited for."""
        step, self._waiting = self._waiting, None
        result = view.messages[-1].result if view.messages else None
        if step is None or result is None:
            return None
        if result.error is not None:
            self._kept |= self._ran
            fault = Fault("execute", f"{step.name}'s arguments", f"node {step.id}: {step.name}: {result.detail or result.error.value}")
            self._set(())
            return fault
        self._outputs[step.id] = result.content
        self._ran[_key(step.name, view.messages[-2].calls[-1].arguments)] = result.content
        return None

    def _step(self) -> Step | Fault | None:
        """The next node to run, its arguments filled in; None at the end of the plan."""
        while self._next < len(self._plan):
            step = self._plan[self._next]
            self._next += 1
            try:
                step = msgspec.structs.replace(step, args=cast("dict[str, Json]", filled(step.args, self._outputs)))
            except LookupError as error:
                self._kept |= self._ran
                self._set(())
                return Fault("execute", f"{step.name}'s arguments", f"node {step.id}: {error.args[0]}")
            key = _key(step.name, step.args)
            if key not in self._kept:
                return step
            self._outputs[step.id] = self._ran[key] = self._kept.pop(key)
        return None

    def _called(self, view: View, step: Step, asking: Asking) -> Message:
        self._waiting = step
        asking.notes["node"] = step.id
        plan = (code_of(self._plan) if self._form == "code" else _json_of(self._plan)) if "plan" in asking.notes else ""
        return call_message(view, [(step.name, step.args)], self._model.name, plan)

    # the prompt

    def _prompt(self, view: View) -> tuple[Message, ...]:
        head = "\n\n".join(part for part in (view.policy, _RULES[self._form], f"Tools:\n{toolbox(view.tools)}" if view.tools else "") if part)
        shown = [Message("system", head), *self._conversation(view.messages)]
        log = list(self._log)
        if view.messages and view.messages[-1].role == "tool":
            more = log.pop(0).text if log and log[0].role == "user" else _DONE
            shown[-1] = Message("user", f"{shown[-1].text}\n{more}")
        return (*shown, *log)

    def _conversation(self, messages: Sequence[Message]) -> list[Message]:
        """Plans as the assistant's words, results of their nodes as one message."""
        calls = calls_by_id(messages)
        shown: list[Message] = []
        results: list[str] = []
        for message in [*messages, None]:
            if message is not None and message.calls and not message.reasoning and not message.text:
                continue
            if message is not None and message.role == "tool":
                call = calls.get(message.result.call_id) if message.result is not None else None
                asked = f"{call.name} {msgspec.json.encode(call.arguments).decode()} -> " if call is not None else ""
                results.append(f"{asked}{told(message, calls)}")
                continue
            if results:
                shown.append(Message("user", "\n".join(["Results:", *results])))
                results = []
            if message is not None and message.calls:
                plan = message.reasoning or ""
                shown.append(Message("assistant", f"```python\n{plan}\n```" if self._form == "code" else plan or message.text))
            elif message is not None:
                shown.append(message if message.role == "assistant" else timed(message))
        return shown


def _json_of(plan: Plan) -> str:
    return msgspec.json.encode({"nodes": plan}).decode()


def _key(name: str, arguments: dict[str, Json]) -> str:
    return digest([name, arguments])


def open_agent(
    model: Model, form: str = "json", feedback: str = "execute", replies: str = "3", tokens: str = "1024", temperature: str = "0", seed: str = "0"
) -> Planning:
    """`plan:MODEL`. Options: `form` (json, code), `feedback` (none, parse, verify, execute), `replies`, `tokens`, `temperature`, `seed`."""
    chosen = choice(form, "form", ("json", "code"))
    return Planning(model, chosen, choice(feedback, "feedback", RUNGS), number(replies, "replies", 0, 100), sampling_of(tokens, temperature, seed))
