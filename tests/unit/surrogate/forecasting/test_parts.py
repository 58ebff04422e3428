"""Functions are predicted once; levels are applied on top, with the digits of a new forecast."""

import copy
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.cell import Cell
from graph_encoding.functional_identity import FunctionalForm, functional_form
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.fitting.artifact import Artifact
from surrogate.forecasting import parts
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.parts import Functions, Memory
from surrogate.predictors.features import GraphBatch

SPACE = CellSpace()
CELLS = [
    *(
        cell
        for cell in map(SPACE.cell, range(0, SPACE.size, 997))
        if not functional_form(cell, Semantics.PAPER).is_dead
    ),
    Cell.parse("conv9:1_100_1000"),
]


def _form(i: int) -> FunctionalForm:
    return functional_form(SPACE.cell(i), Semantics.PAPER)


@pytest.mark.parametrize("first", [0.9, 0.5])
def test_a_level_on_top_gives_the_digits_of_a_new_forecast(
    artifact: Artifact, first: float
) -> None:
    asked_before = Forecaster(artifact)
    asked_before.forecast(CELLS, first)
    for level in (0.9, 0.5, 0.9):
        assert asked_before.forecast(CELLS, level) == Forecaster(artifact).forecast(CELLS, level)


def test_a_function_is_predicted_once(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, asked = artifact.models[0].predictor, []
    predict = predictor.predict

    def counted(graphs: GraphBatch) -> Prediction:
        asked.append([graph.key for graph in graphs])
        return predict(graphs)

    monkeypatch.setattr(predictor, "predict", counted)
    forecaster = Forecaster(artifact)
    forecaster.forecast(CELLS[:5])
    forecaster.forecast(CELLS, 0.8)
    forecaster.forecast(CELLS[3:], 0.7, targets=["val_per"])
    assert [len(keys) for keys in asked] == [5, len(CELLS) - 5]
    assert len({key for keys in asked for key in keys}) == len(CELLS)


def test_threads_take_turns(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once they would read each other's half-written rows, as studies of many jobs do."""
    predictor, running, most = artifact.models[0].predictor, 0, 0
    predict = predictor.predict

    def watched(graphs: GraphBatch) -> Prediction:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.01)  # lets another thread in, if it may
        found = predict(graphs)
        running -= 1
        return found

    monkeypatch.setattr(predictor, "predict", watched)
    forecaster = Forecaster(artifact)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda cell: forecaster.forecast([cell])[0], CELLS))
    assert most == 1
    for one, alone in zip(found, Forecaster(artifact).forecast(CELLS), strict=True):
        assert one.targets[0].mean == pytest.approx(alone.targets[0].mean, abs=1e-9)


def test_a_copy_forecasts_the_same(artifact: Artifact) -> None:
    forecaster = Forecaster(artifact)
    assert copy.deepcopy(forecaster).forecast(CELLS) == forecaster.forecast(CELLS)


def test_a_full_memory_is_emptied(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Forecaster(artifact).forecast(CELLS)
    monkeypatch.setattr(parts, "_MOST_REMEMBERED", 3)
    forgetful = Forecaster(artifact)
    for _ in range(2):
        for cell, expected in zip(CELLS, whole, strict=True):
            (found,) = forgetful.forecast([cell])
            assert found.targets[0].mean == pytest.approx(expected.targets[0].mean, abs=1e-9)


@given(st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=20), max_size=12))
def test_a_memory_gives_what_it_would_compute(requests: list[list[int]]) -> None:
    memory, computed = Memory(), []

    def rows(functions: Functions) -> FloatArray:
        computed.extend(functions.keys)
        return np.array([[float(len(form.ops)), float(hash(form.key))] for form in functions.forms])

    for request in requests:
        forms = {form.key: form for form in map(_form, request)}
        functions = Functions(list(forms), list(forms.values()))
        expected = [[len(form.ops), float(hash(key))] for key, form in forms.items()]
        assert memory.rows(functions, rows).tolist() == expected
    assert len(computed) == len(set(computed))


def test_the_same_rows_are_one_batch() -> None:
    """So that models that share an encoding compute it once."""
    forms = [_form(i) for i in (1, 300, 5000)]
    functions = Functions([form.key for form in forms], forms)
    assert functions.subset([0, 2]).graphs is functions.subset([0, 2]).graphs
    assert functions.subset([0, 1, 2]) is functions
    assert [graph.key for graph in functions.subset([2]).graphs] == [forms[2].key]
