"""`CellGraph`: the input of encodings and predictors, for cells of any benchmark."""

import itertools
import math
from dataclasses import dataclass

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import FunctionalForm, functional_form
from graph_encoding.ops import INPUT, OPERATIONS, OUTPUT, Operation
from graph_encoding.semantics import Semantics


@dataclass(frozen=True, slots=True)
class CellGraph:
    """A directed acyclic graph of described operations, in topological order.

    Attributes:
        ops: (v,) operation of each node; the first is the input, the last the output.
        edges: (e,) triples (source, target, multiplicity) with source < target and
            multiplicity >= 1, sorted, at most one per pair of nodes; a multiplicity of 2 adds a
            value twice.
        key: identity of the graph; equal keys mean the same function.
        features: (f,) further numbers such as zero-cost proxies: pairs (name, finite number),
            sorted by name. No encoding reads them.

    Raises:
        UserError: if the ends, an edge or a feature break those rules.
    """

    ops: tuple[Operation, ...]
    edges: tuple[tuple[int, int, int], ...]
    key: str
    features: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        kinds = [op.kind for op in self.ops]
        if (
            len(kinds) < 2
            or (kinds[0], kinds[-1]) != ("input", "output")
            or "input" in kinds[1:]
            or "output" in kinds[:-1]
        ):
            raise UserError(
                "a graph must begin with its one input and end with its one output, "
                f"but graph {self.key!r} has the kinds {kinds}"
            )
        nodes = len(kinds)
        before = -1
        for source, target, multiplicity in self.edges:
            if not (0 <= source < target < nodes and multiplicity >= 1):
                raise UserError(
                    "an edge must go from a node to a later one with a multiplicity >= 1, "
                    f"but graph {self.key!r} of {nodes} nodes has "
                    f"{(source, target, multiplicity)}; number the nodes in topological order"
                )
            # One number per pair of nodes: the fastest check, for thousands of graphs.
            place = source * nodes + target
            if place <= before:
                raise UserError(
                    "edges must be sorted, with one triple per pair of nodes, but "
                    f"graph {self.key!r} has {(source, target, multiplicity)} after one from "
                    f"{before // nodes} to {before % nodes}; sort them, and replace a repeated "
                    "edge by one with multiplicity 2"
                )
            before = place
        if self.features:
            self._check_features()

    def _check_features(self) -> None:
        names = self.feature_names
        if any(one >= other for one, other in itertools.pairwise(names)):
            raise UserError(
                "features must be sorted by name, each name once, but graph "
                f"{self.key!r} has {list(names)}; sort them"
            )
        for name, value in self.features:
            if not math.isfinite(value):
                raise UserError(
                    f"features must be finite numbers, but {name!r} of graph {self.key!r} is "
                    f"{value}; leave the graph or the feature out"
                )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """(f,) names of the features, sorted."""
        return tuple(name for name, _ in self.features)

    @property
    def inner_nodes(self) -> int:
        """Number of operations between input and output, >= 0."""
        return len(self.ops) - 2


def graph_of_form(form: FunctionalForm) -> CellGraph:
    """The graph of a functional form: node 0 the input, node i term i, the last the output."""
    ops = (INPUT, *(OPERATIONS.get(name) for name in form.ops), OUTPUT)
    return CellGraph(ops, form.edges, form.key)


def cell_graph(cell: Cell, semantics: Semantics = Semantics.PAPER) -> CellGraph:
    """The graph of the function that a cell computes: equal functions give equal graphs.

    >>> [op.name for op in cell_graph(Cell.parse("10_500_0000")).ops]
    ['input', 'linear', 'output']
    """
    return graph_of_form(functional_form(cell, semantics))
