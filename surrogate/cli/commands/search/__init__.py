"""`nasasr search`: find a cell with few trainings, and compare how searchers do."""

from typing import Any

import typer

from surrogate.cli.commands.search.compare import compare
from surrogate.cli.commands.search.run import run
from surrogate.cli.run_group import RunUnlessNamed


class _RunByDefault(RunUnlessNamed):
    """`search --budget 50` and `search` alone are `search run ...`: all of it has defaults."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """The arguments, with `run` where no command is named."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        cls=_RunByDefault,
        help="Search for a good cell, or compare searchers.",
    )
    group.command("run")(run)
    group.command("compare")(compare)
    app.add_typer(group, name="search")
