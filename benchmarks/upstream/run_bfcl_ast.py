"""BFCL's own checker on what `benchmarks/parity_bfcl.py` asks: run in a process of its own, with bfcl-eval on the path.

Reads JSON from standard input: {"answers": {category: [[answer, ...] of each case]}, "timed": [category, ...]}; an answer is
{"calls": decoded} or {"text": ...}. Writes {"verdicts": {category: [[name or null, ...]]}, "us": {category: microseconds a
check}}; a name beginning with `raises:` is an exception.

bfcl-eval's table of models, which needs the client of every model, is replaced: of it the checker reads whether a model
writes dots as underscores.
"""

import gc
import json
import sys
import time
import types
from pathlib import Path


class Models(dict):
    def __missing__(self, name):
        return types.SimpleNamespace(underscore_to_dot=name == "underscores")


table = types.ModuleType("bfcl_eval.constants.model_config")
table.MODEL_CONFIG_MAPPING = Models()
sys.modules["bfcl_eval.constants.model_config"] = table
for missing, names in {
    "tree_sitter": ("Language", "Parser"),
    "tree_sitter_java": (),
    "tree_sitter_javascript": (),
    "bfcl_eval.model_handler.parser.java_parser": ("parse_java_function_call",),
    "bfcl_eval.model_handler.parser.js_parser": ("parse_javascript_function_call",),
}.items():
    stand_in = types.ModuleType(missing)
    for name in names:
        setattr(stand_in, name, None)
    sys.modules[missing] = stand_in

import bfcl_eval  # noqa: E402
from bfcl_eval.constants.enums import Language, ReturnFormat  # noqa: E402
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker  # noqa: E402
from bfcl_eval.model_handler.utils import default_decode_ast_prompting  # noqa: E402
from bfcl_eval.utils import is_empty_output, is_function_calling_format_output  # noqa: E402

DATA = Path(bfcl_eval.__file__).parent / "data"


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def verdict(entry, gold, category, language, answer):
    """As upstream's `_evaluate_single_ast_entry` and `_evaluate_single_relevance_entry`, which want a model's handler."""
    try:
        decoded = answer["calls"] if "calls" in answer else default_decode_ast_prompting(answer["text"], ReturnFormat.PYTHON)
    except Exception:
        decoded = None
    if "relevance" in category:
        called = decoded is not None and not is_empty_output(decoded)
        right = called != ("irrelevance" in category)
        return None if right else "irrelevance_error:decoder_success" if called else "relevance_error:decoder_failed"
    if decoded is None:
        return "ast_decoder:decoder_failed"
    if not is_function_calling_format_output(decoded):
        return "ast_decoder:decoder_wrong_output_format"
    try:
        found = ast_checker(entry["function"], decoded, gold, language, category, "underscores" if answer.get("underscores") else "dots")
    except Exception as error:
        return f"raises:{type(error).__name__}"
    return None if found["valid"] else found["error_type"]


def main():
    asked = json.load(sys.stdin)
    verdicts, times = {}, {}
    for category, answers in asked["answers"].items():
        entries = lines(DATA / f"BFCL_v4_{category}.json")
        path = DATA / "possible_answer" / f"BFCL_v4_{category}.json"
        gold = [row["ground_truth"] for row in lines(path)] if path.exists() else [[] for _ in entries]
        language = Language.JAVASCRIPT if "javascript" in category else Language.JAVA if "java" in category else Language.PYTHON
        verdicts[category] = [
            [verdict(entry, right, category, language, answer) for answer in given] for entry, right, given in zip(entries, gold, answers)
        ]
        if category in asked["timed"]:
            work = [(entry["function"], given[0]["calls"], right) for entry, right, given in zip(entries, gold, answers)]
            best = float("inf")
            gc.disable()
            for _ in range(7):
                began = time.process_time()
                for functions, calls, right in work:
                    ast_checker(functions, calls, right, language, category, "dots")
                best = min(best, time.process_time() - began)
            gc.enable()
            times[category] = best / len(work) * 1e6
    json.dump({"verdicts": verdicts, "us": times}, sys.stdout)


if __name__ == "__main__":
    main()
