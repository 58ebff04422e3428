"""The `nasasr` program: its commands, and how errors reach the user.

A command is a module of `surrogate.cli.commands` with a function `register(app)` and a line in
`_COMMANDS`. Commands import the library inside their function, so that none waits for the packages
of the others.
"""

import io
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from graph_encoding.common.errors import NasasrError
from surrogate import __version__
from surrogate.cli.commands import (
    benchmark,
    cell,
    collect,
    configs,
    corpus,
    demo,
    explore,
    fit,
    latency,
    predict,
    search,
    space,
    table,
    tune,
)
from surrogate.cli.missing import name_all_missing
from surrogate.cli.progress import INTERRUPTED

_COMMANDS = (
    predict,
    cell,
    space,
    fit,
    tune,
    benchmark,
    search,
    explore,
    table,
    collect,
    latency,
    corpus,
    demo,
    configs,
)

_SYNONYMS = {
    "compare": "benchmark",
    "draw": "cell",
    "evaluate": "benchmark",
    "forecast": "predict",
    "measure": "latency",
    "query": "predict",
    "train": "collect",
}
"""Words that people try, and the command that does it."""

USER_ERROR = 2
"""Exit code after an error that the user can fix; click's own usage errors have it too."""


PIPE_CLOSED = 141
"""Exit code if the reader of stdout closed the pipe: 128 + SIGPIPE, as in shells."""


class _ErrorsAsMessages(TyperGroup):
    """Shows an error as one message on stderr, or as a traceback with --debug.

    Errors are those of this library and of the system, such as a full disk or a missing
    permission. A broken pipe is neither an error nor a failed check.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and args[0] in _SYNONYMS:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {_SYNONYMS[args[0]]!r}?")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        # --help and --version write before anything is invoked.
        with _errors_as_messages(debug=False):
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _errors_as_messages(debug=ctx.params["debug"]):
            return super().invoke(ctx)


@contextmanager
def _errors_as_messages(*, debug: bool) -> Iterator[None]:
    try:
        try:
            yield
        finally:
            # Here, not at the end of the process, where its errors could not be handled.
            if sys.stdout is not None:  # it is None if the shell has closed it
                sys.stdout.flush()
    except KeyboardInterrupt:
        # Commands that leave something behind have their own message.
        typer.echo("stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        _give_up_stdout()
        raise typer.Exit(PIPE_CLOSED) from None
    except (NasasrError, OSError, UnicodeEncodeError) as e:
        if debug:
            typer.echo(traceback.format_exc().rstrip(), err=True)
        else:
            typer.echo(f"error: {_message(e)}", err=True)
        _give_up_stdout()
        raise typer.Exit(USER_ERROR) from e


def _message(error: NasasrError | OSError | UnicodeEncodeError) -> str:
    if isinstance(error, UnicodeEncodeError):
        return _of_encoding(error)
    return _of_system(error) if isinstance(error, OSError) else str(error)


def _of_encoding(error: UnicodeEncodeError) -> str:
    """The encoding at fault is that of stdout: files are written as UTF-8."""
    encoding = getattr(sys.stdout, "encoding", error.encoding)
    if encoding.lower() in ("utf-8", "utf8"):
        return (
            f"output must be text, but {error.object[error.start]!a} in "
            f"{error.object[max(0, error.start - 40) : error.end + 40]!a} is no character, as in "
            "names whose bytes are no UTF-8; rename the file or folder"
        )
    return (
        f"stdout must have an encoding with every character of the output, but {encoding} does not "
        f"have {error.object[error.start]!a}; set PYTHONIOENCODING=utf-8, or leave it unset and "
        "write to a file or a pipe"
    )


def _of_system(error: OSError) -> str:
    where = f" {error.filename!r}" if error.filename else ""
    return f"cannot read or write{where}: {error.strerror or error}; fix that and run it again"


def _give_up_stdout() -> None:
    """Keep the process from writing again, at its end, what could not be written."""
    stdout = sys.__stdout__
    if stdout is None:
        return
    try:
        stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())


def _use_utf8() -> None:
    """Make files and pipes at stdin, stdout and stderr UTF-8, unless the user chose otherwise.

    Otherwise they have the system's encoding, which on Windows has only 256 characters. A terminal
    keeps its own.
    """
    if os.environ.get("PYTHONIOENCODING"):
        return
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            # Without `errors` stderr would lose its way of escaping characters.
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names that are no UTF-8 are written as their bytes.
        sys.stdout.reconfigure(errors="surrogateescape")


app = typer.Typer(
    name="nasasr",
    cls=_ErrorsAsMessages,
    help="Calibrated forecasts of the phone error rate of speech-recognition cells.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nasasr {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """Calibrated forecasts of the phone error rate of speech-recognition cells."""


for _command in _COMMANDS:
    _command.register(app)
name_all_missing(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit.

    Args:
        arguments: the command line after the program's name; by default that of the process.

    Raises:
        SystemExit: always, with 0, 1 after a failed check, 2 after an error that the user can fix,
            130 after Ctrl-C, 141 after a broken pipe, 143 after SIGTERM.
    """
    _use_utf8()
    app(args=None if arguments is None else list(arguments), prog_name="nasasr")
