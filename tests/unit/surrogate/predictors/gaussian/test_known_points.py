"""Distances from the inducing points of a Gaussian process."""

import numpy as np
import pytest

from surrogate.data.dataset import SurrogateDataset
from surrogate.predictors.features import GraphInputs, Vocabulary
from surrogate.predictors.gaussian.known_points import (
    GROUPS,
    ROWS_AT_ONCE,
    KnownPoints,
    even_places,
    stored,
)
from surrogate.testing.synthetic import synthetic_dataset


@pytest.fixture(scope="module")
def data() -> SurrogateDataset:
    return synthetic_dataset(60)


@pytest.fixture
def inputs(data: SurrogateDataset) -> GraphInputs:
    return GraphInputs(data.graphs, Vocabulary.of(data.graphs))


def test_distances_are_those_of_standardised_columns(inputs: GraphInputs) -> None:
    points = KnownPoints.of(inputs, even_places(60, 60))
    columns = inputs.features[:, points.used].astype(np.float64)
    spread = columns.std(axis=0)
    standard = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    whole = ((standard[:, None] - standard[None]) ** 2).sum(axis=-1)
    by_group = points.distances(inputs.features)
    assert by_group.shape == (len(GROUPS), 60, 60)
    np.testing.assert_allclose(by_group.sum(axis=0), whole, atol=1e-4)
    np.testing.assert_allclose(points.distances_between(inputs.features), by_group, atol=1e-9)
    assert np.abs(by_group[:, range(60), range(60)]).max() < 1e-9


def test_of_many_graphs_an_even_sample_is_known(inputs: GraphInputs) -> None:
    assert even_places(60, 4).tolist() == [0, 20, 39, 59]
    assert even_places(3, 4).tolist() == [0, 1, 2]
    points = KnownPoints.of(inputs, even_places(60, 4))
    assert points.distances(inputs.features).shape == (len(GROUPS), 60, 4)


def test_equal_points_share_what_was_computed(inputs: GraphInputs) -> None:
    first = KnownPoints.of(inputs, even_places(60, 50))
    (mine,) = first.distances_in_parts(inputs)
    (of_equal,) = KnownPoints.from_arrays(first.arrays()).distances_in_parts(inputs)
    (of_others,) = KnownPoints.of(inputs, even_places(60, 40)).distances_in_parts(inputs)
    assert of_equal is mine
    assert of_others.shape != mine.shape


def test_many_graphs_come_in_parts_that_make_the_whole(data: SurrogateDataset) -> None:
    vocabulary = Vocabulary.of(data.graphs)
    points = KnownPoints.of(GraphInputs(data.graphs, vocabulary), even_places(60, 60))
    many = GraphInputs([*data.graphs] * (ROWS_AT_ONCE // 60 + 2), vocabulary)
    parts = list(points.distances_in_parts(many))
    assert len(parts) == 2
    whole = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(whole, points.distances(many.features), atol=1e-9)


@pytest.mark.parametrize(("values", "width"), [(256, np.uint8), (257, np.uint16)])
def test_points_read_from_their_arrays_are_the_same_to_the_bit(values: int, width: type) -> None:
    """A byte numbers 256 values; old files have the rows themselves."""
    rng = np.random.default_rng(0)
    counts = np.column_stack([rng.permutation(values), rng.integers(0, 3, values), np.ones(values)])
    rows = stored(counts / 7 - 0.3)
    scaling = np.arange(3), np.array([0, 3]), rows.mean(axis=0), rows.std(axis=0)
    points = KnownPoints.of_rows(*scaling, rows)
    arrays = points.arrays()
    assert arrays["gp_codes"].dtype == width
    again = KnownPoints.from_arrays(arrays)
    np.testing.assert_array_equal(again.decoded.rows, rows)
    assert again.decoded is points.decoded
    old = {**arrays, "gp_rows": rows.astype(np.float32)}
    assert KnownPoints.from_arrays(old).decoded is points.decoded
