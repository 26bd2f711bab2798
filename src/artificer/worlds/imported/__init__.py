"""Worlds that others published, loaded from their installed packages at run time: nothing of them is part of this one.

`bfcl:`, `tau2:` and `agentdojo:` share `rooms` (private loading of somebody else's modules), `standins` (what those
modules are given in place of clocks and heavy libraries) and `session` (state by attributes, exact forks, effects as
differences). Each brings its tasks: `World.tasks()`.
"""
