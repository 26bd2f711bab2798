"""Ctrl-C, twice: once to finish what is in flight, twice to stop at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import FrameType


class Stop:
    """Whether the run is to begin no more rows (`why` says it, where it was not Ctrl-C), and whether that left something
    undone. `blocking` is set while code runs that does not return to the event loop.
    """

    def __init__(self) -> None:
        self.asked = False
        self.cut = False
        self.blocking = False
        self.why = ""

    def ask(self, why: str) -> None:
        """Begins no more rows, for a reason of the run's own."""
        if not self.asked:
            self.asked, self.why = True, why


@asynccontextmanager
async def interruptible(say: Callable[[str], None]) -> AsyncGenerator[Stop, None]:
    """First Ctrl-C: `stop.asked`, and `say` tells so. Second: cancels this task, which leaves the block as
    KeyboardInterrupt.
    """
    stop, loop, task, cancelled = Stop(), asyncio.get_running_loop(), asyncio.current_task(), False
    presses = 0

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        nonlocal cancelled
        nonlocal presses
        presses += 1
        if presses > 1 and (stop.blocking or cancelled or task is None):
            raise KeyboardInterrupt
        if presses > 1 and task is not None:
            cancelled = True
            loop.call_soon_threadsafe(task.cancel)
        elif presses == 1:
            stop.asked = True
            loop.call_soon_threadsafe(say, "finishing the rows in flight; press Ctrl-C again to stop at once")

    try:
        before = signal.signal(signal.SIGINT, pressed)
    except ValueError:  # not the main thread: Ctrl-C is somebody else's
        yield stop
        return
    try:
        yield stop
    except asyncio.CancelledError:
        if cancelled:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)
