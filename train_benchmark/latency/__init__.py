"""Latency: the time and memory that a network needs, measured in a named setting."""
