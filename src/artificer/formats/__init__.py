"""Formats: one module each, to write and to read."""
