"""CARP-S: cells as an objective function, which reaches all of its optimisers."""

from time import time
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.common.errors import MissingExtraError
from surrogate.plugins.cell_problem import CellProblem, NoValueError
from surrogate.plugins.configspace import cell_of, cell_space

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    from carps.objective_functions.objective_function import ObjectiveFunction
    from carps.utils.trials import StatusType, TrialInfo, TrialValue
except ModuleNotFoundError as e:
    raise MissingExtraError("carps", None) from e

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


class CellsObjective(ObjectiveFunction):  # type: ignore[misc]  # untyped where it is not installed
    """Costs of cells. The budget of a trial is an epoch; the seeds of optimisers are not used.

    A cell without a value, such as a dead one, is a crashed trial of infinite cost.

    Args:
        cells: objectives and seed; by default `val_per` of the shipped table.
        loggers: those of CARP-S.
    """

    def __init__(self, cells: CellProblem | None = None, loggers: Any = None) -> None:
        super().__init__(loggers)
        self.cells = CellProblem() if cells is None else cells
        self._space = cell_space(self.cells.parameters)

    @property
    def configspace(self) -> "ConfigurationSpace":
        """A categorical hyperparameter for each operation and each skip flag."""
        return self._space

    @property
    def f_min(self) -> float | None:
        """The least cost of all living functions; None with several objectives."""
        return float(self.cells.front.min()) if len(self.cells.names) == 1 else None

    def _evaluate(self, trial_info: TrialInfo) -> TrialValue:
        start = time()
        cell = cell_of(trial_info.config, self.cells.parameters)
        epoch = None if trial_info.budget is None else round(trial_info.budget)
        try:
            costs = list(self.cells.costs(cell, epoch=epoch))
            status = StatusType.SUCCESS
        except NoValueError:
            costs = [np.inf] * len(self.cells.names)
            status = StatusType.CRASHED
        end = time()
        return TrialValue(
            cost=costs[0] if len(costs) == 1 else costs,
            time=end - start,
            status=status,
            starttime=start,
            endtime=end,
        )
