"""Engines: where trainings run."""
