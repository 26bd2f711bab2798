"""The text forms of tool calls: one small module a family, each with `write(message)` and `parse(text)`; `dialect(name)` finds one.

Everything here is text to data and back: no model, no I/O. What a model's text must go through before it is trusted stands in
`artificer.formats.calls.reading`.
"""

from __future__ import annotations

from artificer.core.errors import ArtificerError
from artificer.formats.calls import auto, hermes, lines, llama, mistral, python, qwen3_coder, react, xml
from artificer.formats.calls.reading import Dialect, Parsed

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("json", lines.write, lines.parse, lines.RULE),
        Dialect("hermes", hermes.write, hermes.parse, hermes.RULE),
        Dialect("qwen", hermes.write, hermes.parse, hermes.RULE),
        Dialect("qwen3_coder", qwen3_coder.write, qwen3_coder.parse, qwen3_coder.RULE),
        Dialect("llama", llama.write, llama.parse, llama.RULE),
        Dialect("llama4", python.write, python.parse, python.RULE),
        Dialect("mistral", mistral.write, mistral.parse, mistral.RULE),
        Dialect("mistral_named", mistral.write_named, mistral.parse, mistral.RULE_NAMED),
        Dialect("python", python.write, python.parse, python.RULE),
        Dialect("react", react.write, react.parse, react.RULE, react.STOPS),
        Dialect("xml", xml.write, xml.parse, xml.RULE, ("</function_calls>",)),
        Dialect("auto", auto.write, auto.parse, auto.RULE),
    )
}
"""By name. `auto` writes our own form and reads any."""


def dialect(name: str) -> Dialect:
    """The dialect of a name.

    Raises:
        ArtificerError: there is none.
    """
    if name not in DIALECTS:
        raise ArtificerError(f"There is no dialect {name!r}.", remedy=f"use one of {', '.join(DIALECTS)}")
    return DIALECTS[name]


__all__ = ["DIALECTS", "Dialect", "Parsed", "dialect"]
