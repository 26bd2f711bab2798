"""`| reflect`: before words go to the user, the model judges them, without any gold (MetaAgent, arXiv 2508.00271).

It looks at the conversation, the results and the draft, and says `correct` or not with a critique; a hedged answer
counts as incorrect. A draft that fails goes back to the agent within with the critique in its rules, which stays
there until the user speaks again. After `rounds` critiques the draft goes out as it is (published: after more
than 3 a
random earlier answer). Calls are not judged. Notes hold the verdicts and the drafts that were held back (`reflect`).

A judge whose answer cannot be read has said nothing against the draft. That answers which are right but wordy get
shortened is left out: the user's words and what must be said are exact here.
"""

from __future__ import annotations

from typing import Any, Self, cast

from artificer.agents.asking import Asking, json_in, number, said, taken, transcript, user_turns, with_rules
from artificer.agents.base import Agent, View
from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.models.base import GONE, Model, Reply, Request, Sampling

_PROMPT = """You judge what an agent is about to say to its user. It may be an answer, a question or a request
for confirmation. Judge whether it is the right thing to say now: does every claim in it stand in a result or in
the user's words; does it keep the rules; was everything done that the user asked and that can be done; is it
definite? An answer that hedges is incorrect. Reply with one JSON object: {"correct": true or false, "critique":
what is wrong and how to mend it}"""
SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {"correct": {"type": "boolean"}, "critique": {"type": "string"}},
    "required": ["correct", "critique"],
}
_BACK = "A reviewer held back what you were about to say:\n{draft}\nThe critique: {critique}\nDo what is missing, or say it right."
_MOST = 2000


class Reflect(Agent):
    """See the module docstring."""

    def __init__(self, inner: Agent, model: Model, rounds: int) -> None:
        self._inner = inner
        self._model = model
        self._rounds = rounds
        self._turn = 0
        self._critiques: list[str] = []
        """What was held against drafts since the user spoke."""

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        if user_turns(view.messages) != self._turn:
            self._turn = user_turns(view.messages)
            self._critiques = []
        verdicts: list[dict[str, Any]] = []
        while True:
            reply = asking.paid(taken(await self._inner.act(with_rules(view, *self._critiques))))
            if reply.error is not None or reply.message.calls or len(self._critiques) >= self._rounds:
                break
            judged = await asking.ask(self._model, Request(_question(view, reply.message), sampling=Sampling(max_tokens=512), schema=SCHEMA))
            if judged.error in GONE:
                return asking.gone(judged)
            correct, critique = verdict_of(said(judged, []))
            verdicts.append(
                {"correct": correct, "critique": critique} if correct else {"correct": False, "critique": critique, "draft": reply.message.text}
            )
            if correct:
                break
            self._critiques.append(_BACK.format(draft=reply.message.text[:_MOST], critique=critique))
        if verdicts:
            asking.notes["reflect"] = verdicts
        return asking.passed(reply)

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._model, self._rounds)
        other._turn, other._critiques = self._turn, list(self._critiques)
        return other


def _question(view: View, draft: Message) -> tuple[Message, ...]:
    rules = f"Rules:\n{view.policy}\n\n" if view.policy else ""
    return Message("system", _PROMPT), Message("user", f"{rules}Conversation:\n{transcript(view.messages)}\n\nDRAFT: {draft.text}")


def verdict_of(text: str) -> tuple[bool, str]:
    """What a judge said. What cannot be read is no objection."""
    value, _ = json_in(text)
    record = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if record.get("correct") is not False:
        return True, "" if record.get("correct") is True else "(the judge's answer could not be read)"
    return False, str(record.get("critique") or "no reason was given")[:_MOST]


def around(inner: Agent, model: Model, rounds: str = "3") -> Reflect:
    """Options: `model` who judges, `rounds`: critiques until the user speaks again."""
    return Reflect(inner, model, number(rounds, "rounds", 1, 100))
