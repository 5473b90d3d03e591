"""Scripted experts, one module a task."""
