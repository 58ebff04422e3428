"""`nasasr cell`: identity and static cost of cells, or pictures of them."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.common.atomic_files import whole_file
from graph_encoding.common.errors import UserError
from graph_encoding.semantics import Semantics
from surrogate.cli.output import Format, write_csv, write_json, write_table

if TYPE_CHECKING:
    from graph_encoding.cell import Cell
    from graph_encoding.macro import Macro


_MOST_SECONDS = 1e6

_LONGEST_FILE_NAME = 255


class Picture(StrEnum):
    """Forms of a picture."""

    TEXT = "text"
    SVG = "svg"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(cell)


def cell(
    cells: Annotated[
        list[str] | None,
        typer.Argument(metavar="CELL...", help="Cells as text, such as 10_100_1000."),
    ] = None,
    cells_file: Annotated[
        str | None,
        typer.Option("--cells", metavar="FILE", help="File of cells, one a line; - is stdin."),
    ] = None,
    semantics: Annotated[Semantics, typer.Option(help="How cells are read.")] = Semantics.PAPER,
    macro: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Network around the cell: paper, or timit-micro, whose costs `predict` says.",
        ),
    ] = "paper",
    seconds: Annotated[
        float, typer.Option(help="Length of the utterance that macs and peak bytes are for.")
    ] = 1.0,
    list_equivalent: Annotated[
        bool,
        typer.Option("--list-equivalent", help="List the points that compute the same function."),
    ] = False,
    draw: Annotated[
        Picture | None, typer.Option(help="Draw the functions in place of describing them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for pictures, one file a cell.")
    ] = None,
    output: Annotated[
        Format | None, typer.Option("--format", help="Form of the output.  [default: table]")
    ] = None,
) -> None:
    """Say what cells are: identity, cost, and which other points compute the same.

    The receptive field is that of the convolutions: an LSTM adds all that was before. What was
    published for standard cells only is null for others.
    """
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
    from graph_encoding.macro import MACROS

    rows = describe_cells(parsed, semantics, MACROS.get(macro), seconds)
    if not list_equivalent:
        for row in rows:
            del row["equivalent"]
    _write(rows, output or Format.TABLE)


def read_cells(texts: Sequence[str], file: str | None) -> "list[Cell]":
    """Cells of the command line, then those of a file; all are checked before any is used.

    Args:
        texts: cells as text.
        file: path of a file with a cell a line, - for stdin. Empty lines and what follows a #
            are left out.

    Raises:
        UserError: if there is no cell, the file cannot be read, or a line is no cell; says where.
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
        # A byte-order mark, as editors of Windows put first, is left out of stdin too.
        for number, line in enumerate(content.removeprefix("\ufeff").splitlines(), start=1):
            text = line.split("#", 1)[0].strip()
            try:
                cells += [Cell.parse(text)] if text else []
            except UserError as e:
                raise UserError(f"{where}, line {number}: {e}") from e
    if not cells:
        raise UserError("there must be at least one cell, as an argument or by --cells FILE")
    return cells


def describe_cells(
    cells: "Sequence[Cell]", semantics: Semantics, macro: "Macro", seconds: float
) -> list[dict[str, Any]]:
    """One row a cell, of equal keys; what equal functions share is computed once.

    Raises:
        UserError: if the seconds are less than one frame, or the macro network cannot hold an
            operation.
    """
    # Negated, so that NaN fails too.
    if not macro.frame_shift_s / 2 < seconds <= _MOST_SECONDS:
        raise UserError(
            f"--seconds must be a number from {macro.frame_shift_s}, one frame, to "
            f"{_MOST_SECONDS:g}, but got {seconds}"
        )
    frames = round(seconds / macro.frame_shift_s)
    from graph_encoding.functional import functional_key

    shared: dict[str, dict[str, Any]] = {}
    rows = []
    for cell in cells:
        key = functional_key(cell, semantics)
        if key not in shared:
            shared[key] = _facts_of_function(cell, semantics, macro, frames)
        rows.append(
            {
                "cell": cell.text,
                "semantics": semantics.value,
                "functional_key": key,
                **_published_facts(cell),
                **shared[key],
            }
        )
    return rows


def _facts_of_function(
    cell: "Cell", semantics: Semantics, macro: "Macro", frames: int
) -> dict[str, Any]:
    from graph_encoding.cost import (
        macs_of_form,
        params_of_form,
        peak_activation_bytes,
        receptive_field_of_form,
    )
    from graph_encoding.functional import functional_form
    from graph_encoding.space import CellSpace

    form = functional_form(cell, semantics)
    same = CellSpace().equivalent(cell, semantics)
    return {
        "dead": form.is_dead,
        "macro": macro.name,
        "params": params_of_form(form, macro),
        "input_seconds": round(frames * macro.frame_shift_s, 6),
        "macs": macs_of_form(form, macro, input_frames=frames),
        "peak_activation_bytes": peak_activation_bytes(cell, macro, semantics, input_frames=frames),
        "receptive_field_s": round(receptive_field_of_form(form, macro).seconds, 6),
        "equivalent_points": len(same),
        "equivalent": [point.text for point in same],
    }


def _published_facts(cell: "Cell") -> dict[str, str | int | None]:
    """What was published for a cell, or Nones for one outside that space."""
    from graph_encoding.ops import NB_ASR_OPS
    from graph_encoding.published.cost import released_flops, released_params
    from graph_encoding.published.identity import published_hash

    if cell.nodes != 3 or not set(cell.ops) <= set(NB_ASR_OPS):
        return {"published_hash": None, "released_params": None, "released_flops": None}
    return {
        "published_hash": published_hash(cell),
        "released_params": released_params(cell),
        "released_flops": released_flops(cell),
    }


def _write(rows: list[dict[str, Any]], output: Format) -> None:
    """Write rows; in a table each is a block, for a line of them is wider than a terminal."""
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
    """Write pictures to stdout, or each to a file of its cell's name, replacing older ones."""
    from graph_encoding.drawing.draw import draw_svg, draw_text

    if out is None and picture is Picture.SVG:
        if len(cells) > 1:
            raise UserError(
                f"stdout holds one SVG picture, but there are {len(cells)} cells; add --out DIR"
            )
        typer.echo(draw_svg(cells[0], semantics), nl=False)
        return
    if out is None:
        typer.echo("\n\n".join(f"{cell}\n{draw_text(cell, semantics)}" for cell in cells))
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for cell in cells:
            is_svg = picture is Picture.SVG
            content = draw_svg(cell, semantics) if is_svg else draw_text(cell, semantics) + "\n"
            # A colon may not stand in the names of files everywhere, a dash not in those of cells.
            name = cell.text.replace(":", "-") + (".svg" if is_svg else ".txt")
            if len(name) > _LONGEST_FILE_NAME:
                raise UserError(
                    f"a picture's file has the name of its cell, but that of {cell.nodes} nodes is "
                    f"longer than {_LONGEST_FILE_NAME} characters; leave --out out, for stdout"
                )
            with whole_file(out / name) as scratch:
                scratch.write_text(content, encoding="utf-8")
    except OSError as e:
        raise UserError(f"cannot write pictures to {out}: {e.strerror}; choose another") from e
    count = len(set(cells))
    what = "a picture of a cell" if count == 1 else f"pictures of {count} cells"
    typer.echo(f"wrote {what} to {out}", err=True)
