"""Gaussian processes, alone or beside costs that add up."""
