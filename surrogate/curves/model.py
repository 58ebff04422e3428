"""Forecasts of learning curves, from the graph alone or with epochs that were seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, get_args

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph
from surrogate.curves.components.calibration import calibrate_horizons, fit_process
from surrogate.curves.components.conditioning import Subject
from surrogate.curves.components.falling import project_falling
from surrogate.curves.components.label import with_label
from surrogate.curves.components.mean_curve import ExpectedCurves, MeanCurves
from surrogate.curves.data import CurveSet
from surrogate.curves.files import load_curve_parts, save_curve_parts
from surrogate.curves.forecast import CurveForecast, LabelForecast, Widening
from surrogate.curves.observed import Observed, ObservedCurve
from surrogate.curves.parts import CurveParts
from surrogate.data.dataset import SeedPolicy
from surrogate.data.prediction import ONE_SIGMA, check_level
from surrogate.data.targets import VAL_PER, FloatArray, Logit
from surrogate.predictors.base import Predictor

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable


@dataclass(frozen=True, eq=False)
class CurveModel(CurveParts):
    """A fitted model of learning curves.

    On the model scale a training's curve is `m(graph) + d(graph) (f + e)`: m is a low-rank curve
    whose coefficients are predicted, d the doubt that the predictors have, f the function's own
    deviation and e the seed's, two normal processes over epochs. Epochs that were seen condition
    f + e; intervals are conformal, for each epoch after each number of seen epochs.

    Laws: conditioning on nothing is the forecast without; what is seen of a curve never widens
    `model_std`; equal keys get equal answers; the order of rows and graphs does not matter.
    """

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
            make_predictor: gives a new, unfitted predictor; one is fitted for each coefficient.
            rng: source of all randomness.
            folds: parts of the functions that are held out in turn, 2 .. their number.
            seed_policy: "mean": of all trainings; an integer: of those with that seed.

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
        """As `fit`, on curves that are on the model scale already."""
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
        """Forecast the curves of n graphs of which nothing was trained yet.

        Args:
            graphs: the graphs; equal keys get equal forecasts.
            level: probability with which an epoch's error rate lies in its interval, in (0, 1).
            of: "training": one training with any seed. "function": the mean over all seeds,
                whose intervals are those of a training narrowed in proportion to the spread.
            widening: how much more is doubted of these graphs than of those of the fit; by
                default no more.

        Raises:
            UserError: if the level cannot be had.
        """
        nothing = Observed.read({}, self.epochs)
        return self._answer(self.curves.expected(graphs), nothing, level, of, widening)

    def forecast_given(
        self,
        graph: CellGraph,
        observed: ObservedCurve,
        level: float = 0.9,
        *,
        of: Subject = "training",
        widening: Widening | None = None,
    ) -> CurveForecast:
        """Forecast the curve of one graph that has been trained for some epochs.

        Args:
            graph: the graph.
            observed: validation PER by epoch, counted from 1, or of the first epochs in order.
            level: as for `forecast`.
            of: "training": the rest of the training that was observed. "function": the mean over
                all seeds, of which that training is one.
            widening: as for `forecast`.

        Returns:
            The forecast of one curve (n = 1).

        Raises:
            UserError: if an observation is out of range, or the level cannot be had.
        """
        seen = Observed.read(observed, self.epochs)
        return self._answer(self.curves.expected([graph]), seen, level, of, widening)

    def save(self, folder: Path) -> None:
        """Write the model as a new folder, whole or not at all.

        Raises:
            UserError: if the folder exists or cannot be written.
        """
        save_curve_parts(self, folder)

    def _answer(
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
        n = len(expected.mean)
        seen = np.zeros(self.epochs, dtype=bool)
        seen[observed.epochs] = True
        values = np.tile(self.transform.to_model(observed.per), (n, 1))
        conditioned = self.process.condition(expected.mean, observed.epochs, values, of)
        free = ~seen if of == "training" else np.ones_like(seen)
        mean = project_falling(conditioned.mean, self.curves.falling, free)
        conditioned = replace(conditioned, mean=mean)
        columns = with_label(conditioned, expected.doubt, self.label_epochs, self.transform)
        more = Widening(np.ones(n), np.ones(n)) if widening is None else widening
        answer = self._on_raw_scale(*columns, seen, level, more)
        if of == "training":  # what was seen is known better than to the transform's clip
            for name in ("mean", "low", "high"):
                answer[name][:, observed.epochs] = observed.per
                if seen[self.label_epochs.places].all():
                    answer[name][:, -1] = answer[name][:, self.label_epochs.places].mean()
        return _forecast(of, level, answer, columns[0], columns[1])

    def _on_raw_scale(
        self,
        mean: FloatArray,
        std: FloatArray,
        seed: FloatArray | None,
        seen: NDArray[np.bool_],
        level: float,
        widening: Widening,
    ) -> dict[str, FloatArray]:
        """Columns of error rates, (n, epochs + 1) each; the label is last."""
        half, sigma = self.calibration.half_widths(std, seen, (level, ONE_SIGMA))
        half = half * widening.intervals[:, None]
        total = self.transform.raw_slope(mean) * sigma
        low, high = self.transform.interval_to_raw(mean - half, mean + half)
        answer = {"mean": self.transform.to_raw(mean), "low": low, "high": high}
        if seed is None:
            answer["std"] = answer["std_model"] = total * widening.std[:, None]
            return answer
        # Calibration stretches both parts alike; what is unlike the fit, the model's alone.
        share = np.divide(seed, std, out=np.zeros_like(std), where=std > 0)
        share = np.minimum(share, 1.0)
        answer["std_seed"] = total * share
        answer["std_model"] = total * np.sqrt(1 - share**2) * widening.std[:, None]
        answer["std"] = np.hypot(answer["std_model"], answer["std_seed"])
        return answer


def load_curve_model(folder: Path) -> CurveModel:
    """Read a model that `CurveModel.save` wrote.

    Raises:
        UserError: if a file is missing or corrupt, or the schema is another version.
    """
    return load_curve_parts(folder, CurveModel)


def _forecast(
    of: Subject, level: float, answer: dict[str, FloatArray], mean: FloatArray, std: FloatArray
) -> CurveForecast:
    curve = {name: column[:, :-1] for name, column in answer.items()}
    label = {name: column[:, -1] for name, column in answer.items()}
    return CurveForecast(
        of=of,
        level=level,
        mean=curve["mean"],
        low=curve["low"],
        high=curve["high"],
        std=curve["std"],
        std_model=curve["std_model"],
        std_seed=curve.get("std_seed"),
        model_mean=mean[:, :-1],
        model_std=std[:, :-1],
        val_per=LabelForecast(
            mean=label["mean"],
            low=label["low"],
            high=label["high"],
            std=label["std"],
            std_model=label["std_model"],
            std_seed=label.get("std_seed"),
        ),
    )
