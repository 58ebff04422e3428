"""`nasasr explore`: the search space in a browser."""

import typer

from surrogate.cli.commands.explore.run import explore


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(explore)
