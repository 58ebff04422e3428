"""How much of the doubt about a label is the seed's."""

import numpy as np
from numpy.typing import NDArray

from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray

_SHARES = (np.arange(1000) + 0.5) / 1000
_RESAMPLES = 200
_MOST_SHARE = 2.0


def seed_share(dataset: SurrogateDataset, told: Prediction) -> float | None:
    """Share of the variance around a forecast that is the seed's, in (0, 1).

    The rest is what the predictor does not know of the function. Noise between seeds grows with
    the spread that is forecast, so that the share is one number and the variance is not.

    Of a key with m trainings two things are known, in units of the variance that is forecast
    for it: the variance v between its trainings, and the squared error e of what was said of it,
    whose mean is that of the model's part and v / m. What the seeds do not explain of e is the
    model's. Both are summed up by their medians, so that the few functions that collapse with one
    seed and not with another cannot move them: with d degrees of freedom a sample variance has a
    median of about `(1 - 2 / (9 d))^3` times the true one. A label that is a mean of m trainings
    carries 1/m of a training's noise; m is the median over all keys.

    As good predictors err by little more than the seeds do, the estimate scatters around one,
    and to say that nothing of the doubt is the model's would say too much. Given is therefore
    the mean of all shares from 0 to 1, each with its likelihood under the estimate and its error,
    a bootstrap over the keys.

    Args:
        dataset: n labelled graphs.
        told: of their labels when they were held out; its standard deviations are calibrated.

    Returns:
        The share; None if no key has two trainings, so that it is unknown.

    Source: Wilson and Hilferty, "The distribution of chi-square", PNAS 1931.
    """
    several = dataset.seed_counts > 1
    if not several.any():
        return None
    counts = dataset.seed_counts[several]
    variance = told.std[several] ** 2
    between = dataset.seed_variances[several] / variance / _median_of_variance(counts - 1)
    squares = (dataset.model_values - told.mean)[several] ** 2 / variance / _median_of_variance(1)
    typical = float(np.median(dataset.seed_counts))
    estimate = _share(between, squares, counts, typical)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(counts), size=len(counts)) for _ in range(_RESAMPLES)]
    scatter = np.std([_share(between[i], squares[i], counts[i], typical) for i in drawn])
    # Draws of one or two keys say nothing: then any share may be.
    error = max(float(scatter), 1 / len(counts))
    distance = ((_SHARES - estimate) / error) ** 2 / 2
    likelihood = np.exp(distance.min() - distance)
    return float(likelihood @ _SHARES / likelihood.sum())


def _share(
    between: FloatArray, squares: FloatArray, counts: NDArray[np.int64], typical: float
) -> float:
    """The seed's part of the variance of a mean of `typical` trainings around its forecast.

    Above one, up to two, where the seeds explain more than there is.
    """
    seed = float(np.median(between))
    model = float(np.median(squares)) - seed * float(np.mean(1 / counts))
    part = seed / typical
    return min(part / max(model + part, 1e-12), _MOST_SHARE)


def _median_of_variance(freedom: NDArray[np.int64] | int) -> FloatArray:
    """Median of sample variances in units of the true one."""
    return np.asarray((1 - 2 / (9 * np.asarray(freedom))) ** 3)
