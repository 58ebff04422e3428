"""From a table to an artifact: fits of all targets, curves and latencies."""
