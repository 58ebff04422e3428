"""The command line: thin commands around the library."""

from surrogate.cli.app import main

__all__ = ["main"]
