"""A labelled set for finding tools: BFCL's questions, each with the functions its answer calls, over all of BFCL's functions as one catalogue.

Read from the unpacked wheel of `bfcl-eval` (Apache-2.0), never copied:

    pip download --no-deps bfcl-eval && unzip -d bfcl bfcl_eval-*.whl

A function is a tool once for each distinct specification; two of one name are told apart by a number, and a question's right answer is then exactly
the one that stood beside it. Many functions are another's in other words, and stay: that is what makes the set hard. A fifth of all questions, by a
hash of their id, is `dev`, on which choices may be made; figures are those of `test`, the rest.
"""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import Struct

from artificer.core.canon import canonical
from artificer.core.tools import ToolSpec
from artificer.worlds.guide import part_of

SINGLE = ("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple")
LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
ALSO = ("irrelevance", "live_irrelevance", "live_relevance")
"""Questions without a right answer: their functions are in the catalogue, to be told apart."""


class Question(Struct, frozen=True):
    id: str
    group: str
    text: str
    right: frozenset[str]

    @property
    def dev(self) -> bool:
        return part_of(self.id) == "test"


class Pool(Struct):
    tools: list[ToolSpec]
    questions: list[Question]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def load(folder: Path) -> Pool:
    """All functions and all questions with an answer. `folder` holds `BFCL_v4_*.json`."""
    named: dict[bytes, ToolSpec] = {}
    taken: dict[str, int] = {}
    questions = []
    for group in (*SINGLE, *LIVE, *ALSO):
        answers = folder / "possible_answer" / f"BFCL_v4_{group}.json"
        gold = {row["id"]: row["ground_truth"] for row in lines(answers)} if answers.exists() and group not in ALSO else {}
        for row in lines(folder / f"BFCL_v4_{group}.json"):
            mine = {function["name"]: tool_of(function, named, taken) for function in row["function"]}
            called = {name for call in gold.get(row["id"], ()) for name in call}
            text = "\n".join(message["content"] for message in row["question"][0] if message["role"] == "user")
            if called and called <= set(mine) and text.strip():
                questions.append(Question(row["id"], group, text, frozenset(mine[name].name for name in called)))
    return Pool(list(named.values()), questions)


def tool_of(function: dict, named: dict[bytes, ToolSpec], taken: dict[str, int]) -> ToolSpec:
    key = canonical(function)
    if key not in named:
        name = function["name"]
        taken[name] = taken.get(name, 0) + 1
        unique = name if taken[name] == 1 else f"{name}__{taken[name]}"
        parameters = {**function["parameters"], "type": "object"}
        named[key] = ToolSpec(unique, function.get("description", ""), parameters)
    return named[key]
