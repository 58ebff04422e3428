"""How much of a label is the seed's: the variance between trainings of one function."""

import numpy as np

from surrogate.dataset import SurrogateDataset


def seed_variance(dataset: SurrogateDataset) -> float | None:
    """Variance that a dataset's labels owe to the seed, on the target's model scale.

    The variance between single trainings is estimated from the keys that have several. A label
    that is a mean of m trainings carries a share 1/m of it; m is the median over all keys.

    With d degrees of freedom a sample variance has a median of about `(1 - 2 / (9 d))^3` times
    the true one. Dividing by that and taking the median over keys gives an estimate that the
    few cells which collapse with one seed and not with another cannot move.

    Returns:
        The variance; None if no key has two trainings, so that it is unknown.

    Source: Wilson and Hilferty, "The distribution of chi-square", PNAS 1931.
    """
    several = dataset.seed_counts > 1
    if not several.any():
        return None
    freedom = dataset.seed_counts[several] - 1
    single = np.median(dataset.seed_variances[several] / (1 - 2 / (9 * freedom)) ** 3)
    return float(single / np.median(dataset.seed_counts))
