"""Simulators and policies in processes and virtual environments of their own."""
