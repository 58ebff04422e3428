"""Latency models of a setting, and their transfer to a new device."""
