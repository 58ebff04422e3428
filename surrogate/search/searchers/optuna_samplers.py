"""Optuna's samplers through the same seam: TPE and the Gaussian process."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.interop.parameters import CellParameters
from surrogate.search.history import Evaluation
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Searcher, register_searcher

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


@dataclass(frozen=True)
class OptunaSettings:
    """Settings of `TpeSearcher` and `GpSamplerSearcher`.

    Attributes:
        start: random trials that the sampler starts with, >= 1.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    start: int = 10

    def __post_init__(self) -> None:
        if self.start < 1:
            raise UserError(f"start must be >= 1, but got {self.start}")


class OptunaSearcher(Searcher):
    """A sampler of Optuna over one parameter for each operation and each flag.

    A suggestion of a function that is known is answered with what is known of it, without a
    training, and that of a dead or pending one counts as failed; the sampler is then asked again.
    """

    settings_type = OptunaSettings
    settings: OptunaSettings
    most_objectives = 8

    def __init__(self, problem: SearchProblem, **options: Any) -> None:
        super().__init__(problem, **options)
        try:
            import optuna
        except ModuleNotFoundError as e:
            raise MissingExtraError("optuna", "predictors") from e
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed = int(self._rng.integers(2**31))
        self._study = optuna.create_study(
            directions=["minimize"] * len(problem.objectives), sampler=self._sampler(seed)
        )
        self._parameters = CellParameters(self.space.cells)
        self._distributions: dict[str, BaseDistribution] = {
            name: optuna.distributions.CategoricalDistribution(of)
            for name, of in self._parameters.choices.items()
        }
        self._trials: dict[str, int] = {}

    @abstractmethod
    def _sampler(self, seed: int) -> "BaseSampler":
        """The sampler."""

    def _propose(self, count: int) -> Sequence[Cell]:
        from optuna.trial import TrialState

        cells: list[Cell] = []
        for _ in range(count):
            trial = self._study.ask(fixed_distributions=self._distributions)
            cell = self._parameters.decode(trial.params)
            key = self.space.function(cell).key
            if key in self.known:
                self._study.tell(trial, self.known[key].mean_costs)
            elif self.is_new(cell) and key not in self._trials:
                self._trials[key] = trial.number
                cells.append(cell)
            else:
                self._study.tell(trial, state=TrialState.FAIL)
        return cells

    def _learn(self, evaluations: Sequence[Evaluation]) -> None:
        from optuna.trial import TrialState

        for evaluation in evaluations:
            number = self._trials.pop(evaluation.key, None)
            if number is not None and evaluation.status == "ok":
                self._study.tell(number, evaluation.costs)
            elif number is not None:
                self._study.tell(number, state=TrialState.FAIL)
            elif evaluation.status == "ok":
                self._add_foreign(Cell.parse(evaluation.cell), evaluation.costs)

    def _add_foreign(self, cell: Cell, costs: Sequence[float]) -> None:
        """Let the sampler know a cell that it did not suggest."""
        from optuna.trial import create_trial

        trial = create_trial(
            params=self._parameters.encode(cell), distributions=self._distributions, values=costs
        )
        self._study.add_trial(trial)


@register_searcher
class TpeSearcher(OptunaSearcher):
    """Optuna's tree-structured Parzen estimator: multivariate, with constant liar.

    Source: Optuna 5 `TPESampler`; Bergstra et al., "Algorithms for hyper-parameter optimization",
    NeurIPS 2011.
    """

    name = "optuna-tpe"

    def _sampler(self, seed: int) -> "BaseSampler":
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=self.settings.start, multivariate=True, constant_liar=True, seed=seed
        )


@register_searcher
class GpSamplerSearcher(OptunaSearcher):
    """Optuna's Gaussian process with the logarithm of the expected improvement.

    Source: Optuna 5 `GPSampler`.
    """

    name = "optuna-gp"

    def _sampler(self, seed: int) -> "BaseSampler":
        from optuna.samplers import GPSampler

        # The sampler imports it amid a search.
        if find_spec("torch") is None:
            raise MissingExtraError("torch", "gnn")
        return GPSampler(n_startup_trials=self.settings.start, seed=seed)
