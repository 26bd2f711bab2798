"""A recipe's knobs as flags. The Struct that declares them is the only place where they stand: names, types, defaults, and help in its docstring."""

from __future__ import annotations

import re
from inspect import Parameter as Slot
from inspect import cleandoc
from typing import Annotated, Any, cast, get_args, get_origin

import msgspec
from cyclopts import Parameter
from msgspec import Struct

from artificer.cli.show import options_of

_NAMED = re.compile(r"^([a-z_][a-z0-9_]*(?:, [a-z_][a-z0-9_]*)*): (.*)$")


def slots(knobs: type[Struct]) -> list[Slot]:
    """A keyword-only parameter for every field of `knobs`, for a function's signature."""
    helps = field_helps(knobs)
    return [_slot(field, helps.get(field.name, "")) for field in msgspec.structs.fields(knobs)]


def _slot(field: msgspec.structs.FieldInfo, text: str) -> Slot:
    flag = f"-{field.name}" if len(field.name) == 1 else f"--{field.name.replace('_', '-')}"
    default: Any = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    shown: Any = field.type
    if is_pairs(field.type):
        shown, default, text = tuple[str, ...], (), f"{text} Give KEY=VALUE, once for each.".strip()
    return Slot(
        field.name,
        Slot.KEYWORD_ONLY,
        default=Slot.empty if default is msgspec.NODEFAULT else default,
        annotation=Annotated[shown, Parameter(name=(flag,), help=text, negative_iterable=(), show_default=_default_text)],
    )


def _default_text(value: Any) -> str:
    if value in ((), None, "", {}):
        return "none"
    return " ".join(str(part) for part in cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else str(value)


def is_pairs(annotation: Any) -> bool:
    """Whether a field is a dict of text to text, which is given as KEY=VALUE."""
    return get_origin(annotation) is dict and get_args(annotation) == (str, str)


def given(knobs: type[Struct], values: dict[str, Any]) -> dict[str, Any]:
    """What was typed, as plain values for the Struct: pairs become dicts."""
    pairs = {field.name for field in msgspec.structs.fields(knobs) if is_pairs(field.type)}
    return {name: options_of(value) if name in pairs else value for name, value in values.items()}


def field_helps(knobs: type[Struct]) -> dict[str, str]:
    """Help texts by field, from the `Args:` section of the docstring."""
    _, _, section = cleandoc(knobs.__doc__ or "").partition("Args:\n")
    helps: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        found = _NAMED.match(line.strip()) if line.startswith("    ") and not line.startswith("     ") else None
        if found:
            names = found[1].split(", ")
            helps |= dict.fromkeys(names, found[2])
        elif line.strip():
            helps |= {name: f"{helps[name]} {line.strip()}" for name in names}
    return helps
