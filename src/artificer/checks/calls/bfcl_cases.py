"""A case of the Berkeley Function Calling Leaderboard, compiled, and upstream's verdict on calls.

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/ast_eval/ast_checker.py` (code); the categories'
meanings: the leaderboard's own posts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.checks.assign import placed
from artificer.checks.calls.bfcl_decode import Calls, Mode
from artificer.checks.calls.bfcl_parameters import Language, Parameter, parameter
from artificer.checks.calls.bfcl_rules import Wrong, wrong_value
from artificer.core.canon import Json
from artificer.core.errors import SourceError

Sort = Literal["simple", "multiple", "parallel", "irrelevance", "relevance"]


class Reference(Struct, frozen=True):
    """One call of the reference, compiled."""

    name: str
    """As the model must write it: without dots where the endpoint forbids them."""
    required: tuple[str, ...]
    parameters: dict[str, Parameter]
    needed: tuple[str, ...]
    """Arguments of the reference that may not be left out, in its order."""


class Case(Struct, frozen=True):
    """One question, compiled: see `case`."""

    sort: Sort
    language: Language
    mode: Mode
    references: tuple[Reference, ...]
    names: frozenset[str]
    """Of all functions that were offered."""


def sort_of(category: str) -> Sort:
    """What a category's cases want, e.g. `live_parallel_multiple`."""
    if "irrelevance" in category:
        return "irrelevance"
    if "relevance" in category:
        return "relevance"
    return "parallel" if "parallel" in category else "multiple" if "multiple" in category else "simple"


def case(
    functions: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Mapping[str, Sequence[Json]]]],
    category: str,
    *,
    underscores: bool = False,
    mode: Mode = "code",
) -> Case:
    """Compiles one of upstream's cases.

    Args:
        functions: the case's `function`: name, description, parameters.
        answers: the case's `ground_truth`; none in irrelevance and relevance.
        category: e.g. `simple_java`, `live_multiple`.
        underscores: whether the model wrote names with underscores in place of dots, as some endpoints want.

    Raises:
        SourceError: the reference calls a function that is not offered, or a type is none of the language's.
    """
    language: Language = "javascript" if "javascript" in category else "java" if "java" in category else "python"
    docs = {str(function["name"]): function for function in reversed(functions)}
    sort = sort_of(category)
    references: list[Reference] = []
    for answer in answers:
        name, arguments = next(iter(answer.items()))
        # `simple` has one function, and upstream takes that one whatever the reference calls it
        doc = functions[0] if sort == "simple" and functions else docs.get(name)
        if doc is None:
            raise SourceError(f"the reference calls {name!r}, which is not among the functions", where=category)
        references.append(_reference(doc, arguments, language, underscores, mode))
    names = (_spelt(name, underscores) for name in docs)
    return Case(sort, language, mode, tuple(references), frozenset(names))


def _spelt(name: str, underscores: bool) -> str:
    return name.replace(".", "_") if underscores else name


def _reference(doc: Mapping[str, Any], arguments: Mapping[str, Sequence[Json]], language: Language, underscores: bool, mode: Mode) -> Reference:
    name = str(doc["name"])
    schema = cast("Mapping[str, Any]", doc["parameters"])
    properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties") or {})
    parameters = {
        key: parameter(properties[key], list(possible), language, f"{name}.{key}") for key, possible in arguments.items() if key in properties
    }
    required = tuple(cast("Sequence[str]", schema.get("required") or ()))
    needed = tuple(key for key, possible in arguments.items() if "" not in possible)
    if mode == "strict":  # what the schema does not know cannot be given, what the reference does not know need not be
        required = tuple(key for key in required if key in arguments)
        needed = tuple(key for key in needed if key in properties)
    return Reference(_spelt(name, underscores), required, parameters, needed)


def wrong_call(reference: Reference, call: Mapping[str, Mapping[str, Any]], language: Language = "python", mode: Mode = "code") -> Wrong | None:
    """Why a call is not the reference's, in upstream's words; None when it is."""
    given = call.get(reference.name)
    if given is None:
        return "simple_function_checker:wrong_func_name", ""
    for name in reference.required:
        if name not in given:
            return "simple_function_checker:missing_required", name
    parameters = reference.parameters
    for name, value in given.items():
        one = parameters.get(name)
        if one is None:
            return "simple_function_checker:unexpected_param", name
        wrong = wrong_value(one, name, value, language, mode)
        if wrong is not None:
            return wrong
    for name in reference.needed:
        if name not in given:
            return "simple_function_checker:missing_optional", name
    return None


def first_wrong(one: Case, decoded: Calls) -> Wrong | None:
    """Upstream's verdict on calls: the name of its error and the parameter, None when they are right.

    Args:
        decoded: well-formed calls; see `bfcl_decode`.
    """
    if one.sort == "parallel":
        return assigned(one, decoded)[0]
    if one.sort in ("irrelevance", "relevance"):
        return _relevant(one.sort, bool(decoded))
    if len(decoded) != 1:
        return _COUNTS[one.sort], ""
    return wrong_call(one.references[0], decoded[0], one.language, one.mode)


_COUNTS: dict[Sort, str] = {
    "simple": "simple_function_checker:wrong_count",
    "multiple": "multiple_function_checker:wrong_count",
    "parallel": "parallel_function_checker_no_order:wrong_count",
}
UNMATCHED = "parallel_function_checker_no_order:cannot_find_match"


def _relevant(sort: Sort, called: bool) -> Wrong | None:
    if sort == "irrelevance":
        return ("irrelevance_error:decoder_success", "") if called else None
    return None if called else ("relevance_error:decoder_failed", "")


def assigned(one: Case, decoded: Calls) -> tuple[Wrong | None, list[tuple[int, int]]]:
    """Each reference with a call of its own: the first that fits (`code`), or as many as can be (`strict`)."""
    if len(decoded) != len(one.references):
        return (_COUNTS["parallel"], ""), []
    if one.mode == "strict":
        return _best(one, decoded)
    free = list(range(len(decoded)))
    pairs: list[tuple[int, int]] = []
    for at, reference in enumerate(one.references):
        for index in free:
            if wrong_call(reference, decoded[index], one.language, one.mode) is None:
                pairs.append((index, at))
                free.remove(index)
                break
        else:
            return (UNMATCHED, str(at)), pairs
    return None, pairs


def _best(one: Case, decoded: Calls) -> tuple[Wrong | None, list[tuple[int, int]]]:
    """The largest assignment (augmenting paths): right calls pass in whatever order they and their references stand."""
    fits = {
        at: [index for index, call in enumerate(decoded) if wrong_call(reference, call, one.language, one.mode) is None]
        for at, reference in enumerate(one.references)
    }
    taken: dict[int, int] = {}
    held: dict[int, int] = {}
    missing: str | None = None
    for at in fits:
        if not placed(at, fits, taken, held) and missing is None:
            missing = str(at)
    pairs = sorted((index, at) for index, at in taken.items())
    return ((UNMATCHED, missing) if missing is not None else None), pairs
