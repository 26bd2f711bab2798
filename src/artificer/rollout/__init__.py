"""The episode loop and what is built on it: lines and searches, collect, judging, proof by replay.

`artificer.rollout` is also the step of that name (`artificer.api.rollout`). Once this package is imported it stands
where the function would, so it can be called like it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Step(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from artificer import api

        return api.rollout(*args, **kwargs)


sys.modules[__name__].__class__ = _Step
