"""The nouns. No I/O, no clock, no randomness of its own; imports nothing of ours."""
