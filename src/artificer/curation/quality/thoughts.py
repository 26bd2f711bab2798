"""Thoughts and ends; and the quality check of the Agent Data Protocol, rule for rule.

ADP's check is `agents/openhands_v0/sft_quality_control.py` of neulab/agent-data-protocol (read at commit b3198e95;
`analyze_dataset` counts, `generate_markdown_table` decides; `scripts/sft_quality_control.py` is an older one without
thresholds). What it does, and `Adp` does over traces:

- Roles: messages at even places are human or observation, at odd places gpt or function_call. The system prompt is a
  field of its own there, so leading system messages are left out here; results of parallel calls stand in one
  observation there, so as many results as a message has calls count as one here.
- Calls: of each message the first call is counted, and its name. A `finish` counts as having a thought; another has
  one where text stands before the call. Reasoning kept apart does not count: their SFT text does not hold it.
- Tools: all called names are among the harness's own; false where nothing is called. Their list is OpenHands' six;
  here it is the tools that the conversation itself offers, unless a list is given (`native`).
- Names: shares of the names add up to 0.95 to 1.05. They are divided by their own sum, so that this fails only where
  nothing is called.
- Ends: conversations with a `finish` anywhere are more than 80 % of all, or conversations of two messages are; not
  the two together.
- Thoughts: at least 80 % of the counted calls.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from artificer.checks.values import clip
from artificer.core.messages import Message
from artificer.core.trace import Node
from artificer.curation.quality.findings import Finding, found

_TAG = re.compile(r"</?think\b", re.IGNORECASE)
FINISH = frozenset({"finish", "submit", "stop", "final_answer", "finish_task", "complete_task", "done", "terminate"})
"""Names under which harnesses end an episode (ADP's normaliser: scripts/atif_to_std_common.py); upper case is folded: ToolBench's Finish."""
NATIVE = ("execute_bash", "think", "finish", "browser", "execute_ipython_cell", "str_replace_editor")
"""OpenHands' tools, as ADP lists them (`VALID_TOOLS`)."""
SHARE = 0.8
"""ADP's bound for thoughts (at least) and ends (more than)."""


class AdpCheck(Struct, frozen=True):
    """ADP's five decisions and the figures they are made on; shares lie between 0 and 1."""

    conversations: int
    calls: int
    thoughts: float
    finish: float
    two_messages: float
    names_sum: float
    invalid_tools: tuple[str, ...]
    names_pass: bool
    finish_pass: bool
    tools_pass: bool
    thoughts_pass: bool
    roles_pass: bool

    @property
    def passed(self) -> bool:
        return self.names_pass and self.finish_pass and self.tools_pass and self.thoughts_pass and self.roles_pass


class Adp:
    """Counts conversations one by one as ADP's check does."""

    __slots__ = ("_native", "calls", "conversations", "finished", "invalid", "named", "roles", "thoughts", "two")

    def __init__(self, native: Sequence[str] | None = None) -> None:
        self._native = None if native is None else frozenset(native)
        self.conversations = self.calls = self.named = self.thoughts = self.finished = self.two = 0
        self.roles = True
        self.invalid: Counter[str] = Counter()

    def add(self, nodes: Sequence[Node], offered: frozenset[str]) -> None:
        """Counts one conversation with the names of the tools it offers."""
        turns = list(_turns(nodes))
        self.conversations += 1
        self.two += len(turns) == 2
        finished = False
        native = offered if self._native is None else self._native
        for at, message in enumerate(turns):
            self.roles = self.roles and (message.role in ("user", "tool")) == (at % 2 == 0)
            if message.role != "assistant" or not message.calls:
                continue
            name = message.calls[0].name
            self.calls += 1
            self.named += 1
            finished = finished or name == "finish"
            self.thoughts += name == "finish" or bool(message.text.strip())
            if name not in native and (len(self.invalid) < 100 or name in self.invalid):
                self.invalid[name] += 1
        self.finished += finished

    def found(self) -> AdpCheck:
        """What was counted, decided."""
        rows, calls = max(self.conversations, 1), max(self.calls, 1)
        thoughts, finish, two, names = self.thoughts / calls, self.finished / rows, self.two / rows, self.named / calls
        return AdpCheck(
            conversations=self.conversations,
            calls=self.calls,
            thoughts=thoughts,
            finish=finish,
            two_messages=two,
            names_sum=names,
            invalid_tools=tuple(sorted(self.invalid)),
            names_pass=0.95 <= names <= 1.05,
            finish_pass=finish > SHARE or two > SHARE,
            tools_pass=not self.invalid and self.calls > 0,
            thoughts_pass=thoughts >= SHARE and self.calls > 0,
            roles_pass=self.roles,
        )


def _turns(nodes: Sequence[Node]) -> Iterator[Message]:
    """Messages as ADP's SFT rows have them."""
    began = False
    before = ""
    room = 0  # results that belong to the turn of the one before
    for node in nodes:
        role = node.message.role
        if role == "system" and not began:
            continue
        began = True
        if role == "tool" and room > 0 and before == "tool":
            room -= 1
            continue
        room = room - 1 if role == "tool" else len(node.message.calls)
        before = role
        yield node.message


class Thoughts:
    """Our own counts of one trace: calls, those with text or reasoning, and whether it ended as it should."""

    __slots__ = ("calls", "ended", "thought")

    def __init__(self) -> None:
        self.calls = self.thought = 0
        self.ended = True

    def look(self, nodes: Sequence[Node]) -> Iterator[Finding]:
        """Calls without a thought, raw tags, and a conversation that neither finishes nor is of two messages, along one branch."""
        finished = False
        for at, node in enumerate(nodes):
            message = node.message
            if message.role != "assistant":
                continue
            if message.calls:
                ends = [call.name for call in message.calls if call.name.lower() in FINISH]
                finished = bool(ends) or finished
                self.calls += 1
                if ends or message.text.strip() or (message.reasoning or "").strip():
                    self.thought += 1
                else:
                    yield found("thought_missing", at, clip(message.calls[0].name))
            tag = _TAG.search(message.text) or _TAG.search(message.reasoning or "")
            if tag is not None:
                yield found("think_tag", at, tag[0])
        talked = sum(1 for _ in _turns(nodes))
        self.ended = finished or talked == 2
        if not self.ended and nodes:
            yield found("unfinished", len(nodes) - 1, f"{talked} messages without a finish")
