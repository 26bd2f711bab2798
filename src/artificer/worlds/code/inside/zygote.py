"""The zygote: an interpreter that has its modules loaded and does nothing but fork a supervisor for each request.

It does not even read the requests (the child does), so that its memory, and with it what programs print of addresses,
stays the same from request to request.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
import warnings
from typing import Any

from . import kernel, supervise

_USUAL = """
abc ast base64 bisect calendar cmath collections contextlib copy csv dataclasses datetime decimal enum fractions functools hashlib heapq
inspect io itertools json math operator os pathlib pprint random re statistics string textwrap time traceback types typing uuid
"""
"""What most programs import."""


def preload(paths: list[str], names: list[str]) -> list[str]:
    """Loads what most programs use, and what was asked for; returns what of that could not be loaded."""
    sys.path[:] = [path for path in sys.path if path != supervise.OWN_FOLDER] + paths
    missing: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [*_USUAL.split(), *names]:
            try:
                importlib.import_module(name)
            except Exception as error:  # the boundary: whatever a package does when it is imported
                missing.append(f"{name}: {type(error).__name__}")
    return missing


def serve(control: socket.socket, orders: dict[str, Any], steps: dict[str, str]) -> None:
    """Forks for every message on `control` until it is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not orders["apart"]:
        kernel.untouchable()
    kernel.prepare()
    gc.collect()
    gc.freeze()  # what is shared with the children is never touched again
    while control.recv(1, socket.MSG_PEEK):
        taken, taking = os.pipe()
        try:
            child = os.fork()
        except OSError:  # no room for one more: the one who asks sees the end of its channel
            _refuse(control)
            child = -1
        if child == 0:
            os.close(taken)
            try:
                supervise.main(control, taking, orders, steps)
            finally:
                os._exit(0)
        os.close(taking)
        os.read(taken, 1)
        os.close(taken)
    os._exit(0)


def _refuse(control: socket.socket) -> None:
    _, handles, _, _ = socket.recv_fds(control, 65536, 1)
    for handle in handles:
        os.close(handle)
