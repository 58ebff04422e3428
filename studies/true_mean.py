"""Estimates of true means, checked on seeds that are hidden; and an artifact made with them.

OMP_NUM_THREADS=1 python studies/true_mean.py timit-micro
OMP_NUM_THREADS=1 python studies/true_mean.py timit-micro --cache runs/held-out --unseen
OMP_NUM_THREADS=1 python studies/true_mean.py timit-micro --artifact timit-micro --out runs/artifact

The stack forecasts each function without its label, in some minutes of a core for each target. The
functions are split into halves: estimates of each half use the seeds' effects and the variances of
the other. Errors are of the mean of hidden seeds, with the average effect of these seeds
removed; all on the model scale (logits; a tenth is .024 PER at .6). Brackets hold 95 % of the
resamples over functions.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from surrogate import load_artifact
from surrogate.calibration import HeldOutForecasts, TrainedOn, TrueMeanModel
from surrogate.calibration.novelty import WAYS
from surrogate.calibration.true_mean import Trainings
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import TARGETS, FloatArray
from surrogate.fitting.artifact import Artifact, TrueMeans
from surrogate.fitting.config import default_fit_config
from surrogate.forecasting.values import Own, target_numbers
from surrogate.metrics.ranking import spearman_rho
from train_benchmark.table.benchmark_table import BenchmarkTable

FOLDS = 5
MOST_TRAINED, MOST_TESTED = 600, 300
RESAMPLES = 1000
NORMAL_90 = 1.645


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="shipped table, or the folder of one")
    parser.add_argument("--target", default="val_per", help="target of the report")
    parser.add_argument("--cache", type=Path, help="folder of held-out forecasts, made if missing")
    parser.add_argument("--unseen", action="store_true", help="also without each operation")
    parser.add_argument("--artifact", help="artifact of that table, to which to add estimates")
    parser.add_argument("--out", type=Path, help="folder of the new artifact; must not exist")
    options = parser.parse_args()
    table = BenchmarkTable.load(options.table)
    if options.artifact is not None:
        artifact = load_artifact(options.artifact)
        with_estimates(artifact, table, options.cache).save(options.out)
        return
    target = TARGETS.get(options.target)
    data = SurrogateDataset.from_table(table, target, "mean").sorted_by_key()
    trainings = trainings_of(table, data)
    forecasts = held_out(data, options.cache)
    for row in hidden_seed_rows(forecasts, trainings):
        print(row)
    if options.unseen:
        print(unseen_row(data, forecasts, trainings, options.cache, load_artifact(options.table)))


def trainings_of(table: BenchmarkTable, data: SurrogateDataset) -> list[Trainings]:
    """(n,) labels by seed, on the model scale."""
    to_model = data.target.transform.to_model
    found = []
    for key in data.keys:
        own = table.labels_of(key, data.target.label)
        found.append(dict(zip(own, to_model(np.array(list(own.values()))).tolist(), strict=True)))
    return found


def held_out(data: SurrogateDataset, cache: Path | None) -> Prediction:
    """Forecasts of n functions by the default predictor, each without its own label."""
    file = None if cache is None else cache / f"held-out-{data.target.name}.npz"
    if file is None or not file.exists():
        predictor = default_fit_config().make_predictor()
        made = predictor.fit_out_of_fold(data, FOLDS, np.random.default_rng(0))
        kept = HeldOutForecasts.of(data.keys, made)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, **kept.arrays())
    else:
        with np.load(file) as arrays:
            kept = HeldOutForecasts.from_arrays(dict(arrays))
    zeros = np.zeros(len(data))
    return kept.instead_of(data.keys, Prediction(zeros, zeros))


def with_estimates(artifact: Artifact, table: BenchmarkTable, cache: Path | None) -> Artifact:
    """An artifact whose targets have estimates; its predictors stay as they are."""
    models = []
    for model in artifact.models:
        data = SurrogateDataset.from_table(table, model.target, "mean").sorted_by_key()
        forecasts = held_out(data, cache)
        found = TrueMeanModel.fit(forecasts, trainings_of(table, data))
        assert found is not None, "too few functions have two seeds"
        true_means = TrueMeans(found, HeldOutForecasts.of(data.keys, forecasts))
        models.append(replace(model, true_means=true_means))
    return replace(artifact, models=tuple(models))


def part(forecasts: Prediction, rows: NDArray[np.int64]) -> Prediction:
    """The forecasts of some rows."""
    return Prediction(forecasts.mean[rows], forecasts.std[rows])


def hidden_seed_rows(forecasts: Prediction, trainings: Sequence[Trainings]) -> list[str]:
    """One line per choice of visible and hidden seeds."""
    order = np.random.default_rng(0).permutation(len(trainings))
    halves = np.sort(order[::2]), np.sort(order[1::2])
    models = []
    for other in halves[::-1]:
        model = TrueMeanModel.fit(part(forecasts, other), [trainings[i] for i in other])
        assert model is not None, "too few functions have two seeds"
        models.append(model)
    main = models[0].main_seed
    new = [seed for seed in models[0].offsets if seed != main]
    choices: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), tuple(new))]
    if main is not None:
        choices.append(((main,), tuple(new)))
    for hidden in new:
        others = tuple(seed for seed in new if seed != hidden)
        choices += [(others, (hidden,))]
        choices += [((main, *others), (hidden,))] if main is not None else []
    lines = [str(models[0])]
    for visible, hidden_seeds in choices:
        lines.append(_line(forecasts, trainings, halves, models, visible, hidden_seeds))
    return lines


def _line(
    forecasts: Prediction,
    trainings: Sequence[Trainings],
    halves: tuple[NDArray[np.int64], ...],
    models: Sequence[TrueMeanModel],
    visible: tuple[int, ...],
    hidden: tuple[int, ...],
) -> str:
    columns: list[FloatArray] = []
    for half, model in zip(halves, models, strict=True):
        rows = np.array([i for i in half if {*visible, *hidden} <= set(trainings[i])])
        own = [{seed: trainings[i][seed] for seed in visible} for i in rows]
        some = part(forecasts, rows)
        found = model.posterior(some, own)
        typical = np.mean(list(model.offsets.values()))
        shift = np.mean([model.offsets[seed] for seed in hidden]) - typical
        truth = np.array([np.mean([trainings[i][seed] for seed in hidden]) for i in rows]) - shift
        seen = np.array([np.mean([*of.values()]) if of else np.nan for of in own])
        width = np.hypot(found.std, model.noise_std(some) / np.sqrt(len(hidden)))
        columns.append(
            np.array(
                [
                    some.mean - truth,
                    seen - truth,
                    found.mean - truth,
                    np.abs(found.mean - truth) <= NORMAL_90 * width,
                    model.model_std(some),
                ]
            )
        )
    forecast, seen, estimate, inside, std_model = np.concatenate(columns, axis=1)
    rho, low, high = _spearman(std_model, np.abs(forecast))
    against = [_difference(error, estimate) for error in (forecast, seen)]
    return (
        f"visible {visible or '-'} hidden {hidden} n {len(inside)}  rmse forecast "
        f"{_rmse(forecast):.4f} mean seed {_rmse(seen):.4f} estimate {_rmse(estimate):.4f}  "
        f"estimate less: forecast {against[0]} mean seed {against[1]}  cover 90 % "
        f"{inside.mean():.3f}  std_model rho {rho:.3f} ({low:.3f} .. {high:.3f})"
    )


def _rmse(errors: FloatArray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _difference(errors: FloatArray, estimate: FloatArray) -> str:
    """By how much the errors are larger than those of the estimate, resampled over functions."""
    if np.isnan(errors).any():
        return "-"
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(errors), size=len(errors)) for _ in range(RESAMPLES)]
    found = [_rmse(errors[i]) - _rmse(estimate[i]) for i in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return f"{_rmse(errors) - _rmse(estimate):.4f} ({low:.4f} .. {high:.4f})"


def _spearman(one: FloatArray, other: FloatArray) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(one), size=len(one)) for _ in range(RESAMPLES // 5)]
    low, high = np.quantile([spearman_rho(one[i], other[i]) for i in drawn], [0.025, 0.975])
    return spearman_rho(one, other), float(low), float(high)


def unseen_row(
    data: SurrogateDataset,
    forecasts: Prediction,
    trainings: Sequence[Trainings],
    cache: Path | None,
    artifact: Artifact,
) -> str:
    """Functions with an operation, or of a size, that a fit has not seen; labels of the table."""
    (model,) = (m for m in artifact.models if m.target == data.target)
    found = TrueMeanModel.fit(forecasts, trainings)
    assert found is not None, "too few functions have two seeds"
    held = HeldOutForecasts.of(data.keys, forecasts)
    model = replace(model, true_means=TrueMeans(found, held))
    errors, stds, inside = [], [], []
    for way, rows, predictions, nodes in unseen(data, cache):
        keys = ["unseen"] * len(rows)
        own = Own(keys, [{way: int(n)} for n in nodes], [{} for _ in rows])  # type: ignore[misc]
        numbers = target_numbers(model, predictions, own, 0.9)
        slope = data.target.transform.raw_slope(predictions.mean)
        std_model, std_seed = numbers[:, 2] / slope, numbers[:, 3] / slope
        error = np.abs(data.model_values[rows] - predictions.mean)
        errors.append(error)
        stds.append(std_model)
        inside.append(error <= NORMAL_90 * np.hypot(std_model, std_seed))
    rho, low, high = _spearman(np.concatenate(stds), np.concatenate(errors))
    return (
        f"unseen n {sum(map(len, errors))}  cover 90 % {np.concatenate(inside).mean():.3f}  "
        f"std_model rho {rho:.3f} ({low:.3f} .. {high:.3f})"
    )


def unseen(
    data: SurrogateDataset, cache: Path | None
) -> list[tuple[str, NDArray[np.int64], Prediction, NDArray[np.int64]]]:
    """Way, rows, predictions and novel nodes of graphs held out by kind, as in a calibration."""
    support, rng, found = TrainedOn.of(data.graphs), np.random.default_rng(1), []
    kinds = [(WAYS[0], op) for op in support.ops] + [(WAYS[1], "")]
    for way, op in kinds:
        held = np.array(
            [
                any(o.name == op for o in g.ops) if op else g.inner_nodes == support.nodes
                for g in data.graphs
            ]
        )
        rest = np.sort(rng.permutation(np.flatnonzero(~held))[:MOST_TRAINED])
        rows = np.sort(rng.permutation(np.flatnonzero(held))[:MOST_TESTED])
        file = None if cache is None else cache / f"unseen-{data.target.name}-{op or way}.npz"
        if file is not None and file.exists():
            with np.load(file) as arrays:
                predictions = Prediction(arrays["mean"], arrays["std"])
        else:
            predictor = default_fit_config().make_predictor()
            predictor.fit(data.subset(rest), np.random.default_rng(0))
            predictions = predictor.predict([data.graphs[i] for i in rows])
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                np.savez(file, mean=predictions.mean, std=predictions.std)
        seen = TrainedOn.of([data.graphs[i] for i in rest])
        nodes = np.array([seen.novelty(data.graphs[i])[way] for i in rows], dtype=np.int64)
        found.append((str(way), rows, predictions, nodes))
    return found


if __name__ == "__main__":
    main()
