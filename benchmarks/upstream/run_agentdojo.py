"""AgentDojo's own suites and checker on what `benchmarks/imported.py` asks: run in a process of its own.

Reads {"suite": ..., "version": ...}; writes {kind: {task: {variant: verdict}}}. With "asked", a list of [kind, task,
{"calls": [{"name", "arguments"}, ...], "output"}], as `benchmarks/parity_agentdojo.py` has it, writes a list of
[verdict, or null where the task's own check raises, and the milliseconds it took]. The package's agents are not imported
(they need six model clients): their package is entered without its `__init__`.
"""

import json
import sys
import time
import types
import warnings
from importlib.util import find_spec
from pathlib import Path

HOME = Path(next(iter(find_spec("agentdojo").submodule_search_locations)))
for name, names in {
    "agentdojo.agent_pipeline": {"__path__": [str(HOME / "agent_pipeline")]},
    "agentdojo.agent_pipeline.llms": {"__path__": []},
    "agentdojo.agent_pipeline.llms.google_llm": {"EMPTY_FUNCTION_NAME": "<empty-function>"},
}.items():
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(names)

from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline  # noqa: E402
from agentdojo.functions_runtime import FunctionCall  # noqa: E402
from agentdojo.task_suite.load_suites import get_suites  # noqa: E402


class Shortened:
    """A task whose gold lacks its last call."""

    def __init__(self, task):
        self.task = task
        self.GROUND_TRUTH_OUTPUT = task.GROUND_TRUTH_OUTPUT

    def ground_truth(self, environment):
        return self.task.ground_truth(environment)[:-1]


class Silent(Shortened):
    """A task whose gold says and does nothing."""

    def __init__(self, task):
        super().__init__(task)
        self.GROUND_TRUTH_OUTPUT = ""

    def ground_truth(self, environment):
        return []


class Told:
    """In place of an agent: makes these calls, whatever comes of them, and says that."""

    name = "told"

    def __init__(self, asked):
        self.asked = asked

    def query(self, query, runtime, env, messages=(), extra_args=None):
        found = []
        for one in self.asked["calls"]:
            call = FunctionCall(function=one["name"], args=one["arguments"])
            result, error = runtime.run_function(env, call.function, call.args)
            found.append({"role": "assistant", "content": None, "tool_calls": [call]})
            found.append({"role": "tool", "content": [text(str(result))], "tool_call": call, "tool_call_id": None, "error": error})
        found.append({"role": "assistant", "content": [text(self.asked["output"])], "tool_calls": None})
        return query, runtime, env, found, {}


def text(content):
    return {"type": "text", "content": content}


def answer(suite, task, asked):
    began = time.process_time()
    try:
        found = bool(suite.run_task_with_pipeline(Told(asked), task, None, {})[0])
    except Exception:
        found = None
    return found, (time.process_time() - began) * 1000


def verdicts(suite, task):
    found = {}
    for variant, gold in (("gold", task), ("without_last", Shortened(task)), ("silent", Silent(task))):
        found[variant] = bool(suite.run_task_with_pipeline(GroundTruthPipeline(gold), task, None, {})[0])
    return found


def main():
    asked = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    suite = get_suites(asked["version"])[asked["suite"]]
    kinds = {"user": suite.user_tasks, "injection": suite.injection_tasks}
    if "asked" in asked:
        return json.dump([answer(suite, kinds[kind][name], question) for kind, name, question in asked["asked"]], sys.stdout)
    return json.dump({kind: {name: verdicts(suite, task) for name, task in tasks.items()} for kind, tasks in kinds.items()}, sys.stdout)


main()
