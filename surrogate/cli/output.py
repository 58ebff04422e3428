"""Rows on stdout, as an aligned table, JSON or CSV."""

import csv
import io
import json
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import typer

from graph_encoding.common.errors import UserError

LINE_WIDTH = 100
"""Characters of a line that people read."""

_LEAST_ROOM = 30
"""Fewest characters to which a text is wrapped, where other columns take the line."""

CHECK_FAILED = 1
"""Exit code of a failed check; 2 is that of wrong usage."""

Value = str | int | float | bool | None

Row = Mapping[str, Value]


class Format(StrEnum):
    """Formats of a command whose rows are flat."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class ReportFormat(StrEnum):
    """Formats of a command that prints a report."""

    TABLE = "table"
    JSON = "json"


def write_json(value: object) -> None:
    """Write one JSON value."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def write_rows(rows: Sequence[Row], output: Format) -> None:
    """Write n >= 1 rows of equal keys in the chosen format."""
    if output is Format.JSON:
        write_json(rows)
    elif output is Format.CSV:
        write_csv(rows)
    else:
        write_table(rows)


def write_csv(rows: Sequence[Row], columns: Sequence[str] | None = None) -> None:
    """Write rows of equal keys with a header; None is an empty field.

    Args:
        rows: the rows.
        columns: their keys, if there may be no row; by default those of the first.
    """
    buffer = io.StringIO()
    names = list(rows[0]) if columns is None else columns
    writer = csv.DictWriter(buffer, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    typer.echo(buffer.getvalue(), nl=False)


def write_table(rows: Sequence[Row]) -> None:
    """Write rows of equal keys as aligned columns, numbers right-aligned and shortened.

    Texts of the last column are wrapped where a line would be longer than `LINE_WIDTH`.
    """
    header = list(rows[0])
    cells = [header, *([_text(row[name]) for name in header] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    right = [isinstance(rows[0][name], int | float) for name in header]
    before_last = sum(widths[:-1]) + 2 * len(widths[:-1])
    for number, (*first, last) in enumerate(cells):
        columns = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(first, widths[:-1], right[:-1], strict=True)
        ]
        if right[-1]:
            pieces = [last.rjust(widths[-1])]
        else:  # a header is found by its whole text
            pieces = [last] if number == 0 else _wrapped(last, before_last)
        typer.echo("  ".join([*columns, pieces[0]]).rstrip())
        for piece in pieces[1:]:
            typer.echo(f"{' ' * before_last}{piece}")


def _wrapped(text: str, before: int) -> list[str]:
    """The lines of a text that begins after so many characters."""
    room = max(LINE_WIDTH - before, _LEAST_ROOM)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _text(value: Value) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    # A latency in seconds may have its first digit after the fourth decimal.
    return f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.4f}"


def require_new_folder(out: Path, noun: str) -> None:
    """Make sure, before long work, that a new folder can be written.

    Raises:
        UserError: if it exists, or its parent folder is not writable.
    """
    if out.exists():
        raise UserError(f"{noun} folder {out} exists; choose another or remove it")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    try:
        tempfile.TemporaryDirectory(dir=above, prefix=f".{out.name}-").cleanup()
    except OSError as e:
        raise UserError(f"cannot write {noun} folder {out}: {e.strerror}; choose another") from e
