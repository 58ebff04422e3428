"""Boosted trees of two libraries, and the arithmetic of their forests."""
