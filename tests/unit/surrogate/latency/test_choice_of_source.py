"""Which source and penalty a transfer takes: known answers, and an oracle that fits again."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest

from graph_encoding import CellSpace, Semantics, cell_graph
from graph_encoding.graph import CellGraph
from surrogate.data.targets import FloatArray
from surrogate.latency.new_device import PredictMean, TransferredLine

GRAPHS = [
    cell_graph(cell)
    for cell in CellSpace().sample_keys(12, Semantics.PAPER, np.random.default_rng(3)).values()
]
TRUTH = {
    graph.key: value
    for graph, value in zip(GRAPHS, np.random.default_rng(4).normal(-7, 0.4, 12), strict=True)
}
"""Functional key -> logarithm of seconds on the new device."""
PENALTIES = np.geomspace(1e-2, 1e4, 25)


def device(noise: float, factor: float = 1.0, seed: int = 0) -> PredictMean:
    """A source that is off by a constant factor and by noise."""
    rng = np.random.default_rng(seed)
    seconds = {key: factor * log_s + noise * rng.normal() - 2 for key, log_s in TRUTH.items()}
    return lambda graphs: np.array([seconds[graph.key] for graph in graphs])


def truth(graphs: Sequence[CellGraph]) -> FloatArray:
    return np.array([TRUTH[graph.key] for graph in graphs])


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("count", [5, 12])
def test_the_source_of_the_least_error_is_taken_wherever_it_stands(
    order: tuple[int, ...], count: int
) -> None:
    sources = [device(0.01), device(0.3, seed=1), device(0.02, factor=-1.0, seed=2)]
    line = TransferredLine.fit([sources[i] for i in order], GRAPHS[:count], truth(GRAPHS[:count]))
    assert line.source is sources[0]
    assert line.sigma < 0.05


def test_of_equal_sources_the_first_is_taken() -> None:
    first, second = device(0.1), device(0.1)
    assert TransferredLine.fit([first, second], GRAPHS, truth(GRAPHS)).source is first


def columns(source: PredictMean, graphs: Sequence[CellGraph]) -> FloatArray:
    """(n, d) standardised regressors: the source's answer and the counts of operations."""
    names = sorted({op.name for graph in graphs for op in graph.ops[1:-1]})
    counts = [
        [sum(op.name == name for op in graph.ops[1:-1]) for name in names] for graph in graphs
    ]
    raw = np.column_stack([source(graphs), np.array(counts, dtype=float)])
    spread = raw.std(axis=0)
    standardised: FloatArray = (raw - raw.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf)
    return standardised


def line_of(x: FloatArray, y: FloatArray, penalty: float) -> tuple[float, FloatArray]:
    """Intercept, which is not penalised, and slopes of ridge regression."""
    design = np.column_stack([np.ones(len(x)), x])
    gram = design.T @ design + penalty * np.diag([0.0, *np.ones(x.shape[1])])
    solved = np.linalg.solve(gram, design.T @ y)
    return float(solved[0]), solved[1:]


def refitted_errors(x: FloatArray, y: FloatArray, penalty: float) -> FloatArray:
    """(n,) errors of each row from a fit to all others."""
    errors = []
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        intercept, slopes = line_of(x[others], y[others], penalty)
        errors.append(float(y[i] - intercept - x[i] @ slopes))
    return np.array(errors)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [4, 7, 12])
def test_source_penalty_and_error_are_those_of_fits_to_all_other_rows(
    seed: int, count: int
) -> None:
    sources = [device(0.2, seed=10 * seed + i) for i in range(3)]
    graphs = GRAPHS[:count]
    line = TransferredLine.fit(sources, graphs, truth(graphs))
    tried = [(source, penalty) for source in sources for penalty in PENALTIES]
    squares = np.array(
        [
            refitted_errors(columns(source, graphs), truth(graphs) - source(graphs), penalty) ** 2
            for source, penalty in tried
        ]
    )
    source, penalty = tried[int(np.argmin(squares.sum(axis=1)))]
    assert line.source is source
    intercept, slopes = line_of(columns(source, graphs), truth(graphs) - source(graphs), penalty)
    assert line.shift == pytest.approx(intercept)
    np.testing.assert_allclose(line.weights, slopes, rtol=1e-6, atol=1e-9)
    # The error of a row counts by the choice that the other rows' errors make.
    chosen = [int(np.argmin(np.delete(squares, i, axis=1).sum(axis=1))) for i in range(count)]
    expected = np.sqrt(np.mean([squares[choice, i] for i, choice in enumerate(chosen)]))
    assert line.sigma == pytest.approx(expected, rel=1e-6)
