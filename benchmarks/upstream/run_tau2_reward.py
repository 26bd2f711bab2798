"""tau2-bench's own evaluator on what `benchmarks/parity_tau2.py` asks: run in a process of its own.

Reads {"domain", "root": folder of a clone or null, "database", "records": {id: task}, "asked": [[id, variant, {"calls",
"says", "stop", "nl"}], ...]}; writes a line for each that was asked: {"reward", "parts": {name: 0 or 1, or null where it was
not looked at}, "raised", "ms"}.

With a clone that is `evaluate_simulation` of the official repository with `ALL_WITH_NL_ASSERTIONS`, on a conversation
made of those calls, their results and what was said. Replaced by stand-ins are the registry (agents, users, voice) and
the client of the judging model, which answers with `nl`. A database of thousands of objects takes a second to load: each
question is put to a fork of this process, in which they are loaded.

Without a clone it is inspect-evals' port: its toolkits run the calls, its databases give their hashes.
"""

import gc
import json
import os
import pickle
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

from blanks import bare, blank


class Said:
    """The judging model's answer."""

    def __init__(self, told, asked):
        results = [{"expectedOutcome": text, "reasoning": "told to", "metExpectation": met} for text, met in zip(asked, told)]
        self.content = json.dumps({"results": results})


class Official:
    """The evaluator of a clone."""

    def __init__(self, asked):
        root, domain = Path(asked["root"]), asked["domain"]
        sys.path.insert(0, str(root / "src"))
        for name in ("tau2", "tau2.agent", "tau2.agent.base", "tau2.orchestrator"):
            bare(name, root / "src" / Path(*name.split(".")))
        blank("pandas", DataFrame=object)
        blank("tau2.agent.base.streaming", LinearizationStrategy=object, ParticipantTick=object, linearize_ticks=None)
        blank("tau2.utils.llm_utils", generate=lambda **_: self.told)
        blank("tau2.registry", registry=self)
        from loguru import logger

        logger.remove()
        self.domain = domain
        self.module = __import__(f"tau2.domains.{domain}.environment", fromlist=["x"])
        kind = getattr(self.module, {"retail": "RetailDB", "airline": "FlightDB", "telecom": "TelecomDB"}[domain])
        packed = pickle.dumps(kind.model_validate(asked["database"]))
        self.databases = [pickle.loads(packed) for _ in range(3)]
        self.records = asked["records"]

    def get_env_constructor(self, domain):
        """What the registry gives. The evaluator makes an environment for the types of tools, one for the calls, one for gold."""
        return self.make

    def make(self, solo_mode=False):
        self.made += 1
        return self.module.get_environment(db=self.databases[max(0, self.made - 2)], solo_mode=solo_mode)

    def messages(self, task, played):
        """The conversation: each call with what a live environment answers, then what the agent said."""
        from tau2.data_model.message import AssistantMessage, ToolCall, UserMessage

        environment = self.module.get_environment(db=self.databases[2])
        initial = task.initial_state
        environment.set_state(initial and initial.initialization_data, initial and initial.initialization_actions, [])
        found = []
        for at, call in enumerate(played["calls"]):
            asks = ToolCall(id=f"c{at}", name=call["name"], arguments=call["arguments"], requestor=call["requestor"])
            kind = AssistantMessage if call["requestor"] == "assistant" else UserMessage
            found += [kind(role=call["requestor"], content=None, tool_calls=[asks]), environment.get_response(asks)]
        return [*found, *(AssistantMessage(role="assistant", content=text) for text in played["says"])]

    def judge(self, name, played):
        from tau2.data_model.simulation import SimulationRun
        from tau2.data_model.tasks import Task
        from tau2.evaluator.evaluator import EvaluationType, evaluate_simulation

        task = Task.model_validate(self.records[name])
        criteria = task.evaluation_criteria
        self.told = Said(played["nl"], criteria.nl_assertions or [])
        self.made = 0
        messages = self.messages(task, played)
        run = SimulationRun(id="x", task_id=task.id, start_time="", end_time="", duration=0, termination_reason=played["stop"], messages=messages)
        began = time.process_time()
        try:
            found = evaluate_simulation(run, task, EvaluationType.ALL_WITH_NL_ASSERTIONS, False, self.domain)
        except Exception as error:
            return {"reward": None, "parts": {}, "raised": f"{type(error).__name__}: {str(error)[:300]}"}
        ms = (time.process_time() - began) * 1000
        parts = {
            "DB": found.db_check and found.db_check.db_reward,
            "ENV_ASSERTION": None if found.env_assertions is None else float(all(one.met for one in found.env_assertions)),
            "ACTION": None if found.action_checks is None else float(all(one.action_match for one in found.action_checks)),
            "COMMUNICATE": None if found.communicate_checks is None else float(all(one.met for one in found.communicate_checks)),
            "NL_ASSERTION": None if found.nl_assertions is None else float(all(one.met for one in found.nl_assertions)),
        }
        return {"reward": found.reward, "parts": parts, "raised": None, "ms": ms}


