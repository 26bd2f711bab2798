"""Suites, on small stand-ins laid out as the published packages are; the packages themselves are read by `benchmarks/decontaminate.py`."""

from pathlib import Path

import msgspec
import pytest

from artificer import synth
from artificer.core.errors import ArtificerError, SourceError
from artificer.core.tasks import Task
from artificer.curation.suites import installed, suite
from artificer.run.store import RunFolder

SITE = Path(__file__).parents[1] / "worlds" / "published" / "site"


def said(item):
    return [node.message.text for node in item.trace.nodes if node.message.role == "user" and not node.message.calls]


def calls(item, role="assistant"):
    return [(call.name, call.arguments) for node in item.trace.nodes if node.message.role == role for call in node.message.calls]


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))


@pytest.fixture
def bfcl(tmp_path, monkeypatch):
    """A `bfcl_eval` with data and no code."""
    data = tmp_path / "bfcl_eval" / "data"
    data.mkdir(parents=True)
    (tmp_path / "bfcl_eval" / "__init__.py").write_text("raise RuntimeError('no code of it is run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return data


def question(name, *turns, **more):
    return {"id": name, "question": [[{"role": "user", "content": text}] for text in turns], **more}


SIDES = {"a": {"type": "float"}, "unit": {"type": "string"}}
AREA = {"name": "shape.area", "description": "Area.", "parameters": {"type": "dict", "properties": SIDES}}


def test_a_single_turn_of_bfcl_is_its_question_its_function_and_the_first_possible_values(bfcl):
    lines(bfcl / "BFCL_v4_simple_python.json", question("simple_python_0", "How large?", function=[AREA]))
    gold = {"shape.area": {"a": [5, 5.0], "unit": ["", "m"], "at": [{"x": [1, 2], "y": ["left"]}], "all": [[3, 4]], "of": [[{"k": [7, 8]}]]}}
    lines(bfcl / "possible_answer" / "BFCL_v4_simple_python.json", {"id": "simple_python_0", "ground_truth": [gold]})
    [item] = suite("bfcl:simple_python").open()
    assert (item.trace.id, item.trace.world) == ("simple_python_0", "bfcl:simple_python")
    assert said(item) == ["How large?"]
    assert calls(item) == [("shape.area", {"a": 5, "at": {"x": 1, "y": "left"}, "all": [3, 4], "of": [{"k": 7}]})]
    assert item.tools[0].parameters["properties"]["a"] == {"type": "number"}


def test_a_function_that_is_no_list_an_answer_in_words_and_no_answers_at_all(bfcl):
    lines(bfcl / "BFCL_v4_irrelevance.json", question("irrelevance_0", "How heavy?", function=AREA))
    lines(bfcl / "BFCL_v4_memory.json", question("memory_0", "What is my name?", involved_classes=["MemoryAPI"]))
    lines(bfcl / "possible_answer" / "BFCL_v4_memory.json", {"id": "memory_0", "ground_truth": ["Michael"]})
    lines(bfcl / "multi_turn_func_doc" / "memory_kv.json", AREA)
    for category in ("irrelevance", "memory"):
        [item] = suite(f"bfcl:{category}").open()
        assert calls(item) == []
        assert [tool.name for tool in item.tools] == ["shape.area"]


def test_turns_of_bfcl_with_calls_written_as_python(bfcl):
    move = {"name": "mv", "description": "", "parameters": {"type": "dict", "properties": {"source": {}, "destination": {}}}}
    lines(bfcl / "multi_turn_func_doc" / "gorilla_file_system.json", move)
    lines(
        bfcl / "BFCL_v4_multi_turn_base.json", question("multi_turn_base_0", "Move it.", "And back.", involved_classes=["GorillaFileSystem", "Desk"])
    )
    gold = [["mv('a', destination='b')"], ["mv(source='b',destination='a')", "__import__('os').getcwd()"]]
    lines(bfcl / "possible_answer" / "BFCL_v4_multi_turn_base.json", {"id": "multi_turn_base_0", "ground_truth": gold})
    [item] = suite("bfcl:multi_turn_base").open()
    assert said(item) == ["Move it.", "And back."]
    assert calls(item) == [("mv", {"source": "a", "destination": "b"}), ("mv", {"source": "b", "destination": "a"})]
    assert [node.message.role for node in item.trace.nodes] == ["user", "assistant", "user", "assistant"]


def test_a_line_that_is_not_as_expected_is_said_with_its_file(bfcl):
    lines(bfcl / "BFCL_v4_simple_java.json", question("simple_java_0", "Hi"), {"id": 7})
    with pytest.raises(SourceError, match=r"line 2 is not as expected(.|\n)*BFCL_v4_simple_java"):
        list(suite("bfcl:simple_java").open())


def test_tasks_of_tau2_without_the_persona_and_with_the_users_own_calls(monkeypatch):
    monkeypatch.syspath_prepend(str(SITE))
    monkeypatch.delenv("TAU2_ROOT", raising=False)
    first = next(suite("tau2:retail").open())
    assert first.trace.id == "tau2-retail-0"
    assert said(first) == ["You want to cancel.", "You are Ann.", "Be brief."]
    assert calls(first)[0] == ("find_user_id_by_email", {"email": "ann@example.com"})
    assert len(list(suite("tau2:retail").open())) == 3
    [phone] = suite("tau2:telecom").open()
    assert calls(phone, "user") or calls(phone)


def test_agentdojos_users_and_attackers(monkeypatch):
    monkeypatch.syspath_prepend(str(SITE))
    found = list(suite("agentdojo:banking").open())
    assert {item.trace.world for item in found} == {"agentdojo:banking"}
    assert "Pay the bill." in [text for item in found for text in said(item)]
    assert any("injection" in item.trace.id for item in found)
    assert all({tool.name for tool in item.tools} >= {name for name, _ in calls(item)} for item in found)


def test_what_is_not_installed_is_said_with_what_to_install_and_only_when_it_is_read(monkeypatch):
    monkeypatch.delenv("TAU2_ROOT", raising=False)
    monkeypatch.setattr("artificer.worlds.imported.rooms.find_spec", lambda _: None)
    monkeypatch.setattr("artificer.worlds.imported.tau2_data.find_spec", lambda _: None)
    for name, remedy in (("bfcl", "bfcl-eval"), ("tau2", "inspect-evals"), ("agentdojo", "agentdojo")):
        rows = suite(name).open()
        with pytest.raises(SourceError, match=f"pip install --no-deps {remedy}"):
            next(rows)
    assert installed() == []


def test_names_that_are_none():
    with pytest.raises(ArtificerError, match=r"no suite 'gaia'(.|\n)*bfcl, tau2, agentdojo"):
        suite("gaia")
    with pytest.raises(ArtificerError, match=r"no part 'rest'(.|\n)*bfcl:simple_python"):
        suite("bfcl:rest")


def test_a_run_is_a_suite_by_its_tasks_and_traces_and_a_file_by_its_rows(tmp_path):
    synth("cove", world="domain:retail", n=3, seed=5, out=tmp_path / "run", progress=None)
    with RunFolder.open(tmp_path / "run") as folder:
        tasks = [task for _, task in folder.read("tasks", Task, ordered=True)]
        traces = len(folder.keys("traces"))
    found = list(suite(str(tmp_path / "run")).open())
    assert [item.trace.id for item in found[: len(tasks)]] == [task.id for task in tasks]
    assert len(found) == len(tasks) + traces
    for task, item in zip(tasks, found, strict=False):
        assert {text for name, text in task.goal.script.items() if name.startswith(("open:", "ask:"))} <= set(said(item))
        assert calls(item) == [(call.name, call.arguments) for call in task.gold]
    (tmp_path / "own.jsonl").write_text('{"messages":[{"role":"user","content":"Book it."},{"role":"assistant","content":"Done."}]}\n')
    assert [said(item) for item in suite(str(tmp_path / "own.jsonl")).open()] == [["Book it."]]
