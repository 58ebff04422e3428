"""Held-out comparison of predictors: same keys, same splits, repeated."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graph_encoding.common.errors import UserError
from graph_encoding.engines.engine import Engine, OnStep
from surrogate.calibration import fit_calibrated
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Interval
from surrogate.data.splits import Split, random_split
from surrogate.jobs.checkpoint import Checkpoint
from surrogate.jobs.provenance import made_with
from surrogate.jobs.tasks import OnProgress, Task, no_progress, run
from surrogate.metrics import coverage, kendall_tau, mean_width, rmse, spearman_rho
from surrogate.predictors import Predictor


@dataclass(frozen=True)
class Score:
    """How one predictor did on one test set.

    Attributes:
        predictor: its name.
        target: name of the target.
        train_keys: keys it was fitted on.
        test_keys: keys it was asked for.
        kendall_tau: rank correlation, in [-1, 1], higher is better.
        spearman_rho: rank correlation, in [-1, 1], higher is better.
        rmse: root mean squared error on the raw scale, lower is better.
        coverage: share of test labels in their interval.
        width: mean width of the intervals on the raw scale.
        level: level of those intervals.
    """

    predictor: str
    target: str
    train_keys: int
    test_keys: int
    kendall_tau: float
    spearman_rho: float
    rmse: float
    coverage: float
    width: float
    level: float


@dataclass(frozen=True)
class Summary:
    """One metric of one predictor over repeats.

    Attributes:
        predictor: its name.
        target: name of the target.
        metric: name of the field of `Score`.
        mean: mean over the repeats.
        std: standard deviation over the repeats; 0 for a single one.
        repeats: how many.
    """

    predictor: str
    target: str
    metric: str
    mean: float
    std: float
    repeats: int


METRICS = ("kendall_tau", "spearman_rho", "rmse", "coverage", "width")


def score_on_split(
    split: Split,
    make_predictor: Callable[[], Predictor],
    *,
    folds: int,
    level: float,
    rng: np.random.Generator,
) -> Score:
    """Fit and calibrate on the training set, report on the test set.

    Args:
        split: its calibration set is not used: calibration is by folds of the training set.
        make_predictor: gives a new, unfitted predictor.
        folds: parts of the training set that the calibration holds out in turn.
        level: level of the intervals.
        rng: source of all randomness.

    Raises:
        UserError: if a set is too small for the folds, the level or the metrics.
    """
    predictor = make_predictor()
    calibrator = fit_calibrated(predictor, split.train, folds, rng)
    prediction = predictor.predict(split.test.graphs)
    transform = split.test.target.transform
    interval = calibrator.interval(prediction, level)
    raw = Interval(transform.to_raw(interval.low), transform.to_raw(interval.high), level)
    mean = transform.to_raw(prediction.mean)
    return Score(
        predictor=predictor.name,
        target=split.test.target.name,
        train_keys=len(split.train),
        test_keys=len(split.test),
        kendall_tau=kendall_tau(mean, split.test.values),
        spearman_rho=spearman_rho(mean, split.test.values),
        rmse=rmse(mean, split.test.values),
        # On the model scale, where clipped labels stand where the interval can reach them.
        coverage=coverage(interval, split.test.model_values),
        width=mean_width(raw),
        level=level,
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several predictors on the same random splits by key, for one or more targets.

    Attributes:
        datasets: all labelled graphs, for each target.
        makers: name -> function that gives a new, unfitted predictor.
        repeats: number of splits.
        test_fraction: share of the keys that each split tests on.
        folds: parts of each training set that the calibration holds out in turn.
        level: level of the intervals.
        seed: start of all randomness; split r is the same for every predictor.
    """

    datasets: tuple[SurrogateDataset, ...]
    makers: Mapping[str, Callable[[], Predictor]]
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
    ) -> tuple[Score, ...]:
        """Score every predictor on every split of every target.

        Args:
            engine: where fits run; by default in this process.
            checkpoint: where finished scores are stored.
            on_progress: called with the scores that are done and their number.

        Raises:
            UserError: if a set is too small for the folds, the level or the metrics.
        """
        trials = [
            _Trial(number, dataset.target.name, repeat, name)
            for number, dataset in enumerate(self.datasets)
            for repeat in range(self.repeats)
            for name in self.makers
        ]
        return run(
            trials,
            self,
            inputs=self._inputs(),
            engine=engine,
            checkpoint=checkpoint,
            on_progress=on_progress,
        )

    def _inputs(self) -> dict[str, Any]:
        return {
            "job": "comparison",
            "data": [dataset.content_sha256 for dataset in self.datasets],
            "targets": [repr(dataset.target) for dataset in self.datasets],
            "split": [self.test_fraction, self.folds, self.level, self.seed],
            "names": list(self.makers),
            **made_with([make() for make in self.makers.values()]),
        }


@dataclass(frozen=True)
class _Trial(Task[Comparison, Score]):
    """One predictor on one split of one target."""

    number: int
    target: str
    repeat: int
    predictor: str
    suffix = ".json"

    @property
    def name(self) -> str:
        # Two sets may have one target.
        return f"{self.number}-{self.target}-{self.predictor}-{self.repeat}"

    def make(self, context: Comparison, on_step: OnStep) -> Score:
        del on_step
        test_fraction, seed = context.test_fraction, [context.seed, self.repeat]
        split = random_split(
            context.datasets[self.number],
            (1 - test_fraction, 0.0, test_fraction),
            np.random.default_rng(seed),
        )
        try:
            return score_on_split(
                split,
                context.makers[self.predictor],
                folds=context.folds,
                level=context.level,
                rng=np.random.default_rng([*seed, 1]),
            )
        except UserError as e:
            whole = len(split.train) + len(split.test)
            raise UserError(
                f"{self.predictor}, compared on {self.target} with {len(split.train)} of {whole} "
                f"keys to learn from: {e}"
            ) from e

    def save(self, result: Score, path: Path) -> None:
        path.write_text(json.dumps(asdict(result)) + "\n", encoding="utf-8")

    def load(self, path: Path) -> Score:
        return Score(**json.loads(path.read_text(encoding="utf-8")))


def summarise(scores: Iterable[Score]) -> tuple[Summary, ...]:
    """Mean and standard deviation of every metric over the repeats of each predictor."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.target, score.predictor), []).append(score)
    found = []
    for (target, predictor), group in groups.items():
        for metric in METRICS:
            values = np.array([getattr(score, metric) for score in group])
            std = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            found.append(Summary(predictor, target, metric, float(values.mean()), std, len(values)))
    return tuple(found)
