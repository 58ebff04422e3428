"""How settings are judged: by the ranking of keys that were held out of a fit."""

from collections.abc import Callable, Iterator

import numpy as np

from surrogate.benchmark.source import Source
from surrogate.dataset import SurrogateDataset
from surrogate.folds import fold_indices
from surrogate.metrics import kendall_tau
from surrogate.predictors import Predictor
from surrogate.tuning.config import TuneConfig

_DRAW, _FOLDS, _FIT = 1, 2, 3
"""First words of the seeds, so that no two draws share one."""


def training_keys(source: Source, config: TuneConfig) -> SurrogateDataset:
    """The keys that the search may see, drawn once by the configuration's seed.

    The rest of the source stays unseen, for a benchmark of what comes out.
    """
    dataset = source.dataset.sorted_by_key()
    count = len(dataset) if config.train_keys is None else min(config.train_keys, len(dataset))
    rng = np.random.default_rng([_DRAW, config.seed])
    return dataset.subset(np.sort(rng.permutation(len(dataset))[:count]))


def held_out_taus(
    dataset: SurrogateDataset,
    make_predictor: Callable[[], Predictor],
    config: TuneConfig,
    repeats: range,
) -> Iterator[float]:
    """Kendall tau between answers and labels of each held-out part.

    Divisions and fits are seeded by their numbers: all settings are judged on the same ones.

    Args:
        dataset: the keys of the search.
        make_predictor: gives a new, unfitted predictor.
        config: folds and seed.
        repeats: numbers of the divisions.

    Yields:
        `len(repeats) * config.folds` numbers.
    """
    for repeat in repeats:
        rng = np.random.default_rng([_FOLDS, config.seed, repeat])
        parts = fold_indices(len(dataset), config.folds, rng)
        for fold, (rest, held_out) in enumerate(parts):
            fit_rng = np.random.default_rng([_FIT, config.seed, repeat, fold])
            predictor = make_predictor().fit(dataset.subset(rest), fit_rng)
            answer = predictor.predict([dataset.graphs[i] for i in held_out])
            yield kendall_tau(answer.mean, dataset.model_values[held_out])
