"""What is said after Ctrl-C: whether something is kept of what was under way. Imports nothing, since it may be told at any time."""

from __future__ import annotations

from collections.abc import Sequence

CONTINUED = frozenset({"demo", "synth", "rollout", "curate", "train", "merge", "split", "sample", "dedup", "decontaminate"})
"""The commands that write a folder which they continue. Others write what they write whole or not at all."""


def interrupted(typed: Sequence[str]) -> str:
    """The message for a command, as typed."""
    name = typed[0] if typed else ""
    if name in CONTINUED or (name == "convert" and _into_a_run(typed)):
        return "interrupted; what was finished is kept, and the same command continues"
    return "interrupted; no unfinished file is left, and the same command begins anew"


def _into_a_run(typed: Sequence[str]) -> bool:
    return any(word == "--to=artificer" or typed[at : at + 2] == ["--to", "artificer"] for at, word in enumerate(typed))
