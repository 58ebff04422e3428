"""OptunaHub: cells as a benchmark problem with several objectives, constraints and epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graph_encoding.common.errors import MissingExtraError, UserError
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.plugins.cell_problem import CellProblem, NoValueError
from train_benchmark.table.query import SeedChoice

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    from optuna import TrialPruned
    from optuna.distributions import BaseDistribution, CategoricalDistribution
    from optuna.study import StudyDirection
    from optunahub.benchmarks import BaseProblem
except ModuleNotFoundError as e:
    raise MissingExtraError("optunahub", "optunahub") from e

if TYPE_CHECKING:
    from optuna.trial import Trial


class CellsProblem(BaseProblem):  # type: ignore[misc]  # untyped where it is not installed
    """Cells of a benchmark: an objective for `Study.optimize`.

    A trial of a cell without a value, such as a dead one, is pruned. A limit is a constraint of
    the trial, of the same name, whose value is `value / limit - 1`.

    Args:
        benchmark: a benchmark, or the name or folder of its table.
        objectives: registered targets, latency settings, "params" or "macs", all minimised.
        limits: name of a latency setting, "params" or "macs" -> the greatest value allowed.
        seed: seed of the trainings, or "mean".
        reports_epochs: whether a trial reports its validation PER after each epoch, so that a
            pruner can end it. The only objective must then be "val_per".

    Attributes:
        cells: the problem, as all adapters share it.

    Raises:
        UserError: if a name or the seed is unknown, or another objective is to report epochs.
    """

    def __init__(
        self,
        benchmark: Benchmark | str = "timit-micro",
        objectives: Sequence[str] = ("val_per",),
        *,
        limits: Mapping[str, float] | None = None,
        seed: SeedChoice = "mean",
        reports_epochs: bool = False,
    ) -> None:
        self.cells = CellProblem(benchmark, objectives, limits=limits, seed=seed)
        if reports_epochs and self.cells.names != ("val_per",):
            raise UserError(
                "epochs are reported for the single objective val_per, but the objectives are "
                f"{', '.join(self.cells.names)}; leave reports_epochs out"
            )
        self._reports_epochs = reports_epochs

    @property
    def search_space(self) -> dict[str, BaseDistribution]:
        """A categorical distribution for each operation and each skip flag."""
        choices = self.cells.parameters.choices
        return {name: CategoricalDistribution(of) for name, of in choices.items()}

    @property
    def directions(self) -> list[StudyDirection]:
        """(m,) to minimise all."""
        return [StudyDirection.MINIMIZE] * len(self.cells.names)

    def evaluate(self, params: dict[str, Any]) -> float | Sequence[float]:
        """The value of the objective, or of each of several.

        Raises:
            NoValueError: if the cell is dead or has no value for the seed.
        """
        costs = self.cells.costs(self.cells.parameters.decode(params))
        return costs[0] if len(costs) == 1 else costs

    def evaluate_constraints(self, params: dict[str, Any]) -> dict[str, float]:
        """Name of each limited quantity -> `value / limit - 1`; raises as `evaluate`."""
        if not self.cells.limits:
            return {}
        return self.cells.excess(self.cells.values(self.cells.parameters.decode(params)))

    def __call__(self, trial: "Trial") -> float | Sequence[float]:
        """The objective of a study.

        Raises:
            TrialPruned: if the cell has no value, or the pruner ends the trial.
        """
        try:
            value: float | Sequence[float] = super().__call__(trial)
            if self._reports_epochs:
                curve = self.cells.curve(self.cells.parameters.decode(trial.params))
                for epoch, per in enumerate(curve, start=1):
                    trial.report(per, epoch)
                    if trial.should_prune():
                        raise TrialPruned(f"pruned after epoch {epoch}")
        except NoValueError as e:
            raise TrialPruned(str(e)) from e
        return value
