"""Latency: what a network costs to run, measured soundly in a named setting."""
