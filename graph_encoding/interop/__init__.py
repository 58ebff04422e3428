"""Graphs of other benchmarks, of files and of other packages."""
