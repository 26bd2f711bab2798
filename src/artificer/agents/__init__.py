"""How a model, or a script, acts on what it may see."""
