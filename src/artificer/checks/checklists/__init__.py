"""Checklists: what a good trajectory shows, item by item, decided by rules or judges, and the rewards that follow (CM2)."""
