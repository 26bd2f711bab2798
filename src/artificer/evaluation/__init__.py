"""Measuring: models examined on decisions, and the statistics that say what a difference is worth."""
