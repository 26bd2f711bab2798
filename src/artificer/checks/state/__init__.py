"""Checks of the state that an episode left behind, and of the states it went through.

`assertions` and `sql`: queries on the final state. `attributes`: objects of a world. `kept`: what must not change.
`milestones`: how near each message's snapshot comes to what had to be reached, and never may be.
"""
