"""Room for many rows in flight: open files, and a garbage collector that does not look at all of them all the time."""

from __future__ import annotations

import gc
import resource
from collections.abc import Generator
from contextlib import contextmanager

_SPARE = 256
"""Files beside the rows' connections."""
_YOUNG = 20_000
"""Allocations between collections. A row in flight holds some hundred objects: with Python's 700, ten thousand rows
spend 40% of their CPU on being looked at; with this many, nothing that can be measured.
"""


@contextmanager
def room_for(concurrency: int) -> Generator[None, None, None]:
    """While the block runs: fewer collections, and leave to open a file for every row, as far as the system allows."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    young, *older = gc.get_threshold()
    wanted = concurrency + _SPARE if most == resource.RLIM_INFINITY else min(concurrency + _SPARE, most)
    if files not in (resource.RLIM_INFINITY, -1) and wanted > files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    if young:  # 0: somebody has switched it off
        gc.set_threshold(max(young, _YOUNG), *older)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)
