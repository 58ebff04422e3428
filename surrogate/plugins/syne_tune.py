"""Syne Tune: cells as a blackbox, with epochs as fidelity and latency as a metric."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError, UserError
from surrogate.plugins.cell_problem import CellProblem, NoValueError

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    from syne_tune.blackbox_repository.blackbox import Blackbox
    from syne_tune.config_space import choice, randint
except ModuleNotFoundError as e:
    raise MissingExtraError("syne-tune[extra]", None) from e

if TYPE_CHECKING:
    import pandas as pd

FIDELITY = "epoch"
ELAPSED = "elapsed_time"


class CellsBlackbox(Blackbox):  # type: ignore[misc]  # untyped where it is not installed
    """Cells of a benchmark; for `UserBlackboxBackend` and schedulers of several fidelities.

    Objectives are `val_per` after an epoch, the further ones of the problem, which are equal for
    all epochs, and `ELAPSED`. That is a declared cost and no measurement: measured seconds of
    trainings on shared machines are no time axis.

    Args:
        cells: has `val_per` as its first objective; by default that one alone.
        seconds_per_epoch: what an epoch costs, > 0.

    Raises:
        UserError: if `val_per` is not the first objective, or the cost is not positive.
    """

    def __init__(self, cells: CellProblem | None = None, *, seconds_per_epoch: float = 1.0) -> None:
        self.cells = CellProblem() if cells is None else cells
        if self.cells.names[0] != "val_per" or "test_per" in self.cells.names:
            raise UserError(
                "epochs as fidelity need val_per as the first objective, and no label besides, but "
                f"the objectives are {', '.join(self.cells.names)}; reorder them"
            )
        if not seconds_per_epoch > 0:
            raise UserError(f"seconds_per_epoch must be > 0, but got {seconds_per_epoch}")
        self._seconds = seconds_per_epoch
        choices = self.cells.parameters.choices
        super().__init__(
            configuration_space={name: choice(list(of)) for name, of in choices.items()},
            fidelity_space={FIDELITY: randint(1, self.cells.epochs)},
            objectives_names=[*self.cells.names, ELAPSED],
        )

    @property
    def fidelity_values(self) -> NDArray[np.int64]:
        """(epochs,) all epochs, from 1."""
        return np.arange(1, self.cells.epochs + 1)

    def _objective_function(
        self,
        configuration: dict[str, Any],
        fidelity: dict[str, Any] | None = None,
        seed: int | None = None,
    ) -> dict[str, float] | NDArray[np.float64]:
        """Objectives at one epoch, or (epochs, objectives) of all; NaN for a cell without a value.

        Raises:
            UserError: if the epoch is out of range or the table has no such seed.
        """
        cell = self.cells.parameters.decode(configuration)
        if fidelity is None:
            return self._of_all_epochs(cell, seed)
        epoch = fidelity[FIDELITY]
        of_all = self._of_all_epochs(cell, seed)
        if epoch not in self.fidelity_values:
            raise UserError(f"an epoch must be in 1 .. {self.cells.epochs}, but got {epoch}")
        return dict(zip(self.objectives_names, of_all[int(epoch) - 1].tolist(), strict=True))

    def _of_all_epochs(self, cell: Cell, seed: int | None) -> NDArray[np.float64]:
        elapsed = self._seconds * self.fidelity_values
        try:
            curve = np.array(self.cells.curve(cell, seed=seed))
            further = self.cells.costs(cell, seed=seed)[1:]
        except NoValueError:
            curve, further = np.full(len(elapsed), np.nan), (np.nan,) * (len(self.cells.names) - 1)
        return np.column_stack([curve, *(np.full(len(elapsed), one) for one in further), elapsed])

    def hyperparameter_objectives_values(
        self, predict_curves: bool = False
    ) -> "tuple[pd.DataFrame, pd.DataFrame]":
        """Parameters and objectives of a cell of each living function, for `add_surrogate`.

        Returns:
            With `predict_curves` (f, parameters) and (f, epochs * objectives); otherwise
            (epochs * f, parameters + 1) and (epochs * f, objectives), epoch by epoch.
        """
        import pandas as pd

        cells = self.cells.search.space.functions.cells
        parameters = pd.DataFrame([self.cells.parameters.encode(cell) for cell in cells])
        values = np.stack([self._of_all_epochs(cell, None) for cell in cells])  # (f, epochs, m)
        if predict_curves:
            return parameters, pd.DataFrame(values.reshape(len(cells), -1))
        repeated = pd.concat(
            [parameters.assign(**{FIDELITY: epoch}) for epoch in self.fidelity_values],
            ignore_index=True,
        )
        flat = values.transpose(1, 0, 2).reshape(-1, values.shape[2])
        return repeated, pd.DataFrame(flat, columns=self.objectives_names)
