"""What a person sees while a run works: a live line on a terminal, a plain line every few seconds elsewhere. Written
to stderr.

The engine tells what happens (`begin`, `written`, `finished`, `end`), calls `tick` twice a second, and never waits
for an answer. Stages may tell numbers of their rows (`each(..., tell=...)`): those named `requests`, `tokens` and
`usd` are shown as such, and those named `error.KIND` as errors by kind.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TextIO

from msgspec import Struct

_NOTHING: Mapping[str, float] = {}


class Tally(Struct):
    """How far one part of a run is. `done` counts source rows, those of earlier attempts among them; `fresh` only
    those of this one.
    """

    title: str
    total: int | None
    done: int
    fresh: int
    made: int
    rejects: Counter[str]
    began: float
    told: Counter[str]

    def line(self) -> str:
        """E.g. `play: 120/1000 rows, 118 out, 2 rejected (leak 2), 45.2 rows/s, 19 s left, 480 requests, 53.2k tokens,
        $0.21, 3 errors (not_found 3)`.
        """
        rate = self.fresh / max(monotonic() - self.began, 1e-6)
        parts = [f"{self.done}/{self.total} rows"] if self.total is not None else [f"{self.done} rows"] if self.done else []
        parts.append(f"{self.made} out")
        if self.rejects:
            parts.append(f"{self.rejects.total()} rejected ({', '.join(f'{why} {n}' for why, n in self.rejects.most_common(4))})")
        if parts[0] != f"{self.made} out":
            parts.append(f"{rate:.1f} rows/s")
        if self.total is not None and rate > 0 and self.done < self.total:
            parts.append(f"{_lasting((self.total - self.done) / rate)} left")
        parts += _numbers(self.told)
        return f"{self.title}: {', '.join(parts)}"


class Progress:
    """Shows how a run goes. A silent one: pass `progress=None` to `execute`.

    Args:
        stream: where to write; stderr by default.
        every_s: seconds between plain lines; a terminal is refreshed twice a second.
    """

    def __init__(self, stream: TextIO | None = None, every_s: float = 5.0) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._every_s = 0.4 if self._live else every_s
        self._tally: Tally | None = None
        self._shown = 0.0

    def begin(self, title: str, total: int | None) -> None:
        """A part of the run begins, of `total` source rows (None: unknown)."""
        self._shown = monotonic()
        self._tally = Tally(title, total, 0, 0, 0, Counter(), self._shown, Counter())
        self._show(final=False)

    def written(self, made: int, rejects: Sequence[str], told: Mapping[str, float] = _NOTHING) -> None:
        """A row gave `made` outputs, and rejects by reason; its stages told these numbers."""
        if self._tally is not None:
            self._tally.made += made
            self._tally.rejects.update(rejects)
            for name, number in told.items():
                self._tally.told[name] += number  # type: ignore[assignment]  # dollars are no whole numbers

    def finished(self, *, before: bool = False) -> None:
        """A source row is through; `before` when an earlier attempt had finished it."""
        if self._tally is not None:
            self._tally.done += 1
            self._tally.fresh += not before

    def tick(self) -> None:
        """Shows how far it is, when it is time to."""
        now = monotonic()
        if now - self._shown >= self._every_s:
            self._shown = now
            self._show(final=False)

    def say(self, text: str) -> None:
        """A remark, on a line of its own."""
        self._stream.write(f"{chr(10) if self._live else ''}{text}\n")
        self._stream.flush()

    def remark(self, text: str) -> None:
        """Says what is being done outside the rows."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """The part is over, or was stopped."""
        if self._tally is not None:
            self._show(final=True)
            self._tally = None

    def _show(self, *, final: bool) -> None:
        if self._tally is None:
            return
        line = self._tally.line()
        if self._live:
            self._stream.write(f"\r\x1b[2K{line[: _width()]}" + ("\n" if final else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


def _numbers(told: Mapping[str, float]) -> list[str]:
    """Requests, tokens, money and errors, as far as stages told them."""
    parts = [f"{_short(told[name])} {name}" for name in ("requests", "tokens") if told.get(name)]
    if told.get("usd"):
        parts.append(f"${told['usd']:.2f}" if told["usd"] >= 1 else f"${told['usd']:.4f}")
    errors = Counter({name.removeprefix("error."): int(number) for name, number in told.items() if name.startswith("error.") and number})
    if errors:
        parts.append(f"{errors.total()} errors ({', '.join(f'{kind} {n}' for kind, n in errors.most_common(4))})")
    return parts


def _short(number: float) -> str:
    return f"{number:.0f}" if number < 10_000 else f"{number / 1e3:.1f}k" if number < 1e6 else f"{number / 1e6:.2f}M"


def _lasting(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns - 1
