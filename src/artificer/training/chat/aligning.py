"""What a message is, as a template writes it: found by rendering the conversation with it and without it, and aligning the two.

Most templates only append, and then what is more in the second is the message. Some write earlier turns otherwise once a message is there (earlier
reasoning is dropped with a final answer), or let the prompt hold what a finished turn does not (a closed, empty thought). Then the two are aligned
from the message before, whose content is replaced by a mark in both renderings. What cannot be aligned is refused by name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.training.chat.template import Template

REASONING, TEXT = "the template does not show the reasoning of a message", "the template does not show the text beside calls"
THOUGHT = "the template takes a thought out of the text of a message"
REWRITTEN = "the template writes the text of a message otherwise than it stands"
JOINED = "the tokenizer joins what is written to what stands before it"
_CLOSED = re.compile(r"<(\w+)>\s*</\1>|<\|(\w+)>\w*\s*<\2\|>")
"""A thought that was closed before anything was thought, as Qwen3 and Gemma 4 write it."""
_MARK = "Qx7vJ2mark"
_CLEAR = 6
"""Characters from which on a name or a text is taken for itself where it stands, when nothing else has it."""


class Unaligned(Exception):
    """What a message's tokens are cannot be said exactly; why."""


class Written(Struct, frozen=True):
    """A message as a template writes it.

    Args:
        opening: what opens its turn.
        text: what was written behind that, with whatever the template puts at its end.
        ids: of `text`, up to the token that ends the turn; closed: whether there is one; size: so many characters of `text` they are.
        hidden: what the template does not show of it (`REASONING`, `TEXT`), if anything.
        shown: the whole rendering with the message.
    """

    opening: str
    text: str
    ids: tuple[int, ...]
    closed: bool
    size: int
    hidden: tuple[str, ...]
    shown: str


def written(messages: Sequence[Message], prompt: str, template: Template, tools: Sequence[ToolSpec]) -> Written:
    """The last of `messages`, written to `prompt`, the rendering of those before it.

    Raises:
        Unaligned: the template shows it otherwise than it could be written.
        ArtificerError: it refuses the conversation.
    """
    before = template.text(messages[:-1], tools, prompt=False)
    shown = template.text(messages, tools, prompt=False)
    if prompt.startswith(before) and shown.startswith(before):
        opened, turn = prompt[len(before) :], shown[len(before) :]
    else:
        opened, turn = _behind_mark(messages, template, tools)
    size = len(opened) if turn.startswith(opened) else _shared(opened, turn)
    rest = turn[size:]
    if template.opening and rest.lstrip().startswith(template.opening):
        raise Unaligned("a finished message opens a turn that its prompt does not open")
    encoded = template.behind(prompt, rest)
    if encoded is None:
        raise Unaligned(JOINED)
    ids, closed = ended(encoded, template)
    if not ids:
        raise Unaligned("the template shows nothing of a message")
    upto = _size(rest, ids, closed, template)
    return Written(turn[:size], rest, ids, closed, upto, _hidden(messages, rest, shown, template, tools), shown)


def _behind_mark(messages: Sequence[Message], template: Template, tools: Sequence[ToolSpec]) -> tuple[str, str]:
    """What stands behind the content of the message before the last: in the prompt, and in the rendering with the last."""
    changed = "the template writes earlier turns otherwise once a message is there"
    if len(messages) < 2 or messages[-2].role == "assistant" or messages[-2].calls:
        raise Unaligned(changed)
    last, result = messages[-2], messages[-2].result
    marked = Message(last.role, "" if result else _MARK, result=ToolResult(result.call_id, _MARK) if result else None, author=last.author)
    told = [*messages[:-2], marked]
    views = [template.text(told, tools, prompt=prompt) for prompt in (False, True)] + [template.text([*told, messages[-1]], tools, prompt=False)]
    if any(view.count(_MARK) != 1 for view in views):
        raise Unaligned(changed)
    before, prompt, shown = (view.split(_MARK)[1] for view in views)
    shared = _common(before, prompt)
    if not shown.startswith(before[:shared]):
        raise Unaligned(changed)
    return prompt[shared:], shown[shared:]


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _shared(opened: str, turn: str) -> int:
    """Where a finished turn goes on behind its opening, when the prompt has more there: a closed empty thought, as Qwen3's.

    Raises:
        Unaligned: the prompt has something else there.
    """
    size = _common(opened, turn)
    mark = opened.rfind("<", 0, size)
    if mark >= 0 and ">" not in opened[mark:size]:  # both go on with a mark, but not with the same one
        size = mark
    put = opened[size:].strip()
    if put and not _CLOSED.fullmatch(put):
        raise Unaligned(f"the prompt opens with {put[:40]!r}, which a finished message does not have")
    return size


