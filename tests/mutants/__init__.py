"""Implementations that are wrong on purpose, one sin each, and the matrix of what kills them (docs/mutants.md)."""
