"""The episode loop and what is built on it: lines and searches, collect, judging, proof by replay.

`artificer.rollout` is also the step of that name (`artificer.api.rollout`). Once this package is imported it stands
where the function would, so it can be called like it.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Step(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return importlib.import_module("artificer.api").rollout(*args, **kwargs)  # the one name that points up: nothing here depends on it


sys.modules[__name__].__class__ = _Step
