"""`nasasr cell`: identity and static cost of cells, or pictures of them."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.common.errors import UserError
from graph_encoding.semantics import Semantics
from surrogate.cli.options import CellsFile, CellTexts, read_cells
from surrogate.cli.output import Format, write_csv, write_json, write_table

if TYPE_CHECKING:
    from graph_encoding.cell import Cell


class Picture(StrEnum):
    """Forms of a picture."""

    TEXT = "text"
    SVG = "svg"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(cell)


def cell(
    cells: CellTexts = None,
    cells_file: CellsFile = None,
    semantics: Annotated[Semantics, typer.Option(help="How cells are read.")] = Semantics.PAPER,
    macro: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Network around the cell: paper, or timit-micro, whose costs `predict` shows.",
        ),
    ] = "paper",
    seconds: Annotated[
        float, typer.Option(help="Length of the utterance for macs and peak bytes.")
    ] = 1.0,
    list_equivalent: Annotated[
        bool,
        typer.Option("--list-equivalent", help="List the points that compute the same function."),
    ] = False,
    draw: Annotated[
        Picture | None, typer.Option(help="Draw the functions instead of describing them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for pictures, one file per cell.")
    ] = None,
    output: Annotated[
        Format | None, typer.Option("--format", help="Output format.  [default: table]")
    ] = None,
) -> None:
    """Show the identity and static cost of cells.

    Other points that compute the same function are counted, or listed on demand. The receptive
    field is that of the convolutions: an LSTM adds all earlier input. Facts that were published for
    standard cells only are null for others.
    """
    from graph_encoding.description import describe_cells
    from graph_encoding.macro import MACROS

    parsed = read_cells(cells or [], cells_file)
    if draw is not None:
        if output is not None or list_equivalent:
            raise UserError(
                "--draw writes pictures and nothing else, but got --format or --list-equivalent "
                "too; leave one of them out"
            )
        _draw(parsed, semantics, draw, out)
        return
    if out is not None:
        raise UserError(f"--out is a folder for pictures, but got {out} without --draw; add it")
    rows = describe_cells(parsed, semantics, MACROS.get(macro), seconds)
    if not list_equivalent:
        for row in rows:
            del row["equivalent"]
    _write(rows, output or Format.TABLE)


def _write(rows: list[dict[str, Any]], output: Format) -> None:
    """Write rows; a table has one block per cell, since a row is wider than a terminal."""
    if output is Format.JSON:
        write_json(rows)
        return
    flat = [
        {name: " ".join(v) if isinstance(v, list) else v for name, v in row.items()} for row in rows
    ]
    if output is Format.CSV:
        write_csv(flat)
        return
    for number, row in enumerate(flat):
        if number:
            typer.echo("")
        write_table([{"property": name, "value": value} for name, value in row.items()])


def _draw(
    cells: "Sequence[Cell]", semantics: Semantics, picture: Picture, out: Path | None
) -> None:
    """Write pictures to stdout or into a folder."""
    from graph_encoding.drawing.draw import draw_svg, draw_text, save_drawings

    if out is not None:
        save_drawings(cells, out, picture.value, semantics)
        count = len(set(cells))
        what = "a picture of a cell" if count == 1 else f"pictures of {count} cells"
        typer.echo(f"wrote {what} to {out}", err=True)
    elif picture is Picture.TEXT:
        typer.echo("\n\n".join(f"{cell}\n{draw_text(cell, semantics)}" for cell in cells))
    elif len(cells) > 1:
        raise UserError(
            f"stdout holds one SVG picture, but there are {len(cells)} cells; add --out DIR"
        )
    else:
        typer.echo(draw_svg(cells[0], semantics), nl=False)
