"""Conversations as token ids by the model's own chat template, with who wrote which token: what a trainer needs to learn exactly what was sampled."""
