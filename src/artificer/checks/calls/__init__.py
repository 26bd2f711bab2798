"""Calls that were made, against calls that a reference holds: one shape of finding, named presets."""
