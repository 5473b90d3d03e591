"""Environments that are broken on purpose: each breaks one promise, as such things really are broken."""

from . import mutants_of_lanes, mutants_of_values
from .mutant_table import MUTANTS

__all__ = ["MUTANTS", "mutants_of_lanes", "mutants_of_values"]
