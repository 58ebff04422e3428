"""`python -m surrogate.cli`: the `nasasr` program without its console script."""

from surrogate.cli.app import main

main()
