"""Tables of other benchmarks as CSV files, read with a message for whatever they lack."""

import csv
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import UserError


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Attributes:
        place: file and row, the header being row 1, as a spreadsheet counts.
        values: column -> text.
    """

    place: str
    values: Mapping[str, str]

    def number(self, column: str) -> float:
        """The number in a column.

        Raises:
            UserError: if there is none.
        """
        try:
            return float(self.values[column])
        except ValueError as e:
            raise UserError(
                f"{self.place} must have a number in column {column!r}, but has "
                f"{self.values[column]!r}; fill it in or leave the row out"
            ) from e


def read_rows(path: Path, columns: Collection[str]) -> Iterator[Row]:
    """The rows of a file that has at least some columns.

    Raises:
        UserError: if the file cannot be read or has no rows, a column is missing, or a row has
            another number of values than the header.
    """
    number = 0
    try:
        # With or without the byte-order mark that spreadsheets put first.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            missing = [column for column in columns if column not in header]
            if missing:
                raise UserError(
                    f"{path} must have the columns {', '.join(columns)}, separated by commas, but "
                    f"its first row {header} lacks {', '.join(missing)}"
                )
            for number, values in enumerate(reader, start=2):
                if not values:
                    continue
                if len(values) != len(header):
                    raise UserError(
                        f"{path}, row {number} must have {len(header)} values, as the header has, "
                        f"but has {len(values)}"
                    )
                yield Row(f"{path}, row {number}", dict(zip(header, values, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise UserError(f"cannot read {path}: {e}") from e
    if not number:
        raise UserError(f"{path} must have a row for each cell, but has only its header")
