"""How work is executed and kept: stages over keyed rows, engines, run folders. Knows nothing of tools, worlds or
tasks.
"""
