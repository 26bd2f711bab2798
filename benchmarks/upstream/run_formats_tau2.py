"""tau2-bench's models on what we wrote: run in a process of its own, with `src` of a clone of sierra-research/tau2-bench on the path.

Reads JSON from standard input: {"results": [files], "tasks": [files]}. Only the models are loaded, not the package: its `__init__` would bring every
agent. Writes {"results", "simulations", "tasks"}: how many were taken.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock


def only_models():
    """The package's folders without what their `__init__` imports; pandas is only used by tables that nobody asks for."""
    place = next(Path(entry) / "tau2" for entry in sys.path if (Path(entry) / "tau2" / "data_model").is_dir())
    for name in ("tau2", "tau2.environment", "tau2.orchestrator", "tau2.data_model"):
        module = types.ModuleType(name)
        module.__path__ = [str(place.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = module
    if importlib.util.find_spec("pandas") is None:
        sys.modules["pandas"] = MagicMock()


def main():
    asked = json.load(sys.stdin)
    only_models()
    from tau2.data_model.simulation import Results
    from tau2.data_model.tasks import Task

    taken = [Results.load(Path(file)) for file in asked["results"]]
    tasks = [Task.model_validate(task) for file in asked["tasks"] for task in json.loads(Path(file).read_text())]
    print(json.dumps({"results": len(taken), "simulations": sum(len(one.simulations) for one in taken), "tasks": len(tasks)}))


if __name__ == "__main__":
    main()
