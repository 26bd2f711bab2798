"""Running the demo's commands one after another, each as a process of its own; what was finished before is not done again."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import msgspec

from artificer.core.errors import RunError
from artificer.demo.plan import Step

DONE = "demo.json"


def perform(plan: Sequence[Step], at: Path, say: Callable[[str], None]) -> int:
    """Runs the steps that are left; the exit code of the first that fails, else 0. Seconds by command are kept in `demo.json`.

    Raises:
        RunError: the demo's folder cannot be written.
    """
    done = _done(at)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}", "PYTHONUNBUFFERED": "1"}
    for number, step in enumerate(plan, start=1):
        typed = shlex.join(("artificer", *step.words))
        if typed in done:
            say(f"[{number}/{len(plan)}] {step.title}: done before, in {done[typed]:.0f} s")
            continue
        say(f"\n[{number}/{len(plan)}] {step.title}\n$ {typed}")
        began = monotonic()
        code = _run([sys.executable, "-m", "artificer", *step.words], environment)
        if code:
            say(f"\nstopped: the last command failed. The same command continues the demo: artificer demo -o {shlex.quote(str(at))}")
            return code
        done[typed] = round(monotonic() - began, 1)
        try:
            (at / DONE).write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=1))
        except OSError as error:
            raise RunError(
                f"the demo's folder cannot be written: {error.strerror}", where=str(at / DONE), remedy="choose another: -o FOLDER"
            ) from error
    say(f"\nall of it took {sum(done.values()) / 60:.1f} minutes")
    return 0


def _run(words: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(words, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:  # the command was told too, and finishes what it has in hand
        process.wait()
        return 130


def _done(at: Path) -> dict[str, float]:
    try:
        at.mkdir(parents=True, exist_ok=True)
        return msgspec.json.decode((at / DONE).read_bytes(), type=dict[str, float])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise RunError(f"the demo's folder cannot be used: {error}", where=str(at), remedy="choose another: -o FOLDER") from error
