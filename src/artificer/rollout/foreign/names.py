"""What tools and arguments of somebody else's data are called in a world of ours: said by the user, never guessed; near
names are only suggested.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolCall

_SUGGESTED = 3
_LONGEST = 80


class Renames(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Other names.

    Args:
        tools: a recorded tool's name to the world's.
        arguments: by the tool's recorded name, a recorded argument's name to the world's.
    """

    tools: dict[str, str] = {}
    arguments: dict[str, dict[str, str]] = {}

    def of(self, call: ToolCall) -> ToolCall:
        """A call as the world has it. An argument whose new name is taken keeps its own."""
        name, renamed = self.tools.get(call.name, call.name), self.arguments.get(call.name)
        if renamed is None and name == call.name:
            return call
        arguments = call.arguments
        if renamed:
            arguments = {renamed[key] if key in renamed and renamed[key] not in arguments else key: value for key, value in arguments.items()}
        return ToolCall(call.id, name, arguments)


def renames_of(texts: Sequence[str], known: Iterable[str] | None = None) -> Renames:
    """What a user says: files (TOML or JSON with `tools` and `arguments`), `OLD=NEW` for tools, `TOOL:OLD=NEW` for arguments.

    Args:
        known: the world's tools, which new names must be among.

    Raises:
        ArtificerError: a text is neither, a file cannot be read, or a new name is none of the world's.
    """
    tools: dict[str, str] = {}
    arguments: dict[str, dict[str, str]] = {}
    for text in texts:
        old, equals, new = text.rpartition("=")
        if not equals:
            given = _file(Path(text))
            tools |= given.tools
            for tool, names in given.arguments.items():
                arguments[tool] = arguments.get(tool, {}) | names
            continue
        if not old or not new:
            raise ArtificerError(f"{text!r} maps nothing", remedy="write OLD=NEW for a tool, TOOL:OLD=NEW for an argument, or a file's name")
        tool, colon, argument = old.partition(":")
        if colon:
            arguments.setdefault(tool, {})[argument] = new
        else:
            tools[old] = new
    if known is not None:
        names = sorted(known)
        for new in tools.values():
            if new not in names:
                close = near(new, names)
                raise ArtificerError(f"the world has no tool {new!r}", remedy=f"use {' or '.join(close)}" if close else "see artificer tools SOURCE")
    return Renames(tools, arguments)


def _file(path: Path) -> Renames:
    remedy = 'write [tools] with "old" = "new", and [arguments.TOOL] with the same'
    try:
        text = path.read_text("utf-8")
        return msgspec.convert(msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text), Renames)
    except OSError as error:
        remedy = f"write OLD=NEW, or a file's name; {remedy}"
        raise ArtificerError(f"the names cannot be read: {error.strerror}", where=str(path), remedy=remedy) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
        raise ArtificerError(f"these are no names: {str(error)[:120]}", where=str(path), remedy=remedy) from error


def near(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """The known names that are like one that is not known: the same but for case, marks and what stands in front; else close ones."""
    if len(name) > _LONGEST:
        return ()
    bare = _bare(name)
    alike = [one for one in known if _bare(one) == bare or (len(_bare(one)) >= 5 and bare.endswith(_bare(one)))]
    close = [one for one in get_close_matches(name, known, _SUGGESTED, 0.6) if one not in alike]
    return tuple([*alike, *close][:_SUGGESTED])


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
