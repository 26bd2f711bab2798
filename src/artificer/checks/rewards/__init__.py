"""Rewards: terms over what checks say and over what an agent wrote, combined so that every part of a value is logged."""
