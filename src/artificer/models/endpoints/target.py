"""What stands behind `openai:` and `anthropic:` in a model string: `NAME@URL[,URL...][?OPTION=VALUE&...]`.

Options are strict: one that does not exist, or a value that is none, is an error that names what there is. A secret
never stands in a model string, since these are kept with runs and written into traces: keys are named by environment
variables, and an address with a password is refused without being repeated.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Literal
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError

_URL = re.compile(r"https?://[^\s/?#,@]+(/[^\s?#,@]*)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,80}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,80}")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,80})\}")
_SECRET = re.compile(r"auth|key|token|secret|password|cookie", re.IGNORECASE)
_OWN = frozenset({"model", "messages", "system", "tools", "stream", "n"})
"""Fields of a body that no option may set."""


class Patience(Struct, frozen=True):
    """How failures that may pass are met.

    Args:
        tries: of one request, when it fails (not when it is refused for being one too many).
        pause_s: before the second; twice that before the third, and so on up to `longest_s`, less a random part.
        timeout_s: how long an answer may take.
        refused_s: how long a request is kept while it is refused with 429 or 503.
    """

    tries: int = 6
    pause_s: float = 0.5
    longest_s: float = 30.0
    timeout_s: float = 600.0
    refused_s: float = 7200.0


class Caps(Struct, frozen=True):
    """What a model may take before everything stops: answers, tokens, US dollars at these prices per million tokens."""

    requests: int | None = None
    tokens: int | None = None
    usd: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0


class Target(Struct, frozen=True):
    """A model at one or more addresses.

    Args:
        model: its name there.
        urls: each serves the same model.
        keys: the environment variable of each address's key; None for the usual ones.
        parallel: requests in flight at one address, at most; `start` of them to begin with.
        sticky: the header that carries a digest of `Request.key`; "" for none.
        token_ids: ask for the ids and log-probabilities of the tokens.
        headers, query, body: added to every request.
    """

    model: str
    urls: tuple[str, ...]
    keys: tuple[str | None, ...] = (None,)
    patience: Patience = Patience()
    caps: Caps = Caps()
    parallel: int = 1024
    start: int = 64
    sticky: str = "X-Session-ID"
    token_ids: bool = False
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    body: dict[str, Json] = {}

    def name(self, form: str) -> str:
        """How the model is called in traces: without options."""
        return f"{form}:{self.model}@{','.join(self.urls)}"


def target_of(form: str, rest: str, default: str | None = None) -> Target:
    """Reads what stands behind the form's colon.

    Args:
        default: the address when none is given.

    Raises:
        ArtificerError: it cannot be read; the message names the part, and no secret.
    """
    left, _, given = rest.partition("?")
    name, at, addresses = _split(left)
    if not at and default is not None:
        name, addresses = left, default
    urls = tuple(url.rstrip("/") for url in addresses.split(","))
    if not name or not all(_URL.fullmatch(url) for url in urls):
        remedy = f"write {form}:NAME@http://HOST/v1[,http://OTHER/v1][?OPTION=VALUE&...]; names and passwords do not belong into an address"
        shown = repr(rest) if "@" not in addresses else "an address with a user's name in it"
        raise ArtificerError(f"{shown} names no endpoint.", remedy=remedy)
    if len(set(urls)) < len(urls):
        raise ArtificerError("The same address stands there twice.", where=name, remedy="write every address once")
    return _with_options(form, Target(name, urls), _pairs(given))


def _split(left: str) -> tuple[str, str, str]:
    """The name, "@" where there is one, and what follows. A name may hold an "@" of its own."""
    found = re.search(r"@(?=https?://)", left)
    return (left[: found.start()], "@", left[found.end() :]) if found else left.rpartition("@")


def _pairs(given: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for entry in given.split("&") if given else ():
        name, equals, value = entry.partition("=")
        if not name or not equals:
            raise ArtificerError(f"{entry!r} is no option.", remedy="write OPTION=VALUE, with & between several")
        if name in pairs:
            raise ArtificerError(f"The option {name!r} stands there twice.", remedy="give it once")
        pairs[name] = unquote(value)
    return pairs


def _number(kind: type[int] | type[float], least: float) -> Callable[[str, str], Any]:
    def read(option: str, text: str) -> Any:
        word = "a whole number" if kind is int else "a number"
        if not re.fullmatch(r"[0-9]{1,15}" if kind is int else r"[0-9]{1,12}(\.[0-9]{1,9})?", text) or kind(text) < least:
            raise ArtificerError(f"{option}={text!r} is not {word} from {least:g} on.", remedy=f"write {option}=N")
        return kind(text)

    return read


def _flag(option: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise ArtificerError(f"{option}={text!r} is neither 0 nor 1.", remedy=f"write {option}=1")
    return text == "1"


def _header(option: str, text: str) -> str:
    if text == "off":
        return ""
    if not _HEADER.fullmatch(text):
        raise ArtificerError(f"{option}={text!r} is no header.", remedy=f"write {option}=X-Session-ID, or {option}=off")
    return text


Part = Literal["target", "patience", "caps"]
_OPTIONS: dict[str, tuple[Part, str, Callable[[str, str], Any]]] = {
    "parallel": ("target", "parallel", _number(int, 1)),
    "start": ("target", "start", _number(int, 1)),
    "sticky": ("target", "sticky", _header),
    "token_ids": ("target", "token_ids", _flag),
    "tries": ("patience", "tries", _number(int, 1)),
    "timeout": ("patience", "timeout_s", _number(float, 0.001)),
    "patience": ("patience", "refused_s", _number(float, 0)),
    "requests": ("caps", "requests", _number(int, 1)),
    "tokens": ("caps", "tokens", _number(int, 1)),
    "usd": ("caps", "usd", _number(float, 0.000001)),
    "price_in": ("caps", "price_in", _number(float, 0)),
    "price_out": ("caps", "price_out", _number(float, 0)),
}
_NAMED = ("key", *_OPTIONS, "header.NAME", "query.NAME", "body.NAME")


def _with_options(form: str, target: Target, pairs: dict[str, str]) -> Target:
    parts: dict[Part, dict[str, Any]] = {"target": {}, "patience": {}, "caps": {}}
    headers, query, body = dict[str, str](), dict[str, str](), dict[str, Json]()
    for option, text in pairs.items():
        kind, dot, name = option.partition(".")
        if option in _OPTIONS:
            part, field, read = _OPTIONS[option]
            parts[part][field] = read(option, text)
        elif option == "key":
            parts["target"]["keys"] = _keys(text, len(target.urls))
        elif dot and kind == "header" and _HEADER.fullmatch(name):
            headers[name] = _header_value(option, name, text)
        elif dot and kind == "query" and name:
            query[name] = text
        elif dot and kind == "body" and name:
            body[name] = _body_value(option, name, text)
        else:
            near = get_close_matches(option, _NAMED, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ArtificerError(f"{form}: has no option {option!r}.", where=target.model, remedy=f"{hint}the options are {', '.join(_NAMED)}")
    caps = Caps(**parts["caps"])
    if caps.usd is not None and not {"price_in", "price_out"} <= set(parts["caps"]):
        remedy = "add price_in=USD and price_out=USD, each for a million tokens"
        raise ArtificerError("A limit in dollars needs prices.", where=target.model, remedy=remedy)
    changed = {**parts["target"], "patience": Patience(**parts["patience"]), "caps": caps, "headers": headers, "query": query, "body": body}
    return msgspec.structs.replace(target, **changed)


def _keys(text: str, count: int) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not all(_VARIABLE.fullmatch(name) for name in names):
        raise ArtificerError("key= names no environment variable.", remedy="write key=NAME_OF_THE_VARIABLE, never the key itself")
    if len(names) not in (1, count):
        raise ArtificerError(f"There are {count} addresses and {len(names)} keys.", remedy="name one variable, or one for each address")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        shown = missing[0] if missing[0].isupper() else "that key= names"
        raise ArtificerError(f"The environment variable {shown} is not set.", remedy="export it; a key itself does not belong into a model string")
    return names


def _header_value(option: str, name: str, text: str) -> str:
    if _SECRET.search(name) and not _REFERENCE.search(text):
        raise ArtificerError(f"{option} holds a secret in plain text.", remedy=f"write {option}=${{VARIABLE}}, and set the variable")
    missing = [variable for variable in _REFERENCE.findall(text) if not os.environ.get(variable)]
    if missing:
        raise ArtificerError(f"The environment variable {missing[0]} is not set.", where=option, remedy="export it")
    return _REFERENCE.sub(lambda found: os.environ[found[1]], text)


def _body_value(option: str, name: str, text: str) -> Json:
    if name in _OWN:
        raise ArtificerError(f"{option} cannot be set.", remedy="leave it out")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ArtificerError(f"{option}={text!r} is not JSON.", remedy=f'write a JSON value, e.g. {option}="low"; null leaves a field out') from error


def key_of(variable: str | None, usual: Sequence[str]) -> str | None:
    """The key itself, from the variable named or else the first of the usual ones that is set."""
    names = usual if variable is None else (variable,)
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
