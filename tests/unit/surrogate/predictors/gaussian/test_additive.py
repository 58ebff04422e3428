"""A sum of costs and a correction."""

from dataclasses import replace

import numpy as np
import pytest

from graph_encoding import Cell, CellSpace, Semantics, cell_graph
from graph_encoding.graph import CellGraph
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import Identity
from surrogate.latency.model import latency_dataset
from surrogate.predictors import AdditivePredictor
from tests.unit.surrogate.latency.test_model import true_seconds

CELLS = CellSpace().sample_keys(150, Semantics.PAPER, np.random.default_rng(2))


def timed(unlike: str = "") -> SurrogateDataset:
    """Latencies that are sums, of functions without an operation."""
    seconds = {key: true_seconds(cell_graph(cell)) for key, cell in CELLS.items()}
    kept = {key: s for key, s in seconds.items() if not unlike or unlike not in CELLS[key].ops}
    return latency_dataset(kept, {key: CELLS[key].text for key in kept}, Semantics.PAPER)


def fitted(data: SurrogateDataset) -> AdditivePredictor:
    return AdditivePredictor().fit(data, np.random.default_rng(0))


def seconds_of(predictor: AdditivePredictor, graphs: list[CellGraph]) -> list[float]:
    return np.exp(predictor.predict(graphs).mean).tolist()


def test_sums_are_found_exactly_and_go_on_to_larger_cells() -> None:
    texts = ("conv7:0_conv7:00_conv7:000_conv7:0000", "10_110_2010_30100_400110_1000000")
    graphs = [cell_graph(Cell.parse(text)) for text in texts]
    found = seconds_of(fitted(timed()), graphs)
    assert found == pytest.approx([true_seconds(graph) for graph in graphs], rel=1e-3)


def test_each_further_operation_costs_as_much_as_the_one_before() -> None:
    chains = ["_".join("30" + "0" * i for i in range(n)) for n in range(1, 7)]
    found = seconds_of(fitted(timed()), [cell_graph(Cell.parse(text)) for text in chains])
    np.testing.assert_allclose(np.diff(found), np.diff(found)[0], rtol=0.02)


@pytest.mark.parametrize("op", ["conv5", "conv7", "conv7d2"])
def test_an_operation_without_a_measurement_costs_what_the_most_alike_costs(op: str) -> None:
    predictor = fitted(timed(unlike=op))
    graphs = [cell_graph(cell) for cell in CELLS.values() if op in cell.ops]
    errors = np.log(seconds_of(predictor, graphs)) - np.log([true_seconds(g) for g in graphs])
    # As nothing it would cost .07 to .1 ms too little of some .3 ms.
    assert abs(np.median(errors)) < 0.06


def test_labels_that_may_be_negative_are_summed_as_they_are() -> None:
    data = timed()
    target = replace(data.target, transform=Identity())
    shifted = replace(data, target=target, values=1e3 * data.values - 0.3)
    found = fitted(shifted).predict(shifted.graphs).mean
    np.testing.assert_allclose(found, shifted.values, atol=1e-3)


def test_arrays_of_the_correction_are_those_whose_names_begin_with_its_prefix() -> None:
    """`"correction." in name` also holds for arrays of something else."""
    data = timed()
    predictor = fitted(data)
    arrays = dict(predictor._learned())
    others = {f"another.{name}": np.zeros(1) for name in arrays}
    loaded = AdditivePredictor()
    loaded._restore({**arrays, **others}, predictor._documents())
    kept = loaded._learned()
    assert kept.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(kept[name], array)
    loaded._mark_fitted(data)
    np.testing.assert_array_equal(
        loaded.predict(data.graphs).mean, predictor.predict(data.graphs).mean
    )
