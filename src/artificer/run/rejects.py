"""Rejects of rows that were read rather than played: each dropped row once, however often the same command is given again."""

from __future__ import annotations

from artificer.formats.account import Account
from artificer.run.store import Dropped, Rejected, RunFolder

READ = "read"
"""The stage of rows that no trace could be read of."""
_TOGETHER = 256


class Rejects:
    """Rejects on their way into a run folder, many to a commit; of those that are there already only the keys are held.

    Args:
        stage: what drops rows, for the commits.
    """

    def __init__(self, folder: RunFolder, stage: str) -> None:
        self._folder = folder
        self._stage = stage
        self._number = len(folder.family("rejects"))
        self._known = {(row.stage, row.key) for row in folder.rejects()}
        self._waiting: list[Rejected] = []

    def add(self, row: Rejected) -> None:
        """Takes a dropped row, unless it was taken by an earlier command."""
        if (row.stage, row.key) in self._known:
            return
        self._waiting.append(row)
        if len(self._waiting) >= _TOGETHER:
            self.flush()

    def hear(self, account: Account, before: str = "") -> None:
        """From now on takes each row that a reader drops, under its place.

        Args:
            before: what stands before the place in the key, where several sources are read.
        """
        account.on_drop = lambda reason: self.add(Rejected(before + account.where, READ, reason, account.where))

    def flush(self) -> None:
        """Writes what was taken."""
        if self._waiting:
            self._folder.reject(self._stage, f"{self._stage}-{self._number:06d}", Dropped.of(self._waiting))
            self._waiting, self._number = [], self._number + 1
