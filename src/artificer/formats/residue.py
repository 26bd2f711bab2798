"""What a format has no field for, kept in its free-form field: the difference between a trace and what a reader of
the format would see.

    {"of": digest of the plain reading, "events": events of messages that are only in here, "patch": the difference}

Reading applies the patch when the plain reading is still the one it was made for; a file that was edited since loses
what was kept beside, by name, never the edit. The difference is made generically, so that whatever a trace may have
comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec

from artificer.core.canon import Json, canonical, digest
from artificer.formats.account import Account
from artificer.formats.base import Item, events

KEY = "artificer"
EDITED = "what Artificer kept beside a trace that was changed since"


def difference(seen: Any, wanted: Any) -> dict[str, Any] | None:
    """A patch that makes `wanted` of `seen`; None when they are the same. JSON values, without NaN."""
    if isinstance(seen, dict) and isinstance(wanted, dict):
        before, after = cast("dict[str, Any]", seen), cast("dict[str, Any]", wanted)
        inner = {key: {"=": value} if key not in before else difference(before[key], value) for key, value in after.items()}
        patch: dict[str, Any] = {"in": {key: value for key, value in inner.items() if value is not None}}
        gone = [key for key in before if key not in after]
        if gone:
            patch["out"] = gone
        return patch if patch["in"] or gone else None
    if isinstance(seen, list) and isinstance(wanted, list):
        old, new = cast("list[Any]", seen), cast("list[Any]", wanted)
        found = {str(at): change for at, (a, b) in enumerate(zip(old, new, strict=False)) if (change := difference(a, b)) is not None}
        if not found and len(old) == len(new):
            return None
        return {"at": found, "length": len(new), "more": new[len(old) :]}
    return None if _same(seen, wanted) else {"=": wanted}


def _same(seen: Any, wanted: Any) -> bool:
    return canonical(seen) == canonical(wanted)


def patched(seen: Any, patch: Any) -> Any:
    """What a patch makes of a value.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it does not fit.
    """
    if "=" in patch:
        return patch["="]
    if "in" in patch:
        out = {key: value for key, value in seen.items() if key not in patch.get("out", ())}
        for key, change in patch["in"].items():
            out[key] = change["="] if "=" in change else patched(seen[key], change)
        return out
    length = patch["length"]
    changed = patch["at"]
    kept = [patched(value, changed[str(at)]) if str(at) in changed else value for at, value in enumerate(seen[:length])]
    return [*kept, *patch["more"]]


def plain_of(item: Item) -> Any:
    """An item as JSON values."""
    return msgspec.to_builtins(item, str_keys=True)


def unextended(item: Item) -> Item:
    """An item without fields of the format's own (`extra`), for formats whose makers' programs add such fields whenever they write."""
    nodes = tuple([msgspec.structs.replace(node, notes={}) if node.notes else node for node in item.trace.nodes])
    return Item(msgspec.structs.replace(item.trace, nodes=nodes, lineage={}), item.tools)


def _as_seen(item: Item) -> Item:
    return item


def beside(item: Item, seen: Item | None, core: Callable[[Item], Item] = _as_seen) -> dict[str, Json] | None:
    """What must be kept beside so that `item` comes back where a reader sees `seen`; None when nothing must.

    Args:
        core: what of the visible part must still be as it was when the two are put together again.
    """
    if seen is None:
        return {"of": digest(None), "events": events(item.trace), "patch": difference({}, plain_of(item))}
    if canonical(seen) == canonical(item):
        return None
    return {"of": digest(core(seen)), "events": events(item.trace) - events(seen.trace), "patch": difference(plain_of(seen), plain_of(item))}


def extra_events(kept: Any) -> int:
    """The events that are only in what was kept beside; below 0 where the visible part had to invent some (an answer to a call without one)."""
    found = cast("dict[str, Any]", kept).get("events") if isinstance(kept, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 1 << 31 else 0


def restored(seen: Item, kept: Any, account: Account, core: Callable[[Item], Item] = _as_seen) -> Item:
    """The trace that was written, from what is seen and what was kept beside; what is seen when they do not belong together. `core`: see `beside`."""
    more = extra_events(kept)
    try:
        if kept["of"] == digest(core(seen)):
            item = msgspec.convert(patched(plain_of(seen), kept["patch"]), Item, str_keys=True)
            if events(item.trace) == events(seen.trace) + more and _sound(item):
                return item
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, msgspec.MsgspecError):
        pass
    account.lose(EDITED)
    account.drop(EDITED, more)
    return seen


def _sound(item: Item) -> bool:
    """Whether every node's parent stands before it."""
    return all(node.parent is None or 0 <= node.parent < at for at, node in enumerate(item.trace.nodes))
