"""The parts that a fitted curve model is made of, and saved as."""

from dataclasses import dataclass

from graph_encoding.common.errors import UserError
from surrogate.curves.components.calibration import HorizonCalibration
from surrogate.curves.components.conditioning import CurveProcess
from surrogate.curves.components.mean_curve import MeanCurves
from surrogate.data.targets import Logit
from train_benchmark.labels import EpochWindow


@dataclass(frozen=True, eq=False)
class CurveParts:
    """What `surrogate.curves.model.CurveModel` forecasts with; it says what the letters are.

    Attributes:
        transform: between error rates and the model scale.
        curves: m and d.
        process: f and e.
        calibration: of the intervals.
        label_epochs: the epochs that the validation label averages.

    Raises:
        UserError: if the parts have different numbers of epochs, or the label's are not theirs.
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
        """Length of the curves that are forecast."""
        return self.calibration.epochs
