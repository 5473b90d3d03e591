"""Scores: what a policy reaches on held-out seeds, with an interval."""
