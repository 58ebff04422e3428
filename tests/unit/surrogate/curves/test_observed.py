"""Forecasts conditioned on observed epochs, and observations that are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph, cell_graph
from surrogate.curves import (
    CurveModel,
    Subject,
)
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic_curves import synthetic_curve_table
from tests.unit.surrogate.curves.conftest import GRAPHS, PREFIX, SCALE, numbers
from train_benchmark.table.benchmark_table import BenchmarkTable


@pytest.mark.parametrize("of", ["training", "function"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_nothing_observed_is_the_unconditional_forecast(
    model: CurveModel, graph: CellGraph, of: Subject
) -> None:
    assert numbers(model.forecast_given(graph, {}, of=of)) == numbers(
        model.forecast([graph], of=of)
    )


@settings(max_examples=30)
@given(st.data())
def test_observing_more_never_widens(model: CurveModel, data: st.DataObject) -> None:
    epochs = st.dictionaries(st.integers(1, model.epochs), st.floats(0, 1.5), max_size=6)
    more = data.draw(epochs)
    fewer = {epoch: more[epoch] for epoch in list(more)[: len(more) // 2]}
    for of in ("training", "function"):
        wide, narrow = (
            model.forecast_given(GRAPHS[0], seen, of=of).model_std for seen in (fewer, more)
        )
        assert (narrow <= wide + 1e-7).all()


def test_an_observed_epoch_is_forecast_as_observed(model: CurveModel) -> None:
    found = model.forecast_given(GRAPHS[0], {2: 1.2, 5: 0.8})
    for part in (found.mean, found.low, found.high):
        assert part[0, [1, 4]].tolist() == [1.2, 0.8]
    assert found.std[0, [1, 4]].tolist() == [0, 0]
    assert (found.std[0, [0, 2, 3, 5]] > 0).all()


def test_the_function_is_reproduced_up_to_the_seed_noise(
    model: CurveModel, curve_table: BenchmarkTable
) -> None:
    """Seen in full, a training is within a few of its seed's deviations of the function."""
    for record in curve_table.records[:20]:
        graph = cell_graph(Cell.parse(record.cell))
        found = model.forecast_given(graph, record.val_per_curve, of="function")
        seed = model.forecast([graph]).std_seed
        assert seed is not None
        away = np.abs(SCALE.to_raw(found.model_mean) - record.val_per_curve)
        assert (away[0, 1:] < 4 * seed[0, 1:]).all()
        assert (found.model_std < model.forecast([graph], of="function").model_std).all()


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        ({0: 0.9}, r"1 \.\. 10.*got 0"),
        ({11: 0.9}, r"1 \.\. 10.*got 11"),
        ([0.9] * 11, r"1 \.\. 10.*got 11"),
        ([0.9, float("nan")], r"\[0, 1.5\].*epoch 2 is nan"),
        ([float("inf")], "epoch 1 is inf"),
        ([-0.1], "epoch 1 is -0.1"),
        ([95.0, 90.0], "divide percents by 100"),
        ({1.5: 0.9}, "whole epochs"),
        ([10**400], "whole epochs and numbers"),
        ({True: 0.9}, "whole epochs"),
        (["high"], "numbers"),
        ([None], "numbers"),
        ("0.9", "mapping from epoch"),
        (0.9, "mapping from epoch"),
    ],
)
def test_invalid_observations_are_refused(
    model: CurveModel, observed: object, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        model.forecast_given(GRAPHS[0], observed)  # type: ignore[arg-type]


def test_sequence_mapping_and_array_are_equivalent(model: CurveModel) -> None:
    as_mapping = {3: PREFIX[2], 1: PREFIX[0], 2: PREFIX[1]}
    expected = numbers(model.forecast_given(GRAPHS[0], PREFIX))
    for observed in (list(PREFIX), np.array(PREFIX), as_mapping):
        assert numbers(model.forecast_given(GRAPHS[0], observed)) == expected


def test_without_seed_noise_one_training_says_nothing_certain_of_the_function() -> None:
    table = synthetic_curve_table(60)
    one_seed = [record for record in table.records if record.seed == table.seeds[0]]
    model = CurveModel.fit(
        BenchmarkTable(table.metadata, one_seed), RidgePredictor, np.random.default_rng(0)
    )
    assert model.process.seed is None
    assert model.forecast_given(GRAPHS[0], PREFIX).mean[0, 0] == PREFIX[0]
    with pytest.raises(UserError, match="the noise between seeds is known"):
        model.forecast_given(GRAPHS[0], PREFIX, of="function")
    assert len(model.forecast_given(GRAPHS[0], {}, of="function").mean) == 1
