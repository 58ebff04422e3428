"""The objective of a search: the Kendall tau of predictions for held-out keys."""

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.labelled_graphs import Source
from surrogate.metrics import kendall_tau
from surrogate.predictors import Predictor
from surrogate.tuning.config import FEWEST_TRAIN_KEYS, TuneConfig

_DRAW, _FOLDS, _FIT = 1, 2, 3
"""First words of the seeds, so that no two draws share one."""


def training_keys(source: Source, config: TuneConfig) -> SurrogateDataset:
    """The keys that the search may see, drawn once by the configuration's seed; none is extended.

    Raises:
        UserError: if the source has fewer than the configuration asks for.
    """
    order = _drawn_order(source, config)
    return source.dataset.subset(np.sort(order[: _search_size(order, source, config)]))


def confirmation_keys(source: Source, config: TuneConfig) -> SurrogateDataset:
    """Keys that the search never sees: a draw of the other keys of the space; may be empty.

    Raises:
        UserError: as `training_keys`.
    """
    order = _drawn_order(source, config)
    first = _search_size(order, source, config)
    return source.dataset.subset(np.sort(order[first : first + config.confirm_keys]))


def _drawn_order(source: Source, config: TuneConfig) -> NDArray[np.int64]:
    inside = np.flatnonzero(~source.extended)
    return np.random.default_rng([_DRAW, config.seed]).permutation(inside)


def _search_size(order: NDArray[np.int64], source: Source, config: TuneConfig) -> int:
    if len(order) < FEWEST_TRAIN_KEYS:
        raise UserError(
            f"a search must have at least {FEWEST_TRAIN_KEYS} keys, but {source.name!r} has only "
            f"{len(order)} that are not extended ones; measure more functions"
        )
    wanted = len(order) if config.train_keys is None else config.train_keys
    if wanted > len(order):
        raise UserError(
            f"train_keys must be at most {len(order)}, the keys of {source.name!r} that are not "
            f"extended ones, but is {wanted}; ask for fewer, or leave it out for all"
        )
    return wanted


def held_out_tau(
    dataset: SurrogateDataset, predictor: Predictor, config: TuneConfig, part: int
) -> float:
    """Kendall tau between predictions and labels of one held-out part.

    Divisions and fits are seeded by their numbers: all settings are judged on the same ones.

    Args:
        dataset: the keys of the search.
        predictor: not fitted yet.
        config: folds and seed.
        part: number of the part, >= 0: fold by fold, then by repeat.
    """
    repeat, fold = divmod(part, config.folds)
    rng = np.random.default_rng([_FOLDS, config.seed, repeat])
    rest, held_out = list(fold_indices(len(dataset), config.folds, rng))[fold]
    fit_rng = np.random.default_rng([_FIT, config.seed, repeat, fold])
    fitted = predictor.fit(dataset.subset(rest), fit_rng)
    predicted = fitted.predict([dataset.graphs[i] for i in held_out])
    return kendall_tau(predicted.mean, dataset.model_values[held_out])
