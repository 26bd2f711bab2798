"""tau2-bench's own classes, hashes and evaluator on what `benchmarks/imported.py` asks: run in a process of its own.

Reads {"domain": ..., "root": folder of a clone or null, "tasks": {id: {variant: {"calls": [...], "says": [...]}}},
"records": {id: task}}. With a clone, the official `EnvironmentEvaluator` and `ActionEvaluator` judge a trajectory made
of those calls; without one, inspect-evals' classes are executed directly, and its assertions and database hashes are
compared here as its scorers do.
"""

import json
import pickle
import sys
from importlib.util import find_spec
from pathlib import Path

from blanks import bare, blank

# a clone


def official(asked):
    root = Path(asked["root"])
    sys.path.insert(0, str(root / "src"))
    bare("tau2", root / "src" / "tau2")
    blank("pandas", DataFrame=object)
    from loguru import logger

    logger.remove()
    from tau2.data_model.message import AssistantMessage, ToolCall, UserMessage
    from tau2.data_model.tasks import Task
    from tau2.evaluator.evaluator_action import ActionEvaluator
    from tau2.evaluator.evaluator_communicate import CommunicateEvaluator
    from tau2.evaluator.evaluator_env import EnvironmentEvaluator

    make = constructor(asked, root)
    found = {}
    for name, variants in asked["tasks"].items():
        task = Task.model_validate(asked["records"][name])
        initial = task.initial_state
        found[name] = {}
        for variant, played in variants.items():
            environment = make()
            environment.set_state(
                initialization_data=initial.initialization_data if initial else None,
                initialization_actions=initial.initialization_actions if initial else None,
                message_history=[],
            )
            messages = []
            for at, call in enumerate(played["calls"]):
                asks = ToolCall(id=f"c{at}", name=call["name"], arguments=call["arguments"], requestor=call["requestor"])
                kind = AssistantMessage if call["requestor"] == "assistant" else UserMessage
                messages.append(kind(role=call["requestor"], content=None, tool_calls=[asks]))
                messages.append(environment.get_response(asks))
            messages += [AssistantMessage(role="assistant", content=text) for text in played["says"]]
            basis = {one.value for one in task.evaluation_criteria.reward_basis}
            reward = EnvironmentEvaluator.calculate_reward(make, task, messages).reward
            if "ACTION" in basis:
                reward *= ActionEvaluator.calculate_reward(task, messages).reward
            if "COMMUNICATE" in basis:
                reward *= CommunicateEvaluator.calculate_reward(task, messages).reward
            hashes = {"assistant": environment.get_db_hash(), "user": environment.get_user_db_hash()}
            found[name][variant] = {"valid": reward == 1.0, "hash": hashes}
    return found


def constructor(asked, root):
    """Makes environments over one parsed database, copied each time."""
    domain = asked["domain"]
    module = __import__(f"tau2.domains.{domain}.environment", fromlist=["x"])
    classes = {"retail": "RetailDB", "airline": "FlightDB", "telecom": "TelecomDB"}
    kind = getattr(module, classes[domain])
    pristine = pickle.dumps(kind.model_validate(asked["database"]))

    def make(solo_mode=False):
        return module.get_environment(db=pickle.loads(pristine), solo_mode=solo_mode)

    return make


# inspect-evals


def packaged(asked):  # noqa: C901, PLR0915
    from pydantic import BaseModel, ConfigDict

    class StoreModel(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

    class ToolError(Exception):
        pass

    store = {}
    home = Path(next(iter(find_spec("inspect_evals").submodule_search_locations)))
    bare("inspect_evals", home)
    bare("inspect_evals.tau2", home / "tau2")
    blank("inspect_ai", __path__=[])
    blank("inspect_ai.tool", ToolError=ToolError, Tool=object, tool=lambda function: function)
    blank("inspect_ai.util", StoreModel=StoreModel, store_as=lambda kind, instance=None: store[kind.__name__])
    blank("inspect_ai.model", Content=object, ContentText=object)
    domain = asked["domain"]
    title = domain.capitalize()
    agent = getattr(__import__(f"inspect_evals.tau2.{domain}.{title}AgentTools", fromlist=["x"]), f"{title}AgentTools")
    lists = {"assistant": __import__(f"inspect_evals.tau2.{domain}.tools", fromlist=["x"])}
    named = {"assistant": f"all_{domain}{'_agent' if domain == 'telecom' else ''}_tools"}
    pristine = {"assistant": agent()}
    if domain == "telecom":
        user = __import__("inspect_evals.tau2.telecom.TelecomUserTools", fromlist=["x"]).TelecomUserTools
        lists["user"] = __import__("inspect_evals.tau2.telecom.user_tools", fromlist=["x"])
        named["user"] = "all_telecom_user_tools"
        pristine["user"] = user()
        from inspect_evals.tau2.telecom.environment import Environment
    for kit in pristine.values():
        kit.initialize()
    packed = pickle.dumps(pristine)
    tools = {(side, make.__name__): make() for side, module in lists.items() for make in getattr(module, named[side])}

    def sync():
        if domain == "telecom":
            Environment(user_tools=store["TelecomUserTools"], tools=store["TelecomAgentTools"])

    def begin(record):
        kits = pickle.loads(packed)
        store.clear()
        store.update({type(kit).__name__: kit for kit in kits.values()})
        sync()
        for action in ((record.get("initial_state") or {}).get("initialization_actions")) or []:
            getattr(kits[action["env_type"]], action["func_name"])(**action["arguments"])
            sync()
        return kits

    def run(calls):
        for call in calls:
            try:
                tools[call["requestor"], call["name"]](**call["arguments"]).send(None)
            except StopIteration:
                pass
            except Exception:
                continue
            finally:
                sync()

    def hashes(kits):
        return {side: kit.db.get_hash() for side, kit in kits.items()}

    found = {}
    for name, variants in asked["tasks"].items():
        record = asked["records"][name]
        criteria = record["evaluation_criteria"]
        basis = criteria.get("reward_basis") or ["DB", "COMMUNICATE"]
        gold = begin(record)
        run([{"requestor": "assistant", **action} for action in criteria["actions"] or []])
        wanted = hashes(gold)
        found[name] = {}
        for variant, played in variants.items():
            kits = begin(record)
            run(played["calls"])
            valid = "DB" not in basis or hashes(kits) == wanted
            if "ENV_ASSERTION" in basis:
                for one in criteria.get("env_assertions") or []:
                    valid = valid and getattr(kits[one["env_type"]], one["func_name"])(**one["arguments"]) == one["assert_value"]
            if "COMMUNICATE" in basis:
                heard = "\n".join(played["says"]).lower().replace(",", "")
                valid = valid and all(text.lower() in heard for text in criteria.get("communicate_info") or [])
            if "ACTION" in basis:
                valid = valid and all(used(action, played["calls"]) for action in criteria["actions"] or [])
            found[name][variant] = {"valid": bool(valid), "hash": hashes(kits)}
    return found


def used(action, calls):
    keys = action.get("compare_args")
    return any(
        call["name"] == action["name"]
        and call["requestor"] == action.get("requestor", "assistant")
        and all(call["arguments"].get(key) == action["arguments"].get(key) for key in (call["arguments"] if keys is None else keys))
        for call in calls
    )


def main():
    asked = json.load(sys.stdin)
    json.dump((official if asked["root"] else packaged)(asked), sys.stdout)


main()
