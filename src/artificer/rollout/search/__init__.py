"""Search over forked worlds: how an episode is explored, and the short words for it.

    linear                                a conversation (the default)
    dfsdt:beam=2,queries=60,depth=12      depth-first over decisions; dfsdt_filter compares siblings first
    best_of:n=8                           n conversations, the best is the answer; react:n=8 is ReAct@n
    mcts:simulations=32,width=3           Monte Carlo tree search over steps
    beam:width=4,keep=2                   beam with a verifier; trees=2 makes it DVTS
    forks:where=every,k=3                 branches to learn from; rewarded:n=6,f=2 is the rewarded tree

Values are those of the classes' fields; `score=clean|judge|checks` says what lines are worth, `judge` (and `compare`)
being the agent's own model unless `judge=MODEL` names another. Outside packages add searches by the entry-point group
`artificer.searches`, whose entries take the options as a dict of texts and return a search.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from artificer.core.errors import ArtificerError
from artificer.models.base import Model
from artificer.rollout.episode import Linear, Search

_BUILT_IN: dict[str, tuple[str, str, dict[str, str]]] = {
    "beam": ("beam", "Beam", {}),
    "best_of": ("best_of", "BestOf", {}),
    "dfsdt": ("dfsdt", "DFSDT", {}),
    "dfsdt_filter": ("dfsdt", "DFSDT", {}),
    "forks": ("forks", "Forks", {}),
    "mcts": ("mcts", "MCTS", {}),
    "react": ("best_of", "BestOf", {"first": "true"}),
    "rewarded": ("forks", "RewardedTree", {}),
}
_PARTS = frozenset({"score", "compare", "policy"})
"""Fields that are no plain values; the words for them are read below."""
_MOST = {"beam": 100, "width": 100, "depth": 200, "keep": 1000, "trees": 100, "n": 10_000, "k": 100, "f": 100, "tries": 100}


def search_names() -> list[str]:
    """The searches there are, those of other packages included."""
    return sorted({"linear", *_BUILT_IN, *(point.name for point in entry_points(group="artificer.searches"))})


def search_of(text: str, model: Model | None = None, open_model: Callable[[str], Model] = Model.of) -> Search:
    """The search of `NAME` or `NAME:key=value,key=value`.

    Args:
        model: the agent's, which judges when no other is named. None is fine for searches that need no judge.
        open_model: opens the models that the text names.

    Raises:
        ArtificerError: no such search, option or value; or a judge is asked for and there is no model.
    """
    name, colon, rest = text.partition(":")
    options = _options(rest, text) if colon else {}
    if name == "linear":
        _none(options, text)
        return Linear()
    if name in _BUILT_IN:
        return _built(name, options, model, text, open_model)
    outside = {point.name: point for point in entry_points(group="artificer.searches")}
    if name not in outside:
        raise ArtificerError(f"there is no search {name!r}.", remedy=f"use one of {', '.join(search_names())}")
    try:
        make = outside[name].load()
    except Exception as error:  # a broken package is reported as broken
        remedy = "mend or uninstall the package"
        raise ArtificerError(
            f"the search {name!r} does not load: {type(error).__name__}: {error}", where=outside[name].value, remedy=remedy
        ) from error
    return make(options)


def _options(rest: str, text: str) -> dict[str, str]:
    """`key=value,key=value`. The last key may be `judge` or `policy`, whose value, a model string, may hold commas."""
    options: dict[str, str] = {}
    while rest:
        key, equals, rest = rest.partition("=")
        value, comma, rest = (rest, "", "") if key in ("judge", "policy") else rest.partition(",")
        if not equals or not key.isidentifier() or not value or (comma and not rest):
            raise ArtificerError(f"{text!r} is not a search.", remedy="write NAME:key=value,key=value, e.g. dfsdt:beam=2,queries=60")
        if key in options:
            raise ArtificerError(f"the option {key!r} is given twice.", where=text, remedy="give it once")
        options[key] = value
    if text.endswith(":"):
        raise ArtificerError(f"{text!r} is not a search.", remedy="leave the colon out, or write options after it")
    return options


def _none(options: dict[str, str], text: str) -> None:
    if options:
        raise ArtificerError("the search 'linear' takes no options.", where=text, remedy="write linear")


def _built(name: str, options: dict[str, str], model: Model | None, text: str, open_model: Callable[[str], Model]) -> Search:
    module, kind, fixed = _BUILT_IN[name]
    made: Callable[..., Search] = getattr(importlib.import_module(f"artificer.rollout.search.{module}"), kind)
    hints = {field: hint for field, hint in get_type_hints(made).items() if field in getattr(made, "__struct_fields__", ())}
    plain = {field: hint for field, hint in hints.items() if field not in _PARTS and field not in fixed}
    words = {"judge"} | ({"score"} if "score" in hints else set[str]()) | ({"policy"} if "policy" in hints else set[str]())
    words -= set() if "score" in hints or name == "dfsdt_filter" else {"judge"}
    values: dict[str, Any] = {}
    for key, word in (options | fixed).items():
        if (key in fixed) != (key in options) and key in fixed | plain:
            values[key] = _value(key, word, hints[key], text)
        elif key not in words:
            raise ArtificerError(f"the search {name!r} takes no option {key!r}.", where=text, remedy=f"use {', '.join(sorted({*plain, *words}))}")
    return made(**values, **_parts(name, options, model, text, open_model))


def _parts(name: str, options: dict[str, str], model: Model | None, text: str, open_model: Callable[[str], Model]) -> dict[str, Any]:
    """Scores, comparisons and other agents, by the words for them."""
    from artificer.agents.function_calling import FunctionCalling
    from artificer.rollout.search.scores import Checks, Judge, PairJudge

    def judge() -> Model:
        chosen = open_model(options["judge"]) if "judge" in options else model
        if chosen is None:
            raise ArtificerError("this search needs a model that judges.", where=text, remedy="name one as the last option: judge=MODEL")
        return chosen

    parts: dict[str, Any] = {}
    score = options.get("score", "judge" if "judge" in options and name != "dfsdt_filter" else "clean")
    if score not in ("clean", "judge", "checks"):
        raise ArtificerError(f"there is no score {score!r}.", where=text, remedy="use score=clean, judge or checks (which reads the goal)")
    if score != "clean":
        parts["score"] = Judge(judge()) if score == "judge" else Checks()
    if name == "dfsdt_filter":
        parts["compare"] = PairJudge(judge())
    if "policy" in options:
        parts["policy"] = FunctionCalling(open_model(options["policy"]))
    return parts


def _value(key: str, word: str, hint: Any, text: str) -> Any:
    """A word as a value of a field's type."""
    kinds = (hint,) if get_origin(hint) is Literal else get_args(hint) or (hint,)
    if word == "none" and type(None) in kinds:
        return None
    kind = next(kind for kind in kinds if kind is not type(None))
    try:
        value: Any = {"true": True, "false": False}[word] if kind is bool else msgspec.convert(word, kind, strict=False)
    except (msgspec.ValidationError, KeyError):
        value = None
    if kind is int and isinstance(value, int):
        value = value if (key != "simulate") <= value <= _MOST.get(key, 10**9) else None
    if kind is float and isinstance(value, float):
        value = value if 0 <= value < 1e9 else None
    if value is None:
        allowed = "true or false" if kind is bool else " or ".join(get_args(kind)) if get_origin(kind) is Literal else "a number in range"
        raise ArtificerError(f"{key}={word} does not fit.", where=text, remedy=f"give {key} {allowed}")
    return value


async def close_models(search: Search, besides: Model | None) -> None:
    """Closes the models that a search was made with, but the agent's (`besides`)."""
    from artificer.rollout.search.scores import Judge, PairJudge

    parts = [getattr(search, field) for field in getattr(search, "__struct_fields__", ()) if field in _PARTS]
    for part in parts:
        if isinstance(part, (Judge, PairJudge)) and part.model is not besides:
            await part.model.close()
