"""What a user did wrong, said once: what, where, and what to do next.

Only mistakes of the person at the keyboard are raised as `ArtificerError`. What goes wrong inside an episode (a
model's bad call, a tool's refusal) is data: see `artificer.core.verdicts`. Anything else that is raised is a bug.
"""

from __future__ import annotations


class ArtificerError(Exception):
    """A mistake the user can mend. Printed without a traceback by the command line.

    Args:
        what: one sentence; identifiers quoted with `!r`.
        where: the file, row, key or option concerned, if there is one.
        remedy: the next action, as an imperative sentence.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(self.__str__())

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.remedy:
            lines.append(f"  do:    {self.remedy}")
        return "\n".join(lines)


class SourceError(ArtificerError):
    """A tool source (database, server, module, document) cannot be used as it is."""


class RunError(ArtificerError):
    """A run folder cannot be read, written or continued."""


class BudgetSpent(ArtificerError):
    """A limit that the user set (requests, tokens, money) is reached. A run stops as after one Ctrl-C: rows that need
    nothing more are finished, what is finished is kept, and the run continues when there is more to spend.
    """


class MissingExtra(ArtificerError):
    """An optional part of Artificer is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the optional part {extra!r}, which is not installed.",
            remedy=f"pip install 'artificer[{extra}]'",
        )
