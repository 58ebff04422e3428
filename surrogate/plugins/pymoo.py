"""pymoo: cells as a problem on integers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError
from surrogate.plugins.cell_problem import CellProblem, NoValueError

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    from pymoo.core.problem import Problem
except ModuleNotFoundError as e:
    raise MissingExtraError("pymoo", "pymoo") from e

WORST = 1e9
"""Objective of a cell without a value, which is infeasible: far from all, and finite, because
algorithms compute distances."""


class CellsProblem(Problem):  # type: ignore[misc]  # untyped
    """Cells of a benchmark: a vector has the place of each parameter among its choices.

    The first inequality constraint is that a cell has a value: a dead one breaks it, with
    `WORST` as its objectives. The others are the limits, as `value / limit - 1`.

    Args:
        cells: objectives and limits; by default `val_per` of the shipped table.

    Attributes:
        cells: the problem, as all adapters share it.
    """

    def __init__(self, cells: CellProblem | None = None) -> None:
        self.cells = CellProblem() if cells is None else cells
        sizes = [len(of) for of in self.cells.parameters.choices.values()]
        super().__init__(
            n_var=len(sizes),
            n_obj=len(self.cells.names),
            n_ieq_constr=1 + len(self.cells.limits),
            xl=np.zeros(len(sizes), dtype=np.int64),
            xu=np.array(sizes) - 1,
            vtype=int,
        )

    def cell_of(self, x: NDArray[Any]) -> Cell:
        """The cell of one vector.

        Raises:
            UserError: if a number is not whole or out of range; use `RoundingRepair`.
        """
        return self.cells.parameters.from_indices(x)

    def _evaluate(self, x: NDArray[Any], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        found = [self._evaluated(self.cell_of(row)) for row in x]
        out["F"] = np.array([objectives for objectives, _ in found])
        out["G"] = np.array([constraints for _, constraints in found])

    def _evaluated(self, cell: Cell) -> tuple[list[float], list[float]]:
        """(m,) objectives and (1 + l,) constraints of a cell."""
        try:
            values = self.cells.values(cell)
        except NoValueError:
            return [WORST] * self.n_obj, [1.0] * self.n_ieq_constr
        excess = self.cells.excess(values)
        return list(self.cells.search.costs(values)), [-1.0, *excess.values()]
