"""Inputs that are broken on purpose, from good rows and a seed; and what has to hold of each.

Used by the tests (some for each format) and by `benchmarks/fuzz_formats.py` (a thousand and more for each).
"""

from __future__ import annotations

import io
import json
import random

import msgspec

from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError
from artificer.formats.account import Account
from artificer.formats.base import HOLDS, Format, Item
from artificer.formats.convert import parse, write
from artificer.formats.holding import branches, held
from artificer.formats.source import blocks, split

JUNK = [None, True, 0, -1, 2**80, 10**400, -0.0, 1e308, 1.5, "", "x", "\ud7ff", "\x00", "\u202e", [], {}, [[]], [None], {"role": "x"}, [{}], "{"]
JUNK += [
    '{"name": 3}',
    {"": ""},
    [{"type": "text"}],
    "[]",
    "null",
    {"$ref": "#"},
    "<tool_call>",
    "Action: f\nAction Input: {",
    "USER: a\n\n\nUSER: b",
]
PROMPTS = ("grpo", "verl")
"""Give less than they are given, by design; see their own tests."""
KEYS = ["role", "type", "extra", "name", "content", "id", "children", "value", "from", "artificer", "parent", "messages", "tools", "arguments"]
BYTES = [
    b"\r",
    b"\r\n",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\\",
    b"{",
    b"]",
    b"\n",
    b"\\ud800",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"\xed\xa0\x80",
]
DEEP = (60, 300, 600, 5000)


def places(value, path=()):
    """Where something stands in a value."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def mutated(value, draw: random.Random):
    """A row in which one thing is wrong: gone, doubled, moved, of another type, under another name, also inside JSON that is text."""
    path = draw.choice(list(places(value)))
    if not path:
        return draw.choice(JUNK)
    at = value
    for step in path[:-1]:
        at = at[step]
    last = path[-1]
    kind = draw.randrange(8)
    if kind == 0:
        del at[last]
    elif kind == 1 and isinstance(at, list):
        at.insert(last, _copy(at[draw.randrange(len(at))]))
    elif kind == 2 and isinstance(at, dict):
        at[draw.choice(KEYS)] = _copy(draw.choice(JUNK))
    elif kind == 3:
        at[last] = _other_type(at[last])
    elif kind == 4 and isinstance(at[last], str):
        at[last] = _text(at[last], draw)
    elif kind == 5 and isinstance(at, dict):
        at[draw.choice(KEYS)] = at.pop(last)
    elif kind == 6:
        at[last] = _copy(at_path(value, draw.choice(list(places(value)))))
    else:
        at[last] = _copy(draw.choice(JUNK))
    return value


def at_path(value, path):
    """What stands there."""
    for step in path:
        value = value[step]
    return value


def _copy(value):
    return json.loads(json.dumps(value))


def _other_type(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return {str(at): one for at, one in enumerate(value)}
    return str(value)


def _text(text: str, draw: random.Random) -> str:
    """A text cut, doubled, or with something in it; where it is JSON, its value with one thing wrong."""
    if text[:1] in ("{", "[") and draw.random() < 0.7:
        try:
            return json.dumps(mutated(json.loads(text), draw))
        except ValueError:
            pass
    at = draw.randrange(len(text) + 1)
    return draw.choice([text[:at], text[at:], text + text[:at], text[:at] + draw.choice([one for one in JUNK if isinstance(one, str)]) + text[at:]])


def garbled(raw: bytes, draw: random.Random) -> bytes:
    """The bytes of a row, damaged."""
    at = draw.randrange(len(raw) + 1)
    return draw.choice(
        [
            lambda: raw[:at],
            lambda: raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :],
            lambda: raw[:at] + draw.choice(BYTES) + raw[at:],
            lambda: raw[:at] + raw[draw.randrange(len(raw)) :],
            lambda: raw.replace(b":", b":" + b"[" * (deep := draw.choice(DEEP)) + b"]" * deep + b",", 1),
            lambda: raw.replace(b'"', b'"' + b"{\\" * draw.choice(DEEP), 3),
            lambda: raw.replace(b"{", b'{"id":1,"id":2,', draw.randrange(1, 4)),
            lambda: raw.decode().encode(draw.choice(["utf-16", "utf-32", "utf-8-sig", "latin-1"]), "replace"),
            lambda: raw + b"\r\n" + raw[:at] + b"\r\n" + raw,
        ]
    )()


def broken(good: list[bytes], draw: random.Random, number: int) -> bytes:
    """The input of a number."""
    if number % 4 == 3:
        return garbled(draw.choice(good), draw)
    value = json.loads(draw.choice(good))
    for _ in range(draw.choice([1, 1, 2, 4])):
        value = mutated(value, draw)
    return json.dumps(value, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")


def outcome(raw: bytes, form: Format) -> str:
    """Reads an input and writes what was read of it again: "refused" or "read" where a full account came of it.

    Raises:
        AssertionError: something is not accounted for. Whatever else is raised is a defect, too.
    """
    account = Account()
    try:
        found = list(parse(split(blocks(io.BytesIO(raw), 0), "x"), form, account))
    except ArtificerError:
        return "refused"
    assert account.balanced, account.lines()
    assert len(found) == account.rows_out
    assert account.rows_in or not raw.strip(b" \t\r\n,[]")
    assert found or account.dropped or not account.rows_in, account.lines()
    assert msgspec.json.decode(msgspec.json.encode(found), type=list[Item]) is not None  # whatever was read is what it says it is
    if form.render is not None:
        written = Account()
        write(found, out := io.BytesIO(), form, written, every=True)
        assert written.balanced, written.lines()
        assert written.rows_in == len(found)
        if form.told is None and not form.bare and form.name not in PROMPTS:
            out.seek(0)
            again = list(parse(split(blocks(out, 0), "x"), form, Account()))
            kept = [one for item in found for one in ([item] if form.whole else branches(item, Account(), every=True))]
            assert len(again) + written.rows_dropped >= len(kept)
            if not written.rows_dropped and not written.dropped and not written.lost[HOLDS["adjacent"]] and form.name != "dpo":
                for one, had in zip(again, kept, strict=True):
                    assert canonical(one) in (canonical(had), canonical(held(had, form))), (one, had)
    return "read" if found else "dropped"
