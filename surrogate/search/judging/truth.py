"""What functions are really worth: judged by trainings that a search did not see."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.hashing import content_hash
from surrogate.calibration.true_mean import Posterior, Trainings, TrueMeanModel
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import Target
from surrogate.predictors.base import Predictor
from surrogate.search.space import SearchSpace

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

ARTIFACT = "forecast of an artifact"
FORECAST = "held-out forecast"
OTHER_SEEDS = "other seeds and held-out forecast"
REFINED = "refined"

_JUDGED = 0.25
"""Share of the functions, the best by forecast, that seed noise and errors of forecasts are
estimated from. On `timit-micro` it agrees with covariances between seeds in all parts of the better
half; an estimate from all of it is too large for the best functions."""


@dataclass(frozen=True)
class TruthRow:
    """The worth of one function.

    Attributes:
        key: functional key.
        mean: estimate of the mean label over seeds, on the target's raw scale.
        sem: standard error of it, >= 0.
        n_seeds: trainings that it rests on, >= 0.
        source: what it rests on: `ARTIFACT`, `FORECAST`, `OTHER_SEEDS` or `REFINED`.
    """

    key: str
    mean: float
    sem: float
    n_seeds: int
    source: str = REFINED


@dataclass(frozen=True, eq=False)
class Truth:
    """The worth of all functions of a space.

    Attributes:
        target: what is measured.
        rows: one for each function, sorted by key.

    Raises:
        UserError: if there is none, a key repeats, or a number is not finite.
    """

    target: Target
    rows: tuple[TruthRow, ...]

    def __post_init__(self) -> None:
        keys = [row.key for row in self.rows]
        if not keys or keys != sorted(set(keys)):
            raise UserError(
                f"a truth must have one row for each function, sorted by key, but has {len(keys)} "
                f"rows of {len(set(keys))} functions"
            )
        numbers = np.array([[row.mean, row.sem] for row in self.rows])
        if not np.isfinite(numbers).all() or (numbers[:, 1] < 0).any():
            raise UserError("the means of a truth must be finite, and its standard errors >= 0")

    @classmethod
    def of_rows(cls, target: Target, rows: Iterable[TruthRow]) -> Self:
        """The truth of rows in any order."""
        return cls(target, tuple(sorted(rows, key=lambda row: row.key)))

    @cached_property
    def cost_of(self) -> Mapping[str, float]:
        """Functional key -> true cost, lower is better."""
        costs = self.target.to_cost(np.array([row.mean for row in self.rows]))
        return dict(zip((row.key for row in self.rows), costs.tolist(), strict=True))

    @property
    def least_cost(self) -> float:
        """Cost of the best function."""
        return min(self.cost_of.values())

    def regret(self, key: str) -> float:
        """How much worse than the best function one is, >= 0.

        Raises:
            UserError: if the truth does not have it.
        """
        if key not in self.cost_of:
            raise UserError(
                f"the truth must have every function that a search may find, but not {key!r}; "
                "take one of the search's own space"
            )
        return self.cost_of[key] - self.least_cost

    def best(self, share: float, among: Iterable[str] | None = None) -> frozenset[str]:
        """Keys of the best functions: a share of all, at least one, rounded up.

        Args:
            share: in (0, 1].
            among: keys to choose from; all by default.

        Raises:
            UserError: if the share is not in (0, 1].
        """
        if not 0 < share <= 1:
            raise UserError(f"a share must be in (0, 1], such as 0.01, but got {share}")
        keys = self.cost_of if among is None else among
        ordered = sorted(keys, key=lambda key: (self.cost_of[key], key))
        return frozenset(ordered[: int(np.ceil(share * len(ordered) - 1e-9))])

    def counts_by_source(self) -> dict[str, int]:
        """Functions that rest on each source."""
        sources = [row.source for row in self.rows]
        return {source: sources.count(source) for source in sorted(set(sources))}

    @property
    def digest(self) -> str:
        """sha256 of the target and all rows."""
        rows = [[row.key, row.mean, row.sem, row.n_seeds, row.source] for row in self.rows]
        return content_hash([self.target.name, self.target.direction, rows])

    def refined(self, rows: Iterable[TruthRow]) -> Self:
        """The same truth with better rows in place of its own."""
        own = {row.key: row for row in self.rows}
        better = {row.key: row for row in rows}
        check_of_space(better, own)
        return self.of_rows(self.target, {**own, **better}.values())


def check_of_space(refined: Iterable[str], space: Iterable[str]) -> None:
    """Make sure that refined rows are of functions of a space, by their keys.

    Raises:
        UserError: if one is not.
    """
    unknown = sorted(set(refined) - set(space))
    if unknown:
        raise UserError(
            f"refined rows must be of functions of the space, but {len(unknown)} are not, such "
            f"as {unknown[0]!r}; read them with the semantics of the table"
        )


def read_refined(path: Path) -> tuple[TruthRow, ...]:
    """Read refined rows: Parquet, or JSON with a list of objects.

    Args:
        path: file with the columns key, mean, sem and n_seeds; it ends in .parquet or .json.

    Raises:
        UserError: if it cannot be read, a column is missing, or a key repeats.
    """
    names = ("key", "mean", "sem", "n_seeds")
    rule = f"{path} must have rows with {', '.join(names)}"
    with unreadable(rule, "name a Parquet or JSON file of refined truth"):
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            plain = pq.read_table(path, columns=list(names)).to_pylist()
        else:
            plain = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(
            TruthRow(str(row["key"]), float(row["mean"]), float(row["sem"]), int(row["n_seeds"]))
            for row in plain
        )
    repeated = [key for key, times in Counter(row.key for row in rows).items() if times > 1]
    if repeated:
        raise UserError(
            f"{path} must have one row for each function, but {len(repeated)} have several, such "
            f"as {repeated[0]!r}; leave one of each"
        )
    return rows


def interim_truth(
    table: "BenchmarkTable",
    target: Target,
    space: SearchSpace,
    *,
    seen_seeds: Sequence[int],
    predictor: Predictor,
    folds: int = 5,
    seed: int = 0,
) -> Truth:
    """The best estimate of a table without further trainings, for searches that saw some seeds.

    Each function has a forecast by a predictor that was fitted without it. The truth is the
    posterior of the mean over seeds, given the forecast and the trainings with seeds that no search
    saw; a search's own labels of a function never count for it. What a seed adds to all functions
    is taken away, from the labels of the predictor too, which is therefore fitted twice. A mean of
    two seeds alone would make the luckiest of many functions the best.

    Where fewer than `calibration.true_mean.FEWEST_WITH_SEEDS` functions of the best quarter have
    two unseen trainings, nothing tells seed noise from errors of forecasts: they are the truth.

    Args:
        table: has labels of all functions.
        target: what is measured.
        space: an enumerated space.
        seen_seeds: the seeds that searches see.
        predictor: gives the held-out forecasts; another kind than the searchers' own.
        folds: parts of the functions that are held out in turn.
        seed: start of all randomness.

    Raises:
        UserError: if the table lacks a function of the space.
    """
    dataset = _dataset_of_space(table, target, space)
    trainings = _trainings(table, target, dataset.keys)
    forecast = _held_out_forecast(predictor, dataset, trainings, folds, seed)
    unseen = [{s: of[s] for s in of.keys() - set(seen_seeds)} for of in trainings]
    model = _model_of_best_quarter(target, forecast, unseen)
    if model is None:
        unseen = [{} for _ in unseen]
        found = Posterior(forecast.mean, forecast.std)
    else:
        found = model.posterior(forecast, unseen)
    values = target.transform.to_raw(found.mean)
    sems = target.transform.raw_slope(found.mean) * found.std
    rows = (
        TruthRow(key, value, sem, len(own), OTHER_SEEDS if own else FORECAST)
        for key, value, sem, own in zip(
            dataset.keys, values.tolist(), sems.tolist(), unseen, strict=True
        )
    )
    return Truth(target, tuple(rows))


def _held_out_forecast(
    predictor: Predictor,
    dataset: SurrogateDataset,
    trainings: Sequence[Trainings],
    folds: int,
    seed: int,
) -> Prediction:
    """(n,) forecasts, each without the function's own labels, of labels without seed effects."""
    first = predictor.fit_out_of_fold(dataset, folds, np.random.default_rng(seed))
    seeds = TrueMeanModel.fit(first, trainings)
    if seeds is None:
        return first
    # Labels of the best functions are means over other seeds than those of the rest.
    corrected = _without_seed_effects(dataset, trainings, seeds.offsets)
    return predictor.fit_out_of_fold(corrected, folds, np.random.default_rng(seed))


