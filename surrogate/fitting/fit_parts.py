"""The independent tasks of a fit: each fits one folder of the artifact."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.common.errors import UserError
from graph_encoding.engines.engine import OnStep, no_step
from surrogate.calibration import (
    Calibrated,
    HeldOutForecasts,
    TrueMeanModel,
    calibrate,
    calibration_steps,
    seed_share,
)
from surrogate.curves import CurveModel, load_curve_model
from surrogate.data.dataset import SeedPolicy, SurrogateDataset
from surrogate.data.targets import Target
from surrogate.fitting.artifact import CURVE_FOLDER, TargetModel, TrueMeans, latency_folder
from surrogate.jobs.tasks import Task
from surrogate.latency.model import LatencyModel
from surrogate.predictors import Predictor

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

MakePredictor = Callable[[], Predictor]
"""Gives a new, unfitted predictor."""

LabelsOf = Callable[[str], Mapping[int, float]]
"""Gives the labels of one target of a functional key, by seed."""

Model = TargetModel | CurveModel | LatencyModel
"""The fitted model of one task; it saves itself."""


@dataclass(frozen=True, eq=False)
class FitPlan:
    """What all tasks of a fit share; each of them starts from the same seed.

    Attributes:
        table: measured trainings.
        seed_policy: which trainings a label is made of, and which curves are learned.
        folds: number of folds of the calibration.
        seed: start of all randomness.
        make_predictor: for error rates.
        make_curve_predictor: for the curves' components; None fits no curves.
        make_latency_predictor: for each latency setting of the table; None fits none.
    """

    table: "BenchmarkTable"
    seed_policy: SeedPolicy
    folds: int
    seed: int
    make_predictor: MakePredictor
    make_curve_predictor: MakePredictor | None
    make_latency_predictor: MakePredictor | None

    def new_rng(self) -> np.random.Generator:
        """A random generator in its initial state."""
        return np.random.default_rng(self.seed)

    def dataset(self, target: Target) -> SurrogateDataset:
        """The labels of a target."""
        return SurrogateDataset.from_table(self.table, target, self.seed_policy)

    def tasks(self, datasets: tuple[SurrogateDataset, ...]) -> tuple["FitTask", ...]:
        """All tasks of the fit of some targets, the longest first.

        Args:
            datasets: the labels of each target.
        """
        found: list[FitTask] = [TargetTask.of(dataset) for dataset in datasets]
        if self.make_curve_predictor is not None:
            found.append(CurveTask())
        if self.make_latency_predictor is not None:
            settings = enumerate(self.table.latency.settings)
            found += [LatencyTask(number, setting) for number, setting in settings]
        return tuple(found)


class FitTask(Task[FitPlan, Model]):
    """One task of a fit; its name is that of its folder in the artifact."""

    def save(self, result: Model, path: Path) -> None:
        """Write the model as a new folder."""
        result.save(path)


@dataclass(frozen=True)
class TargetTask(FitTask):
    """Fits the model of one target."""

    target: Target
    steps: int

    @classmethod
    def of(cls, dataset: SurrogateDataset) -> "TargetTask":
        """The task that fits some labels."""
        return cls(dataset.target, calibration_steps(dataset.graphs))

    @property
    def name(self) -> str:
        """Name of the target."""
        return self.target.name

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the target is: one of a user may change under its name."""
        return {"target": repr(self.target)}

    def make(self, context: FitPlan, on_step: OnStep) -> TargetModel:
        """As `fit_target`."""
        dataset, rng = context.dataset(self.target), context.new_rng()
        labels = partial(context.table.labels_of, label=self.target.label)
        policy = context.seed_policy
        only = None if policy == "mean" else policy
        return fit_target(
            dataset, context.make_predictor, context.folds, rng, on_step, labels, only_seed=only
        )

    def load(self, path: Path) -> TargetModel:
        """Read the model back."""
        return TargetModel.load(path, self.target)


@dataclass(frozen=True)
class CurveTask(FitTask):
    """Fits the model of learning curves."""

    name = CURVE_FOLDER

    def make(self, context: FitPlan, on_step: OnStep) -> CurveModel:
        """As `CurveModel.fit`."""
        del on_step
        make = context.make_curve_predictor
        assert make is not None
        return CurveModel.fit(
            context.table,
            make,
            context.new_rng(),
            folds=context.folds,
            seed_policy=context.seed_policy,
        )

    def load(self, path: Path) -> CurveModel:
        """Read the model back."""
        return load_curve_model(path)


@dataclass(frozen=True)
class LatencyTask(FitTask):
    """Fits the model of latencies in one setting."""

    number: int
    setting: str

    @property
    def name(self) -> str:
        """Name of the folder of the setting."""
        return latency_folder(self.number)

    def make(self, context: FitPlan, on_step: OnStep) -> LatencyModel:
        """As `LatencyModel.fit`."""
        del on_step
        make, rng = context.make_latency_predictor, context.new_rng()
        assert make is not None
        return LatencyModel.fit(context.table, self.setting, make, context.folds, rng)

    def load(self, path: Path) -> LatencyModel:
        """Read the model back."""
        return LatencyModel.load(path)


def fit_target(
    dataset: SurrogateDataset,
    make_predictor: MakePredictor,
    folds: int,
    rng: np.random.Generator,
    on_step: OnStep = no_step,
    labels_of: LabelsOf | None = None,
    only_seed: int | None = None,
) -> TargetModel:
    """Fit a predictor on all keys and calibrate it, in and out of support.

    Args:
        dataset: n labelled graphs.
        make_predictor: gives a new, unfitted predictor.
        folds: number of folds of the calibration, 2 .. n.
        rng: random generator.
        on_step: called after each of `calibration_steps` steps.
        labels_of: gives the labels of a key by seed, for estimates of true means.
        only_seed: seed that all labels of the dataset are of; None if they are means over seeds.

    Raises:
        UserError: if there are too few keys for the folds, or all labels are equal.
    """
    check_labels(dataset)
    dataset = dataset.sorted_by_key()
    found = calibrate(dataset, make_predictor, folds, rng, on_step=on_step)
    share = seed_share(dataset, found.held_out)
    true_means = None if labels_of is None else _true_means(dataset, found, labels_of, only_seed)
    return TargetModel(dataset.target, found.predictor, found.calibrator, share, true_means)


def _true_means(
    dataset: SurrogateDataset, found: Calibrated, labels_of: LabelsOf, only_seed: int | None
) -> TrueMeans | None:
    """What estimates of true means rest on; None with too few functions of several seeds."""
    to_model = dataset.target.transform.to_model
    trainings = []
    for key in dataset.keys:
        by_seed = labels_of(key)
        values = to_model(np.array(list(by_seed.values()))).tolist()
        trainings.append(dict(zip(by_seed, values, strict=True)))
    model = TrueMeanModel.fit(found.uncalibrated, trainings, only_seed)
    if model is None:
        return None
    return TrueMeans(model, HeldOutForecasts.of(dataset.keys, found.uncalibrated))


def check_labels(dataset: SurrogateDataset) -> None:
    """Make sure that labels differ.

    Raises:
        UserError: if all are equal.
    """
    labels = dataset.model_values
    if len(labels) > 1 and (labels == labels[0]).all():
        raise UserError(
            f"labels must differ, but all {len(labels)} labels of target {dataset.target.name!r} "
            f"are equal after the transform (raw range {dataset.values.min()} .. "
            f"{dataset.values.max()}): leave the target out, or fit on a table with other labels"
        )
