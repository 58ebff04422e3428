"""How commands write rows: as an aligned table, JSON or CSV, on stdout."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum

import typer

Value = str | int | float | bool | None

Row = Mapping[str, Value]


class Format(StrEnum):
    """Formats of a command whose rows are flat."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class ReportFormat(StrEnum):
    """Formats of a command whose answer is a report."""

    TABLE = "table"
    JSON = "json"


def write_json(value: object) -> None:
    """Write one JSON value."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def write_csv(rows: Sequence[Row]) -> None:
    """Write rows of equal keys with a header; None is an empty field."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    typer.echo(buffer.getvalue(), nl=False)


def write_table(rows: Sequence[Row]) -> None:
    """Write rows of equal keys as aligned columns; numbers to the right, fractions shortened."""
    header = list(rows[0])
    cells = [header, *([_text(row[name]) for name in header] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    right = [isinstance(rows[0][name], int | float) for name in header]
    for line in cells:
        columns = (
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(line, widths, right, strict=True)
        )
        typer.echo("  ".join(columns).rstrip())


def _text(value: Value) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    # Seconds of a run may be far below the fourth decimal.
    return f"{value:.3g}" if 0 < abs(value) < 0.001 else f"{value:.4f}"
