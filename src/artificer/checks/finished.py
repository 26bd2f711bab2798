"""Did the conversation end as it should?"""

from __future__ import annotations

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.core.verdicts import CheckResult, StopReason


class Finished(Struct, frozen=True):
    """The user ended the conversation because everything was dealt with (`user_done`), and no limit or error did."""

    name: str = "finished"

    async def __call__(self, episode: Episode) -> CheckResult:
        passed = episode.stop is StopReason.user_done
        return CheckResult(self.name, float(passed), passed, () if passed else (f"the episode ended with {episode.stop.value!r}",))
