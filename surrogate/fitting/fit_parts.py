"""What a fit is made of: parts that do not need each other, each a folder of the artifact."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.calibration import calibrate, calibration_steps, seed_share
from surrogate.curves import CurveModel, load_curve_model
from surrogate.data.dataset import SeedPolicy, SurrogateDataset
from surrogate.data.targets import Target
from surrogate.fitting.artifact import CURVE_FOLDER, TargetModel, latency_folder
from surrogate.jobs.parallel import Part
from surrogate.jobs.processes import OnStep, no_step
from surrogate.latency.model import LatencyModel
from surrogate.predictors import Predictor

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

MakePredictor = Callable[[], Predictor]
"""Gives a new, unfitted predictor."""

Model = TargetModel | CurveModel | LatencyModel
"""What a part of a fit learns; it saves itself."""


@dataclass(frozen=True, eq=False)
class FitPlan:
    """What all parts of a fit are made with; each of them begins with the seed anew.

    Attributes:
        table: measured trainings.
        seed_policy: which trainings a label is made of, and which curves are learned.
        folds: parts that the calibration holds out in turn.
        seed: start of all randomness.
        make_predictor: of error rates.
        make_curve_predictor: of the curves' components; None leaves curves out.
        make_latency_predictor: of each latency setting that the table has; None leaves them out.
    """

    table: "BenchmarkTable"
    seed_policy: SeedPolicy
    folds: int
    seed: int
    make_predictor: MakePredictor
    make_curve_predictor: MakePredictor | None
    make_latency_predictor: MakePredictor | None

    def new_rng(self) -> np.random.Generator:
        """A source of randomness at its start."""
        return np.random.default_rng(self.seed)

    def dataset(self, target: Target) -> SurrogateDataset:
        """The labels of a target."""
        return SurrogateDataset.from_table(self.table, target, self.seed_policy)

    def parts(self, datasets: tuple[SurrogateDataset, ...]) -> tuple["FitPart", ...]:
        """All parts of the fit of some targets, the longest first.

        Args:
            datasets: the labels of each target.
        """
        found: list[FitPart] = [TargetPart.of(dataset) for dataset in datasets]
        if self.make_curve_predictor is not None:
            found.append(CurvePart())
        if self.make_latency_predictor is not None:
            settings = enumerate(self.table.latency.settings)
            found += [LatencyPart(number, setting) for number, setting in settings]
        return tuple(found)


class FitPart(Part[FitPlan, Model]):
    """One part of a fit; its name is that of its folder in the artifact."""

    def save(self, result: Model, path: Path) -> None:
        """Write the model as a new folder."""
        result.save(path)


@dataclass(frozen=True)
class TargetPart(FitPart):
    """The model of one target."""

    target: Target
    steps: int

    @classmethod
    def of(cls, dataset: SurrogateDataset) -> "TargetPart":
        """The part that learns some labels."""
        return cls(dataset.target, calibration_steps(dataset.graphs))

    @property
    def name(self) -> str:
        """The target's."""
        return self.target.name

    def make(self, context: FitPlan, on_step: OnStep) -> TargetModel:
        """As `fit_target`."""
        dataset, rng = context.dataset(self.target), context.new_rng()
        return fit_target(dataset, context.make_predictor, context.folds, rng, on_step)

    def load(self, path: Path) -> TargetModel:
        """Read the model back."""
        return TargetModel.load(path, self.target)


@dataclass(frozen=True)
class CurvePart(FitPart):
    """The model of learning curves."""

    name = CURVE_FOLDER
    steps = 1

    def make(self, context: FitPlan, on_step: OnStep) -> CurveModel:
        """As `CurveModel.fit`."""
        make = context.make_curve_predictor
        assert make is not None
        model = CurveModel.fit(
            context.table,
            make,
            context.new_rng(),
            folds=context.folds,
            seed_policy=context.seed_policy,
        )
        on_step()
        return model

    def load(self, path: Path) -> CurveModel:
        """Read the model back."""
        return load_curve_model(path)


@dataclass(frozen=True)
class LatencyPart(FitPart):
    """The model of latencies in one setting."""

    number: int
    setting: str
    steps = 1

    @property
    def name(self) -> str:
        """That of the setting's number."""
        return latency_folder(self.number)

    def make(self, context: FitPlan, on_step: OnStep) -> LatencyModel:
        """As `LatencyModel.fit`."""
        make, rng = context.make_latency_predictor, context.new_rng()
        assert make is not None
        model = LatencyModel.fit(context.table, self.setting, make, context.folds, rng)
        on_step()
        return model

    def load(self, path: Path) -> LatencyModel:
        """Read the model back."""
        return LatencyModel.load(path)


def fit_target(
    dataset: SurrogateDataset,
    make_predictor: MakePredictor,
    folds: int,
    rng: np.random.Generator,
    on_step: OnStep = no_step,
) -> TargetModel:
    """Fit a predictor on all keys and calibrate it, for graphs like those and unlike them.

    Args:
        dataset: n labelled graphs.
        make_predictor: gives a new, unfitted predictor.
        folds: parts that the calibration holds out in turn, 2 .. n.
        rng: source of all randomness.
        on_step: called after each of `calibration_steps` steps.

    Raises:
        UserError: if there are too few keys for the folds, or their labels are all one.
    """
    check_labels(dataset)
    calibrated = calibrate(dataset, make_predictor, folds, rng, on_step=on_step)
    share = seed_share(dataset.sorted_by_key(), calibrated.held_out)
    return TargetModel(dataset.target, calibrated.predictor, calibrated.calibrator, share)


def check_labels(dataset: SurrogateDataset) -> None:
    """Make sure that labels can be learned.

    Raises:
        UserError: if they are all one.
    """
    labels = dataset.model_values
    if len(labels) > 1 and (labels == labels[0]).all():
        raise UserError(
            f"labels must differ on the scale that is learned, but all {len(labels)} of target "
            f"{dataset.target.name!r} are one there ({dataset.values.min()} .. "
            f"{dataset.values.max()}); leave the target out, or fit on a table whose trainings "
            "differ in it"
        )
