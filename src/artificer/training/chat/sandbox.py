"""Chat templates, compiled and run in Jinja's sandbox with what transformers gives them, and with a clock that the caller sets.

transformers' own `apply_chat_template` prints today's date where a template asks for one, so that the same conversation
is other tokens tomorrow. That ours renders the same text is measured on all templates that TRL carries
(`benchmarks/parity_tokens.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from artificer.core.errors import ArtificerError, MissingExtra

if TYPE_CHECKING:
    from jinja2 import Template


MOST = 10_000_000
"""Characters that a template may make by multiplying."""


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False) -> str:
    """Jinja's own filter escapes for HTML; models are shown plain JSON."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@lru_cache(maxsize=64)
def compiled(source: str) -> Template:
    """A template, ready to render.

    Raises:
        MissingExtra: Jinja is not installed.
        ArtificerError: it is not a template.
    """
    try:
        import jinja2
        from jinja2 import nodes, parser
        from jinja2.ext import Extension, loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingExtra("train", "A chat template") from error

    class Generation(Extension):
        """`{% generation %}`, with which some templates mark what is to be learnt: here it marks nothing."""

        tags = {"generation"}

        def parse(self, parser: parser.Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    class Room(ImmutableSandboxedEnvironment):
        """Without sums that take all memory: a text times a number, a power."""

        intercepted_binops = frozenset({"*", "**"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            longest = max((len(one) for one in (left, right) if hasattr(one, "__len__")), default=1)
            times = max((one for one in (left, right) if isinstance(one, int)), default=1)
            if longest * times > MOST or (operator == "**" and times > 64):
                raise jinja2.TemplateError(f"{operator!r} would make too much")
            return super().call_binop(context, operator, left, right)

    def refuse(message: str = "") -> None:
        raise jinja2.TemplateError(message)

    room = Room(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    room.filters["tojson"] = _tojson
    room.globals.update(raise_exception=refuse)  # pyright: ignore[reportArgumentType, reportCallIssue]
    try:
        return room.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        where = f"line {error.lineno}"
        raise ArtificerError(f"this is not a chat template: {error.message}", where=where, remedy="give a Jinja template: --template FILE") from error


def clock(day: str, otherwise: str) -> Callable[[str], str]:
    """`strftime_now` at a time in ISO 8601."""
    try:
        now = datetime.fromisoformat(day)
    except ValueError:
        now = datetime.fromisoformat(otherwise)

    def told(form: str) -> str:
        return now.strftime(form)

    return told
