"""Forecasts of cells from an artifact, combined with measurements."""
