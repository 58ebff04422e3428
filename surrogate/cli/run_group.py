"""A group of commands in which the name of the first one, `run`, may be left out."""

from typing import Any

from typer.core import TyperGroup


class RunUnlessNamed(TyperGroup):
    """`collect CONFIG ...` is `collect run CONFIG ...`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments begin with, or `run`."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options of `run`, whose name may be left out, then the commands."""
        run = self.commands["run"]
        with run.make_context("run", [], parent=ctx, resilient_parsing=True) as own:
            run.format_options(own, formatter)
        self.format_commands(ctx, formatter)
