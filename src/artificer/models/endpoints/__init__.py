"""Models behind HTTP: what an address and its options say, how fast to ask, what it may cost, what to do when it fails. The words themselves are the
business of `models.openai` and `models.anthropic`."""
