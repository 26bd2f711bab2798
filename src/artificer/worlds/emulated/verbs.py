"""What a tool does, read off its name: the verb says how, the noun says to what. `gmail_sendEmail` creates an email."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from artificer.core.tools import ToolSpec
from artificer.worlds.schema_texts import words_of

Op = Literal["list", "get", "create", "update", "delete", "answer", "act"]
"""`answer` computes from its arguments and keeps nothing; `act` writes, and what it writes depends on what there is."""
READS: frozenset[Op] = frozenset({"list", "get", "answer"})

CLEARS = ("clear", "empty", "purge")
"""Verbs that, without a key, delete every row."""
_VERBS: dict[str, Op] = {
    **dict.fromkeys(("list", "search", "find", "query", "browse", "filter"), "list"),
    **dict.fromkeys(("get", "read", "fetch", "show", "view", "lookup", "retrieve", "describe", "check", "display", "load", "see", "open"), "get"),
    **dict.fromkeys(
        ("calculate", "compute", "convert", "estimate", "validate", "verify", "count", "compare", "translate", "predict", "analyze"), "answer"
    ),
    **dict.fromkeys(("is", "has", "track", "summarize", "download", "explain", "suggest", "recommend", "quote"), "answer"),
    **dict.fromkeys(
        ("create", "add", "new", "insert", "post", "register", "book", "place", "make", "schedule", "reserve", "submit", "issue"), "create"
    ),
    **dict.fromkeys(
        ("send", "upload", "write", "save", "log", "record", "request", "generate", "invite", "publish", "reply", "buy", "order"), "create"
    ),
    **dict.fromkeys(("update", "edit", "modify", "set", "change", "rename", "patch", "adjust", "replace", "assign", "move", "reschedule"), "update"),
    **dict.fromkeys(("delete", "remove", "destroy", "drop", "erase", "unregister", *CLEARS), "delete"),
    **dict.fromkeys(("cancel", "complete", "close", "ship", "pay", "archive", "restore", "confirm", "lock", "unlock", "activate", "pause"), "act"),
    **dict.fromkeys(("approve", "reject", "accept", "decline", "refund", "extend", "renew", "return", "enable", "disable", "mark", "toggle"), "act"),
    **dict.fromkeys(
        ("resolve", "follow", "unfollow", "comment", "mention", "like", "withdraw", "deposit", "fund", "purchase", "press", "release"), "act"
    ),
    **dict.fromkeys(
        ("fill", "login", "logout", "contact", "notify", "subscribe", "unsubscribe", "vote", "mute", "merge", "deploy", "install"), "act"
    ),
    **dict.fromkeys(("upgrade", "copy", "sell", "trade", "attach", "detach", "link", "unlink", "join", "leave", "retweet", "forward", "sign"), "act"),
    **dict.fromkeys(("mkdir", "touch", "mv", "cp", "rm", "rmdir", "cd"), "act"),
    **dict.fromkeys(
        ("resume", "finish", "start", "stop", "transfer", "share", "apply", "run", "execute", "grant", "revoke", "block", "unblock"), "act"
    ),
}
_STOP = frozenset({"by", "for", "of", "to", "from", "with", "in", "on", "at", "via", "using", "as", "near", "and"})
_FILLER = frozenset(
    {"all", "my", "the", "a", "an", "new", "details", "detail", "info", "information", "data", "list", "current", "available", "existing"}
)


class Named(Struct, frozen=True):
    """A tool's name, read: what it does, its verb, and the noun in the singular, `order_item` (or "")."""

    op: Op
    verb: str
    noun: str


def read_name(tool: ToolSpec, prefix: int) -> Named:
    """How a tool's name reads; `prefix` is how many words of it all tools share. What `attributes.op` and the declared
    effect say goes before the name.
    """
    words = words_of(tool.name)[prefix:]
    kit = words_of(str(tool.attributes.get("toolkit") or ""))
    if prefix == 0 and kit and words[: len(kit)] == kit and len(words) > len(kit):
        words = words[len(kit) :]
    at = 0 if words and words[0] in _VERBS else len(words) - 1 if len(words) > 1 and words[-1] in _VERBS else None
    verb = words[at] if at is not None else ""
    op: Op = _VERBS.get(verb) or _described(tool)
    if tool.attributes.get("op") in (*READS, "create", "update", "delete", "act"):
        op = tool.attributes["op"]
    elif tool.effect == "read" and op not in READS:
        op = "answer"
    elif tool.effect == "write" and op in READS:
        op = "act"
    rest = words if at is None else words[at + 1 :] if at == 0 else words[:-1]
    return Named(op, verb, noun_of(rest))


def _described(tool: ToolSpec) -> Op:
    """A tool whose name has no verb: what the first word of its description says, else it answers."""
    words = words_of(tool.description[:40])
    first = words[0] if words else ""
    for form in (first, first.removesuffix("s"), first.removesuffix("es"), first.removesuffix("d"), first.removesuffix("ed")):
        if form in _VERBS:
            return _VERBS[form]
    return "act" if tool.effect == "write" else "answer"


def noun_of(words: Sequence[str]) -> str:
    """`orders for customer` -> order; `all order items` -> order_item."""
    kept: list[str] = []
    for word in words:
        if word in _STOP and kept:
            break
        if word not in _STOP:
            kept.append(word)
    kept = [word for word in kept if word not in _FILLER] or kept
    return "_".join([*kept[:-1], singular(kept[-1])]) if kept else ""


def singular(word: str) -> str:
    """`orders` -> order, `entries` -> entry, `boxes` -> box; what has no plural stays."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is", "news")) and len(word) > 3 else word


def plural(noun: str) -> str:
    """`order` -> orders."""
    if noun.endswith("y") and noun[-2:-1] not in ("a", "e", "o", "u", ""):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def shared_prefix(tools: Sequence[ToolSpec]) -> int:
    """How many leading words all names share, always leaving a word: `git_log`, `git_add` -> 1."""
    names = [words_of(tool.name) for tool in tools]
    size = 0
    while len(names) > 1 and all(len(name) > size + 1 for name in names) and len({name[size] for name in names}) == 1:
        size += 1
    return 0 if size and names[0][size - 1] in _VERBS else size


def participle(verb: str) -> str:
    """`cancel` -> cancelled, `ship` -> shipped, `archive` -> archived."""
    odd = {
        "pay": "paid",
        "send": "sent",
        "lose": "lost",
        "ship": "shipped",
        "stop": "stopped",
        "run": "run",
        "cancel": "cancelled",
        "submit": "submitted",
    }
    if verb in odd:
        return odd[verb]
    return verb + ("d" if verb.endswith("e") else "ed")
