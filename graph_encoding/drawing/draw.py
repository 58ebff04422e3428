"""Drawings of the function that a cell computes, as text and as SVG."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from graph_encoding.cell import Cell
from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from graph_encoding.drawing.svg import svg_of_graph
from graph_encoding.drawing.text import text_of_graph
from graph_encoding.graph import cell_graph
from graph_encoding.semantics import Semantics

_LONGEST_FILE_NAME = 255


def draw_text(cell: Cell, semantics: Semantics = Semantics.PAPER) -> str:
    """Draw a cell with box characters, from top to bottom.

    Equal functions have equal drawings, of the terms of the functional key with their numbers. A
    value goes straight down to the next term, and on a lane at the side to later ones; `x2` is a
    value that is added twice, `linear(0)` an operation without an input. A cell of six nodes is at
    most 30 columns wider than its longest operation's name.

    Args:
        cell: any registered cell.
        semantics: how the cell is read.

    >>> print(draw_text(Cell.parse("11")))
    ┌─────────┐
    │ input   ├──╮
    └────┬────┘  │
    ┌────▼────┐  │
    │ 1 conv5 │  │
    └────┬────┘  │
    ┌────▼────┐  │
    │ output  ◄──╯
    └─────────┘
    """
    return text_of_graph(cell_graph(cell, semantics))


def draw_svg(cell: Cell, semantics: Semantics = Semantics.PAPER) -> str:
    """Draw a cell as a self-contained SVG element, from left to right.

    Equal functions have equal drawings, as with `draw_text`. It is legible on light and dark pages,
    as a file or inside HTML; its accessible name is the functional key.

    Args:
        cell: any registered cell.
        semantics: how the cell is read.

    >>> draw_svg(Cell.parse("10_100_1000"))[:42]
    '<svg xmlns="http://www.w3.org/2000/svg" ro'
    """
    return svg_of_graph(cell_graph(cell, semantics))


def save_drawings(
    cells: Iterable[Cell], folder: Path, form: Literal["text", "svg"], semantics: Semantics
) -> None:
    """Write one picture per cell, named after it; the folder is made, older pictures replaced.

    Args:
        cells: the cells.
        folder: where the files go.
        form: "text" or "svg".
        semantics: how the cells are read.

    Raises:
        UserError: if the folder or a file cannot be written, or a name is too long for a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for cell in cells:
            is_svg = form == "svg"
            content = draw_svg(cell, semantics) if is_svg else draw_text(cell, semantics) + "\n"
            # Not every system allows a colon in a file name, and no cell's text has a dash.
            name = cell.text.replace(":", "-") + (".svg" if is_svg else ".txt")
            if len(name) > _LONGEST_FILE_NAME:
                raise UserError(
                    f"a picture's file has the name of its cell, but that of {cell.nodes} nodes is "
                    f"longer than {_LONGEST_FILE_NAME} characters; leave --out out, for stdout"
                )
            with atomic_file(folder / name) as scratch:
                scratch.write_text(content, encoding="utf-8")
    except OSError as e:
        raise UserError(f"cannot write pictures to {folder}: {e.strerror}; choose another") from e
