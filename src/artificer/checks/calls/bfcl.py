"""Calls against a reference, as the Berkeley Function Calling Leaderboard decides it: the preset `bfcl`.

A case is one question with its functions and its reference, compiled once. `first_wrong` is upstream's verdict alone,
`match` the finding with its evidence, `match_text` that of a model's text. `bfcl` is the same for calls, expectations
and tools of ours.

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/ast_eval/ast_checker.py` and `eval_runner.py` (code);
the categories' meanings: the leaderboard's own posts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.checks.calls.base import CallFault, CallMatch, Expected
from artificer.checks.calls.bfcl_decode import Calls, Mode, Undecodable, calls_of_native, calls_of_text, well_formed
from artificer.checks.calls.bfcl_rules import Language, Parameter, Wrong, parameter, wrong_value
from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

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
        return _assigned(one, decoded)[0]
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
_UNMATCHED = "parallel_function_checker_no_order:cannot_find_match"


def _relevant(sort: Sort, called: bool) -> Wrong | None:
    if sort == "irrelevance":
        return ("irrelevance_error:decoder_success", "") if called else None
    return None if called else ("relevance_error:decoder_failed", "")


def _assigned(one: Case, decoded: Calls) -> tuple[Wrong | None, list[tuple[int, int]]]:
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
            return (_UNMATCHED, str(at)), pairs
    return None, pairs


def _best(one: Case, decoded: Calls) -> tuple[Wrong | None, list[tuple[int, int]]]:
    """The largest assignment (augmenting paths): right calls pass in whatever order they and their references stand."""
    fits = [
        [index for index, call in enumerate(decoded) if wrong_call(reference, call, one.language, one.mode) is None] for reference in one.references
    ]
    taken: dict[int, int] = {}
    missing: str | None = None
    for at in range(len(fits)):
        if not _augmented(fits, taken, at) and missing is None:
            missing = str(at)
    pairs = sorted((index, at) for index, at in taken.items())
    return ((_UNMATCHED, missing) if missing is not None else None), pairs


def _augmented(fits: Sequence[Sequence[int]], taken: dict[int, int], start: int) -> bool:
    """Finds a call for one more reference, moving others where that helps; breadth first, no recursion."""
    came: dict[int, int] = {}
    queue = [start]
    for at in queue:
        for index in fits[at]:
            if index in came:
                continue
            came[index] = at
            if index in taken:
                queue.append(taken[index])
                continue
            while True:  # a free call: everybody on the way moves up
                owner = came[index]
                previous = next((call for call, held in taken.items() if held == owner), None)
                taken[index] = owner
                if owner == start:
                    return True
                assert previous is not None
                index = previous
    return False


def match(one: Case, decoded: Calls) -> CallMatch:
    """What is right and wrong about calls, with evidence."""
    if one.sort == "parallel":
        wrong, pairs = _assigned(one, decoded)
    else:
        wrong, pairs = first_wrong(one, decoded), [(0, 0)] if len(decoded) == 1 and one.references else []
    if wrong is None:
        return CallMatch(True, 1.0, tuple(pairs))
    return CallMatch(False, 0.0, tuple(pairs), _faults(one, decoded, wrong, pairs))


def match_text(one: Case, text: str) -> CallMatch:
    """What is right and wrong about a model's text.

    Java's and JavaScript's calls are read where they are written with quoted arguments, as Python's are; for their own
    syntax bring decoded calls (`match`).
    """
    try:
        decoded = calls_of_text(text, one.mode)
    except Undecodable as error:
        if one.sort in ("irrelevance", "relevance"):
            return match(one, [])
        fault = CallFault(ErrorKind.unparsable_call, f"no calls can be read: {error}", source="ast_decoder:decoder_failed")
        return CallMatch(False, 0.0, (), (fault,))
    return match_decoded(one, decoded)


def match_decoded(one: Case, decoded: object) -> CallMatch:
    """As `match`, of whatever a decoder of somebody else's gave."""
    if well_formed(decoded):
        return match(one, cast("Calls", decoded))
    if one.sort in ("irrelevance", "relevance"):
        return match(one, [])
    why = "what was read is not a list of calls"
    return CallMatch(False, 0.0, (), (CallFault(ErrorKind.unparsable_call, why, source="ast_decoder:decoder_wrong_output_format"),))


