"""The validation label of a forecast curve: the mean error rate over a window of its epochs."""

import numpy as np

from surrogate.curves.components.conditioning import Conditioned
from surrogate.data.targets import FloatArray, Transform
from train_benchmark.labels import EpochWindow


def label_of_curves(curves: FloatArray, window: EpochWindow, transform: Transform) -> FloatArray:
    """(n,) labels of (n, epochs) curves, both on the model scale.

    Args:
        curves: (n, epochs) curves.
        window: the epochs that the label averages.
        transform: the model scale.
    """
    return transform.to_model(transform.to_raw(curves[:, window.places]).mean(axis=1))


def label_std(
    mean: FloatArray,
    covariance: FloatArray,
    label: FloatArray,
    window: EpochWindow,
    transform: Transform,
) -> FloatArray:
    """(n,) standard deviations of labels on the model scale, linearised in each epoch.

    Args:
        mean: (n, epochs) expected curves.
        covariance: (epochs, epochs) covariance around them.
        label: (n,) their labels.
        window: the epochs that the label averages.
        transform: the model scale.
    """
    inside = window.places
    slopes = transform.raw_slope(mean[:, inside]) / transform.raw_slope(label)[:, None]
    slopes = slopes / len(window)
    variance = np.einsum("ne,ef,nf->n", slopes, covariance[inside, inside], slopes)
    std: FloatArray = np.sqrt(np.maximum(variance, 0.0))
    return std


def with_label(
    conditioned: Conditioned, uncertainty: FloatArray, window: EpochWindow, transform: Transform
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Mean, standard deviation and its seed noise, with the label as the last column.

    Args:
        conditioned: n curves of `epochs` epochs.
        uncertainty: (n,) factors on the standard deviations of each graph.
        window: the epochs that the label averages.
        transform: the model scale.

    Returns:
        Three arrays (n, epochs + 1); the last is None if seed noise is unknown.
    """
    label = label_of_curves(conditioned.mean, window, transform)

    def std_of(covariance: FloatArray) -> FloatArray:
        of_label = label_std(conditioned.mean, covariance, label, window, transform)
        of_epochs = np.tile(np.sqrt(np.diag(covariance)), (len(label), 1))
        stds: FloatArray = uncertainty[:, None] * np.column_stack([of_epochs, of_label])
        return stds

    mean = np.column_stack([conditioned.mean, label])
    seed = None if conditioned.seed is None else std_of(conditioned.seed)
    return mean, std_of(conditioned.covariance), seed
