"""Middleware: an agent around an agent. One module each, found by its name.

A module has `around(inner, **options) -> Agent`, all options text; one that needs a model takes `model`, which is the
agent's own unless the user names another. What stands in the way of the agent within may see and change its view, ask
it again, or speak in its place; it never sees more than a `View`. Names typed after a bar come from here:
`react:MODEL | compress:chars=2000 | reflect`, innermost first.
"""
