"""Drawings of cells as SVG and as text."""
