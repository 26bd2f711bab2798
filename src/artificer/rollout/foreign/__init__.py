"""Proof by replay for data that others made: their calls are made again in a world of ours, and what it answers is
compared with what they recorded.

`alike` compares results (`ignored`: which fields are no difference; `carried`: what has another name now; `failed`:
what counts as a failure), `names` says what tools are called here, `starts` where sessions begin, `branch` makes a
trace's calls again (`findings`: what it is asked and shows; `beside`: what can be said besides), `stale` finds what a
conversation says of results that are no more, `repair` makes a copy that holds here (`keeping` writes it), `data` does
it for a whole file or folder.
"""
