"""The worlds we ship: one folder each, found by listing this one."""
