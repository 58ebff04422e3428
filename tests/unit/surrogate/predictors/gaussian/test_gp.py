"""The Gaussian process against its textbook formulas."""

import numpy as np
import pytest

from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import FloatArray
from surrogate.predictors.features import GraphInputs, Vocabulary
from surrogate.predictors.gaussian.gp import GaussianProcess, GpSettings
from surrogate.predictors.gaussian.known_points import KnownPoints, even_places
from surrogate.testing.synthetic import synthetic_dataset


@pytest.fixture(scope="module")
def data() -> SurrogateDataset:
    return synthetic_dataset(160)


@pytest.fixture(scope="module")
def inputs(data: SurrogateDataset) -> tuple[GraphInputs, GraphInputs]:
    """100 graphs of the fit, and 60 to predict."""
    vocabulary = Vocabulary.of(data.graphs)
    return GraphInputs(data.graphs[:100], vocabulary), GraphInputs(data.graphs[100:], vocabulary)


def standard_scores(data: SurrogateDataset) -> FloatArray:
    values = data.model_values
    return (values - values.mean()) / values.std()


def covariances(
    process: GaussianProcess, inputs: GraphInputs, points: KnownPoints
) -> tuple[FloatArray, float]:
    """Matern 3/2 (eq. 4.17) of (n,) graphs and (m,) points, and the noise variance."""
    log_scales = process.arrays()["gp_log_scales"]
    signal, noise = np.exp(log_scales[:2]).tolist()
    lengths = np.exp(log_scales[2:])
    squared = (points.distances(inputs.features) / lengths[:, None, None] ** 2).sum(axis=0)
    r = np.sqrt(3 * squared)
    return signal * (1 + r) * np.exp(-r), noise


def test_with_all_points_it_is_the_exact_process(
    data: SurrogateDataset, inputs: tuple[GraphInputs, GraphInputs]
) -> None:
    """Eq. 2.25 and 2.26, with a weight for each label."""
    rng = np.random.default_rng(0)
    known, asked = inputs
    scores, weights = standard_scores(data)[:100], rng.uniform(0.5, 2.0, 100)
    process = GaussianProcess(GpSettings(directions=100))
    process.fit(known, scores, weights, rng)
    points = KnownPoints.of(known, even_places(100, 100))
    among, noise = covariances(process, known, points)
    shared, _ = covariances(process, asked, points)
    inverse = np.linalg.inv(among + noise * np.diag(1 / weights))
    mean = scores.mean() + shared @ inverse @ (scores - scores.mean())
    signal = float(np.exp(process.arrays()["gp_log_scales"][0]))
    variance = signal - np.einsum("nm,mk,nk->n", shared, inverse, shared) + noise
    answer = process.predict(asked)
    np.testing.assert_allclose(answer.mean, mean, atol=2e-4)
    np.testing.assert_allclose(answer.std, np.sqrt(variance), atol=2e-4)


def test_with_fewer_points_it_is_the_projected_process(
    data: SurrogateDataset, inputs: tuple[GraphInputs, GraphInputs]
) -> None:
    """Eq. 8.26 and 8.27, and the noise of a label on top."""
    rng = np.random.default_rng(0)
    known, asked = inputs
    scores = standard_scores(data)[:100]
    process = GaussianProcess(GpSettings(max_points=30, directions=30))
    process.fit(known, scores, np.ones(100), rng)
    places = even_places(100, 30)
    points = KnownPoints.of(known, places)
    to_all, noise = covariances(process, known, points)
    shared, _ = covariances(process, asked, points)
    among = to_all[places]
    inner = np.linalg.inv(noise * among + to_all.T @ to_all)
    mean = scores.mean() + shared @ inner @ to_all.T @ (scores - scores.mean())
    signal = float(np.exp(process.arrays()["gp_log_scales"][0]))
    found = np.linalg.inv(among) - noise * inner
    variance = signal - np.einsum("nm,mk,nk->n", shared, found, shared) + noise
    answer = process.predict(asked)
    np.testing.assert_allclose(answer.mean, mean, atol=2e-3)
    np.testing.assert_allclose(answer.std, np.sqrt(variance), atol=2e-3)


def test_labels_of_all_graphs_are_used(
    data: SurrogateDataset, inputs: tuple[GraphInputs, GraphInputs]
) -> None:
    """A process with few inducing points is more accurate with the labels of the other graphs."""
    rng = np.random.default_rng(0)
    known, asked = inputs
    scores = standard_scores(data)
    rows = even_places(100, 30)
    errors = []
    for learned, labels in ((known, scores[:100]), (known.subset(rows), scores[:100][rows])):
        process = GaussianProcess(GpSettings(max_points=30))
        process.fit(learned, labels, np.ones(len(labels)), rng)
        errors.append(float(np.mean((process.predict(asked).mean - scores[100:]) ** 2)))
    assert errors[0] < 0.8 * errors[1]


def test_fewer_directions_increase_the_standard_deviation(data: SurrogateDataset) -> None:
    known = GraphInputs(data.graphs, Vocabulary.of(data.graphs))
    spreads = []
    for directions in (5, 40, 160):
        process = GaussianProcess(GpSettings(directions=directions))
        process.fit(known, standard_scores(data), np.ones(160), np.random.default_rng(0))
        spreads.append(process.predict(known).std)
    assert (spreads[0] >= spreads[1] - 1e-6).all()
    assert (spreads[1] >= spreads[2] - 1e-6).all()