_KINDS: dict[str, ErrorKind] = {
    "wrong_func_name": ErrorKind.wrong_tool,
    "missing_required": ErrorKind.missing_argument,
    "missing_optional": ErrorKind.missing_argument,
    "unexpected_param": ErrorKind.extra_argument,
    "type_error": ErrorKind.mistyped_argument,
    "value_error": ErrorKind.wrong_value,
}
_SAID: dict[str, str] = {
    "wrong_func_name": "another function is called",
    "missing_required": "the required argument {} is not given",
    "missing_optional": "the argument {} is not given, and may not be left out",
    "unexpected_param": "the argument {} is not one that the reference has",
    "type_error": "the argument {} is of another type",
    "value_error": "the argument {} is none of the values that are right",
}


def _word(source: str) -> str:
    group, _, word = source.partition(":")
    return word if group == "simple_function_checker" else "value_error" if group in ("dict_checker", "list_dict_checker") else group


def _faults(one: Case, decoded: Calls, wrong: Wrong, pairs: Sequence[tuple[int, int]]) -> tuple[CallFault, ...]:
    source, path = wrong
    if source == "irrelevance_error:decoder_success":
        return (CallFault(ErrorKind.needless_call, "a call is made where none of the functions can help", 0, source=source),)
    if not decoded:
        return (CallFault(ErrorKind.no_call, "no call is made", expected=0 if one.references else None, source=source),)
    if source.endswith("wrong_count"):
        more = len(decoded) > len(one.references)
        why = f"{len(decoded)} calls where {len(one.references)} {'is' if len(one.references) == 1 else 'are'} wanted"
        return (CallFault(ErrorKind.extra_call if more else ErrorKind.missing_call, why, source=source),)
    if source != _UNMATCHED:
        return (_fault(one, decoded[0], wrong, 0, 0),)
    return _unmatched(one, decoded, int(path), pairs)


def _fault(one: Case, call: Mapping[str, Any], wrong: Wrong, index: int, at: int, source: str | None = None) -> CallFault:
    word = _word(wrong[0])
    kind = _KINDS[word]
    name = next(iter(call), "")
    if kind is ErrorKind.wrong_tool and name not in one.names:
        kind = ErrorKind.unknown_tool
    why = f"{one.references[at].name}: {_SAID[word].format(repr(wrong[1][:200]))}"
    return CallFault(kind, why, index, at, wrong[1][:200], source or wrong[0])


def _unmatched(one: Case, decoded: Calls, at: int, pairs: Sequence[tuple[int, int]]) -> tuple[CallFault, ...]:
    """What keeps each call that is left from being the reference that has none; the nearest first."""
    used = {index for index, _ in pairs}
    near: list[CallFault] = []
    for index, call in enumerate(decoded):
        if index in used:
            continue
        wrong = wrong_call(one.references[at], call, one.language, one.mode)
        if wrong is not None:
            near.append(_fault(one, call, wrong, index, at))
    near.sort(key=lambda fault: fault.kind in (ErrorKind.wrong_tool, ErrorKind.unknown_tool))
    same_tool = bool(near) and near[0].kind not in (ErrorKind.wrong_tool, ErrorKind.unknown_tool)
    kind = near[0].kind if near and (same_tool or len(near) == 1) else ErrorKind.missing_call
    why = f"no call is {one.references[at].name} as the reference has it"
    return (CallFault(kind, why, None, at, source=_UNMATCHED), *near)


def of_expected(expected: Sequence[Expected], tools: Sequence[ToolSpec], *, mode: Mode = "code") -> Case:
    """A case of our own shapes: any order counts where more than one call is expected; none expected is irrelevance.

    A tool that is not among `tools` has no schema: what its reference takes is what its arguments may be.

    Raises:
        SourceError: a type of a tool's schema is unknown.
    """
    schemas: dict[str, dict[str, Any]] = {}
    for call in expected:
        properties: dict[str, Any] = schemas.setdefault(call.name, {"properties": {}})["properties"]
        properties.update((name, {}) for name in call.arguments)
    schemas |= {tool.name: tool.parameters for tool in tools}
    answers: list[dict[str, dict[str, list[Json]]]] = []
    for call in expected:
        given = {name: [*values, *([""] if name in call.optional else [])] for name, values in call.arguments.items()}
        answers.append({call.name: given})
    functions = [{"name": name, "parameters": schema} for name, schema in schemas.items()]
    category = "irrelevance" if not expected else "parallel" if len(expected) > 1 else "multiple"
    return case(functions, answers, category, mode=mode)


def bfcl(made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec] = (), mode: Mode = "code") -> CallMatch:
    """The preset: upstream's rules on calls, references and tools of ours."""
    return match(of_expected(expected, tools, mode=mode), calls_of_native(made))
