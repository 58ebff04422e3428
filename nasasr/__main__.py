"""`python -m nasasr` runs the program `nasasr`."""

from surrogate.cli import main

main()
