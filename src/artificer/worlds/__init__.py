"""Tools with state: every kind of tool source as a `World`."""

from artificer.worlds.base import Problem, Session, World

__all__ = ["Problem", "Session", "World"]
