"""Conversions from and to other benchmarks, files and packages."""
