"""The `nasasr` program: its commands, and how errors reach the user.

A command is a module of `surrogate.cli.commands` with a function `register(app)`; it is added by
one line in `_COMMANDS`. Commands import the library inside their function: starting one must not
pay for the packages of the others.
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
    fit,
    latency,
    predict,
    search,
    space,
    table,
    tune,
)
from surrogate.cli.progress import INTERRUPTED

_COMMANDS = (
    predict,
    cell,
    space,
    fit,
    tune,
    benchmark,
    search,
    table,
    collect,
    latency,
    corpus,
    demo,
    configs,
)

USER_ERROR = 2
"""Exit code after an error that the user can mend; click's own usage errors have it too."""


PIPE_CLOSED = 141
"""Exit code where the reader of stdout went away, as a shell gives it: 128 and SIGPIPE."""


class _ErrorsAsMessages(TyperGroup):
    """Shows errors as one message on stderr, unless --debug asks for more.

    Those of this library, and what the system refuses: a full disk, a missing permission. A pipe
    that its reader has closed is no error to tell, and no check that failed.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        # --help and --version write before there is anything to invoke.
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
            # Here, and not when the process ends: what comes of it is known here only.
            if sys.stdout is not None:  # as it is where the shell has closed it
                sys.stdout.flush()
    except KeyboardInterrupt:
        # Work that leaves something behind says so itself.
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
    """Files are written as UTF-8, which has all characters: the encoding is that of stdout."""
    encoding = getattr(sys.stdout, "encoding", error.encoding)
    if encoding.lower() in ("utf-8", "utf8"):
        return (
            f"what is written must be text, but {error.object[error.start]!a} in "
            f"{error.object[max(0, error.start - 40) : error.end + 40]!a} is no character, as in "
            "names whose bytes are no UTF-8; rename what has it"
        )
    return (
        f"stdout must have an encoding with every character of the output, but {encoding} does not "
        f"have {error.object[error.start]!a}; set PYTHONIOENCODING=utf-8, or leave it unset and "
        "write to a file or a pipe"
    )


def _of_system(error: OSError) -> str:
    where = f" {error.filename!r}" if error.filename else ""
    return f"cannot read or write{where}: {error.strerror or error}; mend that and run it again"


def _give_up_stdout() -> None:
    """What cannot be written must not be tried again when the process ends."""
    stdout = sys.__stdout__
    if stdout is None:
        return
    try:
        stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())


def _use_utf8() -> None:
    """Make files and pipes at stdin, stdout and stderr UTF-8, unless the user chose otherwise.

    Else their encoding is the system's: on Windows one of 256 characters. A terminal knows its own.
    """
    if os.environ.get("PYTHONIOENCODING"):
        return
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            # Without `errors` the way in which stderr shows what it cannot write would be lost.
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files that are no UTF-8 are written as the bytes that they are.
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


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nasasr {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say the version and exit.", is_eager=True, callback=_say_version
        ),
    ] = False,
) -> None:
    """Calibrated forecasts of the phone error rate of speech-recognition cells."""


for _command in _COMMANDS:
    _command.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit.

    Args:
        arguments: what stands after the program's name; by default the process's own.

    Raises:
        SystemExit: always, with 0, 1 if what was to be checked is wrong, 2 after an error that
            the user can mend, 130 after Ctrl-C, 141 where the reader of stdout went away, 143 after
            SIGTERM.
    """
    _use_utf8()
    app(args=None if arguments is None else list(arguments), prog_name="nasasr")
