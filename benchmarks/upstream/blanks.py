"""Empty modules, put in the place of packages whose own `__init__` would load too much."""

import sys
import types


def bare(name, path):
    """A package of which only what lies in its folder can be imported."""
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(path)]


def blank(name, **names):
    """A module with nothing in it but these names."""
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(names)
