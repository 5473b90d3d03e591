"""Faces of an Env for libraries that own their loop."""
