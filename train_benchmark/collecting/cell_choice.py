"""Which cells a campaign trains, and in which order."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from graph_encoding.cell import Cell
from graph_encoding.common.errors import CellFormatError, DeadCellError, UserError
from graph_encoding.functional_identity import FunctionalForm, functional_form
from graph_encoding.ops import NB_ASR_OPS
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from train_benchmark.strict_config import StrictConfig


class SampledCells(StrictConfig):
    """Random living functions of the standard space; a larger count begins with a smaller one."""

    kind: Literal["sample"]
    count: int = Field(ge=1)
    seed: int = Field(ge=0)


class ListedCells(StrictConfig):
    """Cells by their text."""

    kind: Literal["list"]
    cells: tuple[str, ...] = Field(min_length=1)


class FileOfCells(StrictConfig):
    """Cells in a text file, one per line; text after a # is a comment.

    The path is relative to the campaign's own file.
    """

    kind: Literal["file"]
    path: Path


class AllCells(StrictConfig):
    """All living functions of the standard space in stratified order, or the first `count`."""

    kind: Literal["all"]
    seed: int = Field(ge=0)
    count: int | None = Field(default=None, ge=1)


class ExtendedCells(StrictConfig):
    """Random living functions of a space of any size over any registered operations.

    A function is as likely as it has points; a larger count begins with a smaller one.
    """

    kind: Literal["extended"]
    nodes: int = Field(ge=1)
    ops: tuple[str, ...] = NB_ASR_OPS
    count: int = Field(ge=1)
    seed: int = Field(ge=0)


CellsConfig = Annotated[
    SampledCells | ListedCells | FileOfCells | AllCells | ExtendedCells,
    Field(discriminator="kind"),
]


def choose_cells(config: CellsConfig, semantics: Semantics, folder: Path) -> list[Cell]:
    """One cell for each function that a campaign trains, in the campaign's order.

    Args:
        config: the `cells` part of a campaign's configuration.
        semantics: how cells are read; two cells of one function count once.
        folder: folder that a file of cells is relative to.

    Raises:
        UserError: if a cell does not parse, a listed one is dead, a file cannot be read, an
            operation is unknown, or a space has fewer functions than are to be drawn.
    """
    if isinstance(config, SampledCells):
        rng = np.random.default_rng(config.seed)
        return list(CellSpace().sample_keys(config.count, semantics, rng).values())
    if isinstance(config, ExtendedCells):
        rng = np.random.default_rng(config.seed)
        space = CellSpace(config.nodes, config.ops)
        return list(space.sample_distinct(config.count, semantics, rng).values())
    if isinstance(config, AllCells):
        living = list(CellSpace().representatives(semantics).values())
        if config.count is not None and config.count > len(living):
            raise UserError(
                f"the space has {len(living)} living functions, but count is {config.count}; ask "
                "for fewer, or leave count out for all"
            )
        return stratified_order(living, semantics, config.seed)[: config.count]
    if isinstance(config, FileOfCells):
        return _distinct(read_cells(folder / config.path), semantics)
    return _distinct([Cell.parse(text) for text in config.cells], semantics)


def stratified_order(cells: list[Cell], semantics: Semantics, seed: int) -> list[Cell]:
    """Order cells so that every beginning is an even sample of all of them.

    Cells are sorted by what their functions are made of, equal ones shuffled, and then taken at
    the places of the van der Corput sequence: the first 2^k lie evenly spaced in that
    sorting, so each kind of cell has its share (systematic sampling).

    Args:
        cells: distinct functions.
        semantics: how they are read.
        seed: decides the order of cells made of the same things.
    """
    by_text = sorted(cells, key=lambda cell: cell.text)
    shuffled = [by_text[i] for i in np.random.default_rng(seed).permutation(len(by_text))]
    by_kind = sorted(shuffled, key=lambda cell: _kind(functional_form(cell, semantics)))
    bits = max(1, (len(by_kind) - 1).bit_length())
    places = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(1 << bits))
    return [by_kind[place] for place in places if place < len(by_kind)]


def _kind(form: FunctionalForm) -> tuple[object, ...]:
    """What matters most for how a function trains comes first."""
    passes_input_on = any(source == 0 for source, _ in form.output)
    edges = sum(len(terms) for terms in (*form.arguments, form.output))
    return len(form.ops), passes_input_on, tuple(sorted(form.ops)), edges


def _distinct(cells: list[Cell], semantics: Semantics) -> list[Cell]:
    unique: dict[str, Cell] = {}
    for cell in cells:
        form = functional_form(cell, semantics)
        if form.is_dead:
            raise DeadCellError(
                f"listed cells must depend on their input, but {cell.text} is dead: whatever is "
                "measured of it says nothing; take it out of the list"
            )
        unique.setdefault(form.key, cell)
    return list(unique.values())


def read_cells(path: Path) -> list[Cell]:
    """The cells of a text file, one in each line; text after a # is a comment.

    Raises:
        UserError: if it cannot be read, a line is no cell, or there is none; names the line.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read the cells in {path}: {e}") from e
    cells = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            cells.append(Cell.parse(text))
        except CellFormatError as e:
            raise UserError(f"{path}, line {number}: {e}") from e
    if not cells:
        raise UserError(f"{path} must have a cell a line, but has none")
    return cells
