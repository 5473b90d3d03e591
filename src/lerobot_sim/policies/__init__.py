"""Policies that are not scripted for one task."""
