"""An ensemble of small fully connected networks, trained together with numpy."""

import itertools

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray

Array = NDArray[np.float64]

_BETA = (0.9, 0.999)
_EPSILON = 1e-7


class MlpEnsemble:
    """Networks of equal shape with weights of their own; rectified linear units, L1 loss, Adam.

    Args:
        members: networks, >= 1.
        layers: hidden layers, >= 1.
        width: units of a hidden layer, >= 1.
        learning_rate: Adam's step.
        epochs: passes over the data.
        batch: rows of a step.
    """

    def __init__(
        self,
        *,
        members: int,
        layers: int,
        width: int,
        learning_rate: float,
        epochs: int,
        batch: int,
    ) -> None:
        self._shape = (members, layers, width)
        self._learning_rate, self._epochs, self._batch = learning_rate, epochs, batch
        self._weights: list[Array] = []

    def fit(self, features: FloatArray, labels: FloatArray, rng: np.random.Generator) -> None:
        """Learn labels of rows, from new random weights.

        Args:
            features: (n, d) features, n >= 1.
            labels: (n,) labels of about unit size.
            rng: source of the weights and of the order of the rows.
        """
        members, layers, width = self._shape
        sizes = [features.shape[1], *[width] * layers, 1]
        # Weights and biases in turn; Glorot's uniform weights, as Keras starts with.
        self._weights = []
        for rows, columns in itertools.pairwise(sizes):
            bound = np.sqrt(6 / (rows + columns))
            self._weights.append(rng.uniform(-bound, bound, (members, rows, columns)))
            self._weights.append(np.zeros((members, 1, columns)))
        moments = [(np.zeros_like(w), np.zeros_like(w)) for w in self._weights]
        step = 0
        for _ in range(self._epochs):
            order = rng.permutation(len(features))
            for start in range(0, len(order), self._batch):
                rows_of_batch = order[start : start + self._batch]
                step += 1
                gradients = self._gradients(features[rows_of_batch], labels[rows_of_batch])
                self._update(gradients, moments, step)

    def predict(self, features: FloatArray) -> FloatArray:
        """(members, n) answers for n rows."""
        return self._activations(features)[-1][:, :, 0]

    def _activations(self, features: FloatArray) -> list[Array]:
        """Input, hidden layers and output, each (members, n, units)."""
        values = [np.broadcast_to(features, (self._shape[0], *features.shape))]
        layers = len(self._weights) // 2
        for layer in range(layers):
            weight, bias = self._weights[2 * layer : 2 * layer + 2]
            value = values[-1] @ weight + bias
            values.append(value if layer == layers - 1 else np.maximum(value, 0.0))
        return values

    def _gradients(self, features: FloatArray, labels: FloatArray) -> list[Array]:
        values = self._activations(features)
        flow = np.sign(values[-1] - labels[None, :, None]) / len(labels)
        gradients: list[Array] = []
        for layer in reversed(range(len(values) - 1)):
            gradients[:0] = [
                values[layer].transpose(0, 2, 1) @ flow,
                flow.sum(axis=1, keepdims=True),
            ]
            flow = (flow @ self._weights[2 * layer].transpose(0, 2, 1)) * (values[layer] > 0)
        return gradients

    def _update(
        self, gradients: list[Array], moments: list[tuple[Array, Array]], step: int
    ) -> None:
        first, second = _BETA
        for i, gradient in enumerate(gradients):
            mean = first * moments[i][0] + (1 - first) * gradient
            square = second * moments[i][1] + (1 - second) * gradient**2
            moments[i] = mean, square
            size = np.sqrt(square / (1 - second**step)) + _EPSILON
            self._weights[i] -= self._learning_rate * (mean / (1 - first**step)) / size
