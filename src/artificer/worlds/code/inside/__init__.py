"""What runs inside the sandbox: the standard library only, nothing of Artificer is imported here.

The host starts `inside.jail` with a bare interpreter; it builds the walls and becomes the zygote, which forks a
supervisor for each program.
"""
