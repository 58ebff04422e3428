"""Fraction of the predictive variance that is due to seed noise."""

import numpy as np
from numpy.typing import NDArray

from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray

_SHARES = (np.arange(1000) + 0.5) / 1000
_RESAMPLES = 200
_MOST_SHARE = 2.0


def seed_share(dataset: SurrogateDataset, held_out: Prediction) -> float | None:
    """Fraction of the variance of a label around its prediction that is due to seed noise.

    Noise between seeds grows with the predicted standard deviation, so that the fraction is one
    number for all graphs and the variance is not.

    A key with m trainings gives two numbers, in units of its predicted variance: the variance v
    between its trainings, and the squared error e of its prediction. The expectation of e is the
    model's part plus v / m, so that what v does not explain of e is the model's. Both are
    summarised by medians, so that the few functions that collapse with one seed only do not
    dominate. With d degrees of freedom a sample variance has a median of about
    `(1 - 2 / (9 d))^3` times the true variance. A label that is a mean of m trainings carries 1/m
    of a training's noise; m is the median over all keys.

    The errors of good predictors are hardly larger than seed noise, so that the estimate scatters
    around one, and a model's part of zero would be overconfident. The result is therefore the
    mean of all fractions from 0 to 1, each weighted by its likelihood given the estimate and its
    standard error, a bootstrap over the keys.

    Args:
        dataset: n labelled graphs.
        held_out: (n,) held-out predictions of the labels, with calibrated standard deviations.

    Returns:
        A fraction in (0, 1); None if it is unknown, because no key has two trainings.

    Source: Wilson and Hilferty, "The distribution of chi-square", PNAS 1931.
    """
    several = dataset.seed_counts > 1
    if not several.any():
        return None
    counts = dataset.seed_counts[several]
    variance = held_out.std[several] ** 2
    between = dataset.seed_variances[several] / variance / _median_of_variance(counts - 1)
    squares = (
        (dataset.model_values - held_out.mean)[several] ** 2 / variance / _median_of_variance(1)
    )
    typical = float(np.median(dataset.seed_counts))
    estimate = _share(between, squares, counts, typical)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(counts), size=len(counts)) for _ in range(_RESAMPLES)]
    scatter = np.std([_share(between[i], squares[i], counts[i], typical) for i in drawn])
    # A bootstrap over one or two keys is uninformative: then any fraction is possible.
    error = max(float(scatter), 1 / len(counts))
    distance = ((_SHARES - estimate) / error) ** 2 / 2
    likelihood = np.exp(distance.min() - distance)
    return float(likelihood @ _SHARES / likelihood.sum())


def _share(
    between: FloatArray, squares: FloatArray, counts: NDArray[np.int64], typical: float
) -> float:
    """Seed noise as a fraction of the variance of a mean of `typical` trainings.

    Above one, up to two, where seed noise explains more than the whole variance.
    """
    seed = float(np.median(between))
    model = float(np.median(squares)) - seed * float(np.mean(1 / counts))
    part = seed / typical
    return min(part / max(model + part, 1e-12), _MOST_SHARE)


def _median_of_variance(freedom: NDArray[np.int64] | int) -> FloatArray:
    """Median of sample variances with some degrees of freedom, in units of the true variance."""
    return np.asarray((1 - 2 / (9 * np.asarray(freedom))) ** 3)
