"""Forecasts of cells from an artifact, and measurements beside them."""
