r"""Mathematical equivalence, by math-verify (extra `maths`) in a process that is killed when it takes too long.

Simplifying may never end, and parsers of hostile LaTeX may take all memory: a child does it, with a limit on both, and is started anew after
it was killed. One child serves one caller at a time; answers do not depend on which.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector

from artificer.core.errors import MissingExtra

_CHILD = r"""
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (%d, %d))
from math_verify import parse, verify
from math_verify.parser import ExprExtractionConfig, LatexExtractionConfig
def read(text):
    kinds = (LatexExtractionConfig(), ExprExtractionConfig())
    framed = text if "$" in text or "boxed" in text or "**" in text else "$" + text + "$"
    return parse(framed, kinds, parsing_timeout=None) or parse(text, kinds, parsing_timeout=None)
for line in sys.stdin:
    answer, gold = json.loads(line)
    try:
        same = bool(verify(read(gold), read(answer), timeout_seconds=None))
    except Exception:
        same = False
    print(json.dumps(same), flush=True)
"""
_MEMORY = 2 << 30
LONGEST = 2000


class Mathematician:
    """Compares two expressions; see the module docstring.

    Args:
        seconds: for one comparison; what takes longer is not shown to be equal.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.killed = 0
        """Comparisons that took too long."""

    def same(self, answer: str, gold: str) -> bool:
        """Whether two expressions (LaTeX or plain) are equal.

        Raises:
            MissingExtra: math-verify is not installed.
        """
        if answer.strip() == gold.strip():
            return True
        if max(len(answer), len(gold)) > LONGEST:
            return False
        with self._lock:
            return self._asked(answer, gold)

    def _asked(self, answer: str, gold: str) -> bool:
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps([answer, gold]).encode() + b"\n")
            child.stdin.flush()
        except OSError:
            self.close()
            return False
        with DefaultSelector() as selector:
            selector.register(child.stdout, EVENT_READ)
            ready = selector.select(self._seconds)
        line = child.stdout.readline() if ready else b""
        if not line:  # it takes too long, or its memory was spent
            self.killed += 1
            self.close()
            return False
        return line.strip() == b"true"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        import importlib.util

        if importlib.util.find_spec("math_verify") is None:
            raise MissingExtra("maths", "comparing mathematical expressions")
        keep = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT")}
        self._child = subprocess.Popen(
            [sys.executable, "-c", _CHILD % (_MEMORY, _MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=keep,
        )
        atexit.register(self.close)
        assert self._child.stdout is not None
        return self._warm(self._child)

    def _warm(self, child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Waits for the first answer, which loading the library delays: that time is nobody's fault."""
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b'["1", "1"]\n')
        child.stdin.flush()
        child.stdout.readline()
        return child

    def close(self) -> None:
        """Ends the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
