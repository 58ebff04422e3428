"""A group of commands whose first one, `run`, need not be named."""

from typing import Any

from typer.core import TyperGroup


class RunUnlessNamed(TyperGroup):
    """`collect CONFIG ...` is `collect run CONFIG ...`: the first word need not name a command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments begin with, or `run`."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Those of the form without the word `run`, which pages teach; then the commands."""
        run = self.commands["run"]
        with run.make_context("run", [], parent=ctx, resilient_parsing=True) as own:
            run.format_options(own, formatter)
        self.format_commands(ctx, formatter)
