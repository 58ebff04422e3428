"""Forecasts of learning curves, from the graph alone or with observed epochs."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, get_args

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.graph import CellGraph
from surrogate.curves.components.basis import CurveBasis
from surrogate.curves.components.conditioning import CurveProcess, Subject
from surrogate.curves.components.curve_intervals import (
    HorizonCalibration,
    calibrate_horizons,
    fit_process,
)
from surrogate.curves.components.falling import project_falling
from surrogate.curves.components.label import with_label
from surrogate.curves.components.mean_curve import (
    ExpectedCurves,
    MeanCurves,
    UncertaintyScale,
)
from surrogate.curves.data import CurveSet
from surrogate.curves.files import read_model_folder, write_model_folder
from surrogate.curves.forecast import CurveForecast, LabelForecast, Widening
from surrogate.curves.observed import Observed, ObservedCurve
from surrogate.data.dataset import SeedPolicy
from surrogate.data.prediction import ONE_SIGMA, check_level
from surrogate.data.targets import VAL_PER, FloatArray, Logit
from surrogate.predictors.base import Predictor
from train_benchmark.labels import EpochWindow, last_epochs

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable


@dataclass(frozen=True, eq=False)
class CurveModel:
    """A fitted model of learning curves.

    On the model scale a training's curve is `m(graph) + d(graph) (f + e)`. m is a low-rank curve
    whose coefficients are predicted, d the relative uncertainty of the predictors, f the deviation
    of the function and e that of the seed, two normal processes over epochs. Observed epochs
    condition f + e. Intervals are conformal, per epoch and number of observed epochs.

    Laws: conditioning on nothing changes nothing; observing an epoch never increases `model_std`;
    equal keys get equal forecasts; the order of rows and graphs does not matter.

    Attributes:
        transform: between error rates and the model scale.
        curves: m and d.
        process: f and e.
        calibration: of the intervals.
        label_epochs: the epochs that the validation label averages.

    Raises:
        UserError: if the numbers of epochs differ, or the label averages epochs beyond them.
    """

    transform: Logit
    curves: MeanCurves
    process: CurveProcess
    calibration: HorizonCalibration
    label_epochs: EpochWindow

    def __post_init__(self) -> None:
        lengths = {len(self.curves.basis.mean), len(self.process.covariance)}
        if lengths != {self.calibration.epochs}:
            raise UserError(
                "the parts of a curve model must have one number of epochs, but have "
                f"{sorted(lengths | {self.calibration.epochs})}"
            )
        if self.label_epochs.last > self.epochs:
            raise UserError(
                f"the label of a curve model must average some of its {self.epochs} epochs, but "
                f"averages {self.label_epochs}"
            )

    @property
    def epochs(self) -> int:
        """Length of the curves."""
        return self.calibration.epochs

    @classmethod
    def fit(
        cls,
        table: "BenchmarkTable",
        make_predictor: Callable[[], Predictor],
        rng: np.random.Generator,
        *,
        folds: int = 5,
        seed_policy: SeedPolicy = "mean",
    ) -> Self:
        """Fit on the curves of a table.

        Args:
            table: measured trainings, of one length.
            make_predictor: makes an unfitted predictor; one is fitted per coefficient.
            rng: source of all randomness.
            folds: number of folds over the functions, 2 .. their number.
            seed_policy: "mean": all trainings; an integer: those with that seed.

        Raises:
            UserError: if curves are missing, too short or of different lengths, or functions too
                few for the folds.
        """
        transform = VAL_PER.transform
        assert isinstance(transform, Logit)
        curves = CurveSet.from_table(table, transform, seed_policy)
        return cls.fit_curves(curves, transform, make_predictor, rng, folds=folds)

    @classmethod
    def fit_curves(
        cls,
        curves: CurveSet,
        transform: Logit,
        make_predictor: Callable[[], Predictor],
        rng: np.random.Generator,
        *,
        folds: int = 5,
    ) -> Self:
        """As `fit`, on curves of the model scale."""
        means, expected = MeanCurves.fit(curves, make_predictor, folds, rng)
        calibration = calibrate_horizons(curves, expected, means.falling, transform, folds, rng)
        process = fit_process(curves, expected)
        return cls(transform, means, process, calibration, curves.label_epochs)

    def forecast(
        self,
        graphs: Sequence[CellGraph],
        level: float = 0.9,
        *,
        of: Subject = "training",
        widening: Widening | None = None,
    ) -> CurveForecast:
        """Forecast the curves of n graphs without any observed epoch.

        Args:
            graphs: the graphs; equal keys get equal forecasts.
            level: probability with which an epoch's error rate lies in its interval, in (0, 1).
            of: "training": one training with any seed. "function": the mean over all seeds,
                whose intervals are narrower in proportion to the standard deviation.
            widening: extra uncertainty of novel graphs; by default none.

        Raises:
            UserError: if the level is too high for the number of calibration scores.
        """
        return self.forecast_expected(self.curves.expected(graphs), level, of=of, widening=widening)

    def forecast_expected(
        self,
        expected: ExpectedCurves,
        level: float,
        *,
        of: Subject = "training",
        widening: Widening | None = None,
    ) -> CurveForecast:
        """As `forecast`, from `MeanCurves.expected` of the n graphs."""
        nothing = Observed.read({}, self.epochs)
        return self._forecast(expected, nothing, level, of, widening)

    def forecast_given(
        self,
        graph: CellGraph,
        observed: ObservedCurve,
        level: float = 0.9,
        *,
        of: Subject = "training",
        widening: Widening | None = None,
    ) -> CurveForecast:
        """Forecast the curve of one graph of which some epochs were observed.

        Args:
            graph: the graph.
            observed: validation PER by epoch, counted from 1, or of the first epochs in order.
            level: as for `forecast`.
            of: "training": the rest of the observed training. "function": the mean over all
                seeds, of which that training is one.
            widening: as for `forecast`.

        Returns:
            The forecast of one curve (n = 1).

        Raises:
            UserError: if an observation is out of range, the level is too high, or a function is
                asked for and the noise between seeds is unknown.
        """
        seen = Observed.read(observed, self.epochs)
        return self._forecast(self.curves.expected([graph]), seen, level, of, widening)

    def save(self, folder: Path) -> None:
        """Write the model as a new folder, in one atomic step.

        Raises:
            UserError: if the folder exists or cannot be written.
        """
        curves, process = self.curves, self.process
        arrays = {
            "basis_mean": curves.basis.mean,
            "basis_scale": curves.basis.scale,
            "components": curves.basis.components,
            "doubt_floors": curves.scale.floors,
            "doubt_factors": curves.scale.factors,
            "doubt_typical": np.array(curves.scale.typical),
            "falling": curves.falling,
            "covariance": process.covariance,
            "scores": self.calibration.scores,
            **({} if process.seed is None else {"seed_covariance": process.seed}),
        }
        header = {
            "epochs": self.epochs,
            "clip": self.transform.clip,
            "label_epochs": asdict(self.label_epochs),
        }
        write_model_folder(folder, header, arrays, curves.predictors)

    def _forecast(
        self,
        expected: ExpectedCurves,
        observed: Observed,
        level: float,
        of: Subject,
        widening: Widening | None,
    ) -> CurveForecast:
        check_level(level)
        if of not in get_args(Subject):
            raise UserError(f"a curve forecast must be of one of {get_args(Subject)}, not {of!r}")
        if of == "function" and observed.epochs.size and self.process.seed is None:
            raise UserError(
                "the curve of a function follows from one training only where the noise between "
                "seeds is known, but too few functions of the fit have two seeds; ask for the "
                "training (of='training'), or fit on more seeds"
            )
        n = len(expected.mean)
        seen = np.zeros(self.epochs, dtype=bool)
        seen[observed.epochs] = True
        values = np.tile(self.transform.to_model(observed.per), (n, 1))
        conditioned = self.process.condition(expected.mean, observed.epochs, values, of)
        free = ~seen if of == "training" else np.ones_like(seen)
        mean = project_falling(conditioned.mean, self.curves.falling, free)
        conditioned = replace(conditioned, mean=mean)
        columns = with_label(conditioned, expected.uncertainty, self.label_epochs, self.transform)
        more = Widening(np.ones(n), np.ones(n)) if widening is None else widening
        numbers = self._on_raw_scale(*columns, seen, level, more)
        if of == "training":  # observed rates are exact, also beyond the transform's clip
            for name in ("mean", "low", "high"):
                numbers[name][:, observed.epochs] = observed.per
                if seen[self.label_epochs.places].all():
                    numbers[name][:, -1] = numbers[name][:, self.label_epochs.places].mean()
        return _curve_forecast(of, level, numbers, columns[0], columns[1])

    def _on_raw_scale(
        self,
        mean: FloatArray,
        std: FloatArray,
        seed: FloatArray | None,
        seen: NDArray[np.bool_],
        level: float,
        widening: Widening,
    ) -> dict[str, FloatArray]:
        """(n, epochs + 1) error rates by name; the last column is the label."""
        half, sigma = self.calibration.half_widths(std, seen, (level, ONE_SIGMA))
        half = half * widening.intervals[:, None]
        total = self.transform.raw_slope(mean) * sigma
        low, high = self.transform.interval_to_raw(mean - half, mean + half)
        numbers = {"mean": self.transform.to_raw(mean), "low": low, "high": high}
        if seed is None:
            numbers["std"] = numbers["std_model"] = total * widening.std[:, None]
            return numbers
        # Calibration scales both parts alike, novelty the model's part only.
        share = np.divide(seed, std, out=np.zeros_like(std), where=std > 0)
        share = np.minimum(share, 1.0)
        numbers["std_seed"] = total * share
        numbers["std_model"] = total * np.sqrt(1 - share**2) * widening.std[:, None]
        numbers["std"] = np.hypot(numbers["std_model"], numbers["std_seed"])
        return numbers


def load_curve_model(folder: Path) -> CurveModel:
    """Read a model that `CurveModel.save` wrote.

    Raises:
        UserError: if a file is missing or corrupt, or the schema has another version.
    """
    rule = f"folder {folder} must hold a curve model saved by this version"
    with unreadable(rule, "fit it again"):
        header, arrays, predictors = read_model_folder(folder)
        basis = CurveBasis(arrays["basis_mean"], arrays["basis_scale"], arrays["components"])
        scale = UncertaintyScale(
            arrays["doubt_floors"], arrays["doubt_factors"], float(arrays["doubt_typical"])
        )
        # Older models have no window: their label averages the last five epochs.
        window = header.get("label_epochs")
        return CurveModel(
            Logit(header["clip"]),
            MeanCurves(basis, predictors, scale, arrays["falling"]),
            CurveProcess(arrays["covariance"], arrays.get("seed_covariance")),
            HorizonCalibration(arrays["scores"]),
            EpochWindow(**window) if window else last_epochs(5, header["epochs"]),
        )


def _curve_forecast(
    of: Subject, level: float, numbers: dict[str, FloatArray], mean: FloatArray, std: FloatArray
) -> CurveForecast:
    numbers = {"std_seed": None, **numbers}  # type: ignore[dict-item]
    label = {k: None if v is None else v[:, -1] for k, v in numbers.items()}
    curve = {k: None if v is None else v[:, :-1] for k, v in numbers.items()}
    return CurveForecast(
        **curve,
        of=of,
        level=level,
        model_mean=mean[:, :-1],
        model_std=std[:, :-1],
        val_per=LabelForecast(**label),
    )
