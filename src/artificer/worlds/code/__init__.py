"""`code:python` and `code:notebook`: a sandbox for Python that a model wrote.

TO BE WRITTEN
"""

from __future__ import annotations

from artificer.core.errors import SourceError
from artificer.worlds.code.settings import Mode, settings_of
from artificer.worlds.code.world import CodeWorld

_MODES: dict[str, Mode] = {"python": "stateless", "notebook": "notebook"}


def open_world(rest: str, **options: str) -> CodeWorld:
    """The world of `python` (a fresh interpreter for each call) or `notebook` (one for a session).

    Args:
        rest: which.
        options: see `settings.Settings`: `mode`, `timeout` (s), `memory` (MiB), `output` (characters), `files`, `disk` (MiB), `processes`,
            `packages`, `preload`, `jail`, `unprotected`, `parallel`, `template`.

    Raises:
        SourceError: an option out of range, or no sandbox can be had on this machine.
    """
    where = f"code:{rest}"
    if rest not in _MODES:
        raise SourceError(f"{where!r} is not a code world.", where=where, remedy="write code:python or code:notebook")
    return CodeWorld(settings_of(options, where, _MODES[rest]), where)
