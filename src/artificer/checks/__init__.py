"""Checks decide what happened in an episode, deterministically and with evidence. `standard()` is what CoVe proves a
trajectory with.
"""

from artificer.checks.base import Check, Episode
from artificer.checks.suite import by_name, judge, standard

__all__ = ["Check", "Episode", "by_name", "judge", "standard"]
