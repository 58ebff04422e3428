"""The `nasasr` program: its commands, and how errors reach the user.

A command is a module of this package with a function `register(app)`; it is added by one line
in `_COMMANDS`. Commands import the library inside their function: starting one must not pay for
the packages of the others.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from graph_encoding.errors import NasasrError
from surrogate.cli import (
    benchmark,
    cell,
    collect,
    corpus,
    demo,
    fit,
    latency,
    predict,
    space,
    table,
    tune,
)

_COMMANDS = (predict, cell, space, fit, tune, benchmark, table, collect, latency, corpus, demo)

USER_ERROR = 2
"""Exit code after an error that the user can mend; click's own usage errors have it too."""


class _ErrorsAsMessages(TyperGroup):
    """Shows errors of this library as one message on stderr, unless --debug asks for more."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except NasasrError as e:
            if ctx.params["debug"]:
                raise
            typer.echo(f"error: {e}", err=True)
            raise typer.Exit(USER_ERROR) from e


app = typer.Typer(
    name="nasasr",
    cls=_ErrorsAsMessages,
    help="Calibrated forecasts of the phone error rate of speech-recognition cells.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    """Calibrated forecasts of the phone error rate of speech-recognition cells."""


for _command in _COMMANDS:
    _command.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit.

    Args:
        arguments: what stands after the program's name; by default the process's own.

    Raises:
        SystemExit: always, with 0, or with 2 after an error that the user can mend.
    """
    app(args=None if arguments is None else list(arguments), prog_name="nasasr")
