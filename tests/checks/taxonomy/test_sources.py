"""Each published system's classes: all of them are mapped, and every kind of ours is found by somebody."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import artificer
from artificer.checks.taxonomy import SOURCES, source
from artificer.core.errors import ArtificerError
from artificer.core.kinds import ErrorGroup, ErrorKind

SRC = Path(artificer.__file__).parent

# The classes as they stand in the sources' own files: `git grep error_type` over bfcl_eval/ and ACEBench's *.py, the tag
# list of tau2's reviews, the error lines of CCTU's checkers.
BFCL = [
    "agentic:answer_not_found", "agentic:inference_error", "agentic:no_last_message", "ast_decoder:decoder_failed",
    "ast_decoder:decoder_wrong_output_format", "dict_checker:unclear", "list_dict_checker:unclear",
    "multi_turn:empty_turn_model_response", "multi_turn:execution_response_mismatch", "multi_turn:force_terminated",
    "multi_turn:inference_error", "multi_turn:instance_state_mismatch", "multi_turn:irrelevance_error:decoder_success",
    "multi_turn:method_invoke_order_mismatch", "multiple_function_checker:wrong_count",
    "parallel_function_checker_enforce_order:wrong_count", "parallel_function_checker_no_order:cannot_find_match",
    "parallel_function_checker_no_order:wrong_count", "simple_function_checker:unclear", "simple_function_checker:wrong_count",
    "type_error:simple", "value_error:list/tuple", "value_error:string", "irrelevance_error:decoder_success",
    "relevance_error:decoder_failed", "simple_function_checker:missing_optional", "simple_function_checker:missing_required",
    "simple_function_checker:unexpected_param", "simple_function_checker:wrong_func_name", "type_error:java", "type_error:js",
    "type_error:nested", "value_error:dict_key", "value_error:dict_value", "value_error:list_dict_count", "value_error:others",
]  # fmt: skip
ACE = [
    "addition_args", "class attributes wrong", "dict_checker:unclear", "function_mismatch", "lack_args", "list_dict_checker:unclear",
    "simple_function_checker:unclear", "type_error", "value_error:dict_items", "value_error:list/tuple", "value_error:string",
    "wrong functions number", "wrong_output_format", "error_correction", "error_detection", "value_error", "value_error:list_dict_count",
    "wrong number of class", "wrong_function_name", "wrong_param",
]  # fmt: skip
TAU2 = [
    "hallucination", "incorrect_interpretation", "guideline_violation", "revealed_info_early", "inconsistent_behavior",
    "tool_call_schema_error", "tool_call_argument_error", "irrelevant_tool_call", "premature_termination", "missed_required_action",
    "wrong_sequence", "interruption_error", "other",
]  # fmt: skip
CCTU = [
    "MIN LENGTH", "MAX LENGTH", "TOOL PARALLEL", "TOOL ORDER", "TOOL ARGUMENTS", "PUNCTUATION", "MIN ROUND", "MIN PARALLEL CALLS",
    "MIN CALL TIMES", "MAX PARALLEL CALLS", "MAX CALLS PER TOOL", "MAX CALL TIMES", "IDENTIFIERS", "FORMAT",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "classes"), [("bfcl", BFCL), ("acebench", ACE), ("tau2", TAU2), ("cctu", CCTU), ("toolbench", [str(code) for code in range(13)])]
)
def test_all_classes_of_a_source_are_mapped_and_no_others(name: str, classes: list[str]) -> None:
    assert sorted(source(name).classes) == sorted(classes)


def test_there_are_the_sources_that_name_errors() -> None:
    assert set(SOURCES) == {
        "bfcl", "acebench", "toolsandbox", "tau2", "toolbench", "tooleval", "mmau", "mcptoolbench", "mcp-radar", "cctu", "toolcomp", "toolemu",
        "tl-training", "fission-grpo", "looptool", "user-oriented", "noisybench",
    }  # fmt: skip
    assert all(name == one.name and one.classes for name, one in SOURCES.items())


@pytest.mark.parametrize("name", SOURCES)
def test_places_hold_the_kinds_that_a_class_may_stand_for(name: str) -> None:
    for word in source(name).classes:
        place = source(name).place(word)
        kinds = source(name).kinds(word)
        assert len(set(kinds)) == len(kinds)
        if place is None:
            assert not kinds
        elif isinstance(place, ErrorKind):
            assert kinds == (place,)
        else:
            assert all(place in kind.ancestors for kind in kinds)


@pytest.mark.parametrize("name", SOURCES)
def test_there_and_back(name: str) -> None:
    one = source(name)
    for kind in ErrorKind:
        word = one.word(kind)
        if word is not None:
            assert kind in one.kinds(word)
    for word in one.classes:
        kinds = one.kinds(word)
        if len(kinds) == 1 and sum(one.kinds(other) == kinds for other in one.classes) == 1:
            assert one.word(kinds[0]) == word


@pytest.mark.parametrize(
    ("name", "word", "place"),
    [
        ("bfcl", "type_error:nested", ErrorKind.mistyped_argument),
        ("bfcl", "multi_turn:instance_state_mismatch", ErrorGroup.agent),
        ("bfcl", "value_error:dict_key", ErrorGroup.argument),
        ("tau2", "tool_call_schema_error", ErrorGroup.agent),
        ("tau2", "wrong_sequence", ErrorKind.wrong_order),
        ("toolbench", "5", ErrorKind.timeout),
        ("toolbench", "0", None),
        ("tl-training", "hal & red & mis", ErrorGroup.argument),
        ("cctu", "MAX LENGTH", ErrorKind.policy_breach),
        ("toolcomp", "CORRECT BUT BAD FORMATTING", None),
        ("acebench", "error_detection", ErrorKind.missed_refusal),
        ("mcptoolbench", "status", ErrorGroup.world),
    ],
)
def test_by_hand(name: str, word: str, place: object) -> None:
    assert source(name).place(word) is place


def test_a_kind_in_the_words_of_a_source() -> None:
    assert source("bfcl").word(ErrorKind.missing_call) is None  # several may mean it
    assert source("acebench").word(ErrorKind.missed_refusal) == "error_detection"
    assert source("toolbench").word(ErrorKind.unknown_tool) == "1"
    assert source("tl-training").word(ErrorKind.timeout) is None


def test_what_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ArtificerError, match="no error classes of 'glue'"):
        source("glue")
    with pytest.raises(ArtificerError, match="has no error class 'nope'"):
        source("bfcl").place("nope")


def _named(folder: str) -> set[str]:
    """Kinds that a package's code names, the tables of this one left out."""
    found: set[str] = set()
    for path in (SRC / folder).rglob("*.py"):
        if "taxonomy" not in path.relative_to(SRC).parts:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("ErrorKind", "K"):
                    found.add(node.attr)
    return found


def test_every_kind_is_found_by_a_check_a_world_or_a_source() -> None:
    by_sources = {kind for one in SOURCES.values() for word in one.classes for kind in one.kinds(word)}
    by_code = _named("checks") | _named("worlds") | _named("core") | _named("formats") | _named("models") | _named("evaluation")
    assert [kind for kind in ErrorKind if kind not in by_sources and kind.name not in by_code] == []
