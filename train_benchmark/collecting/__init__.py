"""Campaigns: which cells are trained, where, and where their records are kept."""
