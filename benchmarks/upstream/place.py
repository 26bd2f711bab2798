"""The originals: packages in a folder of their own, and programs of theirs in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def install(site, packages, libraries):
    """Packages without what they declare to need, and the libraries that are really used."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(site)]
    for words in (["--no-deps", *packages], libraries):
        subprocess.run([*pip, *words], check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})


def told(script, asked, site, what=""):
    """What a program of this folder prints when it is asked."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / script)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *sys.path[1:]])},
    )
    if done.returncode:
        raise SystemExit(f"{script} {what}: {done.stderr[-3000:]}")
    return done.stdout
