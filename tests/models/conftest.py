"""Makes the endpoint of these tests, which is a program too, importable as `endpoint_double`; and a clock that jumps."""

from __future__ import annotations

import asyncio
import importlib.util
import selectors
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

_SPEC = importlib.util.spec_from_file_location("endpoint_double", Path(__file__).with_name("endpoint.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules["endpoint_double"] = _MODULE
_SPEC.loader.exec_module(_MODULE)


class _Jumping(selectors.DefaultSelector):
    """Real sockets, but nobody waits for a clock: when nothing is ready to be read, time jumps to the next timer."""

    ahead = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is not None and timeout > 0:
            ready = super().select(0.0005)  # what is on its way through the loopback
            if not ready:
                self.ahead += timeout
        return ready or (super().select(None) if timeout is None else [])


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.ahead


@pytest.fixture
def in_virtual_time() -> Callable[[Callable[[], Coroutine[Any, Any, Any]]], tuple[Any, float]]:
    """Runs a coroutine on a loop whose clock jumps: its result, and how many seconds went by on that clock."""

    def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[Any, float]:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            loop = runner.get_loop()
            began = loop.time()
            return runner.run(main()), loop.time() - began

    return run
