"""Constraints: rules on how a task is to be solved, kept at every step. See `docs/checks-constraints.md`.

`rules` says what there is, `text` and `prompt` say it in short and to an agent; `steps` decides, `session` refuses,
`walk` and `check` judge a record, `measures` count over many; `feasible` and `generate` work before play.
"""

from artificer.checks.constraints.check import Constrained
from artificer.checks.constraints.prompt import render, sentence
from artificer.checks.constraints.rules import Rule
from artificer.checks.constraints.stated import Rules, stated
from artificer.checks.constraints.steps import Violation
from artificer.checks.constraints.text import read
from artificer.checks.constraints.walk import Walked, violations, walked
from artificer.checks.constraints.written import write

__all__ = ["Constrained", "Rule", "Rules", "Violation", "Walked", "read", "render", "sentence", "stated", "violations", "walked", "write"]