class Port:
    """The toolkits of inspect-evals: DB and ENV_ASSERTION."""

    def __init__(self, asked):
        from pydantic import BaseModel, ConfigDict

        class StoreModel(BaseModel):
            model_config = ConfigDict(arbitrary_types_allowed=True)

        self.store = {}
        home = Path(next(iter(find_spec("inspect_evals").submodule_search_locations)))
        bare("inspect_evals", home)
        bare("inspect_evals.tau2", home / "tau2")
        blank("inspect_ai", __path__=[])
        blank("inspect_ai.tool", ToolError=type("ToolError", (Exception,), {}), Tool=object, tool=lambda function: function)
        blank("inspect_ai.util", StoreModel=StoreModel, store_as=lambda kind, instance=None: self.store[kind.__name__])
        blank("inspect_ai.model", Content=object, ContentText=object)
        self.domain, self.records, self.writes = asked["domain"], asked["records"], set(asked["writes"])
        title, base = self.domain.capitalize(), f"inspect_evals.tau2.{self.domain}"
        lists = {"assistant": (__import__(f"{base}.tools", fromlist=["x"]), f"all_{self.domain}{'_agent' * (self.domain == 'telecom')}_tools")}
        pristine = {"assistant": getattr(__import__(f"{base}.{title}AgentTools", fromlist=["x"]), f"{title}AgentTools")()}
        self.couple = None
        if self.domain == "telecom":
            lists["user"] = (__import__(f"{base}.user_tools", fromlist=["x"]), "all_telecom_user_tools")
            pristine["user"] = __import__(f"{base}.TelecomUserTools", fromlist=["x"]).TelecomUserTools()
            self.couple = __import__(f"{base}.environment", fromlist=["x"]).Environment
        for kit in pristine.values():
            kit.initialize()
        packed = pickle.dumps(pristine)
        self.kits = [pickle.loads(packed) for _ in range(2)]
        self.tools = {(side, make.__name__): make() for side, (module, name) in lists.items() for make in getattr(module, name)}

    def sync(self):
        if self.couple is not None:
            self.couple(user_tools=self.store["TelecomUserTools"], tools=self.store["TelecomAgentTools"])

    def run(self, kits, record, calls, coupled):
        self.store.clear()
        self.store.update({type(kit).__name__: kit for kit in kits.values()})
        self.sync()
        for action in (record.get("initial_state") or {}).get("initialization_actions") or []:
            getattr(kits[action["env_type"]], action["func_name"])(**action["arguments"])
            self.sync()
        for call in calls:
            if call["name"] not in self.writes:
                continue
            try:
                self.tools[call.get("requestor", "assistant"), call["name"]](**call["arguments"]).send(None)
            except StopIteration:
                if coupled:
                    self.sync()
            except Exception:
                continue
        if coupled:
            self.sync()

    def judge(self, name, played):
        criteria = self.records[name]["evaluation_criteria"]
        began = time.process_time()
        theirs, gold = self.kits
        self.run(gold, self.records[name], criteria["actions"] or [], False)
        self.run(theirs, self.records[name], played["calls"], True)
        same = all(theirs[side].db.get_hash() == gold[side].db.get_hash() for side in gold)
        holds = [
            getattr(theirs[one["env_type"]], one["func_name"])(**one["arguments"]) == one["assert_value"]
            for one in criteria.get("env_assertions") or []
        ]
        parts = {"DB": float(same), "ENV_ASSERTION": float(all(holds))}
        return {"reward": None, "parts": parts, "raised": None, "ms": (time.process_time() - began) * 1000}


def main():
    asked = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    judge = (Official if asked["root"] else Port)(asked).judge
    gc.collect()
    gc.freeze()
    sys.stdout.flush()
    for name, _, played in asked["asked"]:
        child = os.fork()
        if not child:
            print(json.dumps(judge(name, played)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            raise SystemExit(f"{name}: the evaluator died")


main()
