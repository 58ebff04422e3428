"""Engines: where trainings run. Each yields records in the order they finish."""
