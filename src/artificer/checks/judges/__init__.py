"""Opinions of models, under rules: closed labels, evidence, repeats, calibration. Never the only proof where execution can decide."""
