"""Drawings of the function that a cell computes, as text and as SVG."""

from graph_encoding.cell import Cell
from graph_encoding.drawing.svg import svg_of_graph
from graph_encoding.drawing.text import text_of_graph
from graph_encoding.graph import cell_graph
from graph_encoding.semantics import Semantics


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
