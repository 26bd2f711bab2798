"""Rewards: terms over what checks say and over what an agent wrote, combined so that every part of a value is logged."""

from artificer.checks.rewards.base import At, Reward, Rollout, Term, constant, group_term, product, score, term, total, weighted
from artificer.checks.rewards.combine import bonus, clip, fallback, gate, linear, named, scheduled, staged
from artificer.checks.rewards.compositions import COMPOSITIONS, composition, from_data
from artificer.checks.rewards.groups import centred, degenerate, kept, left_out, relative, softened, zscored
from artificer.checks.rewards.placing import assign, at_steps, at_trajectory, at_turns

__all__ = [
    "COMPOSITIONS",
    "At",
    "Reward",
    "Rollout",
    "Term",
    "assign",
    "at_steps",
    "at_trajectory",
    "at_turns",
    "bonus",
    "centred",
    "clip",
    "composition",
    "constant",
    "degenerate",
    "fallback",
    "from_data",
    "gate",
    "group_term",
    "kept",
    "left_out",
    "linear",
    "named",
    "product",
    "relative",
    "scheduled",
    "score",
    "softened",
    "staged",
    "term",
    "total",
    "weighted",
    "zscored",
]
