"""Robots, built from primitives by `mjSpec`: one module each, no downloaded meshes."""