def _hidden(messages: Sequence[Message], rest: str, shown: str, template: Template, tools: Sequence[ToolSpec]) -> tuple[str, ...]:
    """What a template does not show of the last message. Where looking for it does not tell, it is changed and rendered once more.

    Raises:
        Unaligned: it does not show its text where it is all that it says, or not all its calls.
    """
    message = messages[-1]

    def changed(other: Message) -> str:
        try:
            return template.text([*messages[:-1], other], tools, prompt=False)
        except ArtificerError:
            return shown

    said = template.harmless(message.text.strip()) if message.text.strip() else ""
    thought = template.harmless(message.reasoning or "")
    given = " ".join([str(call.arguments) for call in message.calls])
    names = Counter([template.harmless(call.name) for call in message.calls])
    if any(len(name) < _CLEAR or rest.count(name) != times or name in said + thought + given for name, times in names.items()):
        calls = [ToolCall(call.id, f"{call.name}{_MARK}{at}z", call.arguments) for at, call in enumerate(message.calls)]
        other = changed(Message(message.role, message.content, message.reasoning, tuple(calls)))
        if any(template.harmless(call.name) not in other for call in calls):
            raise Unaligned("the template does not show all calls of a message")
    hidden: list[str] = []
    if message.reasoning and changed(Message(message.role, message.content, f"{message.reasoning}\n{_MARK}", message.calls)) == shown:
        hidden.append(REASONING)
    if not said or (said in rest and (not message.calls or (len(said) > _CLEAR and said not in thought + given))):
        return tuple(hidden)
    stands = _MARK in changed(Message(message.role, f"{message.text.rstrip()}{_MARK}", message.reasoning, message.calls))
    if stands and said not in rest:
        raise Unaligned(THOUGHT if "</think>" in message.text else REWRITTEN)
    if not stands and not message.calls:
        raise Unaligned("the template does not show the text of a message")
    return tuple(hidden) if stands else (*hidden, TEXT)


def ended(ids: tuple[int, ...], template: Template) -> tuple[tuple[int, ...], bool]:
    """Ids up to the token that ends the turn, and whether there is one.

    It is the first of the known ends that has nothing but control tokens and white space behind it: a model stops there,
    whatever a template writes behind it (Phi's another end). Else the last control token with nothing but white space behind it.
    """
    first = last = -1
    for index in range(len(ids) - 1, -1, -1):
        if ids[index] in template.ends:
            first = index
        if ids[index] in template.special or ids[index] in template.ends:
            last = max(last, index)
        elif template.said(ids[index : index + 1]).strip():
            break
    at = first if first >= 0 else last
    return (ids[: at + 1], True) if at >= 0 else (ids, False)


def _size(text: str, ids: tuple[int, ...], ends: bool, template: Template) -> int:
    """So many characters of a text are ids that it begins with, when they end with a control token, which no content can form."""
    if not ends:
        return len(text)
    end = template.said(ids[-1:])
    at = -1
    for _ in range(ids.count(ids[-1])):
        at = text.find(end, at + 1)
    return at + len(end)
