"""Commands that name everything that is missing at once."""

from typing import Any

import typer
from typer.core import TyperCommand


class NamesAllMissing(TyperCommand):
    """A command whose error lists all missing arguments and options, not the first one only."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line.

        Raises:
            UsageError: if arguments or options are missing or wrong.
        """
        given = list(args)
        if not ctx.resilient_parsing and (given or not self.no_args_is_help):
            values, _, order = self.make_parser(ctx).parse_args(args=list(given))
            eager = any(param.is_eager for param in order)
            missing = [p for p in self.get_params(ctx) if p.required and not values.get(p.name)]
            if len(missing) > 1 and not eager:
                ctx.fail(f"Missing {', '.join(map(_shown, missing))}.")
        return super().parse_args(ctx, args)


def _shown(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"argument {(param.metavar or param.name.upper())!r}"
    return f"option {param.opts[0]!r}"


def name_all_missing(program: typer.Typer) -> None:
    """Make every command of a program, and of its groups, one of this kind."""
    for command in program.registered_commands:
        command.cls = NamesAllMissing
    for group in program.registered_groups:
        if group.typer_instance is not None:
            name_all_missing(group.typer_instance)
