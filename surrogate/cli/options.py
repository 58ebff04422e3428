"""Arguments and options that several commands share, and how their texts are read."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.output import Format, ReportFormat
from surrogate.cli.run_group import RunUnlessNamed

if TYPE_CHECKING:
    from graph_encoding.cell import Cell

CellTexts = Annotated[
    list[str] | None,
    typer.Argument(metavar="CELL...", help="Cells as text, such as 10_100_1000."),
]
CellsFile = Annotated[
    str | None,
    typer.Option("--cells", metavar="FILE", help="File of cells, one per line; - is stdin."),
]
Table = Annotated[
    str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one (./NAME).")
]
RowFormat = Annotated[Format, typer.Option("--format", help="Output format.")]
PlainFormat = Annotated[ReportFormat, typer.Option("--format", help="Output format.")]

CORPUS_HELP = "Folder of the corpus; for a mix, NAME=PATH once per member."


def resumed_by(out: Path) -> str:
    """What an interrupted command leaves behind, where running it again resumes it."""
    return f"finished work is stored. Resume with --out {out}"


def run_and_status_group(app: typer.Typer, name: str, text: str, run: Any, status: Any) -> None:
    """Add a group of two commands, `run`, whose name may be left out, and `status`.

    Args:
        app: the program.
        name: name of the group.
        text: its help.
        run: does the work.
        status: shows how far it is.
    """
    group = typer.Typer(
        cls=RunUnlessNamed,
        no_args_is_help=True,
        help=f"{text}\n\nThe word run may be left out: `nasasr {name} CONFIG ...`.",
        context_settings={"ignore_unknown_options": True},
    )
    group.command("run")(run)
    group.command("status")(status)
    app.add_typer(group, name=name)


def read_cells(texts: Sequence[str], file: str | None) -> "list[Cell]":
    """Cells of the command line, then those of a file; all are checked before any is used.

    Args:
        texts: cells as text.
        file: path of a file with one cell per line, - for stdin. Empty lines and comments after a
            # are skipped.

    Raises:
        UserError: if there is no cell, the file cannot be read, or a line is no cell; names it.
    """
    from graph_encoding.cell import Cell

    cells = [Cell.parse(text) for text in texts]
    if file is not None:
        if file == "-" and sys.stdin is None:  # as a shell's <&- leaves it
            raise UserError("cannot read cells from stdin: it is closed; give it a text")
        try:
            content = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as e:
            raise UserError(f"cannot read cells from {file}: {e}; give a text file") from e
        where = "stdin" if file == "-" else file
        # Editors of Windows begin a file with a byte-order mark, which stdin keeps.
        for number, line in enumerate(content.removeprefix("\ufeff").splitlines(), start=1):
            text = line.split("#", 1)[0].strip()
            try:
                cells += [Cell.parse(text)] if text else []
            except UserError as e:
                raise UserError(f"{where}, line {number}: {e}") from e
    if not cells:
        raise UserError("there must be at least one cell, as an argument or by --cells FILE")
    return cells


def words_of(text: str | None) -> list[str] | None:
    """The words of a list joined by commas; None if the option was not given."""
    return None if text is None else [word.strip() for word in text.split(",")]


def integers_of(option: str, text: str) -> list[int]:
    """The numbers of a list joined by commas.

    Args:
        option: the option's name, for the message.
        text: its value.

    Raises:
        UserError: if one is no integer.
    """
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as e:
        raise UserError(f"{option} must be integers joined by commas, but got {text!r}") from e


def duration_s(text: str) -> float:
    """Seconds of a duration: a number and s, m, h or d.

    Raises:
        UserError: if it is written otherwise.

    >>> duration_s("150m")
    9000.0
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text.strip())
    if match is None:
        raise UserError(f"a time must be a number and s, m, h or d, such as 150m, but got {text!r}")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


def observed_rates(text: str) -> dict[int, float]:
    """Error rates by epoch, counted from 1.

    Raises:
        UserError: if the text has another form, or an epoch occurs twice.

    >>> observed_rates("0.99,0.95,8:0.7")
    {1: 0.99, 2: 0.95, 8: 0.7}
    """
    found: dict[int, float] = {}
    epoch = 0
    for part in text.split(","):
        before, colon, rate = part.rpartition(":")
        try:
            epoch = int(before) if colon else epoch + 1
            per = float(rate)
        except ValueError:
            raise UserError(
                "an observed curve must be error rates or epoch:rate, joined by commas, such as "
                f"0.99,0.95 or 5:0.83,8:0.71, but {part!r} is neither"
            ) from None
        if epoch in found:
            raise UserError(f"an observed curve must have each epoch once, but has {epoch} twice")
        found[epoch] = per
    return found


def corpus_roots(values: Sequence[str]) -> Path | dict[str, Path]:
    """The folders that `--corpus` names: one corpus, or the members of a mix.

    Args:
        values: the value of each `--corpus`, at least one.

    Raises:
        UserError: if there are several and one has no name, or a name occurs twice.

    >>> sorted(corpus_roots(["timit=a", "voices=b"]))
    ['timit', 'voices']
    """
    # An existing folder may have "=" in its name.
    if len(values) == 1 and ("=" not in values[0] or Path(values[0]).exists()):
        return Path(values[0])
    roots: dict[str, Path] = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not separator or not name or not path:
            raise UserError(
                f"several corpora must be given as --corpus NAME=PATH each, but got {value!r}"
            )
        if name in roots:
            raise UserError(f"each corpus must be named once, but {name!r} occurs twice")
        roots[name] = Path(path)
    return roots
