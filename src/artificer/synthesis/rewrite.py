"""Lets a model reword a task's lines, and keeps a rewording only when nothing of it can have changed what is meant.

The grammar's line is the truth; the model's is a proposal. It replaces the line when every fact of the line still
stands in it verbatim, it says no other fact of the goal, brings in no number, quotation or id of its own, and has a
sane length. Otherwise the line stays, and why is counted. The model sees one line and its phrases, never the goal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from artificer.agents.hearing import affirms as hears_yes
from artificer.agents.hearing import says
from artificer.checks.confirmed import affirms
from artificer.checks.leaks import without_facts
from artificer.checks.values import fold, numbers
from artificer.core.messages import Message
from artificer.core.tasks import Fact, Task
from artificer.models.base import Model, Request, Sampling

Writer = Callable[[str], Awaitable[str | None]]
"""From a prompt to a text, or None when there is none."""

_STRETCH = 3
"""A rewording may be this many times longer or shorter than its line, give or take `_SLACK` characters."""
_SLACK = 40
_QUOTED = re.compile(r"\"[^\"\n]+\"|\u201c[^\u201d\n]+\u201d|\u00ab[^\u00bb\n]+\u00bb|(?<!\w)'[^'\n]+'(?!\w)|`[^`\n]+`")
_CODE = re.compile(r"\b(?=\w*\d)(?=\w*[a-z])\w+\b|\b[\w.+-]+@[\w-]+\.\w+|#\w+|https?://\S+")

PROMPT = """Reword what a person writes to an assistant. Keep the meaning, the language and who speaks. Sound like a real person.
Copy these parts letter by letter, each once:
{phrases}
Add no facts, names, numbers or quotation marks. Answer with the reworded text alone.

Text: {line}
Reworded:"""


class Rewritten(Struct, frozen=True):
    """A task with its lines reworded where that was safe, and what became of each line: `kept`, or why its rewording
    was not.
    """

    task: Task
    counts: dict[str, int]


def writer(model: Model, *, temperature: float = 0.8, max_tokens: int = 256) -> Writer:
    """A writer that asks a model; a failed request writes nothing."""

    async def write(prompt: str) -> str | None:
        reply = await model.reply(Request((Message("user", prompt),), sampling=Sampling(temperature=temperature, max_tokens=max_tokens)))
        return None if reply.error is not None or reply.message.calls else reply.message.text

    return write


async def rewrite(task: Task, write: Writer) -> Rewritten:
    """Rewords a task's lines, one request a line, in the order of their keys.

    The lines that carry no fact ("confirm", "unknown", ...) are reworded, too; a yes must still be understood as a
    yes, and a no as none.
    """
    script = dict(task.goal.script)
    counts: Counter[str] = Counter()
    for key in sorted(script):
        line = script[key]
        own = [fact.phrase for fact in task.goal.facts if says(line, fact.phrase)]
        text = await write(PROMPT.format(phrases="\n".join(f"- {phrase}" for phrase in own) or "- (none)", line=line))
        text = None if text is None else _bare(text)
        reason = "no answer" if text is None else objection(key, line, text, task.goal.facts)
        counts[reason or "kept"] += 1
        if text is not None and reason is None:
            script[key] = text
    goal = msgspec.structs.replace(task.goal, script=script)
    return Rewritten(msgspec.structs.replace(task, goal=goal, prompt=script.get("open:0", task.prompt)), dict(sorted(counts.items())))


def objection(key: str, line: str, text: str, facts: Sequence[Fact]) -> str | None:
    """Why `text` may not replace `line`, or None: `empty`, `length`, `fact lost`, `fact leaked`, `number added`,
    `quotation added`, `id added`, `meaning changed`.
    """
    if not text.strip():
        return "empty"
    if len(text) > _STRETCH * len(line) + _SLACK or _STRETCH * len(text) + _SLACK < len(line):
        return "length"
    for fact in facts:
        was, stands = says(line, fact.phrase), says(text, fact.phrase)
        if was != stands or (was and fact.phrase not in text and not _recased(fact.phrase, text)):
            return "fact lost" if was else "fact leaked"
    return _added(line, text, facts) or _meaning(key, text)


def _added(line: str, text: str, facts: Sequence[Fact]) -> str | None:
    """What a rewording brings in, once the facts it may state are taken out."""
    own = [fact for fact in facts if says(line, fact.phrase)]
    before, after = without_facts(line, own), without_facts(text, own)
    values = [fold(str(fact.value)) for fact in facts if isinstance(fact.value, str) and len(fact.value) > 2]
    if any(value in after and value not in before for value in values):
        return "fact leaked"
    if not _digits(after) <= _digits(before):
        return "number added"
    if not set(_QUOTED.findall(after)) <= set(_QUOTED.findall(before)):
        return "quotation added"
    if not set(_CODE.findall(after)) <= set(_CODE.findall(before)):
        return "id added"
    return None


def _digits(folded: str) -> set[float]:
    """Numbers, leaving out "one", which is mostly a pronoun."""
    return numbers(re.sub(r"\bone\b", " ", folded))


def _meaning(key: str, text: str) -> str | None:
    """Lines that are understood by their words must still be."""
    kind = key.partition(":")[0]
    yes = affirms(text) and hears_yes(text)
    if kind == "confirm":
        return None if yes else "meaning changed"
    return "meaning changed" if kind in ("no", "unknown", "ask") and hears_yes(text) else None


def _recased(phrase: str, text: str) -> bool:
    """Whether a phrase stands in the text with nothing but its first letter in another case, as at the start of a
    sentence.
    """
    return phrase[:1].swapcase() + phrase[1:] in text


def _bare(text: str) -> str:
    """A model's answer without what models put around it: blank space, one pair of quotation marks around everything,
    an echoed label.
    """
    text = text.strip().removeprefix("Reworded:").strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        text = text[1:-1].strip()
    return text
