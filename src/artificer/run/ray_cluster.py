"""The cluster of the engine `ray:N`: the one that `RAY_ADDRESS` names, or one on this machine that is made for the run,
small, silent and without a trace. Kept free of `ray`, which its engine hands in.
"""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from artificer.core.errors import ArtificerError

STORE_BYTES = 512 << 20
"""The object store of a cluster made for the run: this, or a tenth of the memory when that is less."""

ANSWER_S = 5.0
"""How long the head of a cluster may take to answer at all."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_TQDM_PATCH_PRINT": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


def address() -> str:
    """Where the cluster is; `local`: one is made for the run."""
    return os.environ.get("RAY_ADDRESS", "local")


@contextmanager
def environment() -> Generator[None, None, None]:
    """Ray without usage statistics and remarks; what the user has set stays."""
    ours = {name: value for name, value in _QUIET.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def connected(ray: Any, workers: int) -> Generator[None, None, None]:
    """Connects to the cluster, or makes one on this machine.

    Raises:
        ArtificerError: it cannot be reached, or has other versions.
    """
    where = address()
    if where.startswith("ray://"):
        raise ArtificerError(
            "Ray's client cannot be used",
            where=f"RAY_ADDRESS={where}",
            remedy="run the command on a machine of the cluster (RAY_ADDRESS=auto, or its head's HOST:PORT)",
        )
    _refuse_silence(where)
    told = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": True}
    local = tempfile.mkdtemp(prefix="artificer-ray-", dir="/tmp" if os.path.isdir("/tmp") else None) if where == "local" else ""
    if local:
        told |= {"num_cpus": workers, "object_store_memory": _store_bytes(), "include_dashboard": False, "_temp_dir": local}
    with _silent():
        try:
            with environment():
                ray.init(address=where, **told)
        except (RuntimeError, ConnectionError, ValueError, OSError, ray.exceptions.RayError) as error:
            _leave(ray, local)
            raise _refused(where, error) from error
        try:
            yield
        finally:
            _leave(ray, local)


def _refuse_silence(where: str) -> None:
    """Ray itself tries an address for a minute."""
    host, _, port = where.rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
        except (OSError, OverflowError) as error:
            raise _refused(where, error) from error


def _leave(ray: Any, local: str) -> None:
    ray.shutdown()
    if local:
        shutil.rmtree(local, ignore_errors=True)


@contextmanager
def _silent() -> Generator[None, None, None]:
    """Keeps from standard output what Ray prints there of lost workers and machines, whatever logging is told; the
    engine says it in a line. This is the switch that Ray's own debugger uses; it has no public one.
    """
    printer: Any = importlib.import_module("ray._private.worker")
    before = getattr(printer, "_worker_logs_enabled", True)
    printer._worker_logs_enabled = False
    try:
        yield
    finally:
        printer._worker_logs_enabled = before


def _store_bytes() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(80 << 20, min(STORE_BYTES, memory // 10))


def _refused(where: str, error: Exception) -> ArtificerError:
    text = " ".join(str(error).split())
    if "mismatch" in text.lower():
        return ArtificerError(f"the cluster runs other versions: {text}", where=f"RAY_ADDRESS={where}", remedy="install the same Ray and Python here")
    if any("auth" in str(one).lower() for one in (error, error.__cause__)):
        return ArtificerError(
            "the Ray cluster asks for its token",
            where=f"RAY_ADDRESS={where}",
            remedy="set RAY_AUTH_MODE=token and put its token into ~/.ray/auth_token",
        )
    return ArtificerError(
        f"cannot {'start Ray here' if where == 'local' else 'reach the Ray cluster'}: {text[:400]}",
        where=f"RAY_ADDRESS={where}",
        remedy="start a cluster with `ray start --head`, or unset RAY_ADDRESS to make one for the run",
    )
