"""`| experience:file=notes.json`: lessons from earlier tasks in the agent's rules (MetaAgent, arXiv 2508.00271).

The notes are at most 400 words of domain-general lessons, distilled by `distilled` from judged traces, one after
another, each time from the old notes and one more trace; only the latest version is told. They say which tasks and
which split they come from. Only notes of the split `train` are told, and never on a task that they were distilled
from: published code distils from the very benchmark it then reports. What was told, or withheld and why, stands in
the message's notes (`experience`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from artificer.agents.asking import Asking, said, taken, transcript, with_rules
from artificer.agents.base import Agent, View
from artificer.agents.code_text import ends
from artificer.core.canon import digest
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.trace import Trace
from artificer.models.base import Model, Reply, Request, Sampling

MOST_WORDS = 400
_TELL = "Lessons from earlier tasks:\n{text}"
_PROMPT = """You keep an agent's lessons. From its old lessons and the record of one more task with its outcome
write the new lessons: how to reason, how to use tools, how to handle what comes back, pitfalls. Only what helps
with other tasks: no names, ids, amounts or answers of this one. At most 400 words. Answer with the lessons
alone."""


class Experience(Struct, frozen=True):
    """Lessons, and where they come from.

    Args:
        text: at most 400 words.
        split: of the tasks; only `train` is told.
        tasks: ids of the tasks they were distilled from.
    """

    text: str = ""
    split: str = "train"
    tasks: tuple[str, ...] = ()


class Experienced(Agent):
    """An agent with lessons in its rules; `withheld` says why they are not told."""

    def __init__(self, inner: Agent, experience: Experience, withheld: str = "") -> None:
        self._inner = inner
        self._experience = experience
        self._withheld = withheld
        self._new = True

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        if self._new:
            about = {"withheld": self._withheld} if self._withheld else {"split": self._experience.split, "digest": digest(self._experience.text)}
            asking.notes["experience"] = about
            self._new = False
        seen = view if self._withheld or not self._experience.text else with_rules(view, _TELL.format(text=self._experience.text))
        return asking.passed(asking.paid(taken(await self._inner.act(seen))))

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._experience, self._withheld)
        other._new = self._new
        return other


async def distilled(model: Model, old: Experience, trace: Trace, outcome: str) -> Experience:
    """The lessons after one more task.

    Args:
        model: who distils.
        old: the lessons so far; their split must be the trace's.
        trace: what was played; its first leaf is read.
        outcome: what came of it, in words (e.g. "passed", or a check's evidence).

    Raises:
        ArtificerError: the model does not answer.
    """
    leaf = min(trace.stop)
    messages = [node.message for node in trace.branch(leaf)]
    asked = f"Old lessons:\n{old.text or '(none)'}\n\nThe task:\n{ends(transcript(messages), 30_000)}\n\nOutcome: {outcome}"
    reply = await model.reply(Request((Message("system", _PROMPT), Message("user", asked)), sampling=Sampling(max_tokens=1024)))
    if reply.error is not None and not reply.message.text:
        raise ArtificerError(f"the model did not answer: {reply.detail or reply.error.value}", where=model.name, remedy="try again")
    text = " ".join(said(reply, []).split(" ")[:MOST_WORDS])
    return Experience(text, old.split, tuple(dict.fromkeys([*old.tasks, trace.task_id])))


def read_experience(path: str) -> Experience:
    """The lessons of a file.

    Raises:
        ArtificerError: there is none, it is not of that form, or it is of another split than `train`.
    """
    try:
        found = msgspec.json.decode(Path(path).read_bytes(), type=Experience)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtificerError(f"no lessons can be read: {error}", where=path, remedy="write them with experience.write_experience") from error
    if found.split != "train":
        raise ArtificerError(f"these lessons are of the split {found.split!r}.", where=path, remedy="distil them from tasks of the split 'train'")
    return found


def write_experience(path: str, experience: Experience) -> None:
    """Keeps lessons in a file."""
    Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(experience)))


def withheld_from(experience: Experience, task_id: str) -> str:
    """Why lessons may not be told on a task; "" when they may."""
    return "distilled from this task" if task_id in experience.tasks else ""
