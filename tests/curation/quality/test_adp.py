"""ADP's own thresholds, on a file of ten conversations counted by hand: 19 calls, of which 17 have a thought (9 finishes and 8 with text before
them), 9 conversations with finish, one of two messages.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

import artificer
from artificer.curation.quality.thoughts import NATIVE

ROWS = json.loads((Path(__file__).parent / "adp.json").read_text())


def look(tmp_path, rows, native=NATIVE):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    card = artificer.check(path, given="qwen3_coder", near=False, native=native)
    path.unlink()
    return card.adp


def decisions(found):
    return (found.names_pass, found.finish_pass, found.tools_pass, found.thoughts_pass, found.roles_pass)


def without_thought(rows, number):
    for row in rows:
        for turn in row["conversations"]:
            if number and turn["from"] == "function_call" and "<function=finish" not in turn["value"] and not turn["value"].startswith("<"):
                turn["value"] = turn["value"][turn["value"].index("<function=") :]
                number -= 1
    return rows


@pytest.fixture
def rows():
    return copy.deepcopy(ROWS)


def test_the_ten_rows(tmp_path, rows):
    found = look(tmp_path, rows)
    assert (found.conversations, found.calls) == (10, 19)
    assert found.thoughts == 17 / 19
    assert (found.finish, found.two_messages, found.names_sum) == (0.9, 0.1, 1.0)
    assert decisions(found) == (True, True, True, True, True)
    assert found.passed


def test_thoughts_of_at_least_80_percent(tmp_path, rows):
    assert look(tmp_path, without_thought(copy.deepcopy(rows), 1)).thoughts_pass  # 16 of 19 are 84 %
    assert not look(tmp_path, without_thought(rows, 2)).thoughts_pass  # 15 of 19 are 79 %


def test_exactly_80_percent_of_thoughts_are_enough(tmp_path, rows):
    rows[0]["conversations"] = rows[9]["conversations"]
    rows[1]["conversations"] = rows[9]["conversations"]  # 15 calls are left
    found = look(tmp_path, without_thought(rows, 1))
    assert (found.calls, found.thoughts) == (15, 0.8)
    assert found.thoughts_pass


def test_more_than_80_percent_must_finish(tmp_path, rows):
    rows[0]["conversations"][3]["value"] = "Two."
    found = look(tmp_path, rows)
    assert found.finish == 0.8
    assert not found.finish_pass  # 80 % is not more than 80 %, and the tenth of two messages is not added


def test_two_messages_instead_of_a_finish(tmp_path, rows):
    for row in rows[:8]:
        row["conversations"] = rows[9]["conversations"]
    found = look(tmp_path, rows)
    assert (found.two_messages, found.finish) == (0.9, 0.1)
    assert found.finish_pass


def test_a_finish_anywhere_counts(tmp_path, rows):
    for row in rows[:9]:
        row["conversations"] += [{"from": "observation", "value": "ok"}, {"from": "gpt", "value": "Bye."}]
    assert look(tmp_path, rows).finish == 0.9


def test_only_native_tools(tmp_path, rows):
    rows[0]["conversations"][1]["value"] = rows[0]["conversations"][1]["value"].replace("execute_bash", "bash")
    found = look(tmp_path, rows)
    assert (found.tools_pass, found.invalid_tools) == (False, ("bash",))
    assert not look(tmp_path, ROWS, native=None).tools_pass  # the rows offer no tools


def test_roles_alternate(tmp_path, rows):
    rows[9]["conversations"].insert(0, {"from": "human", "value": "Hello?"})
    assert not look(tmp_path, rows).roles_pass


def test_no_calls_fail_three_checks(tmp_path, rows):
    assert decisions(look(tmp_path, [rows[9]])) == (False, True, False, False, True)
