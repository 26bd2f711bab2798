"""Puts requests into a person's words, by a combinatorial grammar.

Every fact gets one of its phrases; no phrase of a task contains another, and every line says exactly the facts it
should, so that what was heard is never in doubt. `vagueness` decides what is withheld until asked. The alternatives
themselves live in `phrasebook`; those whose `part_of` is "test" are used for held-out wording only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from random import Random

from msgspec import Struct

from artificer.agents.hearing import says
from artificer.core.canon import Json
from artificer.core.tasks import Fact
from artificer.synthesis import phrasebook as book
from artificer.worlds.guide import Part, Request, Said, allowed

_TRIES = 12
"""How often phrases are drawn anew when one contains another."""
_VARIANTS = 3
"""Lines of each kind that a scripted user may need several times."""
_QUESTION = re.compile(r"(what|which|who|whose|whom|when|where|why|how|is|are|was|were|do|does|did|has|have you|can|could)\b", re.IGNORECASE)
_INWARD = frozenset("know learn hear see be get have go understand find ask tell".split())  # noqa: SIM905
"""Infinitives that make no request in the imperative: "please know the price"."""
_FUNCTION = frozenset(
    "a an the its it is of for to with as by in on at i we you me my this that one whose where which what how many all has have be been "  # noqa: SIM905
    "should make set use put new called named get goes mean want reads says under linked belonging from".split()
)


class Worded(Struct, frozen=True):
    """A goal in words: the opening message, the facts with their phrases, and every line the user may need.

    `script` holds `open:<want>`, `ask:<path>` for withheld facts, and `confirm`, `confirm:1`, ..., `unknown`,
    `unknown:1`, ..., `no`, `thanks`.
    """

    prompt: str
    facts: tuple[Fact, ...]
    script: dict[str, str]


def word(requests: Sequence[Request], rng: Random, *, part: Part = "all", pace: int = 1, vagueness: float = 0.3) -> Worded | None:
    """Words the requests of one user, or None when no set of phrases was found in which none contains another.

    Args:
        requests: in the order in which they are brought up; each `said` holds the want itself (path "") and its
            facts.
        rng: the task's own stream.
        part: which share of phrasings may be used.
        pace: how many wants the user brings up at a time.
        vagueness: 0 to 1: the probability that a fact that may be withheld is.
    """
    said = [(f"{index}.{one.path}" if one.path else f"{index}", one) for index, request in enumerate(requests) for one in request.said]
    if not said or len({path for path, _ in said}) < len(said) or any(not one.phrases for _, one in said):
        return None
    for _ in range(_TRIES):
        facts = _choose(said, rng, part, vagueness)
        if facts is None:
            continue
        script = _script(facts, len(requests), rng, part, pace)
        if all(_exact(line, expected, facts) for line, expected in _expected(script, facts)):
            return Worded(script["open:0"], tuple(facts), script)
    return None


def template_of(prompt: str, facts: Iterable[Fact]) -> str:
    """What is left of a prompt without its facts: the want becomes `<want>`, any other fact `<fact>`; blank space and
    case do not count.
    """
    text = prompt.lower()
    for fact in sorted(facts, key=lambda fact: (-len(fact.phrase), fact.path)):
        text = text.replace(fact.phrase.lower(), "<fact>" if "." in fact.path else "<want>")
    return " ".join(text.split())


def variety(templates: Iterable[str]) -> float:
    """The share of the most common template, in [0, 1]; 0 of none."""
    counts = Counter(templates)
    return max(counts.values()) / counts.total() if counts else 0.0


# phrases


def _choose(said: Sequence[tuple[str, Said]], rng: Random, part: Part, vagueness: float) -> list[Fact] | None:
    """A phrase for each fact, none within another."""
    facts: list[Fact] = []
    for path, one in said:
        options = list(_phrases(one, part))
        rng.shuffle(options)
        phrase = next((option for option in options if not any(says(option, other.phrase) or says(other.phrase, option) for other in facts)), None)
        if phrase is None:
            return None
        withheld = one.reveal == "asked" and one.path != "" and rng.random() < vagueness
        facts.append(Fact(path, one.value, phrase, "asked" if withheld else "opening"))
    return facts


def _phrases(one: Said, part: Part) -> Sequence[str]:
    """The phrases whose manner belongs to `part`; all of them when there is none."""
    if part == "all" or len(one.phrases) < 2:
        return one.phrases
    return [phrase for phrase in one.phrases if allowed(part, manner(phrase, one.value))] or one.phrases


def manner(phrase: str, value: Json) -> str:
    """A phrase without what it is about: the value and the names of things become blanks, so that a way of speaking
    has one name everywhere.
    """
    spoken = str(value).lower()
    text = phrase.lower().replace(spoken, "~") if value is not None and spoken else phrase.lower()
    words = re.findall(r"~|\w+", text)
    kept = [word if word in _FUNCTION or word == "~" or (at == 0 and value is None) else "_" for at, word in enumerate(words)]
    return "manner " + re.sub(r"_( _)+", "_", " ".join("a" if word == "an" else word for word in kept))


# lines


@lru_cache(maxsize=256)
def of_part(options: tuple[str, ...], part: Part) -> tuple[str, ...]:
    """The alternatives that `part` may use."""
    return tuple(option for option in options if allowed(part, option))


@lru_cache(maxsize=8)
def _joins(part: Part) -> tuple[tuple[str, str], ...]:
    return tuple(join for join in book.JOINS if allowed(part, "".join(join)))


class _Voice:
    """Draws alternatives of one part."""

    def __init__(self, rng: Random, part: Part) -> None:
        self.rng = rng
        self.part: Part = part

    def one(self, options: tuple[str, ...]) -> str:
        return self.rng.choice(of_part(options, self.part))

    def maybe(self, options: tuple[str, ...], chance: float) -> str:
        return self.one(options) if self.rng.random() < chance else ""

    def join(self) -> tuple[str, str]:
        return self.rng.choice(_joins(self.part))


def _script(facts: Sequence[Fact], wants: int, rng: Random, part: Part, pace: int) -> dict[str, str]:
    voice = _Voice(rng, part)
    script: dict[str, str] = {}
    for index in range(wants):
        own = [fact for fact in facts if fact.path.split(".")[0] == str(index)]
        told = [fact for fact in own if "." in fact.path and fact.reveal == "opening"]
        rng.shuffle(told)
        want = next((fact for fact in own if "." not in fact.path), None)
        opener = "" if index == 0 else voice.one(book.BRIDGES_SAME if index % max(pace, 1) else book.BRIDGES_LATER)
        script[f"open:{index}"] = _opening(voice, want, told, opener, last=(index + 1) % max(pace, 1) == 0 or index + 1 == wants)
        for fact in own:
            if fact.reveal == "asked":
                script[f"ask:{fact.path}"] = _answer(voice, fact)
    for kind, options in (("confirm", book.CONFIRMS), ("unknown", book.UNKNOWNS)):
        lines = rng.sample(of_part(options, part), min(_VARIANTS, len(of_part(options, part))))
        script |= {kind if number == 0 else f"{kind}:{number}": line for number, line in enumerate(lines)}
    script["no"], script["thanks"] = voice.one(book.REFUSALS), voice.one(book.THANKS)
    return script


def _opening(voice: _Voice, want: Fact | None, told: Sequence[Fact], bridge: str, *, last: bool) -> str:
    """The line that brings up a want: an optional greeting and context (or the bridge from what was before), the
    want, facts, a closing word.
    """
    start = [bridge] if bridge else [voice.maybe(book.GREETINGS, 0.5), voice.maybe(book.CONTEXTS, 0.45)]
    asked = _wanted(voice, want.phrase) if want is not None else ""
    shape = voice.rng.choice(("after", "after", "before", "tail", "sentences")) if told and asked else "after"
    if shape == "before":
        body = [_lead(voice, book.FOREWORDS, told), asked]
    elif shape == "tail":
        body = [_tail(voice, asked, told)]
    elif shape == "sentences":
        body = [asked, _sentences(voice, told)]
    else:
        body = [asked, _lead(voice, book.LEADS, told) if told else ""]
    return _text([*start, *body, voice.maybe(book.CLOSERS, 0.5) if last else ""])


def _wanted(voice: _Voice, phrase: str) -> str:
    if _QUESTION.match(phrase):
        return _capital(voice.one(book.QUESTIONS).replace("{q}", phrase.rstrip("?")))
    inward = phrase.split(" ", 1)[0].lower() in _INWARD
    return voice.one(book.ASKS if inward or voice.rng.random() < 0.65 else book.ORDERS).replace("{w}", phrase.rstrip("."))


def _lead(voice: _Voice, leads: tuple[str, ...], told: Sequence[Fact]) -> str:
    return voice.one(leads).replace("{f}", _joined(voice, told))


def _tail(voice: _Voice, asked: str, told: Sequence[Fact]) -> str:
    """The facts within the sentence of the want; a question keeps its mark at the end of its own words."""
    tail, joined = voice.one(book.TAILS), _joined(voice, told)
    if asked.endswith("?"):
        return f"{asked} " + _capital(_lead(voice, book.LEADS, told))
    return asked.removesuffix(".") + tail.replace("{f}", joined).replace("{F}", _capital_fact(joined, told[0]))


def _joined(voice: _Voice, told: Sequence[Fact]) -> str:
    between, final = voice.join()
    phrases = [fact.phrase for fact in told]
    return between.join(phrases[:-1]) + final + phrases[-1] if len(phrases) > 1 else phrases[0]


def _sentences(voice: _Voice, told: Sequence[Fact]) -> str:
    between = voice.one(book.SENTENCES)
    capital = between.endswith((". ", "! ", "\n", "- ", "* "))
    phrases = [_capital_fact(fact.phrase, fact) if capital or at == 0 else fact.phrase for at, fact in enumerate(told)]
    listed = between.endswith(("- ", "* "))
    return ("\n" + between[-2:] if listed else "") + between.join(phrases) + "."


def _answer(voice: _Voice, fact: Fact) -> str:
    line = voice.one(book.ANSWERS)
    at = line.index("{p}")
    starts = at == 0 or (line[:at].rstrip().endswith(".") and not line[:at].rstrip().endswith("..."))
    return line.replace("{p}", _capital_fact(fact.phrase, fact) if starts else fact.phrase)


def _text(parts: Iterable[str]) -> str:
    """Parts as one line of text; after a comma or a colon our own words go on in lower case."""
    text = ""
    for part in parts:
        if not part:
            continue
        lower = text.endswith((",", ":")) and part[:2] not in ("I ", "I'")
        text += ("" if not text or part.startswith("\n") else " ") + (part[0].lower() + part[1:] if lower else part)
    return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def _capital_fact(text: str, fact: Fact) -> str:
    """Starts with a capital unless the value itself stands first."""
    return text if text.lower().startswith((str(fact.value).lower(), '"')) else _capital(text)


# proof


def _expected(script: dict[str, str], facts: Sequence[Fact]) -> Iterable[tuple[str, set[str]]]:
    for key, line in script.items():
        kind, _, rest = key.partition(":")
        if kind == "ask":
            yield line, {rest}
        elif kind == "open":
            yield line, {fact.path for fact in facts if fact.path.split(".")[0] == rest and fact.reveal == "opening"}
        else:
            yield line, set()


def _exact(line: str, expected: set[str], facts: Sequence[Fact]) -> bool:
    """Whether a line says these facts and no others."""
    return all(says(line, fact.phrase) == (fact.path in expected) for fact in facts)
