"""Contamination: whether data hold what a suite asks or the calls that solve it.

`texts` and `calls` are what is compared, `index` finds, `doing` goes through data.
"""
