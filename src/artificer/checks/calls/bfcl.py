"""Calls against a reference, as the Berkeley Function Calling Leaderboard decides it: the preset `bfcl`.

A case is one question with its functions and its reference, compiled once. `first_wrong` is upstream's verdict alone,
`match` the finding with its evidence, `match_text` that of a model's text. `bfcl` is the same for calls, expectations
and tools of ours.

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/ast_eval/ast_checker.py` and `eval_runner.py` (code);
the categories' meanings: the leaderboard's own posts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from artificer.checks.calls.base import CallFault, CallMatch, Expected
from artificer.checks.calls.bfcl_cases import UNMATCHED, Case, assigned, case, first_wrong, wrong_call
from artificer.checks.calls.bfcl_decode import Calls, Mode, Undecodable, calls_of_native, calls_of_text, well_formed
from artificer.checks.calls.bfcl_rules import Wrong
from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

__all__ = ["Case", "bfcl", "case", "first_wrong", "match", "match_decoded", "match_text", "of_expected"]


def match(one: Case, decoded: Calls) -> CallMatch:
    """What is right and wrong about calls, with evidence."""
    if one.sort == "parallel":
        wrong, pairs = assigned(one, decoded)
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
    if source != UNMATCHED:
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
    return (CallFault(kind, why, None, at, source=UNMATCHED), *near)


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
