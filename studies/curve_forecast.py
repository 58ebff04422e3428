"""How well learning curves are forecast: held-out functions, from the graph and from few epochs.

python studies/curve_forecast.py --table timit-micro --predictor xgb

Functions are held out in turn, by key. Each of their trainings is forecast before the first epoch
and after some; a number is over all trainings. Beside the forecast stand what needs no model: the
mean curve, the last observed value, and the observed epochs without the graph.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import NB_ASR_OPS, CellGraph, UserError
from surrogate.curves import CurveModel, CurveSet
from surrogate.curves.components.curve_intervals import fit_process
from surrogate.curves.components.label import label_of_curves
from surrogate.curves.components.mean_curve import ExpectedCurves
from surrogate.curves.components.moments import robust_mean_and_covariance
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.targets import VAL_PER, FloatArray, Logit
from surrogate.metrics.ranking import kendall_tau
from surrogate.predictors import PREDICTORS, Predictor
from train_benchmark.table.benchmark_table import BenchmarkTable

PREFIXES = (0, 3, 5, 10)
SPACE_NODES = 3
SCALE = Logit()


@dataclass(frozen=True, eq=False)
class Answers:
    """What is said of r held-out trainings after each prefix of observed epochs.

    Attributes:
        truth: (r, epochs) measured PER.
        label: (r,) measured validation label.
        kind: (r,) what the trained function is like, see `kind_of`.
        curve: way -> prefix -> (r, epochs) forecast PER.
        ranking: way -> prefix -> (r,) forecast label.
        covered: prefix -> (r, epochs + 1) whether the interval holds; the label is last.
        width: prefix -> (r, epochs + 1) width of the interval.
    """

    truth: FloatArray
    label: FloatArray
    kind: NDArray[np.str_]
    curve: dict[str, dict[int, FloatArray]]
    ranking: dict[str, dict[int, FloatArray]]
    covered: dict[int, FloatArray]
    width: dict[int, FloatArray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", default="timit-micro", help="name or folder of a table")
    parser.add_argument("--predictor", default="xgb", help="of the coefficients")
    parser.add_argument("--folds", type=int, default=5, help="parts of the functions held out")
    parser.add_argument("--level", type=float, default=0.9, help="of the intervals")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    try:
        kind = PREDICTORS.get(options.predictor)
        table = BenchmarkTable.load(options.table)
        answers = held_out_answers(table, kind, options.folds, options.level, options.seed)
    except UserError as e:
        sys.exit(f"error: {e}")
    report(table, answers, options.level)


def held_out_answers(
    table: BenchmarkTable,
    make_predictor: Callable[[], Predictor],
    folds: int,
    level: float,
    seed: int,
) -> Answers:
    curves = CurveSet.from_table(table, SCALE)
    labels = SurrogateDataset.from_table(table, VAL_PER, "mean")
    r, epochs = curves.values.shape
    answers = Answers(
        SCALE.to_raw(curves.values),
        SCALE.to_raw(label_of_curves(curves.values, curves.label_epochs, SCALE)),
        np.array([kind_of(curves.graphs[owner]) for owner in curves.owners]),
        {way: empty((r, epochs)) for way in ("forecast", "seen epochs alone")},
        {way: empty((r,)) for way in ("forecast", "seen epochs alone", "label predictor")},
        empty((r, epochs + 1)),
        empty((r, epochs + 1)),
    )
    rng = np.random.default_rng(seed)
    for number, (rest, held_out) in enumerate(fold_indices(len(curves.graphs), folds, rng), 1):
        train = curves.subset(rest)
        model = CurveModel.fit_curves(train, SCALE, make_predictor, rng, folds=folds)
        predictor = make_predictor().fit(labels.subset(rest), rng)
        print(f"fold {number}/{folds}: {model.curves.basis.rank} components", file=sys.stderr)
        for i in held_out:
            direct = SCALE.to_raw(predictor.predict([curves.graphs[i]]).mean)[0]
            for row in np.flatnonzero(curves.owners == i):
                answers.ranking["label predictor"][0][row] = direct
                ask(model, curves, row, answers, level)
        ask_without_graph(train, curves, np.flatnonzero(np.isin(curves.owners, held_out)), answers)
    return answers


def kind_of(graph: CellGraph) -> str:
    """How a function is like those of the space."""
    if any(op.name not in NB_ASR_OPS for op in graph.ops[1:-1]):
        return "other operations"
    return "larger cells" if graph.inner_nodes > SPACE_NODES else "functions of the space"


def empty(shape: tuple[int, ...]) -> dict[int, FloatArray]:
    return {prefix: np.full(shape, np.nan) for prefix in PREFIXES}


def ask(model: CurveModel, curves: CurveSet, row: int, answers: Answers, level: float) -> None:
    graph = curves.graphs[curves.owners[row]]
    truth = np.append(answers.truth[row], answers.label[row])
    for prefix in PREFIXES:
        told = model.forecast_given(graph, answers.truth[row, :prefix], level)
        label = told.val_per
        low, high = np.append(told.low[0], label.low), np.append(told.high[0], label.high)
        answers.curve["forecast"][prefix][row] = told.mean[0]
        answers.ranking["forecast"][prefix][row] = label.mean[0]
        answers.covered[prefix][row] = (low <= truth) & (truth <= high)
        answers.width[prefix][row] = high - low


def ask_without_graph(
    train: CurveSet, curves: CurveSet, rows: FloatArray, answers: Answers
) -> None:
    """The same process around the mean curve; with nothing observed it is the mean curve."""
    centre, _ = robust_mean_and_covariance(train.means)
    n = len(train.graphs)
    process = fit_process(train, ExpectedCurves(np.tile(centre, (n, 1)), np.ones(n)))
    for prefix in PREFIXES:
        seen = np.arange(prefix)
        means = np.tile(centre, (len(rows), 1))
        told = process.condition(means, seen, curves.values[np.ix_(rows, seen)]).mean
        answers.curve["seen epochs alone"][prefix][rows] = SCALE.to_raw(told)
        answers.ranking["seen epochs alone"][prefix][rows] = SCALE.to_raw(
            label_of_curves(told, curves.label_epochs, SCALE)
        )


def report(table: BenchmarkTable, answers: Answers, level: float) -> None:
    r, epochs = answers.truth.shape
    falling = np.mean(np.diff(answers.truth, axis=1) <= 0, axis=0)
    print(f"{table.metadata.name}: {len(table.keys)} functions, {r} trainings of {epochs} epochs")
    print(f"label: {table.label_definitions[VAL_PER.label]}")
    print("share of curves that do not rise over each step:", spaced(falling))
    last = {p: np.tile(answers.truth[:, [p - 1]], (1, epochs)) for p in PREFIXES if p}
    mean_curve = dict.fromkeys(PREFIXES, answers.curve["seen epochs alone"][0])
    print("\nmean absolute error of the epochs to come, PER")
    print(f"{'epochs seen':24}" + "".join(f"{prefix:>8}" for prefix in PREFIXES))
    for way, told in {
        **answers.curve,
        "mean curve": mean_curve,
        "last observed value": last,
    }.items():
        print_line(way, (curve_error(told, answers.truth, prefix) for prefix in PREFIXES))
    print("\nKendall tau of the forecast label with the training's own")
    ranking = {**answers.ranking, "last observed value": {p: last[p][:, 0] for p in last}}
    for way, labels in ranking.items():
        print_line(way, (tau(labels, answers.label, prefix) for prefix in PREFIXES))
    print(f"{'the other seed':24}{tau_of_seeds(table):8.3f}")
    print("\nmean absolute error of the label, PER")
    for way, labels in ranking.items():
        errors = (
            np.abs(labels[p] - answers.label).mean() if p in labels else np.nan for p in PREFIXES
        )
        print_line(way, errors)
    for kind in np.unique(answers.kind):
        rows = answers.kind == kind
        print(f"  of {rows.sum()} trainings, {kind}")
        for way in ("forecast", "label predictor"):
            told = ranking[way]
            print_line(f"  {way}", (np.abs(told[p] - answers.label)[rows].mean() for p in PREFIXES))
    print(f"\ncoverage and mean width of {level:.0%} intervals")
    to_come = {p: slice(p, epochs) for p in PREFIXES}
    print_line("epochs to come", (answers.covered[p][:, to_come[p]].mean() for p in PREFIXES))
    print_line("  width", (answers.width[p][:, to_come[p]].mean() for p in PREFIXES))
    print_line("label", (answers.covered[p][:, -1].mean() for p in PREFIXES))
    print_line("  width", (answers.width[p][:, -1].mean() for p in PREFIXES))
    print("\ncoverage by epoch")
    for prefix in PREFIXES:
        by_epoch = answers.covered[prefix][:, prefix:-1].mean(axis=0)
        print(f"{prefix:2} seen " + "    . " * prefix + spaced(by_epoch))


def curve_error(told: dict[int, FloatArray], truth: FloatArray, prefix: int) -> float:
    if prefix not in told:
        return np.nan
    return float(np.abs(told[prefix] - truth)[:, prefix:].mean())


def tau(labels: dict[int, FloatArray], truth: FloatArray, prefix: int) -> float:
    if prefix not in labels or np.isnan(labels[prefix]).any():
        return np.nan
    return kendall_tau(labels[prefix], truth)


def tau_of_seeds(table: BenchmarkTable) -> float:
    """Kendall tau between the labels of two seeds: what no forecast of a function can beat."""
    _, labels = table.label_matrix("val_per", table.seeds[:2])
    return kendall_tau(labels[:, 0], labels[:, 1]) if labels.shape[1] == 2 else np.nan


def print_line(name: str, values: Iterator[float]) -> None:
    cells = ("       -" if np.isnan(value) else f"{value:8.4f}" for value in values)
    print(f"{name:24}" + "".join(cells))


def spaced(values: FloatArray) -> str:
    return " ".join(f"{value:5.2f}" for value in values)


if __name__ == "__main__":
    main()
