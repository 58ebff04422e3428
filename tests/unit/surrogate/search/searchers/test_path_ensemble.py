"""The networks of BANANAS: gradients, and what they learn."""

import numpy as np

from surrogate.search.searchers.path_ensemble import MlpEnsemble


def ensemble(epochs: int, layers: int = 2) -> MlpEnsemble:
    return MlpEnsemble(
        members=2, layers=layers, width=8, learning_rate=0.01, epochs=epochs, batch=16
    )


def test_gradients_are_those_of_the_mean_absolute_error() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=5)
    model = ensemble(epochs=1)
    model.fit(x, y, rng)

    def loss() -> float:
        return float(np.abs(model.predict(x) - y).mean(axis=1).sum())

    for weight, gradient in zip(model._weights, model._gradients(x, y), strict=True):
        place = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)
        before, step = weight[place], 1e-6
        weight[place] = before + step
        above = loss()
        weight[place] = before - step
        below = loss()
        weight[place] = before
        assert abs((above - below) / (2 * step) - gradient[place]) < 1e-5


def test_members_differ_and_each_learns_a_straight_line() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, size=(64, 4)).astype(np.float64)
    y = x @ np.array([1.0, -1.0, 0.5, 0.0])
    model = ensemble(epochs=200)
    model.fit(x, y, rng)
    answers = model.predict(x)
    assert np.abs(answers - y).mean(axis=1).max() < 0.1
    assert not np.array_equal(answers[0], answers[1])
