"""Predictors on held-out keys of datasets in memory: for `fit --report` and `demo`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.engines.engine import Engine, OnStep
from graph_encoding.macro import MACROS, Macro
from surrogate.comparison.fit_result import FitResult, read_fit, write_fit
from surrogate.comparison.plugin import Contender
from surrogate.comparison.protocol import PlannedSplit, RandomKeys
from surrogate.comparison.scored_fit import fit_and_ask
from surrogate.comparison.scores import metrics_of, score_rows
from surrogate.comparison.summary import SummaryRow, summarise
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.labelled_graphs import Source
from surrogate.fitting.config import FitConfig
from surrogate.jobs.checkpoint import Checkpoint
from surrogate.jobs.provenance import made_with
from surrogate.jobs.tasks import OnProgress, Task, no_progress, run
from surrogate.predictors import PREDICTORS, CostSettings, MeanPredictor, ParamsPredictor


@dataclass(frozen=True, eq=False)
class HeldOutComparison:
    """Several predictors on the same random splits by key, for one or more targets.

    Attributes:
        datasets: all labelled graphs, for each target.
        contenders: the predictors, with distinct names.
        repeats: number of splits.
        test_fraction: fraction of the keys in each test set.
        folds: parts of each training set that the calibration holds out in turn.
        level: level of the intervals.
        seed: start of all randomness; split r is the same for every predictor.
    """

    datasets: tuple[SurrogateDataset, ...]
    contenders: tuple[Contender, ...]
    repeats: int
    test_fraction: float
    folds: int
    level: float
    seed: int

    def run(
        self,
        *,
        engine: Engine | None = None,
        checkpoint: Checkpoint | None = None,
        on_progress: OnProgress = no_progress,
    ) -> tuple[SummaryRow, ...]:
        """Score every predictor on every split of every target, and summarise over the splits.

        Args:
            engine: where fits run; by default in this process.
            checkpoint: where finished fits are stored.
            on_progress: called with the number of finished fits and of all.

        Raises:
            UserError: if a set is too small for the folds, the level or the metrics.
        """
        trials = [
            _Trial(number, repeat, contender)
            for number in range(len(self.datasets))
            for repeat in range(self.repeats)
            for contender in range(len(self.contenders))
        ]
        fits = run(
            trials,
            self,
            inputs=self._inputs(),
            engine=engine,
            checkpoint=checkpoint,
            on_progress=on_progress,
        )
        each = len(self.contenders) * self.repeats
        return tuple(
            row
            for number, dataset in enumerate(self.datasets)
            for row in self._summary(dataset, fits[each * number : each * (number + 1)])
        )

    def _summary(
        self, dataset: SurrogateDataset, fits: Sequence[FitResult]
    ) -> tuple[SummaryRow, ...]:
        target = dataset.target
        metrics = metrics_of(target, (self.level,))
        rows = [
            row
            for fit in fits
            for row in score_rows(fit, metrics, source=target.name, target=target)
            if not row.group
        ]
        no_ceiling: dict[str, dict[str, Any]] = {RandomKeys.name: {}}
        return summarise(rows, fits, metrics, no_ceiling, target=target, seed=self.seed)

    def _inputs(self) -> dict[str, Any]:
        return {
            "job": "comparison",
            "data": [dataset.content_sha256 for dataset in self.datasets],
            "targets": [repr(dataset.target) for dataset in self.datasets],
            "split": [self.test_fraction, self.folds, self.level, self.seed],
            "names": [contender.name for contender in self.contenders],
            **made_with([contender.make() for contender in self.contenders]),
        }


@dataclass(frozen=True)
class _Trial(Task[HeldOutComparison, FitResult]):
    """One predictor on one split of one dataset, all by number."""

    number: int
    repeat: int
    contender: int
    suffix = ".parquet"

    @property
    def name(self) -> str:
        return f"held-out-{self.number}-{self.contender}-{self.repeat}"

    def make(self, context: HeldOutComparison, on_step: OnStep) -> FitResult:
        del on_step
        source = _all_of(context.datasets[self.number])
        contender = context.contenders[self.contender]
        keys = len(source.dataset)
        train_keys = int((1 - context.test_fraction) * keys + 1e-9)
        order = np.random.default_rng([context.seed, self.repeat]).permutation(keys)
        split = _split(self.repeat, np.sort(order[:train_keys]), np.sort(order[train_keys:]))
        try:
            return fit_and_ask(
                source,
                split,
                contender,
                levels=(context.level,),
                folds=context.folds,
                seed=context.seed,
            )
        except UserError as e:
            raise UserError(
                f"{contender.name}, compared on {source.name} with {train_keys} of {keys} keys to "
                f"learn from: {e}"
            ) from e

    def save(self, result: FitResult, path: Path) -> None:
        write_fit(result, path)

    def load(self, path: Path) -> FitResult:
        return read_fit(path)


def fit_contenders(config: FitConfig[Any], macro: Macro) -> tuple[Contender, ...]:
    """The predictor of a fit and the baselines that it must beat.

    Args:
        config: of the fit.
        macro: the network around the cells of its table, whose parameters are counted.
    """
    # A table of a macro network of one's own says what it is, not that it is registered here.
    MACROS.register(macro.name, macro)
    found = (
        Contender(config.predictor, PREDICTORS.get(config.predictor), config.settings),
        Contender(ParamsPredictor.name, ParamsPredictor, CostSettings(macro.name)),
        Contender(MeanPredictor.name, MeanPredictor, MeanPredictor.settings_type()),
    )
    return found[:1] + tuple(baseline for baseline in found[1:] if baseline.name != found[0].name)


def predict_each_held_out(
    dataset: SurrogateDataset, contender: Contender, *, parts: int, level: float, seed: int
) -> FitResult:
    """Predict every key of a dataset from a fit without it.

    Args:
        dataset: n labelled graphs.
        contender: the predictor.
        parts: parts of the keys that are held out in turn, and those of each calibration.
        level: level of the intervals.
        seed: start of all randomness.

    Raises:
        UserError: if there are too few keys for the parts or the level.
    """
    source = _all_of(dataset)
    fits = [
        fit_and_ask(
            source,
            _split(number, rest, held_out),
            contender,
            levels=(level,),
            folds=parts,
            seed=seed,
        )
        for number, (rest, held_out) in enumerate(
            fold_indices(len(dataset), parts, np.random.default_rng(seed))
        )
    ]
    return FitResult.joined(fits)


def _all_of(dataset: SurrogateDataset) -> Source:
    """A source of a dataset, all keys of which may be trained and tested on."""
    everything = np.zeros(len(dataset), dtype=bool)
    return Source(dataset.target.name, dataset.sorted_by_key(), everything, None)


def _split(repeat: int, train: NDArray[np.int64], test: NDArray[np.int64]) -> PlannedSplit:
    return PlannedSplit(RandomKeys.name, "", len(train), repeat, train, test)
