"""Words for tools, parameters and values, from names, descriptions and labels. No list of domain words: what tools call things, people call them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.synthesis.dataflow.graph import Param

READS = frozenset(
    {"get", "list", "show", "search", "find", "read", "view", "fetch", "describe", "status", "log", "diff"}
    | {"count", "lookup", "query", "check", "browse", "history"}
)
"""Verbs of tools that only look. Believed of tools that declare nothing; what they change is observed all the same."""
_ADJECTIVES = (
    "amber",
    "brisk",
    "calm",
    "copper",
    "early",
    "gentle",
    "golden",
    "quiet",
    "rapid",
    "silver",
    "solid",
    "sunny",
    "tidy",
    "velvet",
    "warm",
)
_NOUNS = ("anchor", "basket", "bridge", "canyon", "ember", "falcon", "forest", "harbor", "island", "lantern", "meadow", "orchard", "pebble", "summit")
NOT_FOUND = ("could not find", "couldn't find", "cannot find", "not found", "no such", "does not exist", "doesn't exist", "there is no")
SEVERAL = ("more than one", "several", "which one", "which of them", "ambiguous", "multiple")


def words_of(name: str) -> list[str]:
    """`git_createBranch` -> git, create, branch."""
    return re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def label_of(name: str, schema: dict[str, Any]) -> str:
    """What people call a parameter: its `x-label`, else its name without `id`."""
    label = schema.get("x-label")
    if isinstance(label, str) and label.strip():
        return label.strip()
    return " ".join(_without_id(name))


def path_of(name: str, taken: Sequence[str]) -> str:
    """A parameter's or column's name in facts; `id` is left out where that stays unique."""
    path = "_".join(_without_id(name))
    return path if path not in taken and path != "row" else "_".join(words_of(name)) or "item"


def _without_id(name: str) -> list[str]:
    words = [word for word in words_of(name) if word not in ("id", "ids", "uuid")]
    return words or words_of(name) or [name.lower()]


def common_prefix(tools: Sequence[ToolSpec]) -> int:
    """How many leading words all tool names share: `git_log`, `git_add` -> 1."""
    names = [words_of(tool.name) for tool in tools]
    if len(names) < 2:
        return 0
    size = 0
    while all(len(name) > size + 1 for name in names) and len({name[size] for name in names}) == 1:
        size += 1
    return size


def phrases_for(tool: ToolSpec, prefix: int) -> tuple[str, ...]:
    """Infinitives for what a tool does: from the first sentence of its description, and from its name."""
    words = words_of(tool.name)[prefix:]
    named = " ".join(words) if len(words) < 2 else f"{words[0]} {_article(words[1:])}"
    sentence = re.split(r"[.:;(\n]", tool.description.strip(), maxsplit=1)[0].strip()
    first, _, rest = sentence.partition(" ")
    found = (
        [f"{_infinitive(first.lower())} {rest}".strip()]
        if first.isalpha() and rest and len(sentence) <= 80 and not re.search(r'["<>]|\boptional', sentence)
        else []
    )
    return tuple(dict.fromkeys(phrase for phrase in (*found, named) if phrase))


def noun_for(tool: ToolSpec, prefix: int) -> str:
    """What a tool is about: its name without the shared prefix and the verb."""
    words = words_of(tool.name)[prefix:]
    return " ".join(words[1:] if len(words) > 1 else words)


def _infinitive(verb: str) -> str:
    """`creates` -> create, `switches` -> switch, `applies` -> apply; a verb without -s stays."""
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if verb.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith(("ss", "us", "is")) else verb


def _article(words: Sequence[str]) -> str:
    text = " ".join(words)
    if words[-1].endswith("s"):
        return f"the {text}"
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def with_article(text: str) -> str:
    """`order` -> an order; plurals get the."""
    return _article(text.split()) if text else "it"


def value_phrases(label: str, value: Json, by: str | None = None) -> tuple[str, ...]:
    """Ways to say a value: quoted text with what it is, numbers and other values with their label."""
    if isinstance(value, str):
        if by is not None and by not in ("value", "key"):
            named = (f'the {label} called "{value}"', f'the {label} named "{value}"') if by in ("name", "title", "label") else ()
            return (*named, f'the {label} with the {by} "{value}"', f'the {label} whose {by} is "{value}"')
        return (f'the {label} "{value}"', f'"{value}" as the {label}', f'"{value}" for the {label}')
    said = "yes" if value is True else "no" if value is False else str(value)
    return (f"a {label} of {said}", f"{said} for the {label}", f"{said} as the {label}")


def invent(form: str, rng: Random) -> str:
    """New content of a form, in everyday words."""
    adjective, noun = rng.choice(_ADJECTIVES), rng.choice(_NOUNS)
    if form == "slug":
        return f"{adjective}-{noun}"
    if form == "word":
        return f"{adjective}{noun}"
    if form == "date":
        return f"20{rng.randint(27, 29)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    if form == "email":
        return f"{adjective}.{noun}@mail.example"
    return f"{adjective} {noun}"


def invent_for(param: Param, rng: Random) -> Json:
    """A value for a free parameter."""
    if param.form in ("integer", "number"):
        low, high = int(param.least), int(param.most)
        whole = rng.randint(low, max(low, high))
        return whole if param.form == "integer" else round(whole + rng.choice((0.25, 0.5, 0.75)), 2)
    return invent(param.form, rng)


def schema_of(tool: ToolSpec, name: str) -> dict[str, Any]:
    """A parameter's schema with `$ref`s into the tool's own definitions followed once, and nullable unions reduced to what is not null."""
    schema = cast("dict[str, Any]", tool.parameters.get("properties", {}).get(name, {}))
    return resolved(schema, tool)


def resolved(schema: dict[str, Any], tool: ToolSpec) -> dict[str, Any]:
    """See `schema_of`."""
    for _ in range(4):
        ref = schema.get("$ref")
        options = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(ref, str):
            target = cast("dict[str, Any]", tool.parameters.get("$defs", {})).get(ref.rpartition("/")[2], {})
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        elif isinstance(options, list):
            empty: dict[str, Any] = {}
            kept = next((part for part in cast("list[dict[str, Any]]", options) if part.get("type") != "null"), empty)
            schema = {**kept, **{key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}}
        else:
            break
    return schema
