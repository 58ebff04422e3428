"""The functions that a search chooses from, each once, and the moves between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.functional_identity import functional_form
from graph_encoding.graph import CellGraph, graph_of_form
from graph_encoding.ops import NB_ASR_OPS, OPERATIONS, Operation
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.predictors.features import GraphInputs, Vocabulary

MOST_POINTS = 80_000
"""Points of the largest space whose functions are all enumerated: some 50,000 functions."""


class Function(NamedTuple):
    """What a cell computes.

    Attributes:
        key: its functional key.
        is_dead: whether its output does not depend on the input.
        graph: its graph.
    """

    key: str
    is_dead: bool
    graph: CellGraph


@dataclass(frozen=True)
class SearchSpace:
    """A space of cells, read as functions.

    Attributes:
        nodes: operations of a cell, >= 1.
        ops: names of registered operations.
        semantics: how cells are read.

    >>> SearchSpace().is_enumerated, SearchSpace(nodes=5).is_enumerated
    (True, False)
    """

    nodes: int = 3
    ops: tuple[str, ...] = NB_ASR_OPS
    semantics: Semantics = Semantics.PAPER

    def __post_init__(self) -> None:
        CellSpace(self.nodes, self.ops)  # which checks both

    @property
    def cells(self) -> CellSpace:
        """The points."""
        return CellSpace(self.nodes, self.ops)

    @property
    def is_enumerated(self) -> bool:
        """Whether `functions` lists all of them."""
        return self.cells.size <= MOST_POINTS

    @property
    def functions(self) -> "Functions":
        """All living functions; only where `is_enumerated`."""
        assert self.is_enumerated, "only small spaces are enumerated; ask is_enumerated first"
        return _functions(self, tuple(OPERATIONS.get(op) for op in self.ops))

    def function(self, cell: Cell) -> Function:
        """What a cell computes."""
        return _function(cell, tuple(OPERATIONS.get(op) for op in cell.ops), self.semantics)

    def mutated(self, cell: Cell, rate: float, rng: np.random.Generator) -> Cell:
        """A cell each of whose parts may change: `rate` operations and `rate` flags on average.

        Source: White et al., "BANANAS", AAAI 2021, whose code changes each operation with
        probability rate / operations and each edge with probability rate / edges.
        """
        cells = self.cells
        flags = self.nodes * (self.nodes + 1) // 2
        ops = tuple(
            _other(self.ops, op, rng) if rng.random() < rate / self.nodes else op for op in cell.ops
        )
        skips = tuple(
            tuple(1 - flag if rng.random() < rate / flags else flag for flag in of_node)
            for of_node in cell.skips
        )
        changed = Cell(ops, skips)
        return changed if changed != cell else cells.mutate(cell, rng)

    def random_cells(self, rng: np.random.Generator) -> Iterator[Cell]:
        """Cells without end: each function equally likely where all are known, else each point."""
        if not self.is_enumerated:
            yield from self.cells.sample(rng)
        everything = self.functions.cells
        while True:
            yield everything[int(rng.integers(len(everything)))]


def _other(ops: tuple[str, ...], op: str, rng: np.random.Generator) -> str:
    others = [other for other in ops if other != op] or [op]
    return others[int(rng.integers(len(others)))]


@dataclass(frozen=True, eq=False)
class Functions:
    """All living functions of a space, in the order of their first points.

    Attributes:
        keys: (n,) functional keys.
        cells: (n,) the first point of each.
        graphs: (n,) their graphs.
    """

    keys: tuple[str, ...]
    cells: tuple[Cell, ...]
    graphs: tuple[CellGraph, ...]

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Functional key -> row."""
        return {key: row for row, key in enumerate(self.keys)}

    @cached_property
    def inputs(self) -> GraphInputs:
        """The graphs as predictors see them, encoded once for all searches of a process."""
        return inputs_of_functions(self.graphs)


def inputs_of_functions(graphs: Sequence[CellGraph]) -> GraphInputs:
    """Some graphs as predictors see them, with the operations of all of them as vocabulary."""
    return GraphInputs(graphs, Vocabulary.of(graphs))


# Beside the space, what its operations are: one of another meaning may be registered later.
@lru_cache(maxsize=4)
def _functions(space: SearchSpace, ops: tuple[Operation, ...]) -> Functions:
    del ops
    found = space.cells.representatives(space.semantics)
    graphs = tuple(space.function(cell).graph for cell in found.values())
    return Functions(tuple(found), tuple(found.values()), graphs)


@lru_cache(maxsize=100_000)
def _function(cell: Cell, ops: tuple[Operation, ...], semantics: Semantics) -> Function:
    del ops
    form = functional_form(cell, semantics)
    return Function(form.key, form.is_dead, graph_of_form(form))
