"""Experts of the MuJoCo tasks, one module each."""
