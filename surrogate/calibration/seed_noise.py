"""How much of the doubt about a label is the seed's."""

import math

import numpy as np

from surrogate.dataset import SurrogateDataset
from surrogate.targets import FloatArray

_SHARES = (np.arange(1000) + 0.5) / 1000


def seed_share(dataset: SurrogateDataset, std: FloatArray) -> float | None:
    """Share of the variance around a forecast that is the seed's, in (0, 1).

    The rest is what the predictor does not know of the function. Noise between seeds grows with
    the spread that is forecast, so that the share is one number and the variance is not.

    The variance between the trainings of a key, in units of what is forecast for it, is one
    estimate of the share; their median is taken, so that the few functions that collapse with one
    seed and not with another cannot move it. With d degrees of freedom a sample variance has a
    median of about `(1 - 2 / (9 d))^3` times the true one. A label that is a mean of m trainings
    carries a share 1/m of a training's noise; m is the median over all keys.

    As good predictors err by little more than the seeds do, the estimate scatters around one,
    and to say that nothing of the doubt is the model's would say too much. Given is therefore
    the mean of all shares from 0 to 1, each with its likelihood under the estimate and its error.

    Args:
        dataset: n labelled graphs.
        std: (n,) standard deviations that are forecast for their labels, on the model scale.

    Returns:
        The share; None if no key has two trainings, so that it is unknown.

    Source: Wilson and Hilferty, "The distribution of chi-square", PNAS 1931; error of a median:
        its order statistics, Hahn and Meeker, "Statistical intervals", 1991, section 5.2.
    """
    several = dataset.seed_counts > 1
    if not several.any():
        return None
    freedom = dataset.seed_counts[several] - 1
    single = dataset.seed_variances[several] / (1 - 2 / (9 * freedom)) ** 3 / std[several] ** 2
    shares = np.sort(single) / np.median(dataset.seed_counts)
    n = len(shares)
    reach = math.sqrt(n) / 2
    places = np.array([n / 2 - reach, n / 2 + reach]).round().astype(int)
    low, high = shares[np.clip(places, 0, n - 1)]
    estimate = float(np.median(shares))
    # Of one or two keys the order says nothing: then as much as the estimate itself.
    error = (high - low) / 2 if high > low else estimate
    distance = ((_SHARES - estimate) / max(float(error), 1e-3)) ** 2 / 2
    likelihood = np.exp(distance.min() - distance)
    return float(likelihood @ _SHARES / likelihood.sum())