def _model_of_best_quarter(
    target: Target, forecast: Prediction, trainings: Sequence[Trainings]
) -> TrueMeanModel | None:
    """How forecasts and trainings scatter where searches are judged: both less than elsewhere."""
    costs = target.to_cost(target.transform.to_raw(forecast.mean))
    best = np.flatnonzero(costs <= np.quantile(costs, _JUDGED))
    own = Prediction(forecast.mean[best], forecast.std[best])
    return TrueMeanModel.fit(own, [trainings[row] for row in best.tolist()])


def _dataset_of_space(
    table: "BenchmarkTable", target: Target, space: SearchSpace
) -> SurrogateDataset:
    """Mean labels of all functions of a space, sorted by key."""
    keys = space.functions.keys
    dataset = SurrogateDataset.from_table(table, target, "mean")
    row_of = {key: row for row, key in enumerate(dataset.keys)}
    lacking = [key for key in keys if key not in row_of]
    if lacking:
        raise UserError(
            f"table {table.metadata.name!r} must have labels of all {len(keys)} functions of the "
            f"space, but lacks {len(lacking)}, such as {lacking[0]!r}; take a smaller space"
        )
    return dataset.subset([row_of[key] for key in sorted(keys)])


def _trainings(table: "BenchmarkTable", target: Target, keys: Sequence[str]) -> list[Trainings]:
    """(n,) labels of each function by seed, on the model scale."""
    return [
        {
            seed: float(target.transform.to_model(np.array([label]))[0])
            for seed, label in table.labels_of(key, target.label).items()
        }
        for key in keys
    ]


def _without_seed_effects(
    dataset: SurrogateDataset, trainings: Sequence[Trainings], offsets: Mapping[int, float]
) -> SurrogateDataset:
    """Mean labels of trainings less what their seeds add to all functions.

    Seeds that are not in `offsets` are those of functions with one training.
    """
    means = [np.mean([of[s] - offsets.get(s, 0.0) for s in of]) for of in trainings]
    return replace(dataset, values=dataset.target.transform.to_raw(np.array(means)))
