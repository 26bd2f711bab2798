"""Tool names that can be mistaken for one another, or that hide something.

In a catalogue of many sources one may name a tool so that it is taken for another's: with a Cyrillic letter that looks Latin, a zero-width space, a
direction mark, `1` for `l`. Such names are reported and never refused here: whether they are meant is not for us to know. A name's skeleton is its
text with everything that looks alike made equal, as in Unicode's report 39; of its table we hold what resembles Latin letters and digits.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from artificer.worlds.base import TOOL_NAME, Problem
from artificer.worlds.catalogue.words import normal

_ALIKE = (
    ("0", "O"),
    ("1I|", "lll"),
    ("авсԁеһіјкӏорԛгѕтиѵԝхубп", "aBcdehijklopqrsTuvwxy6n"),  # Cyrillic
    ("АВСЕНІЈКМОРЅТХУЗԌѴԜ", "ABCEHlJKMOPSTXY3GVW"),
    ("αγεηικνορστυχω", "ayenikvopotuxw"),  # Greek
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHlKMNOPTYX"),
    ("օսհոցıɑɡʟɩßƅ", "ouhngiagLiBb"),  # Armenian, and Latin beyond ASCII
)
_TABLE = {ord(looks): plain for looking, plainly in _ALIKE for looks, plain in zip(looking, plainly, strict=True)}
_MIXABLE = frozenset({"LATIN", "HIRAGANA", "KATAKANA", "CJK", "HANGUL"})
"""Scripts that stand beside one another in honest names: Latin words within Japanese, Chinese or Korean ones."""


def skeleton(name: str) -> str:
    """What a name looks like, with look-alikes made equal. Two names with one skeleton can be mistaken for each other."""
    looks = unicodedata.normalize("NFD", normal(name)).translate(_TABLE).casefold()
    return looks.replace("rn", "m").replace("vv", "w")


def suspicious(names: Iterable[str]) -> list[Problem]:
    """What is doubtful about a catalogue's names, in their order: each name by itself, then those that look alike."""
    listed = list(dict.fromkeys(names))
    found = [Problem(_shown(name), reason) for name in listed for reason in _reasons(name)]
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in listed:
        groups[skeleton(name)].append(name)
    for alike in groups.values():
        found += [Problem(_shown(name), f"can be mistaken for {_shown(alike[0])}") for name in alike[1:]]
    return found


def _reasons(name: str) -> list[str]:
    if TOOL_NAME.fullmatch(name):
        return []
    found: list[str] = []
    hidden = sorted({f"U+{ord(character):04X}" for character in name if unicodedata.category(character) in ("Cf", "Cc", "Cs", "Zl", "Zp")})
    if hidden:
        found.append(f"holds characters that do not show: {', '.join(hidden)}")
    scripts = {_script(character) for character in name if character.isalnum()} - {"DIGIT"}
    if len(scripts) > 1 and not scripts <= _MIXABLE:
        found.append(f"mixes scripts: {', '.join(script.title() for script in sorted(scripts))}")
    if normal(name) != name and not hidden:
        found.append(f"is written with compatibility characters; plainly it is {_shown(normal(name))}")
    return found


def _script(character: str) -> str:
    """The script of a character, by the first word of its Unicode name."""
    word = unicodedata.name(character, "UNKNOWN").split(" ", 1)[0]
    return "CJK" if word.startswith("CJK") else "LATIN" if word in ("FULLWIDTH", "MODIFIER") and character.isalpha() else word


def _shown(name: str) -> str:
    """A name in which everything beyond ASCII can be seen."""
    return ascii(name[:80])
