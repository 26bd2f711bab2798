"""Gold calls of published benchmarks, executed by the benchmarks' own code: run in a process of its own.

Reads {"set": "bfcl", "category": ..., "gold": {task: [[[text, name, arguments], ...] of each turn]}} or {"set": "tau2",
"domain": ..., "root": folder of a clone, "database": ..., "records": {id: task}}; writes a conversation a line, as
OpenAI's chat format has it, with the task's id under `task_id`. What the calls gave is what upstream's code answered:
`execute_multi_turn_func_call` of bfcl-eval, `Environment.get_response` of tau2-bench. Nothing of ours is loaded.
"""

import json
import pickle
import sys
from pathlib import Path

from blanks import bare, blank


def call(at, name, arguments, role="assistant"):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": role, "content": None if role == "assistant" else "", "tool_calls": [{"id": f"c{at}", "type": "function", "function": function}]}


def bfcl(asked):
    import bfcl_eval
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils import execute_multi_turn_func_call

    category = asked["category"]
    path = Path(bfcl_eval.__file__).parent / "data" / f"BFCL_v4_{category}.json"
    for entry in map(json.loads, filter(str.strip, path.read_text("utf-8").splitlines())):
        gold = asked["gold"].get(entry["id"])
        if gold is None:
            continue
        messages = []
        for said, calls in zip(entry["question"], gold, strict=True):
            messages += [{"role": message["role"], "content": message["content"]} for message in said]
            for text, name, arguments in calls:
                given = (entry["initial_config"], entry["involved_classes"], "gold", f"{category}_{entry['id']}")
                (result,), _ = execute_multi_turn_func_call([text], *given, long_context="long" in category)
                at = len(messages)
                messages += [call(at, name, arguments), {"role": "tool", "tool_call_id": f"c{at}", "content": result}]
        yield {"id": f"gold/{entry['id']}", "task_id": entry["id"], "messages": messages}


def tau2(asked):
    root, domain = Path(asked["root"]), asked["domain"]
    sys.path.insert(0, str(root / "src"))
    bare("tau2", root / "src" / "tau2")
    blank("pandas", DataFrame=object)
    from loguru import logger

    logger.remove()
    from tau2.data_model.message import ToolCall
    from tau2.data_model.tasks import Task

    module = __import__(f"tau2.domains.{domain}.environment", fromlist=["x"])
    kind = getattr(module, {"retail": "RetailDB", "airline": "FlightDB", "telecom": "TelecomDB"}[domain])
    pristine = pickle.dumps(kind.model_validate(asked["database"]))
    for name, record in asked["records"].items():
        task = Task.model_validate(record)
        initial, criteria = task.initial_state, task.evaluation_criteria
        environment = module.get_environment(db=pickle.loads(pristine))
        environment.set_state(initial and initial.initialization_data, initial and initial.initialization_actions, [])
        messages = [{"role": "user", "content": "Hello."}]
        for action in (criteria.actions if criteria else None) or []:
            at = len(messages)
            answer = environment.get_response(ToolCall(id=f"c{at}", name=action.name, arguments=action.arguments, requestor=action.requestor))
            messages += [
                call(at, action.name, action.arguments, action.requestor),
                {"role": "tool", "tool_call_id": f"c{at}", "content": answer.content},
            ]
        yield {"id": f"gold/{name}", "task_id": name, "messages": messages}


def main():
    asked = json.load(sys.stdin)
    for row in bfcl(asked) if asked["set"] == "bfcl" else tau2(asked):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
